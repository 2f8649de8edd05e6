//! The two stores, under one name.

use std::sync::MutexGuard;

use async_trait::async_trait;
use partner_gateway::{
    operations::Journal,
    store::{
        BeginCreate, BeginOptions, BeginUpdate, EventContext, Evidence, KeyClaim, NewOperation,
        Operation, OperationFilter, Organization, OrganizationFilter, Outcome, PageRequest, Plan,
        Recorded, Store, StoreResult, TenantScope,
    },
};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    CannotPlay,
    compare::{self, Rows},
};
use crate::memory::{MemoryJournal, Tables};

/// A store, and what its callers have seen of it.
#[async_trait]
pub(super) trait Side: Send + Sync {
    fn journal(&self) -> std::sync::Arc<dyn Journal>;
    fn see(&mut self, operation: Operation);
    fn seen(&self, index: usize) -> Option<Operation>;
    fn seen_so_far(&self) -> usize;

    /// In an order that does not hang on the store's.
    fn see_all(&mut self, mut operations: Vec<Operation>) {
        operations.sort_by_key(|operation| operation.id);
        operations.into_iter().for_each(|operation| self.see(operation));
    }

    async fn record(
        &self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
    ) -> StoreResult<Recorded> {
        self.journal().record(operation, evidence, outcome).await
    }

    async fn begin_create(
        &self,
        org: &Organization,
        operation: &NewOperation,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginCreate>;

    async fn begin_operation<P>(
        &self,
        scope: &TenantScope,
        id: Uuid,
        plan: P,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginUpdate<()>>
    where
        P: FnOnce(&mut Organization) -> Result<Plan, ()> + Send;

    async fn adopt(&self, org: &Organization, key: Option<&KeyClaim>) -> StoreResult<BeginCreate>;
}

/// The store in memory.
pub(super) struct Memory {
    journal: MemoryJournal,
    seen: Vec<Operation>,
}

impl Memory {
    pub(super) fn new(journal: MemoryJournal) -> Self {
        Self { journal, seen: Vec::new() }
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.journal.tables()
    }

    pub(super) fn rows(&self) -> Rows {
        compare::of_memory(&self.tables(), self.journal.now())
    }
}

#[async_trait]
impl Side for Memory {
    fn journal(&self) -> std::sync::Arc<dyn Journal> {
        std::sync::Arc::new(self.journal.clone())
    }

    fn see(&mut self, operation: Operation) {
        self.seen.push(operation);
    }

    fn seen(&self, index: usize) -> Option<Operation> {
        self.seen.get(index).cloned()
    }

    fn seen_so_far(&self) -> usize {
        self.seen.len()
    }

    async fn begin_create(
        &self,
        org: &Organization,
        operation: &NewOperation,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginCreate> {
        self.journal.begin_create(org, operation, options).await
    }

    async fn begin_operation<P>(
        &self,
        scope: &TenantScope,
        id: Uuid,
        plan: P,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginUpdate<()>>
    where
        P: FnOnce(&mut Organization) -> Result<Plan, ()> + Send,
    {
        self.journal.begin_operation(scope, id, plan, options).await
    }

    async fn adopt(&self, org: &Organization, key: Option<&KeyClaim>) -> StoreResult<BeginCreate> {
        self.journal.adopt(org, key).await
    }
}

/// The store in PostgreSQL.
pub(super) struct Postgres {
    store: Store,
    rows: PgPool,
    seen: Vec<Operation>,
}

impl Postgres {
    pub(super) fn new(store: Store, rows: PgPool) -> Self {
        Self { store, rows, seen: Vec::new() }
    }

    pub(super) async fn rows(&self) -> Result<Rows, CannotPlay> {
        let page = PageRequest { limit: 1_000, after: None, include_total: false };
        let all = TenantScope::All;
        let operations =
            self.store.list_operations(&all, &OperationFilter::default(), &page).await?;
        let organizations =
            self.store.list_organizations(&all, &OrganizationFilter::default(), &page).await?;
        compare::of_postgres(&self.rows, operations.items, organizations.items).await
    }
}

#[async_trait]
impl Side for Postgres {
    fn journal(&self) -> std::sync::Arc<dyn Journal> {
        std::sync::Arc::new(self.store.clone())
    }

    fn see(&mut self, operation: Operation) {
        self.seen.push(operation);
    }

    fn seen(&self, index: usize) -> Option<Operation> {
        self.seen.get(index).cloned()
    }

    fn seen_so_far(&self) -> usize {
        self.seen.len()
    }

    async fn begin_create(
        &self,
        org: &Organization,
        operation: &NewOperation,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginCreate> {
        self.store.begin_create(org, operation, options).await
    }

    async fn begin_operation<P>(
        &self,
        scope: &TenantScope,
        id: Uuid,
        plan: P,
        options: BeginOptions<'_>,
    ) -> StoreResult<BeginUpdate<()>>
    where
        P: FnOnce(&mut Organization) -> Result<Plan, ()> + Send,
    {
        self.store.begin_operation(scope, id, plan, options).await
    }

    async fn adopt(&self, org: &Organization, key: Option<&KeyClaim>) -> StoreResult<BeginCreate> {
        let context = EventContext {
            actor: "actor".to_owned(),
            request_id: "request".to_owned(),
            provider_request_id: None,
            operation_id: None,
        };
        self.store.adopt(org, &context, key).await
    }
}
