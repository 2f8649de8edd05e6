//! `Prefer` (RFC 7240): how long the caller waits for the outcome of a write.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::http::header_fields::{parameter, split};

/// How long a write waits for its outcome where the caller says nothing.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);
/// The longest that any request waits.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The response header that names the preferences that were honored.
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preferences of a request that the gateway honors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    respond_async: bool,
    wait: Option<Duration>,
}

impl Preferences {
    /// Reads `respond-async` and `wait=N`. Of two `wait`s the first counts (section 2), and unknown or malformed
    /// preferences are ignored.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut preferences = Self::default();
        let mut has_wait = false;
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| split(value, ',')) {
            let Some(word) = split(preference, ';').next() else { continue };
            let (name, value) = parameter(word);
            if name.eq_ignore_ascii_case("respond-async") && value.is_empty() {
                preferences.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait") && !has_wait {
                has_wait = true;
                preferences.wait = seconds(&value);
            }
        }
        preferences
    }

    /// How long the caller waits: with `respond-async` alone not at all, and with both for `wait` (section 4.3).
    pub(crate) fn wait(self) -> Duration {
        let unsaid = if self.respond_async { Duration::ZERO } else { DEFAULT_WAIT };
        self.wait.unwrap_or(unsaid)
    }

    /// The value of `Preference-Applied` (section 3); `None` where no preference was honored. The response was
    /// asynchronous where `is_accepted` says that it is a 202.
    pub(crate) fn applied(self, is_accepted: bool) -> Option<HeaderValue> {
        let respond_async = (self.respond_async && is_accepted).then(|| "respond-async".to_owned());
        let wait = self.wait.map(|wait| format!("wait={}", wait.as_secs()));
        let honored: Vec<String> = respond_async.into_iter().chain(wait).collect();
        if honored.is_empty() { None } else { HeaderValue::try_from(honored.join(", ")).ok() }
    }
}

/// A number of seconds, cut to the longest wait. A number that is too long to read is longer than that.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST_WAIT))
}

/// How long the caller waits for the outcome.
pub(crate) fn wait_of(headers: &HeaderMap) -> Duration {
    Preferences::of(headers).wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferences(values: &[&str]) -> Preferences {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", value.parse().unwrap());
        }
        Preferences::of(&headers)
    }

    #[test]
    fn the_wait_is_what_the_caller_prefers_within_bounds() {
        let wait = |values: &[&str]| preferences(values).wait().as_secs();
        assert_eq!(wait(&[]), 10);
        assert_eq!(wait(&["wait=3"]), 3);
        assert_eq!(wait(&["wait=\"3\""]), 3);
        assert_eq!(wait(&["wait=3600"]), 60);
        assert_eq!(wait(&["wait=99999999999999999999"]), 60);
        for malformed in ["wait=-1", "wait=+1", "wait=", "wait", "wait=soon", "wait=1.5"] {
            assert_eq!(wait(&[malformed]), 10, "{malformed}");
        }
        assert_eq!(wait(&["handling=lenient, Respond-Async"]), 0);
        assert_eq!(wait(&["return=minimal", "wait=5; foo=bar"]), 5);
    }

    #[test]
    fn a_wait_goes_before_respond_async_in_either_order() {
        let wait = |values: &[&str]| preferences(values).wait().as_secs();
        assert_eq!(wait(&["respond-async, wait=20"]), 20);
        assert_eq!(wait(&["wait=20, respond-async"]), 20);
        assert_eq!(wait(&["wait=20", "respond-async"]), 20);
        assert_eq!(wait(&["respond-async;a=\"x, wait=20\""]), 0, "it is within a quoted string");
        assert_eq!(wait(&["respond-async=\"\""]), 0, "an empty value is none");
        assert_eq!(wait(&["respond-async=false"]), 10, "it has no value that means something");
    }

    #[test]
    fn the_first_of_two_waits_counts() {
        assert_eq!(preferences(&["wait=5, wait=20"]).wait().as_secs(), 5);
        assert_eq!(preferences(&["WAIT=5", "wait=20"]).wait().as_secs(), 5);
        assert_eq!(preferences(&["wait=x, wait=20"]).wait().as_secs(), 10);
    }

    #[test]
    fn what_was_honored_is_named() {
        let applied = |values: &[&str], is_accepted| preferences(values).applied(is_accepted);
        assert_eq!(applied(&["handling=lenient"], true), None);
        assert_eq!(applied(&["respond-async"], true).unwrap(), "respond-async");
        assert_eq!(applied(&["respond-async"], false), None, "it was done at once");
        assert_eq!(applied(&["wait=3600"], false).unwrap(), "wait=60");
        assert_eq!(applied(&["wait=5, respond-async"], true).unwrap(), "respond-async, wait=5");
    }
}
