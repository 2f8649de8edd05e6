//! The identity provider's key set: fetched when needed, kept while it is good.
//!
//! One fetch at a time, however many callers wait; an unknown `kid` asks for a new set, but not
//! more often than the cooldown; a set that cannot be had or holds no usable key leaves the last
//! good one in place. The fetching itself is handed in.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::task::TaskTracker;

use super::error::AuthError;
use super::keys::{KeySet, VerifyingKey};
use crate::config::SigningAlgorithm;

/// Where a key set comes from.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The key set (RFC 7517) as it is published: JSON, of bounded size, in bounded time.
    ///
    /// # Errors
    /// Why it could not be had, in words for the log; without secrets.
    async fn fetch(&self) -> Result<Vec<u8>, KeySourceError>;
}

/// Why a key set could not be had, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeySourceError(pub String);

/// Between two fetches that callers ask for, so that made-up `kid`s do not become a flood.
const COOLDOWN: TimeDelta = TimeDelta::seconds(30);
/// Between two fetches when the last one failed.
const COOLDOWN_AFTER_FAILURE: TimeDelta = TimeDelta::seconds(5);
/// A set this old is fetched again beside the request that noticed.
const REFRESH_AFTER: TimeDelta = TimeDelta::minutes(5);
/// A set this old is not used before a new one was asked for, so that a revoked key is noticed
/// even after a long silence.
const ASK_FIRST_AFTER: TimeDelta = TimeDelta::hours(1);

/// The current key set and the way to a new one.
#[derive(Clone)]
pub(super) struct Jwks {
    source: Arc<dyn KeySource>,
    allowed: Arc<[SigningAlgorithm]>,
    current: Arc<ArcSwap<Current>>,
    gate: Arc<Mutex<Gate>>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Current {
    keys: KeySet,
    fetched_at: Option<DateTime<Utc>>,
}

/// Held while fetching: remembers the last attempt.
#[derive(Default)]
struct Gate {
    last: Option<(DateTime<Utc>, bool)>,
}

impl Gate {
    fn is_open(&self, now: DateTime<Utc>) -> bool {
        let Some((at, succeeded)) = self.last else {
            return true;
        };
        let cooldown = if succeeded { COOLDOWN } else { COOLDOWN_AFTER_FAILURE };
        (now - at).abs() >= cooldown
    }
}

impl Jwks {
    pub(super) fn new(
        source: Arc<dyn KeySource>,
        allowed: Vec<SigningAlgorithm>,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            source,
            allowed: allowed.into(),
            current: Arc::default(),
            gate: Arc::default(),
            tasks,
        }
    }

    pub(super) async fn prepare(&self, now: DateTime<Utc>) -> Result<(), AuthError> {
        self.refresh(now).await;
        if self.current.load().keys.is_empty() { Err(AuthError::KeysUnavailable) } else { Ok(()) }
    }

    /// The key for a token's header. Fetches when the key is not known or the set is old.
    pub(super) async fn key_for(
        &self,
        id: Option<&str>,
        algorithm: &str,
        now: DateTime<Utc>,
    ) -> Result<VerifyingKey, AuthError> {
        let pinned = self.allowed.iter().copied().find(|allowed| allowed.name() == algorithm);
        let algorithm = pinned.ok_or(AuthError::Algorithm)?;
        self.keep_fresh(now).await;
        if let Some(key) = self.current.load().keys.find(id, algorithm) {
            return Ok(key.clone());
        }
        self.refresh(now).await;
        let current = self.current.load();
        match current.keys.find(id, algorithm) {
            Some(key) => Ok(key.clone()),
            None if current.keys.is_empty() => Err(AuthError::KeysUnavailable),
            None => Err(AuthError::UnknownKey),
        }
    }

    async fn keep_fresh(&self, now: DateTime<Utc>) {
        let Some(fetched_at) = self.current.load().fetched_at else {
            return;
        };
        let age = (now - fetched_at).abs();
        if age >= ASK_FIRST_AFTER {
            self.refresh(now).await;
        } else if age >= REFRESH_AFTER
            && let Ok(gate) = Arc::clone(&self.gate).try_lock_owned()
            && gate.is_open(now)
        {
            self.tasks.spawn(self.clone().fetch(gate, now));
        }
    }

    /// Waits for the fetch under way, or makes one unless the cooldown forbids it.
    async fn refresh(&self, now: DateTime<Utc>) {
        let gate = Arc::clone(&self.gate).lock_owned().await;
        if gate.is_open(now) {
            // On a task of its own: a caller who hangs up must not leave the set unfetched.
            let fetched = self.tasks.spawn(self.clone().fetch(gate, now)).await;
            if let Err(error) = fetched {
                tracing::error!(%error, "fetching the identity provider's keys ended early");
            }
        }
    }

    async fn fetch(self, mut gate: OwnedMutexGuard<Gate>, now: DateTime<Utc>) {
        let fetched = self.source.fetch().await.and_then(|json| self.read(&json));
        gate.last = Some((now, fetched.is_ok()));
        match fetched {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "fetched the identity provider's keys");
                self.current.store(Arc::new(Current { keys, fetched_at: Some(now) }));
            }
            Err(error) => tracing::warn!(
                %error,
                "the identity provider's keys could not be had; the last good ones stay"
            ),
        }
    }

    fn read(&self, json: &[u8]) -> Result<KeySet, KeySourceError> {
        let keys = KeySet::from_json(json, &self.allowed)
            .map_err(|error| KeySourceError(format!("not a key set: {error}")))?;
        if keys.is_empty() {
            return Err(KeySourceError("the key set holds no usable key".to_owned()));
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests;
