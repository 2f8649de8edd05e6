//! Refused tokens: the metric, the log line and the problem of each.
//!
//! Anybody can send bad tokens, so the log lines are limited; the metric counts them all.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use super::problem::Problem;
use crate::{
    auth::{AuthError, Caller, Clues, Scope},
    telemetry::metrics::AUTH_REFUSALS,
};

/// Log lines in a second, after as many at once.
const LINES_PER_SECOND: u32 = 10;

/// Counts and logs refused tokens.
#[derive(Debug)]
pub struct RefusedTokens<C: Clock = DefaultClock> {
    lines: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    suppressed: AtomicU64,
}

impl Default for RefusedTokens {
    fn default() -> Self {
        Self::with_clock(DefaultClock::default())
    }
}

impl<C: Clock> RefusedTokens<C> {
    fn with_clock(clock: C) -> Self {
        let lines = NonZeroU32::new(LINES_PER_SECOND).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(lines);
        Self { lines: RateLimiter::direct_with_clock(quota, clock), suppressed: AtomicU64::new(0) }
    }

    /// Counts and logs a token that was refused, and returns the problem for its caller.
    pub(super) fn refuse(&self, error: &AuthError, token: Option<&str>) -> Problem {
        let reason = error.reason();
        metrics::counter!(AUTH_REFUSALS, "reason" => reason).increment(1);
        if let Some(suppressed) = self.line() {
            let Clues { key_id, issuer } = token.map(Clues::of).unwrap_or_default();
            let (kid, iss) = (key_id, issuer);
            if *error == AuthError::Missing {
                tracing::debug!(reason, suppressed, "request without a token");
            } else if error.is_unavailable() {
                tracing::warn!(reason, %error, kid, iss, suppressed, "failed to verify a token");
            } else {
                tracing::info!(reason, %error, kid, iss, suppressed, "refused a token");
            }
        }
        let detail = error.detail();
        match error.retry_after() {
            Some(seconds) => {
                Problem { retry_after: Some(seconds), ..Problem::keys_unavailable(detail) }
            }
            None => Problem { challenge: error.challenge(), ..Problem::unauthenticated(detail) },
        }
    }

    /// Checks that the caller's token grants these scopes; logs a token that does not.
    ///
    /// # Errors
    /// 403 with the missing scopes.
    pub(super) fn check_scopes(&self, caller: &Caller, needed: &[Scope]) -> Result<(), Problem> {
        let Some(problem) = Problem::of_missing_scopes(caller, needed) else {
            return Ok(());
        };
        if let Some(suppressed) = self.line() {
            let (tenant, detail) = (caller.tenant.as_str(), problem.detail.as_str());
            tracing::info!(
                tenant,
                granted = %caller.scopes,
                detail,
                suppressed,
                "refused a token without the needed scope"
            );
        }
        Err(problem)
    }

    /// Whether a line may be logged now: then the number of lines that were suppressed before it.
    fn line(&self) -> Option<u64> {
        if self.lines.check().is_ok() {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_flood_of_refusals_is_logged_in_part_and_the_rest_is_counted() {
        let clock = FakeRelativeClock::default();
        let refused = RefusedTokens::with_clock(clock.clone());
        let lines: Vec<_> = (0..1000).filter_map(|_| refused.line()).collect();
        assert_eq!(lines, [0; 10]);
        clock.advance(Duration::from_secs(1));
        assert_eq!(refused.line(), Some(990), "the next line has the number of suppressed ones");
        assert_eq!(refused.line(), Some(0));
    }

    #[test]
    fn a_token_that_cannot_be_verified_is_503_and_a_bad_one_401() {
        let refused = RefusedTokens::default();
        let pending = refused.refuse(&AuthError::KeyPending { retry_after: 17 }, None);
        assert_eq!((pending.status, pending.code.as_str()), (503, "keys_unavailable"));
        assert_eq!((pending.retry_after, pending.challenge), (Some(17), None));
        let wrong = refused.refuse(&AuthError::Signature, Some("a.b.c"));
        assert_eq!((wrong.status, wrong.code.as_str()), (401, "unauthenticated"));
        assert!(wrong.challenge.unwrap().starts_with("Bearer error=\"invalid_token\""));
    }
}
