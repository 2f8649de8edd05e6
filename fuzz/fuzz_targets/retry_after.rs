//! How long a provider's headers make us wait: as they say, and never longer than is documented.

#![no_main]

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use gateway_fuzz::lines::headers;
use http::{HeaderMap, header::RETRY_AFTER};
use libfuzzer_sys::fuzz_target;
use partner_gateway::providers::fuzzing::{exhausted_for, pause};
use provider_http::fuzzing::{retry_after, signals_of};

const NOW: u64 = 1_800_000_000;
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

// Each line is a header.
fuzz_target!(|data: &[u8]| {
    let headers = headers(data);
    let now = DateTime::from_timestamp(NOW as i64, 0).expect("it is a time");
    let wait = retry_after(&headers, now);
    assert!(wait.is_none_or(|wait| wait <= LONGEST_WAIT), "{wait:?}");
    if let Some(due) = due(&headers) {
        assert_eq!(wait, Some(due.min(LONGEST_WAIT)));
    }
    check_limit(&headers, now);
});

/// The wait that RFC 9110 gives the header; `None` where it gives it none.
fn due(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    Some(at.duration_since(now).unwrap_or_default())
}

/// A rate limit that has nothing left shuts the account for a bounded time.
fn check_limit(headers: &HeaderMap, now: DateTime<Utc>) {
    let signals = signals_of(headers, now).snapshot();
    let nothing_left = signals.rate_limit.as_ref().is_some_and(|limit| limit.remaining == Some(0));
    for wait in [exhausted_for(&signals), pause(&signals, now)].into_iter().flatten() {
        assert!(nothing_left && wait <= LONGEST_PAUSE, "{wait:?}");
    }
}
