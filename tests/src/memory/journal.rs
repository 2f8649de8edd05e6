//! A connection to the tables, as the engine knows the store: over a line that may lose what passes.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use partner_gateway::{
    operations::Journal,
    store::{
        BeginCreate, BeginOptions, BeginUpdate, CreateBudget, CreateKeys, Due, Evidence, KeyClaim,
        KnownMapping, NewOperation, NewOrganization, OpenCreate, Operation, OperationKind,
        OperationState, Organization, Outcome, Plan, Recorded, StoreError, StoreResult,
        TenantScope,
    },
};
use uuid::Uuid;

use super::tables::Tables;

/// The time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time, to the microsecond.
    fn now(&self) -> DateTime<Utc>;
}

/// What becomes of a call on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done, and answered.
    Done,
    /// It is not done, and the caller sees the database away.
    Away,
    /// It is done, and the caller sees the database away.
    AnswerLost,
}

/// What lies between a worker and the database.
#[async_trait]
pub trait Line: fmt::Debug + Send + Sync + 'static {
    /// Before a call is done. It may wait, and for ever.
    async fn before(&self, call: &'static str) -> Fate;
    /// After it was done, before its answer arrives. It may wait, and for ever.
    async fn after(&self, call: &'static str);
}

/// A line that loses nothing.
#[derive(Debug)]
pub struct SoundLine;

#[async_trait]
impl Line for SoundLine {
    async fn before(&self, _call: &'static str) -> Fate {
        Fate::Done
    }

    async fn after(&self, _call: &'static str) {}
}

/// A worker's connection to the tables.
#[derive(Debug, Clone)]
pub struct MemoryJournal {
    tables: Arc<Mutex<Tables>>,
    clock: Arc<dyn Clock>,
    line: Arc<dyn Line>,
    /// How far the worker's own clock is ahead of the tables'.
    ahead: TimeDelta,
}

impl MemoryJournal {
    /// A connection over a line.
    #[must_use]
    pub fn new(tables: Arc<Mutex<Tables>>, clock: Arc<dyn Clock>, line: Arc<dyn Line>) -> Self {
        Self { tables, clock, line, ahead: TimeDelta::zero() }
    }

    /// The same, for a worker whose own clock is wrong.
    #[must_use]
    pub fn whose_clock_is_ahead_by(self, ahead: TimeDelta) -> Self {
        Self { ahead, ..self }
    }

    /// The tables, past the line.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits an organization that is to be created, and its create.
    ///
    /// # Errors
    /// When the database is away. A commit whose answer is lost is read again first.
    pub async fn begin_create(
        &self,
        org: &NewOrganization,
        operation: &NewOperation,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginCreate> {
        let (begun, is_lost) = self
            .commit("begin_create", |tables, now| tables.begin_create(org, operation, options, now))
            .await?;
        match begun {
            BeginCreate::Begun(operation) if is_lost => {
                self.is_committed(&operation).await.map(|()| BeginCreate::Begun(operation))
            }
            BeginCreate::AlreadyMapped(_) | BeginCreate::Replay(_) if is_lost => Err(away()),
            BeginCreate::Begun(_) | BeginCreate::AlreadyMapped(_) | BeginCreate::Replay(_) => {
                Ok(begun)
            }
        }
    }

    /// Commits an operation on an organization, or a change that needs none.
    ///
    /// # Errors
    /// When the database is away. A commit whose answer is lost is read again first.
    pub async fn begin_operation<E: Send>(
        &self,
        scope: &TenantScope,
        organization_id: Uuid,
        plan: impl FnOnce(&mut Organization) -> Result<Plan, E> + Send,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginUpdate<E>> {
        let (begun, is_lost) = self
            .commit("begin_operation", |tables, now| {
                tables.begin_operation(scope, organization_id, plan, options, now)
            })
            .await?;
        match begun {
            BeginUpdate::Begun(operation, before) if is_lost => {
                self.is_committed(&operation).await.map(|()| BeginUpdate::Begun(operation, before))
            }
            BeginUpdate::Begun(..)
            | BeginUpdate::Done(_)
            | BeginUpdate::NotFound
            | BeginUpdate::Refused(_)
            | BeginUpdate::Replay(_) => {
                if is_lost {
                    Err(away())
                } else {
                    Ok(begun)
                }
            }
        }
    }

    /// Commits the mapping of an organization that already exists at its provider.
    ///
    /// # Errors
    /// When the database is away; `organizations_provider_org_id_key` where it is mapped already.
    pub async fn adopt(
        &self,
        org: &Organization,
        key: Option<&KeyClaim>,
    ) -> StoreResult<BeginCreate> {
        self.call("adopt", |tables, now| tables.adopt(org, key, now)).await
    }

    /// Nothing may be sent on the strength of a commit that is not known.
    async fn is_committed(&self, operation: &Operation) -> StoreResult<()> {
        match self.reread_operation(operation.id).await? {
            Some(found) if found.epoch == operation.epoch => Ok(()),
            Some(_) | None => Err(away()),
        }
    }

    /// Does a transaction, and tells whether the answer to its commit was lost.
    async fn commit<T: Send>(
        &self,
        call: &'static str,
        work: impl FnOnce(&mut Tables, DateTime<Utc>) -> StoreResult<T> + Send,
    ) -> StoreResult<(T, bool)> {
        let fate = self.line.before(call).await;
        if fate == Fate::Away {
            return Err(away());
        }
        let done = work(&mut self.tables(), self.clock.now());
        self.line.after(call).await;
        done.map(|value| (value, fate == Fate::AnswerLost))
    }

    async fn call<T: Send>(
        &self,
        call: &'static str,
        work: impl FnOnce(&mut Tables, DateTime<Utc>) -> StoreResult<T> + Send,
    ) -> StoreResult<T> {
        match self.commit(call, work).await? {
            (_, true) => Err(away()),
            (value, false) => Ok(value),
        }
    }
}

fn away() -> StoreError {
    let why = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    StoreError::Unavailable(sqlx::Error::Io(why))
}

fn record_call(next: OperationState) -> &'static str {
    match next {
        OperationState::Accepted => "record accepted",
        OperationState::Sending => "record sending",
        OperationState::Unknown => "record unknown",
        OperationState::Quarantined => "record quarantined",
        OperationState::Succeeded => "record succeeded",
        OperationState::Rejected => "record rejected",
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now() + self.ahead
    }

    async fn clock(&self) -> StoreResult<DateTime<Utc>> {
        self.call("clock", |_, now| Ok(now)).await
    }

    async fn watch_operation(&self, id: Uuid) -> StoreResult<Option<Operation>> {
        self.call("watch_operation", |tables, _| Ok(tables.operation(id).cloned())).await
    }

    async fn reread_operation(&self, id: Uuid) -> StoreResult<Option<Operation>> {
        self.call("reread_operation", |tables, _| Ok(tables.operation(id).cloned())).await
    }

    async fn reread_organization(&self, id: Uuid) -> StoreResult<Organization> {
        self.call("reread_organization", |tables, _| tables.reread_organization(id)).await
    }

    async fn last_operation(
        &self,
        organization_id: Uuid,
        kind: OperationKind,
    ) -> StoreResult<Option<Operation>> {
        self.call("last_operation", |tables, _| {
            Ok(tables.last_operation(organization_id, kind).cloned())
        })
        .await
    }

    async fn record(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> StoreResult<Recorded> {
        let call = record_call(outcome.next.state());
        self.call(call, |tables, now| tables.record(operation, evidence, outcome, now)).await
    }

    async fn add_evidence(&self, operation_id: Uuid, evidence: &Evidence) -> StoreResult<()> {
        self.call("add_evidence", |tables, _| {
            tables.put_evidence(operation_id, evidence.clone());
            Ok(())
        })
        .await
    }

    async fn evidence_of(&self, operation_id: Uuid) -> StoreResult<Vec<Evidence>> {
        self.call("evidence_of", |tables, _| Ok(tables.evidence_of(operation_id).to_vec())).await
    }

    async fn proven_provider_org_id(&self, operation_id: Uuid) -> StoreResult<Option<String>> {
        self.call("proven_provider_org_id", |tables, _| {
            Ok(tables.proven_provider_org_id(operation_id))
        })
        .await
    }

    async fn known_mappings(
        &self,
        provider: &str,
        ids: &[String],
    ) -> StoreResult<Vec<KnownMapping>> {
        self.call("known_mappings", |tables, _| Ok(tables.known_mappings(provider, ids))).await
    }

    async fn open_creates_like(
        &self,
        provider: &str,
        keys: &CreateKeys,
    ) -> StoreResult<Vec<OpenCreate>> {
        self.call("open_creates_like", |tables, _| Ok(tables.open_creates_like(provider, keys)))
            .await
    }

    async fn claim_due(
        &self,
        provider: &str,
        creates: bool,
        limit: i64,
        lease: Duration,
        budget: &CreateBudget,
    ) -> StoreResult<Due> {
        self.call("claim_due", |tables, now| {
            tables.claim_due(provider, creates, limit, lease, budget, now)
        })
        .await
    }

    async fn claim_unknown(
        &self,
        provider: &str,
        limit: i64,
        lease: Duration,
    ) -> StoreResult<Vec<Operation>> {
        self.call("claim_unknown", |tables, now| tables.claim_unknown(provider, limit, lease, now))
            .await
    }

    async fn claim_one_unknown(
        &self,
        id: Uuid,
        epoch: i64,
        lease: Duration,
    ) -> StoreResult<Option<Operation>> {
        self.call("claim_one_unknown", |tables, now| {
            Ok(tables.claim_one_unknown(id, epoch, lease, now))
        })
        .await
    }

    async fn expire_leases(&self, provider: &str, settle_window: Duration) -> StoreResult<u64> {
        self.call("expire_leases", |tables, now| tables.expire_leases(provider, settle_window, now))
            .await
    }

    async fn close_gate(&self, provider: &str, wait: Duration, reason: &str) -> StoreResult<()> {
        self.call("close_gate", |tables, now| {
            tables.close_gate(provider, wait, reason, now);
            Ok(())
        })
        .await
    }

    async fn note_reading(&self, provider: &str) -> StoreResult<()> {
        self.call("note_reading", |tables, now| {
            tables.note_reading(provider, now);
            Ok(())
        })
        .await
    }
}
