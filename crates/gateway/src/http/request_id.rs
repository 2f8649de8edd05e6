//! The id that one request goes by in answers, logs and rows: the caller's own where it is fit, else one
//! of ours.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// Where a caller may give an id, and where every answer has it.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a caller, in bytes.
const LONGEST: usize = 128;

/// The id of a request, as a request extension: 1 to 128 of `[A-Za-z0-9._-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The caller's id, if it gave exactly one that is fit; else a new UUIDv7.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(X_REQUEST_ID).iter();
        let (first, more) = (given.next(), given.next());
        let taken = first.filter(|_| more.is_none()).and_then(fit);
        Self(taken.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }

    /// The id as a header's value.
    pub(crate) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

fn fit(value: &HeaderValue) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let text = value.to_str().ok()?;
    ((1..=LONGEST).contains(&text.len()) && text.bytes().all(plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::of(&headers).0
    }

    #[test]
    fn a_fit_id_is_taken_as_it_is() {
        let longest = "x".repeat(128);
        for id in ["a", "Order-7_b.2", "0198c7aa-0000-7000-8000-000000000000", &longest] {
            assert_eq!(of(&[id.as_bytes()]), id);
        }
    }

    #[test]
    fn any_other_is_replaced_by_one_of_ours() {
        let too_long = "x".repeat(129);
        let unfit: [&[&[u8]]; 8] = [
            &[],
            &[b""],
            &[b"a b"],
            &[b"a\"b"],
            &[b"caf\xe9"],
            &[b"a;b=c"],
            &[b"a", b"b"],
            &[too_long.as_bytes()],
        ];
        for values in unfit {
            let made = Uuid::parse_str(&of(values)).unwrap();
            assert_eq!(made.get_version_num(), 7, "{values:?}");
        }
    }
}
