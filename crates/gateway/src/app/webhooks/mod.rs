//! Webhooks: a tenant's own URLs, told of its events. What is told is what the feed has, in the order of
//! each organization; how it is sent is the courier's business.

mod deliver;
mod manage;
mod schedule;
mod secret;
mod sign;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

pub use deliver::Round;
pub use manage::{NewWebhook, Replayable, ShownSecret, WEBHOOK_TEST};
pub use schedule::Posted;
pub use secret::{Sealer, SecretFault, WebhookSecret};

/// The headers of a delivery.
pub type DeliveryHeaders = Vec<(&'static str, String)>;

/// Reaches receivers.
#[async_trait]
pub trait Courier: std::fmt::Debug + Send + Sync + 'static {
    /// What is wrong with a receiver's URL, as far as that can be told without looking its name up.
    fn fault_of(&self, url: &str) -> Option<String>;

    /// Posts once.
    ///
    /// # Errors
    /// The receiver did not answer.
    async fn post(
        &self,
        url: &str,
        headers: DeliveryHeaders,
        body: Vec<u8>,
    ) -> Result<Posted, Unanswered>;
}

/// Why a receiver did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// One line for the tenant. It reveals nothing about a private network.
    pub shown: String,
    /// The exact reason, for the log.
    pub reason: String,
    /// Whether a public receiver was reached, so that the tenant may see how long that took.
    pub is_reached: bool,
}

/// What webhooks need.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Reaches receivers.
    pub courier: Arc<dyn Courier>,
    /// Seals secrets.
    pub sealer: Arc<Sealer>,
    /// How long a worker has a delivery: longer than any attempt takes, and writing it down.
    pub lease: TimeDelta,
}
