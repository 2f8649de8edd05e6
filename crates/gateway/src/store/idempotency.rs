//! Idempotency keys: what a caller's first request under a key made.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    lane::bounded,
};

/// A key that a request wants to take.
#[derive(Debug, Clone)]
pub struct KeyClaim {
    /// The tenant whose key it is.
    pub tenant: String,
    /// The key.
    pub key: String,
    /// HMAC of method, path and JSON value.
    pub fingerprint: Vec<u8>,
}

/// What is known of a key that was taken.
#[derive(Debug, Clone)]
pub struct IdempotencyRecord {
    /// HMAC of the first request.
    pub fingerprint: Vec<u8>,
    /// The operations it made; empty where it needed none.
    pub operation_ids: Vec<Uuid>,
    /// The organization it was about; `None` where it was about a customer.
    pub organization_id: Option<Uuid>,
}

impl Store {
    /// What is known of a key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_idempotency_key(
        &self,
        tenant: &str,
        key: &str,
    ) -> StoreResult<Option<IdempotencyRecord>> {
        sqlx::query_as!(
            IdempotencyRecord,
            "select fingerprint, operation_ids, organization_id
             from idempotency_keys where tenant = $1 and key = $2",
            tenant,
            key
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)
    }

    /// Takes a key for a request that spans several operations. False when it was taken already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_idempotency_key(
        &self,
        claim: &KeyClaim,
        operation_ids: &[Uuid],
    ) -> StoreResult<bool> {
        bounded(async {
            let mut tx = self.pool.begin().await?;
            let taken = take_key(tx.get()?, claim, operation_ids, None).await?;
            tx.commit().await.map_err(store_error)?;
            Ok(taken)
        })
        .await
    }

    /// Forgets keys older than 31 days whose operations have all ended. Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune_idempotency_keys(&self) -> StoreResult<u64> {
        let pruned = sqlx::query!(
            "delete from idempotency_keys k
             where k.created_at < now() - interval '31 days'
               and not exists (select from operations o where o.id = any(k.operation_ids)
                               and (o.finished_at is null or o.finished_at > now() - interval '31 days'))"
        )
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(pruned.rows_affected())
    }
}

/// Takes the key within the transaction of what it is for. Waits for another that is taking it now.
pub(super) async fn take_key(
    connection: &mut PgConnection,
    claim: &KeyClaim,
    operation_ids: &[Uuid],
    organization_id: Option<Uuid>,
) -> StoreResult<bool> {
    let taken = sqlx::query!(
        "insert into idempotency_keys (tenant, key, fingerprint, operation_ids, organization_id)
         values ($1, $2, $3, $4, $5) on conflict (tenant, key) do nothing",
        claim.tenant,
        claim.key,
        claim.fingerprint,
        operation_ids,
        organization_id
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(taken.rows_affected() == 1)
}
