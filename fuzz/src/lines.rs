//! Inputs are texts in the form of HTTP's own, so that seeds and findings can be read and written by hand.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers, one a line. Those that no server of ours or client of ours lets through are passed over.
pub fn headers(text: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n').take(32) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// What comes before and after the first `between`; all of it before where there is none.
pub fn split_once<'a>(data: &'a [u8], between: &[u8]) -> (&'a [u8], &'a [u8]) {
    match data.windows(between.len()).position(|window| window == between) {
        Some(at) => (&data[..at], &data[at + between.len()..]),
        None => (data, &[]),
    }
}
