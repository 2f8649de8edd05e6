//! What callers show as their token: nobody is believed without a signature made with our key.

#![no_main]

use std::{cell::RefCell, collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::DateTime;
use gateway_fuzz::lines::split_once;
use libfuzzer_sys::{Corpus, fuzz_target};
use partner_gateway::{
    auth::{
        AuthError, Caller, KeySource, KeySourceError, LEEWAY_SECONDS, MAX_TOKEN_BYTES, Verifier,
    },
    config::{AuthConfig, AuthKey, SigningAlgorithm},
};
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::TaskTracker;

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ISSUER: &str = "https://id.example.test";
const AUDIENCE: &str = "partner-gateway";

/// The first verifier believes a shared secret; the others believe keys that nobody here can sign with.
struct Gateway {
    runtime: Runtime,
    verifiers: [Verifier; 5],
}

thread_local! {
    static GATEWAY: RefCell<Gateway> = RefCell::new(gateway());
}

struct Published;

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<Vec<u8>, KeySourceError> {
        Ok(include_bytes!("../keys/set.json").to_vec())
    }
}

fn gateway() -> Gateway {
    use SigningAlgorithm::{EdDsa, Es256, Rs256};
    let public = |pem: &str, algorithm| AuthKey::Public { pem: pem.to_owned(), algorithm };
    let set = "https://id.example.test/keys".parse().expect("it is a URL");
    let keys = [
        AuthKey::Hmac(SecretString::from(SECRET)),
        public(include_str!("../keys/rsa.pem"), Rs256),
        public(include_str!("../keys/ec.pem"), Es256),
        public(include_str!("../keys/ed.pem"), EdDsa),
        AuthKey::Jwks {
            url: set,
            algorithms: vec![Rs256, Es256, EdDsa],
            ca: None,
            max_stale: Duration::from_secs(24 * 3600),
        },
    ];
    let tasks = TaskTracker::new();
    let verifiers = keys.map(|key| {
        let config = AuthConfig {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            tenant_claim: "tenant".to_owned(),
            scope_claim: "scope".to_owned(),
            scope_map: BTreeMap::new(),
            key,
            key_file: None,
        };
        Verifier::new(&config, |_| Arc::new(Published), &tasks).expect("the key can be used")
    });
    let runtime = Builder::new_current_thread().build().expect("the runtime starts");
    Gateway { runtime, verifiers }
}

fn authenticate(verifier: usize, authorization: &[u8]) -> Result<Caller, AuthError> {
    let now = DateTime::from_timestamp(NOW as i64, 0).expect("it is a time");
    GATEWAY.with_borrow(|gateway| {
        let caller = gateway.verifiers[verifier].authenticate_at(Some(authorization), now);
        gateway.runtime.block_on(caller)
    })
}

// How it is put together, by which verifier it is looked at, and what it is put together from.
fuzz_target!(|data: &[u8]| -> Corpus {
    let [form, verifier, rest @ ..] = data else { return Corpus::Reject };
    let verifier = usize::from(*verifier) % 5;
    let (header, others) = split_once(rest, b"\n");
    let (claims, signature) = split_once(others, b"\n");
    match form % 4 {
        0 => drop(look_at(verifier, rest)),
        1 => drop(look_at(verifier, &token(header, claims, signature))),
        2 => {
            let read = look_at(verifier, &signed(header, claims));
            let is_plain = verifier == 0 && header == br#"{"alg":"HS256"}"#;
            let is_refused = is_plain && read == Err(AuthError::Signature);
            assert!(!is_refused, "a good signature is refused");
        }
        _ => long(rest),
    }
    Corpus::Keep
});

fn token(header: &[u8], claims: &[u8], signature: &[u8]) -> Vec<u8> {
    let [header, claims, signature] = [header, claims, signature].map(|part| BASE64.encode(part));
    format!("Bearer {header}.{claims}.{signature}").into_bytes()
}

fn signed(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    token(header, claims, hmac::sign(&key, message.as_bytes()).as_ref())
}

/// Looks at it, and holds that whoever is believed has shown all that is due.
fn look_at(verifier: usize, authorization: &[u8]) -> Result<Caller, AuthError> {
    let read = authenticate(verifier, authorization);
    if let Ok(caller) = &read {
        assert_eq!(verifier, 0, "a token that nobody could sign is believed");
        check_believed(caller, authorization).expect("what is believed is not all that is due");
    }
    read
}

/// Reads the token once more, by other means; `None` where something that is due is not there.
fn check_believed(caller: &Caller, authorization: &[u8]) -> Option<()> {
    let text = std::str::from_utf8(authorization).ok()?.trim_ascii();
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim_ascii();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return None };
    let message = format!("{header}.{claims}");
    let tag = BASE64.decode(signature).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, message.as_bytes(), &tag).ok()?;
    let object = |part: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
    };
    let (header, claims) = (object(header)?, object(claims)?);
    let is = |name: &str, due: &str| claims.get(name).and_then(Value::as_str) == Some(due);
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    let for_us = match claims.get("aud")? {
        Value::Array(several) => several.contains(&AUDIENCE.into()),
        one => one == AUDIENCE,
    };
    let now = NOW as f64;
    let leeway = LEEWAY_SECONDS as f64;
    let holds = scheme.eq_ignore_ascii_case("bearer")
        && token.len() <= MAX_TOKEN_BYTES
        && BASE64.encode(&tag) == *signature
        && header.get("alg")? == "HS256"
        && !header.contains_key("crit")
        && is("iss", ISSUER)
        && for_us
        && seconds("exp")? + leeway > now
        && (!claims.contains_key("nbf") || seconds("nbf")? < now + leeway + 1.0)
        && is("sub", &caller.actor)
        && is("tenant", caller.tenant.as_str());
    holds.then_some(())
}

/// A good token, made longer: 8 KB are taken and not a byte more.
fn long(data: &[u8]) {
    let length = data.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes));
    let padding = "x".repeat(usize::from(length) % 9_000);
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{},"sub":"a","tenant":"t","pad":"{padding}"}}"#,
        NOW + 60
    );
    let authorization = signed(br#"{"alg":"HS256"}"#, claims.as_bytes());
    let is_short = authorization.len() - "Bearer ".len() <= MAX_TOKEN_BYTES;
    let read = look_at(0, &authorization);
    assert_eq!(read.is_ok(), is_short, "{} bytes", authorization.len());
    assert!(is_short || read == Err(AuthError::TooLarge));
}
