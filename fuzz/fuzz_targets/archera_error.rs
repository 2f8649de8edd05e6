//! What Archera might answer to a registration.

#![no_main]

use gateway_fuzz::answers::{check_call, parse};
use libfuzzer_sys::{Corpus, fuzz_target};
use provider_archera::fuzzing::created;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((key, raw)) = parse(data) else { return Corpus::Reject };
    let status = raw.status;
    let org = created(key, raw).expect("the key can stand in a header");
    if let Some(org) = check_call(key, status, false, &org) {
        let id = org.id.as_str();
        assert!((1..=128).contains(&id.len()));
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b)), "{id:?}");
        assert!(!org.provider_data.to_string().contains(key), "the key is kept");
    }
    Corpus::Keep
});
