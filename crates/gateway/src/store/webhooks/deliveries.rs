//! Deliveries: what became of each sending, and what is told of it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::{
    DeliveryState, Keyed, WebhookDelivery, WebhookState,
    changes::{WebhookAction, append_change},
    claims::ClaimedDelivery,
    keyed::lock_webhook,
};
use crate::actors::GatewayActor;
use crate::store::{
    connect::Store,
    error::{StoreError, StoreResult, store_error},
    events::EventContext,
    idempotency::KeyClaim,
    lane::{Tx, bounded},
    model::TenantScope,
    page::{PageAfter, PageOf, PageRequest},
};

/// What became of one sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryEnd {
    /// `Pending` where it is sent again.
    pub state: DeliveryState,
    /// When it is sent again.
    pub next_attempt_at: DateTime<Utc>,
    /// The receiver asks not to be called at all until then.
    pub not_before: Option<DateTime<Utc>>,
    /// What it answered.
    pub status: Option<i32>,
    /// What was wrong.
    pub error: Option<String>,
    /// The duration in milliseconds; `None` where no public receiver was reached.
    pub millis: Option<i32>,
    /// Why the webhook is told nothing more, if it is not.
    pub disable: Option<&'static str>,
    /// The webhook is told nothing more if nothing was delivered since then.
    pub disable_if_failing_since: DateTime<Utc>,
}

/// How much waits to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebhookBacklog {
    /// Deliveries that have not ended.
    pub pending: i64,
    /// For how many seconds the oldest of them has waited.
    pub oldest_seconds: i64,
}

impl Store {
    /// Writes down what became of a sending, if the delivery is still this worker's. Answers whether the
    /// webhook was disabled by it.
    ///
    /// # Errors
    /// When the database fails; then it is sent again when the lease ends.
    pub async fn end_delivery(
        &self,
        claimed: &ClaimedDelivery,
        now: DateTime<Utc>,
        end: &DeliveryEnd,
    ) -> StoreResult<bool> {
        bounded(async { end_in(self.pool.begin().await?, claimed, now, end).await }).await
    }

    /// Adds a test delivery, due at once. Returns its id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn test_webhook(
        &self,
        webhook_id: Uuid,
        event_type: &str,
        now: DateTime<Utc>,
        by: &EventContext,
        key: Option<&KeyClaim>,
    ) -> StoreResult<Keyed<Uuid>> {
        let id = Uuid::now_v7();
        bounded(async {
            let Some(mut tx) = self.begin_keyed(key, id).await? else { return Ok(Keyed::Taken) };
            let Some(webhook) = lock_webhook(tx.get()?, &TenantScope::All, webhook_id).await?
            else {
                tx.rollback().await?;
                return Ok(Keyed::Missing);
            };
            sqlx::query!(
                "insert into webhook_deliveries (id, webhook_id, type, next_attempt_at, created_at)
                 values ($1, $2, $3, $4, $4)",
                id,
                webhook_id,
                event_type,
                now
            )
            .execute(tx.get()?)
            .await
            .map_err(store_error)?;
            append_change(tx.get()?, WebhookAction::Test(id), by, &webhook, &webhook).await?;
            tx.commit().await.map_err(store_error)?;
            Ok(Keyed::Done(id))
        })
        .await
    }

    /// One delivery of the tenant's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get_delivery(
        &self,
        scope: &TenantScope,
        id: Uuid,
    ) -> StoreResult<Option<WebhookDelivery>> {
        let mut query = deliveries(scope);
        query.push(" and d.id = ").push_bind(id);
        let row: Option<DeliveryRow> =
            query.build_query_as().fetch_optional(&self.pool).await.map_err(store_error)?;
        row.map(WebhookDelivery::try_from).transpose()
    }

    /// One page of a webhook's deliveries, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_deliveries(
        &self,
        scope: &TenantScope,
        webhook_id: Uuid,
        state: Option<DeliveryState>,
        page: &PageRequest,
    ) -> StoreResult<PageOf<WebhookDelivery>> {
        let total = if page.include_total {
            let count = sqlx::query_scalar!(
                r#"select count(*) as "count!" from webhook_deliveries
                   where webhook_id = $1 and ($2::text is null or state = $2)"#,
                webhook_id,
                state.map(DeliveryState::as_str)
            );
            Some(count.fetch_one(&self.pool).await.map_err(store_error)?)
        } else {
            None
        };
        let mut query = deliveries(scope);
        query.push(" and d.webhook_id = ").push_bind(webhook_id);
        if let Some(state) = state {
            query.push(" and d.state = ").push_bind(state.as_str());
        }
        if let Some(after) = &page.after {
            query.push(" and (d.created_at, d.id) > (").push_bind(after.at);
            query.push(", ").push_bind(after.id).push(")");
        }
        query.push(" order by d.created_at, d.id limit ").push_bind(page.limit.saturating_add(1));
        let rows: Vec<DeliveryRow> =
            query.build_query_as().fetch_all(&self.pool).await.map_err(store_error)?;
        let items =
            rows.into_iter().map(WebhookDelivery::try_from).collect::<StoreResult<Vec<_>>>()?;
        Ok(PageOf::cut(items, page, total, |row| PageAfter { at: row.created_at, id: row.id }))
    }

    /// How much waits to be delivered, to whichever webhook is told at all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_backlog(&self, now: DateTime<Utc>) -> StoreResult<WebhookBacklog> {
        sqlx::query_as!(
            WebhookBacklog,
            r#"select count(*) as "pending!",
                      coalesce(extract(epoch from $1 - min(d.created_at)), 0)::bigint as "oldest_seconds!"
               from webhook_deliveries d join webhooks w on w.id = d.webhook_id
               where d.state = 'pending' and w.state = 'active'"#,
            now
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)
    }

    /// Forgets deliveries that ended before then, some at a time, and answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune_deliveries(&self, before: DateTime<Utc>) -> StoreResult<u64> {
        let pruned = sqlx::query!(
            "delete from webhook_deliveries where id in (
                 select id from webhook_deliveries where state <> 'pending' and finished_at < $1 limit 5000)",
            before
        )
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(pruned.rows_affected())
    }
}

async fn end_in(
    mut tx: Tx,
    claimed: &ClaimedDelivery,
    now: DateTime<Utc>,
    end: &DeliveryEnd,
) -> StoreResult<bool> {
    let ended = sqlx::query!(
        "update webhook_deliveries
         set state = $3, next_attempt_at = $4, lease_until = null, last_status = $5, last_error = $6,
             last_millis = $7, finished_at = case when $3 <> 'pending' then $8::timestamptz end
         where id = $1 and epoch = $2 and state = 'pending'",
        claimed.id,
        claimed.epoch,
        end.state.as_str(),
        end.next_attempt_at,
        end.status,
        end.error,
        end.millis,
        now
    )
    .execute(tx.get()?)
    .await
    .map_err(store_error)?;
    if ended.rows_affected() == 0 {
        // Somebody else has it by now, or it was replayed.
        tx.rollback().await?;
        return Ok(false);
    }
    let is_disabled = note_webhook(tx.get()?, claimed, now, end).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(is_disabled)
}

/// Updates the webhook after an attempt. A success writes only where there was a failure. Returns whether the webhook
/// is disabled by this.
async fn note_webhook(
    connection: &mut PgConnection,
    claimed: &ClaimedDelivery,
    now: DateTime<Utc>,
    end: &DeliveryEnd,
) -> StoreResult<bool> {
    if end.state == DeliveryState::Delivered {
        sqlx::query!(
            "update webhooks set failing_since = null where id = $1 and failing_since is not null",
            claimed.webhook_id
        )
        .execute(connection)
        .await
        .map_err(store_error)?;
        return Ok(false);
    }
    let Some(before) = lock_webhook(connection, &TenantScope::All, claimed.webhook_id).await?
    else {
        return Ok(false);
    };
    let mut after = before.clone();
    let has_failed_long =
        before.failing_since.is_some_and(|since| since <= end.disable_if_failing_since);
    if before.state == WebhookState::Active && (end.disable.is_some() || has_failed_long) {
        after.state = WebhookState::Disabled;
        let reason = end.disable.unwrap_or("nothing was delivered for days");
        after.disabled_reason = Some(reason.to_owned());
    }
    sqlx::query!(
        "update webhooks
         set failing_since = coalesce(failing_since, $2), not_before = greatest(not_before, $3),
             state = $4, disabled_reason = $5
         where id = $1",
        before.id,
        now,
        end.not_before,
        after.state.as_str(),
        after.disabled_reason
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    append_change(connection, WebhookAction::Disable, &by_delivery(claimed), &before, &after)
        .await?;
    Ok(after.state != before.state)
}

/// The gateway itself, with the delivery in place of a request.
fn by_delivery(claimed: &ClaimedDelivery) -> EventContext {
    EventContext {
        actor: GatewayActor::Webhooks.as_str().to_owned(),
        request_id: claimed.id.to_string(),
        provider_request_id: None,
        operation_id: None,
    }
}

fn deliveries(scope: &TenantScope) -> QueryBuilder<sqlx::Postgres> {
    let mut query = QueryBuilder::new(
        "select d.id, d.webhook_id, d.sequence, d.organization_id, d.type as event_type, d.state, d.attempts,
                case when d.state = 'pending' then d.next_attempt_at end as next_attempt_at,
                d.last_attempt_at, d.last_status, d.last_error, d.last_millis, d.created_at, d.finished_at
         from webhook_deliveries d join webhooks w on w.id = d.webhook_id where true",
    );
    if let Some(tenant) = scope.tenant() {
        query.push(" and w.tenant = ").push_bind(tenant.to_owned());
    }
    query
}

#[derive(sqlx::FromRow)]
struct DeliveryRow {
    id: Uuid,
    webhook_id: Uuid,
    sequence: Option<i64>,
    organization_id: Option<Uuid>,
    event_type: String,
    state: String,
    attempts: i32,
    next_attempt_at: Option<DateTime<Utc>>,
    last_attempt_at: Option<DateTime<Utc>>,
    last_status: Option<i32>,
    last_error: Option<String>,
    last_millis: Option<i32>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<DeliveryRow> for WebhookDelivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            webhook_id: row.webhook_id,
            sequence: row.sequence,
            organization_id: row.organization_id,
            event_type: row.event_type,
            state: row.state.parse()?,
            attempts: row.attempts,
            next_attempt_at: row.next_attempt_at,
            last_attempt_at: row.last_attempt_at,
            last_status: row.last_status,
            last_error: row.last_error,
            last_millis: row.last_millis,
            created_at: row.created_at,
            finished_at: row.finished_at,
        })
    }
}
