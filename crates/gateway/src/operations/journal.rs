//! What the engine asks of the database, as a trait: so that the very same engine runs over a store in
//! memory, with a clock of its own, where a million operations can be lost and found again.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::store::{
    CreateBudget, CreateKeys, Due, Evidence, KnownMapping, OpenCreate, Operation, OperationKind,
    Organization, Outcome, Recorded, Store, StoreResult, TenantScope,
};

/// Where operations are kept. [`Store`] is the one that counts; its methods say what each does.
#[async_trait]
pub trait Journal: std::fmt::Debug + Send + Sync + 'static {
    /// This replica's time, as exact as it is kept: for what is told, not for what is concluded.
    fn now(&self) -> DateTime<Utc>;
    /// The time that leases and settle windows are counted by, the same for every replica.
    async fn clock(&self) -> StoreResult<DateTime<Utc>>;
    /// An operation, for whoever waits for it.
    async fn watch_operation(&self, id: Uuid) -> StoreResult<Option<Operation>>;
    /// An operation, for whoever works on it.
    async fn reread_operation(&self, id: Uuid) -> StoreResult<Option<Operation>>;
    /// An organization, for whoever works on it.
    async fn reread_organization(&self, id: Uuid) -> StoreResult<Organization>;
    /// The last operation of an organization of this kind.
    async fn last_operation(
        &self,
        organization_id: Uuid,
        kind: OperationKind,
    ) -> StoreResult<Option<Operation>>;
    /// Writes down where an operation goes next, fenced by its epoch and state.
    async fn record(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> StoreResult<Recorded>;
    /// Writes down what was seen, unfenced.
    async fn add_evidence(&self, operation_id: Uuid, evidence: &Evidence) -> StoreResult<()>;
    /// The evidence of an operation, in order.
    async fn evidence_of(&self, operation_id: Uuid) -> StoreResult<Vec<Evidence>>;
    /// The id that a create's evidence proves.
    async fn proven_provider_org_id(&self, operation_id: Uuid) -> StoreResult<Option<String>>;
    /// The mappings of these ids at a provider.
    async fn known_mappings(
        &self,
        provider: &str,
        ids: &[String],
    ) -> StoreResult<Vec<KnownMapping>>;
    /// The open creates at a provider that have any of these keys.
    async fn open_creates_like(
        &self,
        provider: &str,
        keys: &CreateKeys,
    ) -> StoreResult<Vec<OpenCreate>>;
    /// Takes up accepted operations that are due.
    async fn claim_due(
        &self,
        provider: &str,
        creates: bool,
        limit: i64,
        lease: Duration,
        budget: &CreateBudget,
    ) -> StoreResult<Due>;
    /// Takes up unknown operations that are due.
    async fn claim_unknown(
        &self,
        provider: &str,
        limit: i64,
        lease: Duration,
    ) -> StoreResult<Vec<Operation>>;
    /// Takes up one unknown operation.
    async fn claim_one_unknown(
        &self,
        id: Uuid,
        epoch: i64,
        lease: Duration,
    ) -> StoreResult<Option<Operation>>;
    /// Makes what outlived its lease unknown.
    async fn expire_leases(&self, provider: &str, settle_window: Duration) -> StoreResult<u64>;
    /// Shuts an account's gate.
    async fn close_gate(&self, provider: &str, wait: Duration, reason: &str) -> StoreResult<()>;
    /// Remembers that an account was read.
    async fn note_reading(&self, provider: &str) -> StoreResult<()>;
}

#[async_trait]
impl Journal for Store {
    fn now(&self) -> DateTime<Utc> {
        super::now()
    }

    async fn clock(&self) -> StoreResult<DateTime<Utc>> {
        Self::clock(self).await
    }

    async fn watch_operation(&self, id: Uuid) -> StoreResult<Option<Operation>> {
        // Not over the connections that are kept aside for outcomes.
        self.get_operation(&TenantScope::All, id).await
    }

    async fn reread_operation(&self, id: Uuid) -> StoreResult<Option<Operation>> {
        Self::reread_operation(self, id).await
    }

    async fn reread_organization(&self, id: Uuid) -> StoreResult<Organization> {
        Self::reread_organization(self, id).await
    }

    async fn last_operation(
        &self,
        organization_id: Uuid,
        kind: OperationKind,
    ) -> StoreResult<Option<Operation>> {
        Self::last_operation(self, organization_id, kind).await
    }

    async fn record(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> StoreResult<Recorded> {
        Self::record(self, operation, evidence, outcome).await
    }

    async fn add_evidence(&self, operation_id: Uuid, evidence: &Evidence) -> StoreResult<()> {
        Self::add_evidence(self, operation_id, evidence).await
    }

    async fn evidence_of(&self, operation_id: Uuid) -> StoreResult<Vec<Evidence>> {
        Self::evidence_of(self, operation_id).await
    }

    async fn proven_provider_org_id(&self, operation_id: Uuid) -> StoreResult<Option<String>> {
        Self::proven_provider_org_id(self, operation_id).await
    }

    async fn known_mappings(
        &self,
        provider: &str,
        ids: &[String],
    ) -> StoreResult<Vec<KnownMapping>> {
        Self::known_mappings(self, provider, ids).await
    }

    async fn open_creates_like(
        &self,
        provider: &str,
        keys: &CreateKeys,
    ) -> StoreResult<Vec<OpenCreate>> {
        Self::open_creates_like(self, provider, keys).await
    }

    async fn claim_due(
        &self,
        provider: &str,
        creates: bool,
        limit: i64,
        lease: Duration,
        budget: &CreateBudget,
    ) -> StoreResult<Due> {
        Self::claim_due(self, provider, creates, limit, lease, budget).await
    }

    async fn claim_unknown(
        &self,
        provider: &str,
        limit: i64,
        lease: Duration,
    ) -> StoreResult<Vec<Operation>> {
        Self::claim_unknown(self, provider, limit, lease).await
    }

    async fn claim_one_unknown(
        &self,
        id: Uuid,
        epoch: i64,
        lease: Duration,
    ) -> StoreResult<Option<Operation>> {
        Self::claim_one_unknown(self, id, epoch, lease).await
    }

    async fn expire_leases(&self, provider: &str, settle_window: Duration) -> StoreResult<u64> {
        Self::expire_leases(self, provider, settle_window).await
    }

    async fn close_gate(&self, provider: &str, wait: Duration, reason: &str) -> StoreResult<()> {
        Self::close_gate(self, provider, wait, reason).await
    }

    async fn note_reading(&self, provider: &str) -> StoreResult<()> {
        Self::note_reading(self, provider).await
    }
}
