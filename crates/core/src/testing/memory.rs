//! A provider in memory that behaves by whatever capabilities it is given, and fails when it is told to.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::memory_state::Record;
use crate::{
    Capabilities, ChildOrg, ChildOrgPatch, Effect, EmailAddress, Error, Field, Kind,
    ProviderAnswer, ProviderName, ProviderOrgId, Reply, Result, Strength,
};

/// The operations of the port, to count and to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `create_child_org`
    Create,
    /// `get_child_org`
    Get,
    /// `find_child_orgs`
    Find,
    /// `update_child_org`
    Update,
    /// `lock_child_org`
    Lock,
    /// `unlock_child_org`
    Unlock,
    /// `invite_members`
    Invite,
    /// `request_admin_role`
    AdminRole,
}

/// How a call is to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The operation it waits for; `None` for whichever comes next.
    pub operation: Option<Operation>,
    /// What the error says went wrong.
    pub kind: Kind,
    /// What the error says of the effect.
    pub effect: Effect,
    /// Whether the work is really done all the same.
    pub applied: bool,
}

type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A provider in memory.
///
/// # Behavior
/// It holds, lists, finds, changes and refuses by its capabilities alone: what they do not claim is
/// `Unsupported`. Where an e-mail address is a strong key, it is unique. A partner's lock hides the
/// provider's own.
pub struct InMemoryProvider {
    pub(super) name: ProviderName,
    pub(super) capabilities: Capabilities,
    pub(super) clock: Clock,
    running: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) records: Vec<Record>,
    failures: VecDeque<Failure>,
    calls: HashMap<Operation, usize>,
    requests: u64,
}

impl InMemoryProvider {
    /// An empty provider that can do what `capabilities` claim.
    #[must_use]
    pub fn new(name: ProviderName, capabilities: Capabilities) -> Self {
        Self {
            name,
            capabilities,
            clock: Arc::new(Utc::now),
            running: watch::Sender::new(true),
            state: Mutex::default(),
        }
    }

    /// The same provider with another clock, for the times that it tells.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Has one call to come fail so. Failures are used up in the order in which they were given.
    pub fn fail_next(&self, failure: Failure) {
        self.lock().failures.push_back(failure);
    }

    /// The failures that no call has met yet.
    #[must_use]
    pub fn unmet_failures(&self) -> usize {
        self.lock().failures.len()
    }

    /// Has every call wait, before its work, until [`Self::resume`].
    pub fn pause(&self) {
        self.running.send_replace(false);
    }

    /// Lets waiting calls go on.
    pub fn resume(&self) {
        self.running.send_replace(true);
    }

    /// How often an operation reached the provider: refusals before sending are not counted.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> usize {
        self.lock().calls.get(&operation).copied().unwrap_or(0)
    }

    /// Every organization there is, hidden ones too, oldest first.
    #[must_use]
    pub fn orgs(&self) -> Vec<ChildOrg> {
        self.lock().records.iter().map(Record::shown).collect()
    }

    /// Sets or lifts the provider's own lock. False where there is no such organization.
    pub fn set_provider_lock(&self, id: &ProviderOrgId, reason: Option<&str>) -> bool {
        let now = (self.clock)();
        self.with(id, |record| record.set_provider_lock(reason, now))
    }

    /// Closes an organization for good. False where there is no such organization.
    pub fn close(&self, id: &ProviderOrgId) -> bool {
        self.with(id, Record::close)
    }

    /// Changes an organization behind the partner's back. False where there is no such organization.
    pub fn edit(&self, id: &ProviderOrgId, patch: &ChildOrgPatch) -> bool {
        self.with(id, |record| record.apply(patch))
    }

    /// Hides an organization from every read, or shows it again: a provider that lags. False where there
    /// is no such organization.
    pub fn set_hidden(&self, id: &ProviderOrgId, hidden: bool) -> bool {
        self.with(id, |record| record.hidden = hidden)
    }

    /// Removes an organization. False where there is no such organization.
    pub fn remove(&self, id: &ProviderOrgId) -> bool {
        let mut state = self.lock();
        let before = state.records.len();
        state.records.retain(|record| record.id() != id);
        state.records.len() < before
    }

    fn with(&self, id: &ProviderOrgId, change: impl FnOnce(&mut Record)) -> bool {
        let mut state = self.lock();
        let record = state.records.iter_mut().find(|record| record.id() == id);
        record.map(change).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call that reaches the provider: counted, held while paused, failed if that was asked for.
    pub(super) async fn reach<T>(
        &self,
        operation: Operation,
        work: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<Reply<T>> {
        let mut running = self.running.subscribe();
        // It can only fail when the sender is gone, and we hold it.
        let _ = running.wait_for(|running| *running).await;
        let mut state = self.lock();
        let due = state
            .failures
            .front()
            .is_some_and(|failure| failure.operation.is_none_or(|waited| waited == operation));
        let failure = if due { state.failures.pop_front() } else { None };
        if failure.is_none_or(|failure| failure.effect != Effect::NotSent) {
            *state.calls.entry(operation).or_default() += 1;
        }
        state.requests += 1;
        let request_id = format!("memory-{}", state.requests);
        let Some(failure) = failure else {
            return work(&mut state).map(|value| Reply { value, request_id: Some(request_id) });
        };
        if failure.applied {
            // The caller is told of the failure alone, whatever the work came to.
            drop(work(&mut state));
        }
        let error = Error::new(failure.kind, failure.effect, "the call was told to fail");
        Err(match failure.effect {
            Effect::NotApplied => error.with_answer(ProviderAnswer {
                request_id: Some(request_id),
                ..ProviderAnswer::default()
            }),
            Effect::NotSent | Effect::Unknown => error,
        })
    }

    fn email_is_unique(&self) -> bool {
        self.capabilities
            .find_by
            .iter()
            .any(|by| by.field == Field::OwnerEmail && by.strength == Strength::Strong)
    }

    pub(super) fn check_email(
        &self,
        state: &State,
        email: Option<&EmailAddress>,
        own: Option<&ProviderOrgId>,
    ) -> Result<()> {
        let Some(email) = email.filter(|_| self.email_is_unique()) else {
            return Ok(());
        };
        let taken = state.records.iter().any(|record| {
            let owner = record.shown().owner;
            Some(record.id()) != own && owner.and_then(|owner| owner.email).as_ref() == Some(email)
        });
        if taken {
            return Err(Error::new(
                Kind::Conflict,
                Effect::NotApplied,
                "the owner's e-mail address is taken",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for InMemoryProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryProvider").field("name", &self.name).finish_non_exhaustive()
    }
}
