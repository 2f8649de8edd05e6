//! `Prefer` (RFC 7240): how long the caller waits for the outcome of a write.

use std::time::Duration;

use axum::http::HeaderMap;

/// How long a write waits for its outcome where the caller says nothing.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);
/// The longest that any request waits.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long the caller waits, by `respond-async` and `wait=N`. What is malformed is passed over, as the
/// RFC asks; of two the first counts.
pub(crate) fn wait_of(headers: &HeaderMap) -> Duration {
    for value in headers.get_all("prefer") {
        let Ok(value) = value.to_str() else { continue };
        for preference in value.split(',') {
            let token = preference.split(';').next().unwrap_or_default().trim();
            let (name, value) = token.split_once('=').unwrap_or((token, ""));
            if name.trim().eq_ignore_ascii_case("respond-async") {
                return Duration::ZERO;
            }
            let seconds = value.trim().trim_matches('"').parse();
            if let (true, Ok(seconds)) = (name.trim().eq_ignore_ascii_case("wait"), seconds) {
                return Duration::from_secs(seconds).min(LONGEST_WAIT);
            }
        }
    }
    DEFAULT_WAIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_what_the_caller_prefers_within_bounds() {
        let wait = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("prefer", value.parse().unwrap());
            }
            wait_of(&headers).as_secs()
        };
        assert_eq!(wait(&[]), 10);
        assert_eq!(wait(&["wait=3"]), 3);
        assert_eq!(wait(&["wait=\"3\""]), 3);
        assert_eq!(wait(&["wait=3600"]), 60);
        assert_eq!(wait(&["wait=-1"]), 10);
        assert_eq!(wait(&["handling=lenient, Respond-Async"]), 0);
        assert_eq!(wait(&["return=minimal", "wait=5; foo=bar"]), 5);
    }
}
