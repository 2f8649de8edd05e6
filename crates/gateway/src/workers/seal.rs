//! Gives committed events their numbers in the feed. Any number of replicas do; the store has them take
//! turns.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outage::Outage;
use crate::{
    app::App,
    store::{Sealed, StoreResult},
    telemetry::metrics::EVENTS_SEALED,
};

/// Under load every event announces itself; a turn for each would cost more than the events do. Alone,
/// an event is sealed without delay.
const BETWEEN_TURNS: Duration = Duration::from_millis(50);

/// The worker that seals.
#[derive(Debug)]
pub struct Seal {
    app: Arc<App>,
    poll_every: Duration,
    outage: Outage,
}

impl Seal {
    /// A worker that seals when an event is announced, and looks every `poll_every` in any case.
    #[must_use]
    pub fn new(app: Arc<App>, poll_every: Duration) -> Self {
        Self { app, poll_every, outage: Outage::new("seal") }
    }

    /// Seals one batch of what waits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step(&self) -> StoreResult<Sealed> {
        let sealed = self.app.seal_events().await?;
        counter!(EVENTS_SEALED).increment(u64::try_from(sealed.events).unwrap_or(u64::MAX));
        Ok(sealed)
    }

    /// Steps until `stop`. A step is not cut off.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let not_before = Instant::now() + BETWEEN_TURNS;
            let stepped = self.step().await;
            let sealed = self.outage.note(stepped);
            let waits_on = self.wait(not_before, sealed.is_some_and(|sealed| sealed.more));
            if stop.run_until_cancelled(waits_on).await.is_none() {
                return;
            }
        }
    }

    async fn wait(&self, not_before: Instant, more: bool) {
        if let Some(pause) = self.outage.pause() {
            return tokio::time::sleep(pause).await;
        }
        if more {
            return;
        }
        // Announced or not, it is time to look again.
        let _ = tokio::time::timeout(self.poll_every, self.app.feed_news().written()).await;
        tokio::time::sleep_until(not_before).await;
    }
}
