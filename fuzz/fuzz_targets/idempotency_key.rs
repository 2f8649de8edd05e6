//! `Idempotency-Key`: given once, 1 to 255 printable ASCII characters without spaces at the edges, or refused with 400.

#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use partner_gateway::http::fuzzing::key_of;

// Each line is the value of one header.
fuzz_target!(|data: &[u8]| {
    let lines = data.split(|byte| *byte == b'\n').filter(|_| !data.is_empty());
    let values: Vec<_> = lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let mut headers = HeaderMap::new();
    for value in &values {
        headers.append("idempotency-key", value.clone());
    }
    let printable = |value: &HeaderValue| value.as_bytes().iter().all(|b| matches!(b, b' '..=b'~'));
    let edged = |value: &HeaderValue| {
        value.as_bytes().starts_with(b" ") || value.as_bytes().ends_with(b" ")
    };
    let expected = match values.as_slice() {
        [] => Ok(None),
        [one] if (1..=255).contains(&one.len()) && printable(one) && !edged(one) => {
            Ok(Some(one.as_bytes()))
        }
        _ => Err(400),
    };
    let read = key_of(&headers);
    assert_eq!(
        read.as_ref().map(|key| key.as_ref().map(String::as_bytes)),
        expected.as_ref().map(|key| *key)
    );
});
