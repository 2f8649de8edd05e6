//! A database for each test, on a real PostgreSQL that is found or started.
//!
//! The server, one a test process: `TEST_DATABASE_URL`, if it is set; a container, if a Docker
//! daemon answers and the image `postgres:17-alpine` (or `TEST_POSTGRES_IMAGE`) is there or can
//! be pulled; else the embedded server, with nothing flushed to disk, in a temporary folder. What
//! was chosen, and why not what comes before, is printed once to stderr.
//!
//! A database is cloned from a template that the migrations made once, and dropped with its
//! [`TestDatabase`]. Nothing outlives the process, however it ends: container and folder go by
//! themselves, and databases left on a server of one's own are dropped by the next run. With
//! `KEEP_TEST_DATABASES` set, a failing test keeps its database and prints where it is.
//!
//! For tests alone; the service must not depend on it.

mod container;
mod environment;
mod keeper;
mod local;
mod server;
mod template;

use std::sync::mpsc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;

use crate::keeper::{Keeper, Origin, Request};

/// How long a drop waits for the server to have dropped the database.
const DROP_PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no database: one line.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no test database: {0}")]
pub struct Error(String);

impl Error {
    /// For `map_err`: `what` failed.
    fn of<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }
}

/// A migrated database of the test's own, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// A database that `migrator` has brought up to date; nothing else is in it.
    ///
    /// The first call in a process finds the server, which may take seconds; each further one
    /// takes some tens of milliseconds.
    ///
    /// # Errors
    ///
    /// No server can be had, or it refuses: the message says what was tried.
    pub async fn new(migrator: &'static Migrator) -> Result<Self, Error> {
        Self::made_from(Origin::Migrations(migrator)).await
    }

    /// Creates an empty database with options such as `encoding 'LATIN1' locale 'C' template template0`.
    ///
    /// # Errors
    ///
    /// No server is available, or it refuses the options.
    pub async fn with_options(options: &'static str) -> Result<Self, Error> {
        Self::made_from(Origin::Options(options)).await
    }

    async fn made_from(origin: Origin) -> Result<Self, Error> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        Keeper::of_this_process().send(Request::Create { origin, reply });
        let created = answer.await.map_err(Error::of("the keeper is gone"))??;
        Ok(Self { name: created.name, url: created.url })
    }

    /// The URL to connect by.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL to connect by with the rights of `role`, which the migrations made, and no others.
    pub fn url_as(&self, role: &str) -> String {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}options[role]={role}", self.url)
    }

    /// The database's name on its server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A pool of up to five connections to it, of the calling runtime.
    ///
    /// # Errors
    ///
    /// The database does not take the connection.
    pub async fn pool(&self) -> Result<PgPool, Error> {
        let options = PgPoolOptions::new().max_connections(5);
        options.connect(&self.url).await.map_err(Error::of("cannot connect"))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (done, gone) = mpsc::channel();
        let keep = std::thread::panicking() && environment::keep_databases();
        Keeper::of_this_process().send(Request::Release { name: self.name.clone(), keep, done });
        // A drop that failed has been told by the keeper, and spoils no test.
        let _gone = gone.recv_timeout(DROP_PATIENCE);
    }
}
