//! SIGTERM and SIGINT: the first ends a service in good order, the second at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;

const SAME_WISH: Duration = Duration::from_millis(500);

/// The two signals that ask a service to end.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from here on: neither signal ends the process by itself any more.
    pub(super) fn listen() -> Result<Self, CliError> {
        let listen =
            |kind| signal(kind).map_err(|error| CliError::Failed(format!("signals: {error}")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Sees `ending` through, unless the next signal comes first. What comes right after the first one
    /// is the same wish: a terminal and a supervisor, say, each pass it on.
    pub(super) async fn unless_again(
        &mut self,
        ending: impl Future<Output = ()>,
    ) -> Result<(), CliError> {
        let again = async {
            // The time is always over before a signal is counted.
            let _ = tokio::time::timeout(SAME_WISH, async {
                loop {
                    self.next().await
                }
            })
            .await;
            self.next().await;
        };
        tokio::select! {
            () = ending => Ok(()),
            () = again => {
                Err(CliError::Failed("ended at once, by a second signal".to_owned()))
            }
        }
    }
}
