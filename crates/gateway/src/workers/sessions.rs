//! Ends what the gateway's lost connections left behind at the database: sessions that keep rows locked and that
//! nobody will go on with.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::outage::Outage;
use crate::{app::App, store::StoreResult, telemetry::metrics::DB_SESSIONS_ENDED};

/// How often a replica looks for sessions of another one that is gone.
const EVERY: Duration = Duration::from_secs(5);
/// A connection is given up a moment before the server counts it so.
const MOMENT: Duration = Duration::from_millis(100);

/// The worker that ends sessions.
#[derive(Debug)]
pub struct Sessions {
    app: Arc<App>,
    outage: Outage,
}

impl Sessions {
    /// A worker that looks whenever a connection of this process went silent, and every five seconds.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app, outage: Outage::new("sessions") }
    }

    /// Ends what is stalled now, and answers how many sessions that were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step(&self) -> StoreResult<u64> {
        let ended = self.app.store().end_stalled_sessions().await?;
        let ended = u64::try_from(ended).unwrap_or(0);
        counter!(DB_SESSIONS_ENDED).increment(ended);
        Ok(ended)
    }

    /// Steps until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut doubts = self.app.store().connection_doubts();
        loop {
            let stepped = self.step().await;
            if let Some(sessions) = self.outage.note(stepped).filter(|ended| *ended > 0) {
                warn!(sessions, "sessions at the database that nobody goes on with were ended");
            }
            let pause = self.outage.pause();
            let next = async {
                let _ = tokio::time::timeout(pause.unwrap_or(EVERY), doubts.changed()).await;
                tokio::time::sleep(MOMENT).await;
            };
            if stop.run_until_cancelled(next).await.is_none() {
                return;
            }
        }
    }
}
