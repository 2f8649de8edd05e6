//! What the fuzz targets reach of this crate. It adds nothing of its own, and nothing else may use it.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode};
use partner_core::{Reply, Result};
use url::Url;

use crate::{
    AccountKeys, AccountSignals, Answer, Call, HttpClient, InvalidSecret, Refusal, Unreadable,
    attempt::{Received, judge},
    classify,
};

/// An answer as it came over the wire, its body read whole.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What a call comes to that was sent with the present or the next of these keys and answered so.
///
/// # Errors
/// The call's, within; the keys', where one cannot stand in a header.
pub fn answered<T>(
    [present, next]: [&str; 2],
    raw: RawAnswer,
    read: impl FnOnce(&Answer) -> std::result::Result<T, Unreadable>,
    read_refusal: impl FnOnce(&Answer) -> Refusal,
) -> std::result::Result<Result<Reply<T>>, InvalidSecret> {
    let keys = AccountKeys::new(present.into(), Some(next.into()))?.current();
    let received = Received::new(raw.status, raw.headers, raw.body, &keys);
    Ok(judge(received, &keys, read, read_refusal))
}

/// How long `Retry-After` asks us to wait.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    classify::retry_after(headers, now)
}

/// Signals that have seen these headers.
#[must_use]
pub fn signals_of(headers: &HeaderMap, now: DateTime<Utc>) -> AccountSignals {
    let signals = AccountSignals::default();
    signals.note_headers(headers, now);
    signals
}

/// The URL of a call with this path.
///
/// # Errors
/// As [`HttpClient::call`] for a path that cannot be.
pub fn url(client: &HttpClient, path: &[&str]) -> Result<Url> {
    client.url(&Call::new("fuzz", Method::GET, path))
}
