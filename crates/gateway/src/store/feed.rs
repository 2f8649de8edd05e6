//! Reading the feed: sealed events alone, in the order of their numbers.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    event_types::EventType,
    model::TenantScope,
};

/// An event as readers of the feed see it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct FeedEvent {
    /// Its number in the feed: 1, 2, 3 … over all organizations.
    pub sequence: i64,
    /// What happened, such as `organization.created`.
    pub event_type: String,
    /// To which organization.
    pub organization_id: Option<Uuid>,
    /// Its number within the organization: 1, 2, 3 … without a gap.
    pub organization_sequence: Option<i64>,
    /// The operation that it belongs to.
    pub operation_id: Option<Uuid>,
    /// Who did it.
    pub actor: String,
    /// By which request.
    pub request_id: String,
    /// The provider's id of the request, where there was one.
    pub provider_request_id: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// The fields that changed, before; personal data is masked.
    pub before: Option<Value>,
    /// And after.
    pub after: Option<Value>,
}

/// What the feed is narrowed by; what is `None` does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedFilter {
    /// One organization's.
    pub organization_id: Option<Uuid>,
    /// One kind of event.
    pub event_type: Option<EventType>,
}

impl Store {
    /// The first events after number `after`, at most `limit`.
    ///
    /// # Behavior
    /// Whoever goes on after the last number it was given misses nothing and sees nothing twice: what is
    /// sealed later has a higher number than all that can be seen now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feed_after(
        &self,
        scope: &TenantScope,
        filter: &FeedFilter,
        after: i64,
        limit: i64,
    ) -> StoreResult<Vec<FeedEvent>> {
        let mut query = QueryBuilder::new(
            "select f.sequence, f.type as event_type, f.organization_id, e.organization_sequence,
                    e.operation_id, e.actor, e.request_id, e.provider_request_id, e.at, e.before, e.after
             from event_feed f join events e on e.id = f.event_id",
        );
        push_filter(&mut query, scope, filter, after);
        query.push(" order by f.sequence limit ").push_bind(limit);
        query.build_query_as().fetch_all(&self.pool).await.map_err(store_error)
    }

    /// How many events there are after number `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_feed(
        &self,
        scope: &TenantScope,
        filter: &FeedFilter,
        after: i64,
    ) -> StoreResult<i64> {
        let mut query = QueryBuilder::new("select count(*) from event_feed f");
        push_filter(&mut query, scope, filter, after);
        query.build_query_scalar().fetch_one(&self.pool).await.map_err(store_error)
    }
}

fn push_filter(
    query: &mut QueryBuilder<Postgres>,
    scope: &TenantScope,
    filter: &FeedFilter,
    after: i64,
) {
    query.push(" where f.sequence > ").push_bind(after);
    if let Some(tenant) = scope.tenant() {
        query.push(" and f.tenant = ").push_bind(tenant.to_owned());
    }
    if let Some(id) = filter.organization_id {
        query.push(" and f.organization_id = ").push_bind(id);
    }
    if let Some(event_type) = filter.event_type {
        query.push(" and f.type = ").push_bind(event_type.as_str());
    }
}
