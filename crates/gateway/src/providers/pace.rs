//! The pace of what runs in the background at an account: the provider's limit is shared with live traffic,
//! which is never slowed down by it.
//!
//! What waits here has to look at the account's gate by itself: that is every replica's, and in the database.

use std::{num::NonZeroU32, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use governor::{DefaultDirectRateLimiter, Quota};
use partner_core::Kind;
use provider_http::{RateLimit, SignalSnapshot};

/// A provider that asks for a longer pause is asked again sooner.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Lets so many requests a second through, evenly.
#[derive(Debug)]
pub(super) struct Pacer(DefaultDirectRateLimiter);

impl Pacer {
    pub(super) fn new(requests_per_second: NonZeroU32) -> Self {
        // No burst: a pause must not be made up for at once.
        let quota = Quota::per_second(requests_per_second).allow_burst(NonZeroU32::MIN);
        Self(DefaultDirectRateLimiter::direct(quota))
    }

    pub(super) async fn turn(&self) {
        self.0.until_ready().await;
    }
}

/// For how long the account's last answers forbid to ask more: nothing is left of its rate limit, or it
/// asked for a pause.
pub(super) fn pause(signals: &SignalSnapshot, now: DateTime<Utc>) -> Option<Duration> {
    let exhausted =
        signals.rate_limit.as_ref().and_then(|limit| left(limit.at, exhausted(limit)?, now));
    let limited = signals.last_error.as_ref().and_then(|error| {
        let pause = error.retry_after.filter(|_| error.kind == Kind::RateLimited)?;
        left(error.at, pause.min(LONGEST_PAUSE), now)
    });
    exhausted.max(limited)
}

/// For how long nothing is left of a rate limit, from when it was told.
pub(super) fn exhausted(limit: &RateLimit) -> Option<Duration> {
    let lasts = limit.reset.or(limit.window).filter(|_| limit.remaining == Some(0));
    lasts.map(|lasts| lasts.min(LONGEST_PAUSE))
}

/// What is left of a pause that began then.
fn left(began: DateTime<Utc>, pause: Duration, now: DateTime<Utc>) -> Option<Duration> {
    let ends = began + TimeDelta::from_std(pause).ok()?;
    (ends - now).to_std().ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use provider_http::LastError;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn limit(remaining: u64) -> SignalSnapshot {
        let reset = Some(Duration::from_secs(3));
        let limit = RateLimit {
            at: at(100),
            limit: 50,
            window: Some(Duration::from_secs(1)),
            remaining: Some(remaining),
            reset,
        };
        SignalSnapshot { rate_limit: Some(limit), ..SignalSnapshot::default() }
    }

    fn error(kind: Kind, seconds: u64) -> SignalSnapshot {
        let error = LastError {
            at: at(100),
            kind,
            message: String::new(),
            retry_after: Some(Duration::from_secs(seconds)),
        };
        SignalSnapshot { last_error: Some(error), ..SignalSnapshot::default() }
    }

    #[test]
    fn an_exhausted_limit_is_waited_for_and_no_longer_than_it_lasts() {
        assert_eq!(pause(&limit(0), at(101)), Some(Duration::from_secs(2)));
        assert_eq!(pause(&limit(0), at(103)), None, "it is full again");
        assert_eq!(pause(&limit(1), at(101)), None);
        assert_eq!(pause(&SignalSnapshot::default(), at(101)), None);
    }

    #[test]
    fn a_limit_is_not_exhausted_for_ever() {
        // The second is the time of day in seconds since 1970, as some APIs give it.
        for reset in [601, 1_800_000_000, 9_223_372_036_854_775, u64::MAX] {
            let mut signals = limit(0);
            let told = signals.rate_limit.as_mut().unwrap();
            told.reset = Some(Duration::from_secs(reset));
            assert_eq!(exhausted(told), Some(LONGEST_PAUSE), "{reset}");
            assert_eq!(pause(&signals, at(100)), Some(LONGEST_PAUSE), "{reset}");
        }
    }

    #[test]
    fn a_pause_that_the_provider_asked_for_is_kept_within_reason() {
        assert_eq!(pause(&error(Kind::RateLimited, 5), at(101)), Some(Duration::from_secs(4)));
        assert_eq!(pause(&error(Kind::Unavailable, 5), at(101)), None);
        let reason = pause(&error(Kind::RateLimited, 86_400), at(100));
        assert_eq!(reason, Some(LONGEST_PAUSE));
    }

    #[tokio::test]
    async fn requests_go_one_after_another() {
        let pacer = Pacer::new(NonZeroU32::new(200).unwrap());
        let begun = std::time::Instant::now();
        for _ in 0..5 {
            pacer.turn().await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(19), "{:?}", begun.elapsed());
    }
}
