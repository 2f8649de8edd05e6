//! Writes that change a webhook: each under its idempotency key, with its event, in one transaction.

use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::QueryAs};
use uuid::Uuid;

use super::{
    Webhook, WebhookRow,
    changes::{WebhookAction, append_change},
};
use crate::store::{
    connect::Store,
    error::{StoreResult, store_error},
    events::EventContext,
    idempotency::KeyClaim,
    lane::{Tx, bounded},
    model::TenantScope,
};

/// The result of a write under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyed<T> {
    /// The write is committed.
    Done(T),
    /// The row to change does not exist; the key is still free.
    Missing,
    /// An earlier request has the key; nothing was written.
    Taken,
}

impl Store {
    /// Runs a write that returns the webhook `subject`, and appends its event.
    pub(super) async fn write_webhook(
        &self,
        key: Option<&KeyClaim>,
        subject: Uuid,
        write: QueryAs<'_, Postgres, WebhookRow, PgArguments>,
        action: WebhookAction,
        by: &EventContext,
    ) -> StoreResult<Keyed<Webhook>> {
        bounded(async {
            let Some(mut tx) = self.begin_keyed(key, subject).await? else {
                return Ok(Keyed::Taken);
            };
            let before = lock_webhook(tx.get()?, &TenantScope::All, subject).await?;
            let Some(row) = write.fetch_optional(tx.get()?).await.map_err(store_error)? else {
                tx.rollback().await?;
                return Ok(Keyed::Missing);
            };
            let after = Webhook::try_from(row)?;
            let before = before.as_ref().unwrap_or(&after);
            append_change(tx.get()?, action, by, before, &after).await?;
            tx.commit().await.map_err(store_error)?;
            Ok(Keyed::Done(after))
        })
        .await
    }

    /// Begins a transaction that takes the key for `subject`. `None` where an earlier request has the key.
    pub(super) async fn begin_keyed(
        &self,
        key: Option<&KeyClaim>,
        subject: Uuid,
    ) -> StoreResult<Option<Tx>> {
        let mut tx = self.pool.begin().await?;
        if let Some(key) = key
            && !take_key(tx.get()?, key, subject).await?
        {
            tx.rollback().await?;
            return Ok(None);
        }
        Ok(Some(tx))
    }

    /// The webhook or the delivery that the first request with a key made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn subject_of_key(&self, tenant: &str, key: &str) -> StoreResult<Option<Uuid>> {
        let found = sqlx::query_scalar!(
            "select subject_id from idempotency_keys where tenant = $1 and key = $2",
            tenant,
            key
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(found.flatten())
    }
}

/// Reads a webhook that the scope covers, and locks its row until the transaction ends.
pub(super) async fn lock_webhook(
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: Uuid,
) -> StoreResult<Option<Webhook>> {
    let row = sqlx::query_as::<_, WebhookRow>(
        "select * from webhooks where id = $1 and ($2::text is null or tenant = $2) for update",
    )
    .bind(id)
    .bind(scope.tenant())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(Webhook::try_from).transpose()
}

async fn take_key(
    connection: &mut PgConnection,
    claim: &KeyClaim,
    subject: Uuid,
) -> StoreResult<bool> {
    let taken = sqlx::query!(
        "insert into idempotency_keys (tenant, key, fingerprint, operation_ids, subject_id)
         values ($1, $2, $3, '{}', $4) on conflict (tenant, key) do nothing",
        claim.tenant,
        claim.key,
        claim.fingerprint,
        subject
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(taken.rows_affected() == 1)
}
