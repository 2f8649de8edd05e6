//! Taking deliveries up: by lease and epoch, in the order of each organization's events.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{
    connect::Store,
    error::{StoreResult, store_error},
    lane::{Tx, bounded},
};

/// The event of a delivery, as the feed has it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryEvent {
    /// Its number in the feed.
    pub sequence: i64,
    /// Its organization; `None` for an event about a webhook.
    pub organization_id: Option<Uuid>,
    /// Its number within the organization.
    pub organization_sequence: Option<i64>,
    /// The operation that it belongs to.
    pub operation_id: Option<Uuid>,
    /// Who did it.
    pub actor: String,
    /// By which request.
    pub request_id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The fields that changed, before; personal data is masked.
    pub before: Option<Value>,
    /// And after.
    pub after: Option<Value>,
}

/// A delivery that is this worker's to send.
#[derive(Clone, PartialEq)]
pub struct ClaimedDelivery {
    /// The delivery.
    pub id: Uuid,
    /// Its webhook.
    pub webhook_id: Uuid,
    /// The claim.
    pub epoch: i64,
    /// How often it was sent, this time included.
    pub attempts: i32,
    /// When it was first sent.
    pub first_attempt_at: DateTime<Utc>,
    /// The kind of event.
    pub event_type: String,
    /// The event; `None` for a test.
    pub event: Option<DeliveryEvent>,
    /// When it was first to be sent.
    pub created_at: DateTime<Utc>,
    /// Where it goes.
    pub url: String,
    /// What signs, sealed.
    pub secret: Vec<u8>,
    /// What signs along, sealed.
    pub old_secret: Option<Vec<u8>>,
}

impl std::fmt::Debug for ClaimedDelivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClaimedDelivery").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Store {
    /// Takes up what is due, at most `each` of a webhook.
    ///
    /// # Behavior
    /// Of an organization only the first event that has not ended is due: a later one waits until it is
    /// delivered or given up. Who dies with one has it until the lease ends; then it is sent again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_deliveries(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        each: i64,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        bounded(async { claim_in(self.pool.begin().await?, now, lease, each).await }).await
    }
}

async fn claim_in(
    mut tx: Tx,
    now: DateTime<Utc>,
    lease: TimeDelta,
    each: i64,
) -> StoreResult<Vec<ClaimedDelivery>> {
    let ids = due(tx.get()?, now, each).await?;
    if ids.is_empty() {
        tx.rollback().await?;
        return Ok(Vec::new());
    }
    sqlx::query!(
        "update webhook_deliveries
         set lease_until = $2, epoch = epoch + 1, attempts = attempts + 1, last_attempt_at = $3,
             first_attempt_at = coalesce(first_attempt_at, $3)
         where id = any($1)",
        &ids,
        now + lease,
        now
    )
    .execute(tx.get()?)
    .await
    .map_err(store_error)?;
    let rows = sqlx::query_as!(
        ClaimedRow,
        r#"select d.id, d.webhook_id, d.epoch, d.attempts, d.first_attempt_at as "first_attempt_at!",
                  d.type as event_type, d.created_at, w.url, w.secret,
                  case when w.old_secret_until > $2 then w.old_secret end as old_secret,
                  d.sequence, d.organization_id, e.organization_sequence as "organization_sequence?",
                  e.operation_id, e.actor as "actor?", e.request_id as "request_id?", e.at as "at?",
                  e.before, e.after
           from webhook_deliveries d join webhooks w on w.id = d.webhook_id
           left join event_feed f on f.sequence = d.sequence left join events e on e.id = f.event_id
           where d.id = any($1) order by d.sequence, d.id"#,
        &ids,
        now
    )
    .fetch_all(tx.get()?)
    .await
    .map_err(store_error)?;
    tx.commit().await.map_err(store_error)?;
    Ok(rows.into_iter().map(ClaimedDelivery::from).collect())
}

/// What is due, of each webhook so many less what is under way.
async fn due(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    each: i64,
) -> StoreResult<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"select due.id as "id!" from webhooks w cross join lateral (
               select d.id from webhook_deliveries d
               where d.webhook_id = w.id and d.state = 'pending' and d.next_attempt_at <= $1
                 and (d.lease_until is null or d.lease_until <= $1)
                 and not exists (
                     select 1 from webhook_deliveries b
                     where b.webhook_id = w.id and b.organization_id = d.organization_id
                       and b.state = 'pending' and b.sequence < d.sequence)
               order by d.next_attempt_at, d.sequence
               limit greatest(0, $2 - (
                   select count(*) from webhook_deliveries u
                   where u.webhook_id = w.id and u.state = 'pending' and u.lease_until > $1))
               for update of d skip locked) due
           where w.state = 'active' and (w.not_before is null or w.not_before <= $1)"#,
        now,
        each
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

struct ClaimedRow {
    id: Uuid,
    webhook_id: Uuid,
    epoch: i64,
    attempts: i32,
    first_attempt_at: DateTime<Utc>,
    event_type: String,
    created_at: DateTime<Utc>,
    url: String,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
    sequence: Option<i64>,
    organization_id: Option<Uuid>,
    organization_sequence: Option<i64>,
    operation_id: Option<Uuid>,
    actor: Option<String>,
    request_id: Option<String>,
    at: Option<DateTime<Utc>>,
    before: Option<Value>,
    after: Option<Value>,
}

impl From<ClaimedRow> for ClaimedDelivery {
    fn from(row: ClaimedRow) -> Self {
        let event = match (row.sequence, row.at) {
            (Some(sequence), Some(at)) => Some(DeliveryEvent {
                sequence,
                organization_id: row.organization_id,
                organization_sequence: row.organization_sequence,
                operation_id: row.operation_id,
                actor: row.actor.unwrap_or_default(),
                request_id: row.request_id.unwrap_or_default(),
                at,
                before: row.before,
                after: row.after,
            }),
            (_, _) => None,
        };
        Self {
            id: row.id,
            webhook_id: row.webhook_id,
            epoch: row.epoch,
            attempts: row.attempts,
            first_attempt_at: row.first_attempt_at,
            event_type: row.event_type,
            event,
            created_at: row.created_at,
            url: row.url,
            secret: row.secret,
            old_secret: row.old_secret,
        }
    }
}
