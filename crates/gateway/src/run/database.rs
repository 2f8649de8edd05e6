//! The database as the configuration has it: a server of our own, or one that is there.

use embedded_postgres::{EmbeddedPostgres, Options};
use secrecy::SecretString;
use tracing::warn;

use super::StartError;
use crate::{
    config::{DatabaseConfig, DatabaseUrl},
    store::{DatabaseSettings, Store, StoreError},
};

/// An open database, with the server if it is ours.
#[derive(Debug)]
pub struct Database {
    /// Its rows.
    pub store: Store,
    server: Option<EmbeddedPostgres>,
}

impl Database {
    /// Starts the server if it is embedded, connects, and checks that the database suits the gateway. Does not check
    /// the migrations.
    ///
    /// # Errors
    /// One line: there is no server, it refuses, does not answer, or has an unsuitable database.
    pub async fn open(config: &DatabaseConfig) -> Result<Self, StartError> {
        let (url, server) = match &config.url {
            DatabaseUrl::Url(url) => (url.clone(), None),
            DatabaseUrl::Embedded => {
                let state_dir = Some(config.state_dir.clone());
                let options = Options { state_dir, ..Options::default() };
                let started = EmbeddedPostgres::start(options).await;
                let server = started.map_err(|error| StartError::failed(&error))?;
                (SecretString::from(server.url()), Some(server))
            }
        };
        let settings = DatabaseSettings { url, max_connections: config.max_connections };
        match Store::connect(&settings).await {
            Ok(store) => Ok(Self { store, server }),
            Err(error) => {
                if let Some(server) = server {
                    server.stop().await;
                }
                Err(connect_error(&error))
            }
        }
    }

    /// Comes back with one line when a server of our own has ended. Never where it is not ours.
    pub async fn ended(&self) -> String {
        match &self.server {
            Some(server) => server.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Checks that the gateway can write to the database: it has all migrations, and its sequences are ahead of their
    /// tables.
    ///
    /// # Errors
    /// Names the fault and its repair.
    pub(crate) async fn check_ready(&self) -> Result<(), StoreError> {
        self.store.check_migrated().await?;
        if let Some(warning) = self.store.check_sequences().await? {
            warn!("{warning}");
        }
        Ok(())
    }

    /// Whether the server belongs to this process.
    pub(super) fn is_embedded(&self) -> bool {
        self.server.is_some()
    }

    /// Closes all connections, and stops the server if it is embedded.
    pub async fn close(self) {
        self.store.close().await;
        self.stop_server().await;
    }

    /// Stops the server if it is ours, whoever is still connected.
    pub(super) async fn stop_server(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

fn connect_error(error: &StoreError) -> StartError {
    match error {
        // A URL that cannot be read is the only thing that is told so before anything is sent.
        StoreError::Migration(message) => StartError::Configuration(message.clone()),
        StoreError::Unavailable(_)
        | StoreError::Constraint { .. }
        | StoreError::Corrupt(_)
        | StoreError::Unsuitable(_)
        | StoreError::Other(_) => StartError::failed(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{Permissions, set_permissions},
        io::Write,
        os::unix::fs::PermissionsExt,
        sync::{Arc, Mutex},
    };

    use super::*;

    /// The captured log.
    #[derive(Debug, Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn an_embedded_server_ends_after_the_last_connection() {
        let folder = tempfile::tempdir().unwrap();
        set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let config = DatabaseConfig {
            url: DatabaseUrl::Embedded,
            max_connections: 2,
            migrate_on_start: false,
            state_dir: folder.path().to_owned(),
        };
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_writer(move || writer.clone())
            .finish();
        let _logged = tracing::subscriber::set_default(subscriber);
        for _ in 0..3 {
            let database = Database::open(&config).await.unwrap();
            let listener = database.store.listen().await.unwrap();
            // A task that nobody awaits returns its connection.
            drop(listener);
            database.close().await;
            tokio::task::yield_now().await;
        }
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(logged, "");
    }
}
