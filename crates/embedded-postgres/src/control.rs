//! The hand on a running server: signals that reach it and nobody else, and the wait for its end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How far the server's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its process exists, so its number is nobody else's.
    Running,
    /// Its process is reaped; the number may be another's any moment.
    Reaped,
    /// The state folder is unlocked too.
    Gone,
}

/// Shared by the supervising thread and the owner.
#[derive(Debug)]
pub(crate) struct Control {
    pid: Pid,
    stage: Mutex<Stage>,
    changed: Condvar,
}

impl Control {
    pub(crate) fn new(pid: Pid) -> Self {
        Self { pid, stage: Mutex::new(Stage::Running), changed: Condvar::new() }
    }

    /// Sends a signal, unless the server has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        let stage = self.stage();
        if *stage == Stage::Running
            && let Err(errno) = kill(self.pid, signal)
        {
            tracing::warn!(%errno, pid = %self.pid, %signal, "cannot signal the embedded PostgreSQL");
        }
    }

    /// Reaps by `reap`, with signals held back meanwhile.
    pub(crate) fn reap<T>(&self, reap: impl FnOnce() -> T) -> T {
        let mut stage = self.stage();
        let reaped = reap();
        *stage = Stage::Reaped;
        reaped
    }

    /// Tells the waiting that the state folder is free again.
    pub(crate) fn set_gone(&self) {
        *self.stage() = Stage::Gone;
        self.changed.notify_all();
    }

    /// Blocks until the server is gone; `false` when it is not in time.
    pub(crate) fn wait_gone(&self, patience: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.stage(), patience, |stage| *stage != Stage::Gone)
            .unwrap_or_else(PoisonError::into_inner);
        *waited.0 == Stage::Gone
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
