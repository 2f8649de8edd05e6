//! Hears from other replicas that an operation moved or the feed grew, so that who waits for it here need
//! not poll.
//!
//! A notice can be lost; the engine and the sealer poll too, and nothing depends on one.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::outage::Outage;
use crate::{
    app::App,
    store::{Notice, NoticeListener, StoreResult},
};

/// The worker that hears other replicas.
#[derive(Debug)]
pub struct Notices {
    app: Arc<App>,
    listener: Option<NoticeListener>,
    outage: Outage,
}

impl Notices {
    /// A worker that passes notices on to who waits for them.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app, listener: None, outage: Outage::new("notices") }
    }

    /// Waits for one notice and passes it on. Connects first where it must.
    ///
    /// # Errors
    /// When the database cannot be reached, or the connection to it was lost.
    pub async fn step(&mut self) -> StoreResult<Notice> {
        let listener = match &mut self.listener {
            Some(listener) => listener,
            None => self.listener.insert(self.app.store().listen().await?),
        };
        let heard = listener.next().await;
        match &heard {
            Ok(Notice::OperationMoved(id)) => self.app.engine().announce(*id),
            Ok(Notice::EventsWritten) => self.app.feed_news().wrote(),
            Ok(Notice::FeedGrew(head)) => self.app.feed_news().grew(*head),
            Err(_) => self.listener = None,
        }
        heard
    }

    /// Steps until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.turn()).await.is_some() {}
    }

    async fn turn(&mut self) {
        let heard = self.step().await;
        self.outage.note(heard);
        if let Some(pause) = self.outage.pause() {
            tokio::time::sleep(pause).await;
        }
    }
}
