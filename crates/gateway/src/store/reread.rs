//! What the engine reads of what it works on, over the connections that are kept aside for outcomes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreError, StoreResult, store_error},
    model::{EvidenceKind, Operation, Organization},
    rows::{OperationRow, OrganizationRow},
};

impl Store {
    /// The id at the provider that a create's evidence proves, if any of it does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn proven_provider_org_id(&self, operation_id: Uuid) -> StoreResult<Option<String>> {
        let found = sqlx::query_scalar!(
            "select detail ->> 'provider_org_id' from evidence
             where operation_id = $1 and kind = $2 and detail ? 'provider_org_id' order by id limit 1",
            operation_id,
            EvidenceKind::Answer.as_str()
        )
        .fetch_optional(&self.outcomes)
        .await
        .map_err(store_error)?;
        Ok(found.flatten())
    }

    /// The database's time, which leases and settle windows are counted by.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn clock(&self) -> StoreResult<DateTime<Utc>> {
        sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#)
            .fetch_one(&self.outcomes)
            .await
            .map_err(store_error)
    }

    /// An operation as it now stands, for the engine.
    ///
    /// # Errors
    /// When the database fails, or there is no such operation.
    pub async fn reread_operation(&self, id: Uuid) -> StoreResult<Option<Operation>> {
        sqlx::query_as!(OperationRow, "select * from operations where id = $1", id)
            .fetch_optional(&self.outcomes)
            .await
            .map_err(store_error)?
            .map(Operation::try_from)
            .transpose()
    }

    /// The epoch of an operation at a server that takes writes: a former primary may not have what its
    /// successor has. Locking the row is what such a server refuses.
    ///
    /// # Errors
    /// When the database fails, or none that takes writes is found.
    pub(super) async fn epoch_at_primary(&self, id: Uuid) -> StoreResult<Option<i64>> {
        sqlx::query_scalar!("select epoch from operations where id = $1 for key share", id)
            .fetch_optional(&self.outcomes)
            .await
            .map_err(store_error)
    }

    /// An organization as it now stands, for the engine.
    ///
    /// # Errors
    /// When the database fails, or the server that answered does not have it: no row is ever taken away, so
    /// that is a former primary.
    pub async fn reread_organization(&self, id: Uuid) -> StoreResult<Organization> {
        let row: OrganizationRow = sqlx::query_as("select * from organizations where id = $1")
            .bind(id)
            .fetch_optional(&self.outcomes)
            .await
            .map_err(store_error)?
            .ok_or_else(|| {
                self.outcomes.distrust();
                StoreError::behind()
            })?;
        row.try_into()
    }
}
