//! Telling webhooks: from the feed to deliveries, and from there to the receivers.

use std::{sync::Arc, time::Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::future::join_all;
use serde_json::{Value, json};
use tracing::info;

use super::{
    DeliveryHeaders, Unanswered,
    schedule::{Sending, judge},
    secret::SecretFault,
    sign,
};
use crate::{
    app::App,
    store::{ClaimedDelivery, DeliveryEnd, DeliveryState, StoreResult},
};

/// Deliveries of one webhook that are under way at once, over all replicas.
const EACH: i64 = 4;

/// What one round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Deliveries that a receiver took.
    pub delivered: usize,
    /// Sendings that failed, to be made again.
    pub retried: usize,
    /// Deliveries that were given up.
    pub failed: usize,
    /// Webhooks that were disabled.
    pub disabled: usize,
    /// There may be more to do at once.
    pub more: bool,
}

impl App {
    /// Comes back once webhooks were changed here since it last did.
    pub async fn webhooks_changed(&self) {
        self.webhook_news.notified().await;
    }

    /// Writes the deliveries of what the feed has, and sends what is due at this time.
    ///
    /// # Errors
    /// When the database fails. What was sent and could not be written down is sent again.
    pub async fn tell_webhooks(self: &Arc<Self>, now: DateTime<Utc>) -> StoreResult<Round> {
        let fanned_out = self.store.fan_out(now).await?;
        let claimed = self.store.claim_deliveries(now, self.webhooks.lease, EACH).await?;
        let mut round = Round { more: fanned_out.more || !claimed.is_empty(), ..Round::default() };
        let ends = join_all(claimed.iter().map(|delivery| self.send(delivery, now))).await;
        for ended in ends {
            let (end, is_disabled) = ended?;
            match end.state {
                DeliveryState::Delivered => round.delivered += 1,
                DeliveryState::Pending => round.retried += 1,
                DeliveryState::Failed => round.failed += 1,
            }
            round.disabled += usize::from(is_disabled);
        }
        Ok(round)
    }

    async fn send(
        &self,
        delivery: &ClaimedDelivery,
        now: DateTime<Utc>,
    ) -> StoreResult<(DeliveryEnd, bool)> {
        let begun = Instant::now();
        let answer = match self.signed(delivery, now) {
            Ok((headers, body)) => self.webhooks.courier.post(&delivery.url, headers, body).await,
            Err(fault) => {
                let shown = fault.to_string();
                Err(Unanswered { reason: shown.clone(), shown, is_reached: false })
            }
        };
        if let Err(failure) = &answer {
            info!(
                webhook_id = %delivery.webhook_id,
                delivery_id = %delivery.id,
                reason = failure.reason,
                "failed to reach a webhook's receiver"
            );
        }
        let took = begun.elapsed();
        let sending = Sending {
            attempts: delivery.attempts,
            first_at: delivery.first_attempt_at,
            now: now + TimeDelta::from_std(took).unwrap_or_default(),
            took,
            jitter: rand::random(),
        };
        let end = judge(&answer, sending);
        let is_disabled = self.store.end_delivery(delivery, sending.now, &end).await?;
        Ok((end, is_disabled))
    }

    fn signed(
        &self,
        delivery: &ClaimedDelivery,
        now: DateTime<Utc>,
    ) -> Result<(DeliveryHeaders, Vec<u8>), SecretFault> {
        let kept = std::iter::once(&delivery.secret).chain(&delivery.old_secret);
        let open = |kept: &Vec<u8>| self.webhooks.sealer.open(delivery.webhook_id, kept);
        let secrets = kept.map(open).collect::<Result<Vec<_>, _>>()?;
        let body = body(delivery).to_string().into_bytes();
        Ok((sign::headers(&message_id(delivery), now, &body, &secrets), body))
    }
}

/// What the receiver knows it by: the same for a webhook and an event, also after a replay.
fn message_id(delivery: &ClaimedDelivery) -> String {
    match &delivery.event {
        Some(event) => format!("msg_{}_{}", delivery.webhook_id.simple(), event.sequence),
        None => format!("msg_{}", delivery.id.simple()),
    }
}

/// The body by Standard Webhooks: the kind, the time, and the event as the feed shows it.
fn body(delivery: &ClaimedDelivery) -> Value {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    match &delivery.event {
        Some(event) => json!({
            "type": delivery.event_type,
            "timestamp": text(event.at),
            "data": {
                "sequence": event.sequence,
                "organization_id": event.organization_id,
                "organization_sequence": event.organization_sequence,
                "operation_id": event.operation_id,
                "actor": event.actor,
                "request_id": event.request_id,
                "before": event.before,
                "after": event.after,
            },
        }),
        None => json!({
            "type": delivery.event_type,
            "timestamp": text(delivery.created_at),
            "data": { "webhook_id": delivery.webhook_id },
        }),
    }
}
