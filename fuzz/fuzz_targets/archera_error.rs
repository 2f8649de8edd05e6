//! What Archera might answer to a registration.

#![no_main]

use gateway_fuzz::answers::{KEYS, check_call, check_secret, parse};
use libfuzzer_sys::{Corpus, fuzz_target};
use provider_archera::fuzzing::created;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(raw) = parse(data) else { return Corpus::Reject };
    let status = raw.status;
    let org = created(KEYS, raw).expect("the keys can stand in a header");
    if let Some(org) = check_call(status, false, &org) {
        let id = org.id.as_str();
        assert!((1..=128).contains(&id.len()));
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b)), "{id:?}");
        check_secret(&org.provider_data.to_string());
    }
    Corpus::Keep
});
