//! SIGTERM and SIGINT: the first ends a service in good order, the second at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;

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

    /// Sees `ending` through, unless the next signal comes first.
    pub(super) async fn unless_again(
        &mut self,
        ending: impl Future<Output = ()>,
    ) -> Result<(), CliError> {
        tokio::select! {
            () = ending => Ok(()),
            () = self.next() => {
                Err(CliError::Failed("ended at once, by a second signal".to_owned()))
            }
        }
    }
}
