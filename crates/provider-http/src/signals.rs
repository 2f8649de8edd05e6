//! What the last answers told about one account: whether it works, and how much it may still be asked.
//! It is kept for others to read; nothing is decided here.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use http::HeaderMap;
use partner_core::{Error, Kind};

/// The signals of one account, written by its client and read by whoever shows or gates it.
#[derive(Debug, Default)]
pub struct AccountSignals {
    state: Mutex<SignalSnapshot>,
}

/// The signals at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalSnapshot {
    /// When a call last succeeded.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The last failure that tells of the account or the provider. A refusal of one request's content
    /// (invalid, not found, conflict, unsupported) is none.
    pub last_error: Option<LastError>,
    /// The rate limit as last told.
    pub rate_limit: Option<RateLimit>,
}

/// A failure that tells of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When it was seen.
    pub at: DateTime<Utc>,
    /// What went wrong.
    pub kind: Kind,
    /// One line in our words, fit to be shown.
    pub message: String,
    /// How long the provider asked us to wait.
    pub retry_after: Option<Duration>,
}

/// A rate limit as the provider's headers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// When it was told.
    pub at: DateTime<Utc>,
    /// Requests a window.
    pub limit: u64,
    /// The window, where it is told.
    pub window: Option<Duration>,
    /// Requests left in this window.
    pub remaining: Option<u64>,
    /// Until the window ends.
    pub reset: Option<Duration>,
}

impl AccountSignals {
    /// The signals as they now are.
    #[must_use]
    pub fn snapshot(&self) -> SignalSnapshot {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note_headers(&self, headers: &HeaderMap, now: DateTime<Utc>) {
        if let Some(seen) = parse_rate_limit(headers, now) {
            self.update(|state| state.rate_limit = Some(seen));
        }
    }

    pub(crate) fn note_success(&self, now: DateTime<Utc>) {
        self.update(|state| state.last_success_at = Some(now));
    }

    pub(crate) fn note_error(&self, error: &Error, now: DateTime<Utc>) {
        let tells_of_account = match error.kind() {
            Kind::Unauthenticated
            | Kind::PermissionDenied
            | Kind::RateLimited
            | Kind::Unavailable
            | Kind::Unexpected => true,
            Kind::Unsupported
            | Kind::InvalidInput
            | Kind::QuotaExceeded
            | Kind::NotFound
            | Kind::Conflict => false,
        };
        if tells_of_account {
            let seen = LastError {
                at: now,
                kind: error.kind(),
                message: error.message().to_owned(),
                retry_after: error.retry_after(),
            };
            self.update(|state| state.last_error = Some(seen));
        }
    }

    fn update(&self, change: impl FnOnce(&mut SignalSnapshot)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Reads `X-Ratelimit-Limit: 50, 50;w=1` and its companions. The first number is the limit in force;
/// the rest are the policies, whose `w` is a window in seconds.
fn parse_rate_limit(headers: &HeaderMap, now: DateTime<Utc>) -> Option<RateLimit> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name).and_then(|value| value.trim().parse::<u64>().ok());
    let mut parts = text("x-ratelimit-limit")?.split(',').map(str::trim);
    let limit = parts.next()?.split(';').next()?.trim().parse().ok()?;
    let window = text("x-ratelimit-limit")?
        .split([',', ';'])
        .find_map(|part| part.trim().strip_prefix("w="))
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs);
    Some(RateLimit {
        at: now,
        limit,
        window,
        remaining: number("x-ratelimit-remaining"),
        reset: number("x-ratelimit-reset").map(Duration::from_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use partner_core::Effect;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_rate_limit_is_read_with_its_policy() {
        let seen = parse_rate_limit(
            &headers(&[
                ("x-ratelimit-limit", "50, 50;w=1"),
                ("x-ratelimit-remaining", "49"),
                ("x-ratelimit-reset", "1"),
            ]),
            DateTime::UNIX_EPOCH,
        )
        .unwrap();
        assert_eq!(seen.limit, 50);
        assert_eq!(seen.window, Some(Duration::from_secs(1)));
        assert_eq!(seen.remaining, Some(49));
        assert_eq!(seen.reset, Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_limit_alone_is_enough_and_nonsense_is_none() {
        let at = DateTime::UNIX_EPOCH;
        let alone = parse_rate_limit(&headers(&[("x-ratelimit-limit", "7")]), at).unwrap();
        assert_eq!((alone.limit, alone.window), (7, None));
        assert_eq!(parse_rate_limit(&headers(&[("x-ratelimit-limit", "many")]), at), None);
        assert_eq!(parse_rate_limit(&headers(&[]), at), None);
    }

    #[test]
    fn a_refusal_of_content_tells_nothing_of_the_account() {
        let signals = AccountSignals::default();
        let at = DateTime::UNIX_EPOCH;
        signals.note_error(&Error::new(Kind::NotFound, Effect::NotApplied, "x"), at);
        assert_eq!(signals.snapshot(), SignalSnapshot::default());
        signals.note_error(&Error::new(Kind::Unavailable, Effect::Unknown, "x"), at);
        assert_eq!(signals.snapshot().last_error.map(|error| error.kind), Some(Kind::Unavailable));
    }
}
