//! How many requests a tenant may make: a token bucket for each, within this process.
//!
//! Answers carry `RateLimit-Policy` and `RateLimit` as the IETF draft has them since its version 08:
//! `"tenant";q=400;w=2` and `"tenant";r=397;t=1`. A bucket is no window, so this is what the numbers
//! mean: `q` is the bucket's size, `w` the seconds in which an empty one is full again, `r` what is left
//! in it now, `t` the seconds until it is full if nothing more comes. `r` requests may come at once;
//! whoever keeps below `q` in each `w` is never refused. Fractions of a second are rounded up.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};

use super::problem::Problem;
use crate::{auth::Tenant, config::LimitsConfig};

/// What a tenant may do: quota and window.
pub(crate) const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// How a tenant stands: what remains, and until when.
pub(crate) const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Buckets are kept in two generations of at most this many.
const GENERATION: usize = 10_000;

type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>;

/// The limits of every tenant. The map is bounded: beyond ten thousand tenants the one that was heard of
/// longest ago is forgotten first, and begins with a full bucket when it comes again.
pub struct TenantLimits<C: Clock = DefaultClock> {
    quota: Quota,
    policy: HeaderValue,
    per_second: u64,
    clock: C,
    buckets: Mutex<Generations<Arc<Bucket<C>>>>,
}

/// Whether a request may go on, and what its answer says of the limit.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// For the answer's headers, whatever the verdict is.
    pub rate_limit: RateLimit,
    /// The bucket was empty: the request must not go on, and may come again after this time.
    pub wait: Option<Duration>,
}

/// How a tenant stands with its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    policy: HeaderValue,
    remaining: u64,
    full_in: u64,
}

impl TenantLimits {
    /// Full buckets for everybody.
    #[must_use]
    pub fn new(config: &LimitsConfig) -> Self {
        Self::with_clock(config, DefaultClock::default())
    }
}

impl<C: Clock + Clone> TenantLimits<C> {
    fn with_clock(config: &LimitsConfig, clock: C) -> Self {
        // A validated configuration has no zeros; one here would mean the least, not everything.
        let per_second = NonZeroU32::new(config.requests_per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(config.burst).unwrap_or(NonZeroU32::MIN);
        let window = u64::from(burst.get()).div_ceil(u64::from(per_second.get()));
        let policy = HeaderValue::from_str(&format!("\"tenant\";q={burst};w={window}"));
        Self {
            quota: Quota::per_second(per_second).allow_burst(burst),
            policy: policy.unwrap_or_else(|_not_ascii| HeaderValue::from_static("\"tenant\"")),
            per_second: u64::from(per_second.get()),
            clock,
            buckets: Mutex::new(Generations::of(GENERATION)),
        }
    }

    /// Takes one request out of the tenant's bucket.
    pub fn check(&self, tenant: &Tenant) -> Verdict {
        match self.bucket(tenant).check() {
            Ok(left) => self.verdict(u64::from(left.remaining_burst_capacity()), None),
            Err(until) => self.verdict(0, Some(until.wait_time_from(self.clock.now()))),
        }
    }

    fn bucket(&self, tenant: &Tenant) -> Arc<Bucket<C>> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get_or_insert(tenant.as_str(), || {
            let state = InMemoryState::default();
            Arc::new(RateLimiter::new(self.quota, state, self.clock.clone()))
        })
    }

    fn verdict(&self, remaining: u64, wait: Option<Duration>) -> Verdict {
        let missing = u64::from(self.quota.burst_size().get()).saturating_sub(remaining);
        let full_in = missing.div_ceil(self.per_second);
        Verdict { rate_limit: RateLimit { policy: self.policy.clone(), remaining, full_in }, wait }
    }
}

impl<C: Clock> std::fmt::Debug for TenantLimits<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantLimits").field("quota", &self.quota).finish_non_exhaustive()
    }
}

impl Verdict {
    /// The problem of a request that must not go on.
    ///
    /// # Errors
    /// 429 `rate_limited` where the bucket was empty.
    pub fn into_result(self) -> Result<(), Problem> {
        let Some(wait) = self.wait else { return Ok(()) };
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let problem = Problem::rate_limited("the tenant is over its limit of requests");
        Err(Problem { retry_after: Some(seconds.max(1)), ..problem })
    }
}

impl RateLimit {
    /// Says it in an answer's headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(RATELIMIT_POLICY, self.policy.clone());
        let stand = format!("\"tenant\";r={};t={}", self.remaining, self.full_in);
        if let Ok(stand) = HeaderValue::from_str(&stand) {
            headers.insert(RATELIMIT, stand);
        }
    }
}

/// A map that forgets what was not asked for in a long time. When the younger generation is full, the
/// older one is dropped and the younger takes its place; what is asked for becomes young again.
struct Generations<V> {
    young: HashMap<String, V>,
    old: HashMap<String, V>,
    most: usize,
}

impl<V: Clone> Generations<V> {
    fn of(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), most }
    }

    fn get_or_insert(&mut self, key: &str, make: impl FnOnce() -> V) -> V {
        if let Some(value) = self.young.get(key) {
            return value.clone();
        }
        let value = self.old.remove(key).unwrap_or_else(make);
        if self.young.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.to_owned(), value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limits(requests_per_second: u32, burst: u32) -> TenantLimits<FakeRelativeClock> {
        let (event_streams, event_streams_in_all) = (1, 1);
        let config =
            LimitsConfig { requests_per_second, burst, event_streams, event_streams_in_all };
        TenantLimits::with_clock(&config, FakeRelativeClock::default())
    }

    fn tenant(name: &str) -> Tenant {
        Tenant::new(name).unwrap()
    }

    /// The headers' values, and the seconds to wait where the request is refused.
    fn ask(limits: &TenantLimits<FakeRelativeClock>, name: &str) -> (String, String, Option<u64>) {
        let verdict = limits.check(&tenant(name));
        let mut headers = HeaderMap::new();
        verdict.rate_limit.write(&mut headers);
        let text = |name| headers[name].to_str().unwrap().to_owned();
        let (policy, stand) = (text(&RATELIMIT_POLICY), text(&RATELIMIT));
        let refused = verdict.into_result().err();
        assert!(refused.iter().all(|problem| problem.code == "rate_limited"));
        (policy, stand, refused.and_then(|problem| problem.retry_after))
    }

    #[test]
    fn a_burst_goes_through_and_then_the_pace_counts() {
        let limits = limits(2, 4);
        for (left, full_in) in [(3, 1), (2, 1), (1, 2), (0, 2)] {
            let (policy, stand, wait) = ask(&limits, "crm");
            assert_eq!(policy, "\"tenant\";q=4;w=2");
            assert_eq!(stand, format!("\"tenant\";r={left};t={full_in}"));
            assert_eq!(wait, None);
        }
        let (_, stand, wait) = ask(&limits, "crm");
        assert_eq!((stand.as_str(), wait), ("\"tenant\";r=0;t=2", Some(1)));
        limits.clock.advance(Duration::from_millis(500));
        assert_eq!(ask(&limits, "crm").2, None);
        assert_eq!(ask(&limits, "crm").2, Some(1));
    }

    #[test]
    fn one_tenant_does_not_use_up_anothers_limit() {
        let limits = limits(1, 1);
        assert_eq!(ask(&limits, "crm").2, None);
        assert_eq!(ask(&limits, "crm").2, Some(1));
        assert_eq!(ask(&limits, "shop").2, None);
    }

    #[test]
    fn retry_after_is_when_it_goes_through() {
        let limits = limits(1, 3);
        for _ in 0..3 {
            assert_eq!(ask(&limits, "crm").2, None);
        }
        let wait = ask(&limits, "crm").2.unwrap();
        limits.clock.advance(Duration::from_secs(wait));
        assert_eq!(ask(&limits, "crm").2, None);
    }

    #[test]
    fn the_map_is_bounded_and_keeps_who_comes_often() {
        let mut map = Generations::of(10);
        let mut made = 0;
        for stranger in 0..1_000 {
            for key in ["regular".to_owned(), format!("stranger-{stranger}")] {
                map.get_or_insert(&key, || {
                    made += usize::from(key == "regular");
                    stranger
                });
            }
            assert!(map.young.len() + map.old.len() <= 20);
        }
        assert_eq!(made, 1, "who comes often is never forgotten");
    }
}
