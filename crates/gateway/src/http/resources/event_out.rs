//! An event as callers see it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::FeedEvent;

/// Something that happened to an organization, or a change of a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventOut {
    /// Its number in the feed: it rises, and nothing is ever added below one that was read.
    #[schema(minimum = 1)]
    pub sequence: i64,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "organization.created")]
    pub event_type: String,
    /// The organization; null for an event about a webhook (`webhook.*`).
    #[schema(required)]
    pub organization_id: Option<Uuid>,
    /// Its number within the organization: 1, 2, 3 … without a gap; null where there is no organization.
    #[schema(required, minimum = 1)]
    pub organization_sequence: Option<i64>,
    /// The operation that it belongs to; null where there was none.
    #[schema(required)]
    pub operation_id: Option<Uuid>,
    /// The actor: the `sub` of a token, or one of the gateway's own actors. Their names begin with `gateway:`, and a token
    /// with such a `sub` is refused: `gateway:sweep`, `gateway:import`, `gateway:webhooks`.
    pub actor: String,
    /// The gateway's id of the request.
    pub request_id: String,
    /// The provider's id of its request, for its support; null where there was none.
    #[schema(required)]
    pub provider_request_id: Option<String>,
    pub at: DateTime<Utc>,
    /// The fields that changed, before; null at the first event. Personal data is `***`.
    #[schema(required, value_type = Option<Object>)]
    pub before: Option<Value>,
    /// And after.
    #[schema(required, value_type = Option<Object>)]
    pub after: Option<Value>,
}

impl EventOut {
    /// An event as callers see it.
    pub(crate) fn new(event: FeedEvent) -> Self {
        Self {
            sequence: event.sequence,
            event_type: event.event_type,
            organization_id: event.organization_id,
            organization_sequence: event.organization_sequence,
            operation_id: event.operation_id,
            actor: event.actor,
            request_id: event.request_id,
            provider_request_id: event.provider_request_id,
            at: event.at,
            before: event.before,
            after: event.after,
        }
    }
}
