//! Takes up operations that are due: waiting work, open outcomes, leases that ran out. What happens to
//! them is the engine's business.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outage::Outage;
use crate::{app::App, store::StoreResult};

/// Under load every outcome announces itself; looking for work at each would load the database more than
/// the work does. Alone, an announcement is looked at without delay.
const BETWEEN_STEPS: Duration = Duration::from_millis(50);

/// The worker that takes operations up.
#[derive(Debug)]
pub struct Dispatch {
    app: Arc<App>,
    poll_every: Duration,
    outage: Outage,
}

impl Dispatch {
    /// A worker that looks when work is announced, and every `poll_every` in any case.
    #[must_use]
    pub fn new(app: Arc<App>, poll_every: Duration) -> Self {
        Self { app, poll_every, outage: Outage::new("dispatch") }
    }

    /// Takes up what is due, and answers how much that was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn step(&self) -> StoreResult<usize> {
        self.app.engine().step().await
    }

    /// Steps until `stop`. A step is not cut off: what it claimed would be left to its lease.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let not_before = Instant::now() + BETWEEN_STEPS;
            let stepped = self.step().await;
            self.outage.note(stepped);
            if stop.run_until_cancelled(self.wait(not_before)).await.is_none() {
                return;
            }
        }
    }

    async fn wait(&self, not_before: Instant) {
        // After a failure announcements are passed over, or each would bring the next failure.
        if let Some(pause) = self.outage.pause() {
            return tokio::time::sleep(pause).await;
        }
        let announced = self.app.engine().work_announced();
        // Announced or not, it is time to look again.
        let _ = tokio::time::timeout(self.poll_every, announced).await;
        tokio::time::sleep_until(not_before).await;
    }
}
