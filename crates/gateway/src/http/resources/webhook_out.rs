//! Webhooks and deliveries as callers see them. A secret is in none but the answer that makes it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::ShownSecret,
    store::{DeliveryState, Webhook, WebhookDelivery, WebhookState},
};

/// Who is told of the tenant's events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookOut {
    pub id: Uuid,
    pub url: String,
    /// The types of events to send; an empty list selects every event of an organization.
    pub types: Vec<String>,
    #[schema(required)]
    pub description: Option<String>,
    pub state: WebhookState,
    /// Why the gateway disabled it.
    #[schema(required)]
    pub disabled_reason: Option<String>,
    /// Events up to this number are delivered, on their way, or given up.
    #[schema(minimum = 0)]
    pub cursor: i64,
    /// Nothing was delivered since, and something failed.
    #[schema(required)]
    pub failing_since: Option<DateTime<Utc>>,
    /// Until when the secret before the present one signs along.
    #[schema(required)]
    pub old_secret_until: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl WebhookOut {
    pub(crate) fn new(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            types: webhook.types,
            description: webhook.description,
            state: webhook.state,
            disabled_reason: webhook.disabled_reason,
            cursor: webhook.cursor,
            failing_since: webhook.failing_since,
            old_secret_until: webhook.old_secret.map(|(_, until)| until),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// A webhook with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub(crate) struct WebhookSecretOut {
    #[serde(flatten)]
    pub webhook: WebhookOut,
    /// What signs: verify `webhook-signature` with it, by a library of Standard Webhooks. It is not shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=")]
    pub secret: String,
}

impl WebhookSecretOut {
    pub(crate) fn new(shown: ShownSecret) -> Self {
        Self { secret: shown.secret.show(), webhook: WebhookOut::new(shown.webhook) }
    }
}

/// One event's way to one webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryOut {
    pub id: Uuid,
    pub webhook_id: Uuid,
    /// The event's number in the feed; null for a test.
    #[schema(required)]
    pub sequence: Option<i64>,
    /// The event's organization; null for a test.
    #[schema(required)]
    pub organization_id: Option<Uuid>,
    /// The kind of event.
    #[serde(rename = "type")]
    #[schema(example = "organization.created")]
    pub event_type: String,
    pub state: DeliveryState,
    /// How often it was sent.
    #[schema(minimum = 0)]
    pub attempts: i32,
    /// The status that the receiver last answered; null where it did not.
    #[schema(required)]
    pub last_status: Option<i32>,
    /// Why the last attempt failed. The text is the same for an unknown name, an address outside the
    /// public internet and a refused connection.
    #[schema(required)]
    pub last_error: Option<String>,
    /// How long the last attempt took; null where no public receiver was reached.
    #[schema(required)]
    pub last_latency_ms: Option<i32>,
    #[schema(required)]
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// When it is sent next, unless an earlier event of its organization is still to be delivered.
    #[schema(required)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// When it was delivered or given up.
    #[schema(required)]
    pub finished_at: Option<DateTime<Utc>>,
}

impl DeliveryOut {
    pub(crate) fn new(delivery: WebhookDelivery) -> Self {
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            sequence: delivery.sequence,
            organization_id: delivery.organization_id,
            event_type: delivery.event_type,
            state: delivery.state,
            attempts: delivery.attempts,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            last_latency_ms: delivery.last_millis,
            last_attempt_at: delivery.last_attempt_at,
            next_attempt_at: delivery.next_attempt_at,
            created_at: delivery.created_at,
            finished_at: delivery.finished_at,
        }
    }
}
