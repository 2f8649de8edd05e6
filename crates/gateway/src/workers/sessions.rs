//! Ends what the gateway's lost connections left behind at the database: sessions that keep rows locked and that
//! nobody will go on with.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::outage::Outage;
use crate::{
    app::App,
    store::{STALLED_AFTER, StoreResult},
    telemetry::metrics::DB_SESSIONS_ENDED,
};

/// Whoever waits for the rows is told to come again after two seconds; one look costs less than a request.
const EVERY: Duration = Duration::from_secs(1);

/// The worker that ends sessions.
#[derive(Debug)]
pub struct Sessions {
    app: Arc<App>,
    outage: Outage,
}

impl Sessions {
    /// A worker that looks every second, for its own process and for others that are gone.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app, outage: Outage::new("sessions") }
    }

    /// Ends what is stalled now, and answers how many sessions that were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step(&self) -> StoreResult<u64> {
        let ended = self.app.store().end_stalled_sessions(STALLED_AFTER).await?;
        counter!(DB_SESSIONS_ENDED).increment(ended);
        Ok(ended)
    }

    /// Steps until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let stepped = self.step().await;
            if let Some(sessions) = self.outage.note(stepped).filter(|ended| *ended > 0) {
                warn!(sessions, "sessions at the database that nobody goes on with were ended");
            }
            let pause = self.outage.pause().unwrap_or(EVERY);
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }
}
