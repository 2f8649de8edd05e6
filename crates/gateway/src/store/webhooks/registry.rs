//! The webhooks of a tenant: made, read, changed, taken away.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Keyed, Webhook, WebhookEdit, WebhookRow, WebhookState,
    changes::{WebhookAction, append_change},
    keyed::lock_webhook,
};
use crate::store::{
    connect::Store,
    error::{StoreResult, store_error},
    event_types::EventType,
    events::EventContext,
    idempotency::KeyClaim,
    lane::bounded,
    model::TenantScope,
    page::{PageAfter, PageOf, PageRequest},
};

impl Store {
    /// Writes a webhook down, told of what happens from now on. `Missing` where the tenant has `most`
    /// already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_webhook(
        &self,
        new: &Webhook,
        most: i64,
        by: &EventContext,
        key: Option<&KeyClaim>,
    ) -> StoreResult<Keyed<Webhook>> {
        let write = sqlx::query_as::<_, WebhookRow>(
            "insert into webhooks (id, tenant, url, types, description, state, secret, cursor, created_at,
                 updated_at)
             select $1, $2, $3, $4, $5, $6, $7, h.sequence, $8, $8 from event_feed_head h
             where (select count(*) from webhooks where tenant = $2) < $9 returning *",
        )
        .bind(new.id)
        .bind(&new.tenant)
        .bind(&new.url)
        .bind(&new.types)
        .bind(&new.description)
        .bind(new.state.as_str())
        .bind(&new.secret)
        .bind(new.created_at)
        .bind(most);
        self.write_webhook(key, new.id, write, WebhookAction::Create, by).await
    }

    /// One webhook of the tenant's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get_webhook(&self, scope: &TenantScope, id: Uuid) -> StoreResult<Option<Webhook>> {
        let row = sqlx::query_as::<_, WebhookRow>(
            "select * from webhooks where id = $1 and ($2::text is null or tenant = $2)",
        )
        .bind(id)
        .bind(scope.tenant())
        .fetch_optional(&self.pool)
        .await
        .map_err(store_error)?;
        row.map(Webhook::try_from).transpose()
    }

    /// One page of the tenant's webhooks, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_webhooks(
        &self,
        scope: &TenantScope,
        page: &PageRequest,
    ) -> StoreResult<PageOf<Webhook>> {
        let total = if page.include_total {
            let count = sqlx::query_scalar!(
                r#"select count(*) as "count!" from webhooks where $1::text is null or tenant = $1"#,
                scope.tenant()
            );
            Some(count.fetch_one(&self.pool).await.map_err(store_error)?)
        } else {
            None
        };
        let mut query = QueryBuilder::new("select * from webhooks where true");
        if let Some(tenant) = scope.tenant() {
            query.push(" and tenant = ").push_bind(tenant.to_owned());
        }
        if let Some(after) = &page.after {
            query.push(" and (created_at, id) > (").push_bind(after.at);
            query.push(", ").push_bind(after.id).push(")");
        }
        query.push(" order by created_at, id limit ").push_bind(page.limit.saturating_add(1));
        let rows: Vec<WebhookRow> =
            query.build_query_as().fetch_all(&self.pool).await.map_err(store_error)?;
        let items = rows.into_iter().map(Webhook::try_from).collect::<StoreResult<Vec<_>>>()?;
        Ok(PageOf::cut(items, page, total, |row| PageAfter { at: row.created_at, id: row.id }))
    }

    /// Changes a webhook that the scope covers. Activating it makes its pending deliveries due at once and restarts the time
    /// that they may fail for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn edit_webhook(
        &self,
        scope: &TenantScope,
        id: Uuid,
        edit: &WebhookEdit,
        by: &EventContext,
        key: Option<&KeyClaim>,
    ) -> StoreResult<Keyed<Webhook>> {
        let write = sqlx::query_as::<_, WebhookRow>(
            "with woken as (
                 update webhook_deliveries
                 set next_attempt_at = now(), attempts = 0, first_attempt_at = null
                 where id in (
                     select d.id from webhook_deliveries d join webhooks w on w.id = d.webhook_id
                     where w.id = $1 and ($2::text is null or w.tenant = $2) and w.state <> 'active'
                       and $7 = 'active' and d.state = 'pending'
                       -- A delivery that ends at this moment has a schedule of its own.
                     for update of d skip locked))
             update webhooks
             set url = coalesce($3, url), types = coalesce($4, types),
                 description = case when $5 then $6 else description end, state = coalesce($7, state),
                 disabled_reason = case when $7 is null then disabled_reason end,
                 failing_since = case when $7 = 'active' then null else failing_since end,
                 not_before = case when $7 = 'active' or $3 is not null then null else not_before end,
                 updated_at = now()
             where id = $1 and ($2::text is null or tenant = $2) returning *",
        )
        .bind(id)
        .bind(scope.tenant())
        .bind(&edit.url)
        .bind(edit.types.as_ref().map(|types| type_names(types)))
        .bind(edit.description.is_some())
        .bind(edit.description.clone().flatten())
        .bind(edit.state.map(WebhookState::as_str));
        self.write_webhook(key, id, write, WebhookAction::Update, by).await
    }

    /// Gives a webhook of the tenant's another secret; the one it has signs along until then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate_webhook_secret(
        &self,
        scope: &TenantScope,
        id: Uuid,
        secret: &[u8],
        old_until: DateTime<Utc>,
        by: &EventContext,
        key: Option<&KeyClaim>,
    ) -> StoreResult<Keyed<Webhook>> {
        let write = sqlx::query_as::<_, WebhookRow>(
            "update webhooks
             set old_secret = secret, old_secret_until = $4, secret = $3, updated_at = now()
             where id = $1 and ($2::text is null or tenant = $2) returning *",
        )
        .bind(id)
        .bind(scope.tenant())
        .bind(secret)
        .bind(old_until);
        self.write_webhook(key, id, write, WebhookAction::RotateSecret, by).await
    }

    /// Deletes a webhook that the scope covers, with its deliveries. Returns whether it existed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_webhook(
        &self,
        scope: &TenantScope,
        id: Uuid,
        by: &EventContext,
    ) -> StoreResult<bool> {
        bounded(async {
            let mut tx = self.pool.begin().await?;
            let Some(webhook) = lock_webhook(tx.get()?, scope, id).await? else {
                tx.rollback().await?;
                return Ok(false);
            };
            append_change(tx.get()?, WebhookAction::Delete, by, &webhook, &webhook).await?;
            sqlx::query!("delete from webhooks where id = $1", id)
                .execute(tx.get()?)
                .await
                .map_err(store_error)?;
            tx.commit().await.map_err(store_error)?;
            Ok(true)
        })
        .await
    }

    /// Has a webhook of the tenant's told again of what came after this number of the feed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replay_webhook(
        &self,
        scope: &TenantScope,
        id: Uuid,
        after: i64,
        by: &EventContext,
        key: Option<&KeyClaim>,
    ) -> StoreResult<Keyed<Webhook>> {
        let write = sqlx::query_as::<_, WebhookRow>(
            "update webhooks set cursor = least(cursor, $3), updated_at = now()
             where id = $1 and ($2::text is null or tenant = $2) returning *",
        )
        .bind(id)
        .bind(scope.tenant())
        .bind(after);
        self.write_webhook(key, id, write, WebhookAction::Replay, by).await
    }
}

fn type_names(types: &[EventType]) -> Vec<&'static str> {
    types.iter().map(|event_type| event_type.as_str()).collect()
}
