//! The identity provider's key set: fetched when needed, cached while it is valid.
//!
//! At most one fetch runs at a time, and all callers wait for it. An unknown `kid` causes a fetch, at most
//! two in each cooldown however many tokens name one; until the next is allowed, only the token with the
//! unknown `kid` gets 503. When a fetch fails or its set has no usable key, the last good set stays in use,
//! for `auth.jwks_max_stale`. [`KeySource`] does the fetching.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::task::TaskTracker;

use super::clues::safe_to_log;
use super::error::AuthError;
use super::jwk::Skipped;
use super::keys::{KeySet, SkippedKey, Verdict, VerifyingKey};
use crate::config::SigningAlgorithm;
use crate::telemetry::metrics::AUTH_KEYS_FETCHED;

/// Where a key set comes from.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// Fetches the published key set (RFC 7517): JSON, of bounded size, in bounded time.
    ///
    /// # Errors
    /// The reason for the log, without secrets.
    async fn fetch(&self) -> Result<Vec<u8>, KeySourceError>;
}

/// Why a key set could not be fetched, for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeySourceError(pub String);

/// The time between two fetches. Within it, one more is allowed for an unknown `kid`.
const COOLDOWN: TimeDelta = TimeDelta::seconds(30);
/// The time between two fetches when the last one failed.
const COOLDOWN_AFTER_FAILURE: TimeDelta = TimeDelta::seconds(5);
/// The age at which a set is fetched again in the background.
const REFRESH_AFTER: TimeDelta = TimeDelta::minutes(5);
/// The time without any fetch after which a request waits for one, so that a revoked key is noticed even
/// after a long silence.
const ASK_FIRST_AFTER: TimeDelta = TimeDelta::hours(1);

/// The current key set, and how to fetch a newer one.
#[derive(Clone)]
pub(super) struct Jwks {
    source: Arc<dyn KeySource>,
    allowed: Arc<[SigningAlgorithm]>,
    max_stale: TimeDelta,
    current: Arc<ArcSwap<Current>>,
    fetches: Arc<Fetches>,
    gate: Arc<Mutex<Gate>>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Current {
    keys: KeySet,
    fetched_at: Option<DateTime<Utc>>,
}

/// The progress of the fetches; readable while one runs.
#[derive(Default)]
struct Fetches {
    /// The number of the last fetch that began.
    begun: AtomicU64,
    /// The time of the last one that ended, well or not, in seconds since 1970.
    ended_at: AtomicI64,
}

/// Held during a fetch. Decides whether the next one is allowed.
#[derive(Default)]
struct Gate {
    /// The last fetch: when it began, and whether it succeeded.
    last: Option<(DateTime<Utc>, bool)>,
    /// The number of the last fetch that succeeded.
    succeeded: u64,
    /// Whether the fetch that an unknown `kid` is allowed within the cooldown has been made.
    is_extra_spent: bool,
    /// The skipped keys that were logged last.
    logged: Vec<SkippedKey>,
}

/// Why a fetch is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    /// The set is old.
    Newer,
    /// A token names a key that the set does not have.
    Key,
}

/// The outcome of a request for a newer set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refreshed {
    /// The current set was fetched after the request arrived.
    Yes,
    /// It was not, and the next fetch is allowed after this time.
    NotBefore(TimeDelta),
}

impl Refreshed {
    /// The time until the next fetch in whole seconds, rounded up.
    fn retry_after(self) -> u64 {
        let wait = match self {
            Self::Yes => TimeDelta::zero(),
            Self::NotBefore(wait) => wait,
        };
        let seconds = (wait + TimeDelta::milliseconds(999)).num_seconds();
        u64::try_from(seconds).unwrap_or(0).max(1)
    }
}

impl Gate {
    /// The time until a fetch is allowed; zero when it is now.
    fn wait(&self, want: Want, cooldown: TimeDelta, now: DateTime<Utc>) -> TimeDelta {
        let Some((at, succeeded)) = self.last else {
            return TimeDelta::zero();
        };
        if want == Want::Key && succeeded && !self.is_extra_spent {
            return TimeDelta::zero();
        }
        let cooldown = if succeeded { cooldown } else { COOLDOWN_AFTER_FAILURE };
        (cooldown - (now - at).abs()).max(TimeDelta::zero())
    }

    fn is_cooling(&self, cooldown: TimeDelta, now: DateTime<Utc>) -> bool {
        self.wait(Want::Newer, cooldown, now) > TimeDelta::zero()
    }
}

impl Jwks {
    pub(super) fn new(
        source: Arc<dyn KeySource>,
        allowed: Vec<SigningAlgorithm>,
        max_stale: Duration,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            source,
            allowed: allowed.into(),
            max_stale: TimeDelta::from_std(max_stale).unwrap_or(TimeDelta::MAX),
            current: Arc::default(),
            fetches: Arc::default(),
            gate: Arc::default(),
            tasks,
        }
    }

    /// Fetches the set, unless the cooldown forbids it.
    ///
    /// # Errors
    /// [`AuthError::KeysUnavailable`] when there is no usable key afterwards.
    pub(super) async fn prepare(&self, now: DateTime<Utc>) -> Result<(), AuthError> {
        let refreshed = self.refresh(Want::Newer, self.begun(), now, || true).await;
        let is_empty = self.current.load().keys.is_empty();
        if is_empty { Err(unavailable(refreshed)) } else { Ok(()) }
    }

    /// Finds a key that `verifies` a token with these headers. Fetches when no key fits or the set is old.
    ///
    /// # Errors
    /// 401 where the set is known to have no such key, 503 where a newer set may have it.
    pub(super) async fn verify(
        &self,
        id: Option<&str>,
        algorithm: &str,
        verifies: impl Fn(&VerifyingKey) -> bool,
        now: DateTime<Utc>,
    ) -> Result<(), AuthError> {
        let accepted = self.allowed.iter().copied().find(|allowed| allowed.name() == algorithm);
        let algorithm = accepted.ok_or(AuthError::Algorithm)?;
        let arrival = self.begun();
        self.keep_fresh(arrival, now).await?;
        let judge = || self.current.load().keys.judge(id, algorithm, &verifies);
        if let Some(outcome) = judge().outcome() {
            return outcome;
        }
        // A token without `kid` may be forged at no cost: it does not use up the extra fetch.
        let want = if id.is_some() { Want::Key } else { Want::Newer };
        let is_needed = || judge().outcome().is_none();
        let refreshed = self.refresh(want, arrival, now, is_needed).await;
        let verdict = judge();
        if let Some(outcome) = verdict.outcome() {
            return outcome;
        }
        if self.current.load().keys.is_empty() {
            return Err(unavailable(refreshed));
        }
        match (refreshed, verdict) {
            (_, Verdict::NoneVerifies) => Err(AuthError::Signature),
            (Refreshed::NotBefore(_), _) if id.is_some() => {
                Err(AuthError::KeyPending { retry_after: refreshed.retry_after() })
            }
            (Refreshed::Yes | Refreshed::NotBefore(_), _) => Err(AuthError::UnknownKey),
        }
    }

    fn begun(&self) -> u64 {
        self.fetches.begun.load(Ordering::SeqCst)
    }

    /// The time between two fetches, never longer than a set may be used.
    fn cooldown(&self) -> TimeDelta {
        COOLDOWN.min(self.max_stale)
    }

    /// The age of the set; `None` before the first one.
    fn age(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.current.load().fetched_at.map(|at| (now - at).abs())
    }

    /// Fetches an old set again: in the background, or first where the set is too old to be used.
    async fn keep_fresh(&self, arrival: u64, now: DateTime<Utc>) -> Result<(), AuthError> {
        let Some(age) = self.age(now) else {
            return Ok(());
        };
        let is_stale = || self.age(now).is_none_or(|age| age >= self.max_stale);
        let is_needed = || is_stale() || self.is_silent(now);
        if is_needed() {
            let refreshed = self.refresh(Want::Newer, arrival, now, is_needed).await;
            if is_stale() {
                return Err(AuthError::KeysStale { retry_after: refreshed.retry_after() });
            }
        } else if age >= REFRESH_AFTER
            && let Ok(mut gate) = Arc::clone(&self.gate).try_lock_owned()
            && !gate.is_cooling(self.cooldown(), now)
        {
            let number = self.begin(&mut gate, now);
            self.tasks.spawn(self.clone().fetch(gate, number, now));
        }
        Ok(())
    }

    /// Whether no fetch was tried for so long that a request must wait for one.
    fn is_silent(&self, now: DateTime<Utc>) -> bool {
        let ended_at = self.fetches.ended_at.load(Ordering::SeqCst);
        (now.timestamp() - ended_at).abs() >= ASK_FIRST_AFTER.num_seconds()
    }

    /// Waits for the fetch that runs. If a newer set is then still needed, fetches one, unless the current
    /// set was fetched after `arrival` or the cooldown forbids it.
    async fn refresh(
        &self,
        want: Want,
        arrival: u64,
        now: DateTime<Utc>,
        is_needed: impl Fn() -> bool,
    ) -> Refreshed {
        let mut gate = Arc::clone(&self.gate).lock_owned().await;
        if gate.succeeded > arrival || !is_needed() {
            return Refreshed::Yes;
        }
        let wait = gate.wait(want, self.cooldown(), now);
        if wait > TimeDelta::zero() {
            return Refreshed::NotBefore(wait);
        }
        let number = self.begin(&mut gate, now);
        // On a task of its own: a caller that hangs up must not cancel the fetch for the others.
        match self.tasks.spawn(self.clone().fetch(gate, number, now)).await {
            Ok(true) => Refreshed::Yes,
            Ok(false) => Refreshed::NotBefore(COOLDOWN_AFTER_FAILURE),
            Err(error) => {
                tracing::error!(%error, "fetching the key set ended early");
                Refreshed::NotBefore(COOLDOWN_AFTER_FAILURE)
            }
        }
    }

    /// Numbers a fetch that begins.
    fn begin(&self, gate: &mut Gate, now: DateTime<Utc>) -> u64 {
        gate.is_extra_spent = gate.is_cooling(self.cooldown(), now);
        self.fetches.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Fetches the set and keeps it if it is good. Returns whether it is.
    async fn fetch(self, mut gate: OwnedMutexGuard<Gate>, number: u64, now: DateTime<Utc>) -> bool {
        let fetched = self.source.fetch().await;
        let read = fetched.and_then(|json| self.read(&json, &mut gate.logged));
        let succeeded = read.is_ok();
        gate.last = Some((now, succeeded));
        self.fetches.ended_at.store(now.timestamp(), Ordering::SeqCst);
        match read {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "fetched the key set");
                gate.succeeded = number;
                metrics::gauge!(AUTH_KEYS_FETCHED).set(now.timestamp() as f64);
                self.current.store(Arc::new(Current { keys, fetched_at: Some(now) }));
            }
            Err(error) => tracing::warn!(
                %error,
                age_seconds = self.age(now).map(|age| age.num_seconds()),
                max_stale_seconds = self.max_stale.num_seconds(),
                "failed to fetch the key set; the last one stays in use"
            ),
        }
        succeeded
    }

    fn read(&self, json: &[u8], logged: &mut Vec<SkippedKey>) -> Result<KeySet, KeySourceError> {
        let keys = KeySet::from_json(json, &self.allowed)
            .map_err(|error| KeySourceError(format!("not a key set: {error}")))?;
        if logged != keys.skipped() {
            log_skipped(keys.skipped());
            *logged = keys.skipped().to_vec();
        }
        if keys.is_empty() {
            return Err(KeySourceError("the key set holds no usable key".to_owned()));
        }
        Ok(keys)
    }
}

fn unavailable(refreshed: Refreshed) -> AuthError {
    AuthError::KeysUnavailable { retry_after: refreshed.retry_after() }
}

/// Logs the keys that are not used, each with the reason: as a warning where the key is faulty.
fn log_skipped(skipped: &[SkippedKey]) {
    for key in skipped {
        let kid = key.id.as_deref().map(safe_to_log);
        let reason = key.why.reason();
        match key.why {
            Skipped::OtherPurpose(_) => {
                tracing::debug!(kid, reason, "skipped a key of the key set");
            }
            Skipped::Fault(_) => tracing::warn!(kid, reason, "skipped a faulty key of the key set"),
        }
    }
}

#[cfg(test)]
mod tests;
