//! Webhooks and what became of each telling. The feed is the outbox: see `fan_out`.

mod changes;
mod claims;
mod deliveries;
mod fan_out;
mod keyed;
mod registry;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{error::StoreError, event_types::EventType, model::spelled};

pub use claims::{ClaimedDelivery, DeliveryEvent};
pub use deliveries::{DeliveryEnd, WebhookBacklog};
pub use fan_out::FannedOut;
pub use keyed::Keyed;

spelled!(
    /// Whether a webhook is told of events.
    WebhookState {
        /// It is.
        Active = "active",
        /// Its tenant had it paused: what happens meanwhile is told later.
        Paused = "paused",
        /// The gateway stopped telling it, as `disabled_reason` says.
        Disabled = "disabled",
    }
);
spelled!(
    /// Where a delivery stands.
    DeliveryState {
        /// It is to be sent, for the first time or again.
        Pending = "pending",
        /// The receiver took it.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }
);

/// Who is told of a tenant's events.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Ours, UUIDv7.
    pub id: Uuid,
    /// Whose events.
    pub tenant: String,
    /// Where they are posted.
    pub url: String,
    /// The kinds of event that are told; empty for all.
    pub types: Vec<String>,
    /// The tenant's own words.
    pub description: Option<String>,
    /// Whether it is told.
    pub state: WebhookState,
    /// Why the gateway disabled it.
    pub disabled_reason: Option<String>,
    /// What signs, sealed.
    pub secret: Vec<u8>,
    /// What signed before, sealed, and until when it signs along.
    pub old_secret: Option<(Vec<u8>, DateTime<Utc>)>,
    /// Events of the feed up to this number have their deliveries.
    pub cursor: i64,
    /// Nothing was delivered since, and something failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What is to change of a webhook; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookEdit {
    /// Where events are posted.
    pub url: Option<String>,
    /// The types of events; an empty list selects every event of an organization.
    pub types: Option<Vec<EventType>>,
    /// The tenant's own words; within, `None` empties.
    pub description: Option<Option<String>>,
    /// Paused, or active again.
    pub state: Option<WebhookState>,
}

/// One event's way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Ours, UUIDv7.
    pub id: Uuid,
    /// The webhook.
    pub webhook_id: Uuid,
    /// The event's number in the feed; `None` for a test.
    pub sequence: Option<i64>,
    /// The event's organization; `None` for a test.
    pub organization_id: Option<Uuid>,
    /// The kind of event.
    pub event_type: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: i32,
    /// When it is sent next, unless something earlier of its organization is still to be delivered.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was last sent.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// What the receiver last answered.
    pub last_status: Option<i32>,
    /// What was last wrong.
    pub last_error: Option<String>,
    /// How long the last answer took.
    pub last_millis: Option<i32>,
    /// When it was first to be sent.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The row of `webhooks`.
#[derive(sqlx::FromRow)]
struct WebhookRow {
    id: Uuid,
    tenant: String,
    url: String,
    types: Vec<String>,
    description: Option<String>,
    state: String,
    disabled_reason: Option<String>,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
    old_secret_until: Option<DateTime<Utc>>,
    cursor: i64,
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<WebhookRow> for Webhook {
    type Error = StoreError;

    fn try_from(row: WebhookRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            tenant: row.tenant,
            url: row.url,
            types: row.types,
            description: row.description,
            state: row.state.parse()?,
            disabled_reason: row.disabled_reason,
            secret: row.secret,
            old_secret: row.old_secret.zip(row.old_secret_until),
            cursor: row.cursor,
            failing_since: row.failing_since,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
