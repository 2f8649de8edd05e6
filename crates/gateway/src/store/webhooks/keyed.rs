//! Writes of webhooks under an idempotency key: the key is taken in the transaction of the write.

use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::QueryAs};
use uuid::Uuid;

use super::{Webhook, WebhookRow};
use crate::store::{
    connect::Store,
    error::{StoreResult, store_error},
    idempotency::KeyClaim,
    lane::bounded,
};

/// What became of a write under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyed<T> {
    /// It was done.
    Done(T),
    /// There is nothing to do it to; the key was not used up.
    Missing,
    /// The key was taken before; nothing was done.
    Taken,
}

impl<T> Keyed<T> {
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Keyed<U> {
        match self {
            Self::Done(value) => Keyed::Done(f(value)),
            Self::Missing => Keyed::Missing,
            Self::Taken => Keyed::Taken,
        }
    }
}

impl Store {
    /// Runs a write that answers a webhook, under a key if there is one. `subject` is what it makes.
    pub(super) async fn keyed<R>(
        &self,
        key: Option<&KeyClaim>,
        subject: Uuid,
        write: QueryAs<'_, Postgres, R, PgArguments>,
    ) -> StoreResult<Keyed<R>>
    where
        R: Send + Unpin + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
    {
        bounded(async {
            let mut tx = self.pool.begin().await?;
            if let Some(key) = key
                && !take_key(tx.get()?, key, subject).await?
            {
                tx.rollback().await?;
                return Ok(Keyed::Taken);
            }
            match write.fetch_optional(tx.get()?).await.map_err(store_error)? {
                Some(row) => {
                    tx.commit().await.map_err(store_error)?;
                    Ok(Keyed::Done(row))
                }
                None => {
                    tx.rollback().await?;
                    Ok(Keyed::Missing)
                }
            }
        })
        .await
    }

    pub(super) async fn keyed_webhook(
        &self,
        key: Option<&KeyClaim>,
        subject: Uuid,
        write: QueryAs<'_, Postgres, WebhookRow, PgArguments>,
    ) -> StoreResult<Keyed<Webhook>> {
        match self.keyed(key, subject, write).await? {
            Keyed::Done(row) => Ok(Keyed::Done(row.try_into()?)),
            Keyed::Missing => Ok(Keyed::Missing),
            Keyed::Taken => Ok(Keyed::Taken),
        }
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
