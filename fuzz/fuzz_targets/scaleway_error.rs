//! What Scaleway might answer to a create, and to the request for a seat.

#![no_main]

use std::sync::LazyLock;

use gateway_fuzz::answers::{KEYS, check_call, check_secret, parse};
use libfuzzer_sys::{Corpus, fuzz_target};
use partner_core::{AdminSeat, EmailAddress, Kind, Reply, Result};
use provider_http::fuzzing::RawAnswer;
use provider_scaleway::fuzzing::{created, seated};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

static SEAT: LazyLock<AdminSeat> = LazyLock::new(|| AdminSeat {
    username: "root".to_owned(),
    email: EmailAddress::new("root@partner.test").expect("it is an address"),
    password: SecretString::from("pa\"ss \\word/canary"),
});

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(raw) = parse(data) else { return Corpus::Reject };
    let status = raw.status;
    let org = created(KEYS, raw.clone()).expect("the keys can stand in a header");
    if let Some(org) = check_call(status, is_typed(&raw, &org), &org) {
        let id = org.id.as_str();
        assert_eq!(Uuid::try_parse(id).map(|id| id.hyphenated().to_string()).as_deref(), Ok(id));
        check_secret(&org.provider_data.to_string());
    }
    let seat = seated(KEYS, raw.clone(), &SEAT).expect("the keys can stand in a header");
    check_call(status, is_typed(&raw, &seat), &seat);
    check_password(&seat);
    Corpus::Keep
});

/// Whether a status that proves nothing came with a documented type, which must then be in the body.
fn is_typed<T>(raw: &RawAnswer, result: &Result<Reply<T>>) -> bool {
    let document: serde_json::Value = serde_json::from_slice(&raw.body).unwrap_or_default();
    let word = document.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
    let typed = matches!(
        (raw.status.as_u16(), word),
        (410, "expired" | "resource_expired") | (412, "precondition_failed") | (423, "locked")
    );
    if typed {
        assert!(result.as_ref().is_err_and(|error| error.kind() == Kind::Conflict));
    }
    typed
}

fn check_password<T>(result: &Result<Reply<T>>) {
    let Err(error) = result else { return };
    let password = SEAT.password.expose_secret();
    let said = error.answer().into_iter();
    let said = said.flat_map(|said| said.message.iter().chain(&said.error_type));
    let faults = error.field_faults().iter();
    for text in said.chain(faults.flat_map(|fault| [&fault.message, &fault.provider_field])) {
        assert!(!text.contains(password), "the password is said back: {text:?}");
    }
}
