//! What happened, with its time: to one operation, and to one organization.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{
    connect::Store,
    error::{StoreResult, store_error},
    model::Evidence,
};

/// One time that an operation was taken up to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1, 2, …
    pub number: i32,
    /// The claim under which it was taken up.
    pub epoch: i64,
    /// When.
    pub started_at: DateTime<Utc>,
}

/// A piece of evidence with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// When it was written down.
    pub at: DateTime<Utc>,
    /// What was seen.
    pub evidence: Evidence,
}

/// One change of an organization, as the audit and change feed has it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEvent {
    /// Its number in the feed; `None` in the moment before it has one.
    pub sequence: Option<i64>,
    /// What happened, such as `organization.created`.
    pub event_type: String,
    /// Its number within the organization: 1, 2, 3 … without a gap.
    pub organization_sequence: i64,
    /// The operation that it belongs to.
    pub operation_id: Option<Uuid>,
    /// Who did it.
    pub actor: String,
    /// By which request.
    pub request_id: String,
    /// The fields that changed, before; personal data is masked.
    pub before: Option<Value>,
    /// And after.
    pub after: Option<Value>,
    /// When.
    pub at: DateTime<Utc>,
}

impl Store {
    /// Every attempt at an operation, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attempts_at(&self, operation_id: Uuid) -> StoreResult<Vec<Attempt>> {
        sqlx::query_as!(
            Attempt,
            "select number, epoch, started_at from attempts where operation_id = $1 order by number",
            operation_id
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }

    /// Everything that was seen of an operation, in order, with its time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seen_of(&self, operation_id: Uuid) -> StoreResult<Vec<Seen>> {
        sqlx::query!(
            "select at, epoch, kind, send_phase, provider_request_id, detail
             from evidence where operation_id = $1 order by id",
            operation_id
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)?
        .into_iter()
        .map(|row| {
            let evidence = Evidence {
                epoch: row.epoch,
                kind: row.kind.parse()?,
                send_phase: row.send_phase.map(|phase| phase.parse()).transpose()?,
                provider_request_id: row.provider_request_id,
                detail: row.detail,
            };
            Ok(Seen { at: row.at, evidence })
        })
        .collect()
    }

    /// The last events of an organization, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events_of(
        &self,
        organization_id: Uuid,
        limit: i64,
    ) -> StoreResult<Vec<PastEvent>> {
        sqlx::query_as!(
            PastEvent,
            r#"select f.sequence as "sequence?", e.type as event_type, e.organization_sequence as "organization_sequence!",
                      e.operation_id, e.actor, e.request_id, e.before, e.after, e.at
               from events e left join event_feed f on f.event_id = e.id
               where e.organization_id = $1 order by e.organization_sequence desc limit $2"#,
            organization_id,
            limit
        )
        .fetch_all(&self.pool)
        .await
        .map_err(store_error)
    }
}
