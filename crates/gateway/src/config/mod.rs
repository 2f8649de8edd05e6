//! Every setting of the service, read and validated once.
//!
//! The layers (built-in defaults, files, environment) are merged, parsed straight into the types
//! below, and every fault is told at once by its key. What leaves this room is valid.
//!
//! This is the only room that reads the environment. It depends on no other room, opens no
//! connection, and never shows a secret: not in a fault, not in `Debug`.

mod auth;
mod console;
mod database;
mod duration;
mod faults;
mod keys;
mod layers;
mod providers;
mod reader;
mod routes;
mod scope;
mod secret;
mod sections;
mod telemetry;
#[cfg(test)]
mod tests;
mod tls;
mod web;
mod webhooks;

use std::path::PathBuf;

pub use auth::{AuthConfig, AuthKey, AuthKeyFile, SigningAlgorithm};
pub use console::{ConsoleConfig, OidcConfig};
pub use database::{DatabaseConfig, DatabaseUrl};
pub use duration::parse_duration;
pub use faults::{ConfigError, Fault};
pub use keys::ProviderKeys;
pub use layers::{DEFAULTS, Environment, Sources};
pub use providers::{ProviderAccount, ProviderConfig, ProviderKind};
pub use routes::{RouteConfig, RouteWhen};
pub use scope::{Scope, UnknownScope};
pub use secret::read_secret_file;
pub use sections::{LimitsConfig, OperationsConfig, ServerConfig};
pub use telemetry::{LogFormat, TelemetryConfig};
pub use tls::{CaBundle, TlsConfig};
pub use webhooks::{SealingKey, WebhooksConfig};

use faults::Faults;
use reader::Reader;

/// The whole configuration, valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses and bounds of the HTTP side.
    pub server: ServerConfig,
    /// Where the rows are.
    pub database: DatabaseConfig,
    /// Whose tokens are believed.
    pub auth: AuthConfig,
    /// How people sign in to the console.
    pub console: ConsoleConfig,
    /// The partner accounts, in the order of the file; names are unique.
    pub providers: Vec<ProviderConfig>,
    /// The routing rules, in the order in which they are tried.
    pub routes: Vec<RouteConfig>,
    /// What one tenant may ask for.
    pub limits: LimitsConfig,
    /// Lease and pace of the operations.
    pub operations: OperationsConfig,
    /// Where webhooks' receivers may lie.
    pub webhooks: WebhooksConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
    /// What is accepted and yet deserves a look; one line each, by key, without secrets. To be
    /// logged at the start.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads the configuration of this process: built-in defaults, then `files` in order, then the
    /// environment.
    ///
    /// # Errors
    /// Every fault found, each with its key.
    pub fn load(files: &[PathBuf]) -> Result<Self, ConfigError> {
        Self::from_sources(&Sources::of_process(files))
    }

    /// Reads the configuration from the given sources.
    ///
    /// # Errors
    /// Every fault found, each with its key.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let (faults, mut root) = open(sources)?;
        let env = &sources.environment;
        let parts = Parts {
            server: root.section("server", |r| sections::server(r, env)),
            database: root.section("database", |r| database::parse(r, env, sources.is_root)),
            auth: root.section("auth", |r| auth::parse(r, env)),
            console: root.section("console", |r| console::parse(r, env)),
            providers: providers::parse_all(&mut root, env),
            routes: routes::parse_all(&mut root),
            limits: root.section("limits", sections::limits),
            operations: root.section("operations", sections::operations),
            webhooks: root.section("webhooks", |r| webhooks::parse(r, env)),
            telemetry: root.section("telemetry", |r| telemetry::parse(r, env)),
        };
        root.finish();
        parts.check_together(&faults);
        faults.unless_any(parts.whole())
    }
}

/// The sections, each there unless it has faults.
struct Parts {
    server: Option<ServerConfig>,
    database: Option<DatabaseConfig>,
    auth: Option<AuthConfig>,
    console: Option<ConsoleConfig>,
    providers: Option<Vec<ProviderConfig>>,
    routes: Option<Vec<RouteConfig>>,
    limits: Option<LimitsConfig>,
    operations: Option<OperationsConfig>,
    webhooks: Option<WebhooksConfig>,
    telemetry: Option<TelemetryConfig>,
}

impl Parts {
    /// What can only be judged with more than one section at hand.
    fn check_together(&self, faults: &Faults) {
        if let (Some(routes), Some(providers)) = (&self.routes, &self.providers) {
            routes::check_providers(routes, providers, faults);
        }
    }

    fn whole(self) -> Option<Config> {
        let (providers, routes, operations) = (self.providers?, self.routes?, self.operations?);
        let mut warnings = routes::warnings(&routes);
        warnings.extend(providers::warnings(&providers, operations.lease));
        Some(Config {
            server: self.server?,
            database: self.database?,
            auth: self.auth?,
            console: self.console?,
            providers,
            routes,
            limits: self.limits?,
            operations,
            webhooks: self.webhooks?,
            telemetry: self.telemetry?,
            warnings,
        })
    }
}

impl AuthConfig {
    /// Reads `[auth]` alone, for a command that needs nothing else. The other sections are not
    /// looked at, so their secrets need not be there.
    ///
    /// # Errors
    /// Every fault found in that section.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let (faults, mut root) = open(sources)?;
        let auth = root.section("auth", |r| auth::parse(r, &sources.environment));
        faults.unless_any(auth)
    }
}

impl DatabaseConfig {
    /// Reads `[database]` alone, for a command that needs nothing else. See
    /// [`AuthConfig::from_sources`].
    ///
    /// # Errors
    /// Every fault found in that section.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let (faults, mut root) = open(sources)?;
        let env = &sources.environment;
        let database = root.section("database", |r| database::parse(r, env, sources.is_root));
        faults.unless_any(database)
    }
}

impl TelemetryConfig {
    /// Reads `[telemetry]` alone, for a command that needs nothing else. See
    /// [`AuthConfig::from_sources`].
    ///
    /// # Errors
    /// Every fault found in that section.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let (faults, mut root) = open(sources)?;
        let telemetry = root.section("telemetry", |r| telemetry::parse(r, &sources.environment));
        faults.unless_any(telemetry)
    }
}

fn open(sources: &Sources) -> Result<(Faults, Reader), ConfigError> {
    let faults = Faults::default();
    let root = Reader::root(layers::merge(sources)?, faults.clone());
    Ok((faults, root))
}
