//! Forgets what has been kept long enough: idempotency keys, and deliveries to webhooks that have ended.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::outage::Outage;
use crate::{app::App, operations::now, store::StoreResult};

const EVERY: Duration = Duration::from_secs(60 * 60);
/// How long a webhook's deliveries are kept once they have ended.
const KEEP_DELIVERIES: TimeDelta = TimeDelta::days(31);
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);

/// The worker that forgets.
#[derive(Debug)]
pub struct Prune {
    app: Arc<App>,
    outage: Outage,
}

impl Prune {
    /// A worker that forgets what its time is over for.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app, outage: Outage::new("prune") }
    }

    /// Forgets once, and answers how many keys that were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step(&self) -> StoreResult<u64> {
        let keys = self.app.store().prune_idempotency_keys().await?;
        // Each turn some of them: what is left waits an hour.
        self.app.store().prune_deliveries(now() - KEEP_DELIVERIES).await?;
        Ok(keys)
    }

    /// Steps until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let pruned = self.step().await;
            if let Some(keys) = self.outage.note(pruned).filter(|keys| *keys > 0) {
                info!(keys, "idempotency keys were forgotten");
            }
            let pause = if self.outage.is_on() { AFTER_A_FAILURE } else { EVERY };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }
}
