//! The database as the configuration has it: a server of our own, or one that is there.

use embedded_postgres::{EmbeddedPostgres, Options};
use secrecy::SecretString;

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
    /// Starts the server where it is to be ours, and connects. The migrations are not looked at.
    ///
    /// # Errors
    /// One line: there is no server, it refuses, or does not answer.
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
        let store = Store::connect(&settings).await.map_err(|error| connect_error(&error))?;
        Ok(Self { store, server })
    }

    /// Comes back with one line when a server of our own has ended. Never where it is not ours.
    pub async fn ended(&self) -> String {
        match &self.server {
            Some(server) => server.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Gives the connections back, and stops the server if it is ours.
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
        | StoreError::Other(_) => StartError::failed(error),
    }
}
