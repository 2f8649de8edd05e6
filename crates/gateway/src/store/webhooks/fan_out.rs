//! From the feed to deliveries: a webhook's cursor moves in the transaction that writes the deliveries of
//! the events that it passes. The feed has no gaps, so nothing is passed over; whoever dies on the way has
//! moved nothing.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{
    connect::Store,
    error::{StoreResult, store_error},
    lane::{Tx, bounded},
};

/// Numbers of the feed that one transaction passes at most.
const BATCH: i64 = 500;

/// What one turn at the feed came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FannedOut {
    /// A webhook was behind, and another may be.
    pub more: bool,
    /// Deliveries that are to be sent, again or for the first time.
    pub deliveries: u64,
}

struct Behind {
    id: Uuid,
    tenant: String,
    types: Vec<String>,
    cursor: i64,
    head: i64,
}

impl Store {
    /// Takes one webhook that is behind the feed some way on.
    ///
    /// # Behavior
    /// Replicas take different webhooks. What was delivered before and is passed again, after a replay,
    /// is to be sent once more under the same id.
    ///
    /// # Errors
    /// When the database fails; then nothing was moved.
    pub async fn fan_out(&self, now: DateTime<Utc>) -> StoreResult<FannedOut> {
        bounded(async { fan_out_in(self.pool.begin().await?, now).await }).await
    }
}

async fn fan_out_in(mut tx: Tx, now: DateTime<Utc>) -> StoreResult<FannedOut> {
    let Some(behind) = take_one(tx.get()?).await? else {
        tx.rollback().await?;
        return Ok(FannedOut::default());
    };
    let up_to = behind.head.min(behind.cursor.saturating_add(BATCH));
    let deliveries = write(tx.get()?, &behind, up_to, now).await?;
    sqlx::query!("update webhooks set cursor = $2 where id = $1", behind.id, up_to)
        .execute(tx.get()?)
        .await
        .map_err(store_error)?;
    tx.commit().await.map_err(store_error)?;
    Ok(FannedOut { more: true, deliveries })
}

async fn take_one(connection: &mut PgConnection) -> StoreResult<Option<Behind>> {
    sqlx::query_as!(
        Behind,
        r#"select w.id, w.tenant, w.types, w.cursor, h.sequence as head
           from webhooks w, event_feed_head h
           where w.state = 'active' and w.cursor < h.sequence
           order by w.cursor limit 1 for update of w skip locked"#
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)
}

async fn write(
    connection: &mut PgConnection,
    behind: &Behind,
    up_to: i64,
    now: DateTime<Utc>,
) -> StoreResult<u64> {
    // A webhook that names no type gets the events of organizations. Events about webhooks are sent where they are named.
    let sequences = sqlx::query_scalar!(
        "select sequence from event_feed
         where tenant = $1 and sequence > $2 and sequence <= $3
           and (type = any($4) or ($4::text[] = '{}' and organization_id is not null))
         order by sequence",
        behind.tenant,
        behind.cursor,
        up_to,
        &behind.types
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let ids: Vec<Uuid> = sequences.iter().map(|_| Uuid::now_v7()).collect();
    let written = sqlx::query!(
        "insert into webhook_deliveries (id, webhook_id, sequence, organization_id, type, next_attempt_at,
             created_at)
         select n.id, $1, f.sequence, f.organization_id, f.type, $4, $4
         from unnest($2::uuid[], $3::bigint[]) as n (id, sequence) join event_feed f using (sequence)
         on conflict (webhook_id, sequence) do update
         set state = 'pending', attempts = 0, next_attempt_at = $4, first_attempt_at = null,
             last_error = null, last_status = null, finished_at = null, lease_until = null,
             epoch = webhook_deliveries.epoch + 1
         where webhook_deliveries.state <> 'pending'",
        behind.id,
        &ids,
        &sequences,
        now
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(written.rows_affected())
}
