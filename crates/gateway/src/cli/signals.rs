//! SIGTERM and SIGINT: the first ends a service in good order, the second at once. SIGHUP has a service that
//! hears it read its secrets again.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;

const SAME_WISH: Duration = Duration::from_millis(500);

/// The signals that ask something of a service.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Where it is not heard, it ends the process, as a terminal that is closed wants it to.
    hangup: Option<Signal>,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    End,
    ReadAgain,
}

impl Signals {
    /// Listens from here on: neither signal ends the process by itself any more.
    pub(super) fn listen() -> Result<Self, CliError> {
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: None,
        })
    }

    /// Listens for SIGHUP, too.
    pub(super) fn with_hangup(self) -> Result<Self, CliError> {
        Ok(Self { hangup: Some(listen(SignalKind::hangup())?), ..self })
    }

    /// Waits for what the next one asks.
    pub(super) async fn wish(&mut self) -> Wish {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Wish::End,
            _ = self.interrupt.recv() => Wish::End,
            _ = hangup => Wish::ReadAgain,
        }
    }

    /// Waits for the next one that asks it to end.
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

fn listen(kind: SignalKind) -> Result<Signal, CliError> {
    signal(kind).map_err(|error| CliError::Failed(format!("signals: {error}")))
}
