//! Going down in good order: callers first, then the work they began, then the database.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use tracing::{info, warn};

use super::Gateway;

/// How long the last connections may take to close, once nothing uses them any more.
const CLOSING: Duration = Duration::from_secs(5);
/// The same for an embedded server, which no network can silence: a busy machine delays it, and the server must not
/// end before its connections.
const CLOSING_EMBEDDED: Duration = Duration::from_secs(60);

impl Gateway {
    /// Stops taking requests, finishes those that have begun and the work behind them within
    /// `server.drain_timeout`, and closes everything. Work that is not finished by then is left to its
    /// lease: it is taken up again as of unknown outcome, here or elsewhere.
    pub async fn shutdown(self) {
        let deadline = Instant::now() + self.config.server.drain_timeout;
        self.state.draining.begin();
        self.app.engine().end_waits();
        info!("draining");
        self.stop_http.cancel();
        // The server keeps to the same time by itself, and says what it cut off.
        if timeout(left(deadline) + CLOSING, self.http_ended.cancelled()).await.is_err() {
            warn!("the HTTP server did not end");
        }
        self.stop_work.cancel();
        self.tasks.close();
        let work = async {
            self.tasks.wait().await;
            self.app.engine().drain().await;
        };
        if timeout(left(deadline), work).await.is_err() {
            warn!("work was left to its lease: server.drain_timeout is over");
        }
        let closing = if self.database.is_embedded() { CLOSING_EMBEDDED } else { CLOSING };
        if timeout(closing, self.app.store().close()).await.is_err() {
            warn!("the database was left with connections open");
        }
        self.database.stop_server().await;
        info!("the gateway has ended");
    }
}

/// What is left until the deadline, and a moment in any case: what has ended is seen to have ended.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100))
}
