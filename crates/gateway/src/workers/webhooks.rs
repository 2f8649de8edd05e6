//! Tells webhooks of events. Any number of replicas do; the store has them take different ones.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use metrics::counter;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::outage::Outage;
use crate::{
    app::{App, Round},
    operations::now,
    store::StoreResult,
    telemetry::metrics::{WEBHOOK_ATTEMPTS, WEBHOOKS_DISABLED},
};

/// The worker that tells.
#[derive(Debug)]
pub struct TellWebhooks {
    app: Arc<App>,
    poll_every: Duration,
    outage: Outage,
}

impl TellWebhooks {
    /// A worker that tells when the feed grew, and looks every `poll_every` in any case.
    #[must_use]
    pub fn new(app: Arc<App>, poll_every: Duration) -> Self {
        Self { app, poll_every, outage: Outage::new("webhooks") }
    }

    /// One round at this time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step(&self, at: DateTime<Utc>) -> StoreResult<Round> {
        let round = self.app.tell_webhooks(at).await?;
        for (outcome, count) in
            [("delivered", round.delivered), ("retried", round.retried), ("failed", round.failed)]
        {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            counter!(WEBHOOK_ATTEMPTS, "outcome" => outcome).increment(count);
        }
        if round.disabled > 0 {
            counter!(WEBHOOKS_DISABLED)
                .increment(u64::try_from(round.disabled).unwrap_or(u64::MAX));
            warn!(webhooks = round.disabled, "webhooks were disabled");
        }
        if round.failed > 0 {
            info!(deliveries = round.failed, "deliveries to webhooks were given up");
        }
        Ok(round)
    }

    /// Steps until `stop`. A step is not cut off: what it claimed would be left to its lease.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let mut head = self.app.feed_news().head();
            let stepped = self.step(now()).await;
            let more = self.outage.note(stepped).is_some_and(|round| round.more);
            let wait = async {
                if let Some(pause) = self.outage.pause() {
                    return tokio::time::sleep(pause).await;
                }
                if more {
                    return;
                }
                let news = async {
                    tokio::select! {
                        _ = head.changed() => {}
                        () = self.app.webhooks_changed() => {}
                    }
                };
                // Told or not, it is time to look again.
                let _ = tokio::time::timeout(self.poll_every, news).await;
            };
            if stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
    }
}
