//! The whole service, put together from its rooms and taken apart again.
//!
//! `serve`, `dev` and the end-to-end tests start the gateway by this one door. Nothing is decided here,
//! and no signal is heard: who starts a [`Gateway`] stops it.

mod courier;
mod database;
mod descriptors;
mod drain;
mod error;
mod keys;
mod oidc;
mod reload;
mod secrets;

use std::{net::SocketAddr, sync::Arc};

use chrono::TimeDelta;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tracing::{info, warn};

use crate::{
    app::{App, Clock, Fingerprints, Sealer, Webhooks},
    config::{Config, DatabaseConfig, SealingKey, WebhooksConfig},
    http::{server, state::ApiState, tls::Tls},
    operations::{Engine, EngineSettings},
    providers::Registry,
    routing::Router,
    store::Store,
    telemetry::MetricsHandle,
    workers,
};

pub use database::Database;
pub use error::StartError;
pub(crate) use error::with_causes;
pub(crate) use keys::verifier;

/// Creates of one account that may be in doubt at once.
const CREATES_AT_RISK: i64 = 3;

/// A running gateway. Dropped without [`Gateway::shutdown`], it stops at once and waits for nothing.
#[derive(Debug)]
pub struct Gateway {
    addr: SocketAddr,
    internal_addr: Option<SocketAddr>,
    config: Config,
    app: Arc<App>,
    database: Database,
    state: ApiState,
    tasks: TaskTracker,
    /// Ends the HTTP side in good order.
    stop_http: CancellationToken,
    /// Ends what runs by itself.
    stop_work: CancellationToken,
    /// The HTTP side has ended, asked or not.
    http_ended: CancellationToken,
    /// Has the files of secrets looked at without delay.
    read_again: Arc<Notify>,
    files_of_secrets: usize,
    _guards: [DropGuard; 2],
}

impl Gateway {
    /// Starts the gateway: its database is open and up to date, its addresses answer, and its workers
    /// run when this returns. Port 0 takes a free one.
    ///
    /// # Errors
    /// One line: what is missing, or which setting cannot be used.
    pub async fn start(config: Config, metrics: MetricsHandle) -> Result<Self, StartError> {
        Self::start_at(config, metrics, crate::operations::now).await
    }

    /// As [`Gateway::start`], by another clock: what depends on the day can be had on any.
    ///
    /// # Errors
    /// As there.
    pub async fn start_at(
        config: Config,
        metrics: MetricsHandle,
        clock: Clock,
    ) -> Result<Self, StartError> {
        for warning in &config.warnings {
            warn!("{warning}");
        }
        descriptors::warn_of_too_few(config.server.max_connections);
        let database = Database::open(&config.database).await?;
        match Self::start_on(&database, &config, metrics, clock).await {
            Ok(parts) => Ok(parts.into_gateway(config, database)),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    async fn start_on(
        database: &Database,
        config: &Config,
        metrics: MetricsHandle,
        clock: Clock,
    ) -> Result<Parts, StartError> {
        let store = &database.store;
        prepare(database, &config.database).await?;
        let app = open_app(store, config, clock).await?;
        warn_of_strangers(store, app.engine().registry()).await?;
        let tasks = TaskTracker::new();
        let verifier = Arc::new(verifier(&config.auth, &tasks)?);
        let state = ApiState {
            oidc: oidc::oidc(&config.console),
            ..ApiState::new(
                Arc::clone(&app),
                Arc::clone(&verifier),
                metrics.clone(),
                &config.limits,
            )
        };
        let tls = tls(config)?;
        let listener = bind(config.server.listen, "server.listen").await?;
        let internal = match config.server.internal_listen {
            Some(address) => Some(bind(address, "server.internal_listen").await?),
            None => None,
        };
        let mut parts = Parts::new(&listener, internal.as_ref(), app, state, tasks)?;
        parts.run_reloads(config, tls.as_ref());
        parts.run_http(listener, tls, internal, config);
        parts.run_work(config, metrics);
        parts.tasks.spawn(async move {
            if let Err(error) = verifier.prepare().await {
                warn!(%error, "the keys of tokens are not at hand yet");
            }
        });
        Ok(parts)
    }

    /// Where the API answers.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where `/metrics` answers, if that is elsewhere.
    #[must_use]
    pub fn internal_addr(&self) -> Option<SocketAddr> {
        self.internal_addr
    }

    /// The use cases, for tools and tests in the same process.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Comes back with one line when the gateway cannot go on. It is to be shut down all the same.
    pub async fn failed(&self) -> String {
        tokio::select! {
            how = self.database.ended() => how,
            () = self.http_ended.cancelled() => "the HTTP server has ended".to_owned(),
        }
    }
}

/// What is there once the gateway runs.
struct Parts {
    addr: SocketAddr,
    internal_addr: Option<SocketAddr>,
    app: Arc<App>,
    state: ApiState,
    tasks: TaskTracker,
    stop_http: CancellationToken,
    stop_work: CancellationToken,
    http_ended: CancellationToken,
    read_again: Arc<Notify>,
    files_of_secrets: usize,
}

impl Parts {
    fn new(
        listener: &TcpListener,
        internal: Option<&TcpListener>,
        app: Arc<App>,
        state: ApiState,
        tasks: TaskTracker,
    ) -> Result<Self, StartError> {
        let address = |listener: &TcpListener| {
            listener.local_addr().map_err(|error| StartError::failed(&error))
        };
        Ok(Self {
            addr: address(listener)?,
            internal_addr: internal.map(address).transpose()?,
            app,
            state,
            tasks,
            stop_http: CancellationToken::new(),
            stop_work: CancellationToken::new(),
            http_ended: CancellationToken::new(),
            read_again: Arc::default(),
            files_of_secrets: 0,
        })
    }

    /// Reads secrets again where they are in files.
    fn run_reloads(&mut self, config: &Config, tls: Option<&Arc<Tls>>) {
        let registry = self.app.engine().registry();
        let subjects = secrets::subjects(config, registry, &self.state.verifier, tls);
        self.files_of_secrets = subjects.iter().map(reload::Subject::files).sum();
        let asked = Arc::clone(&self.read_again);
        self.tasks.spawn(reload::run(subjects, asked, self.stop_work.clone()));
    }

    fn run_http(
        &self,
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        internal: Option<TcpListener>,
        config: &Config,
    ) {
        let ended = self.http_ended.clone().drop_guard();
        let (state, stop) = (self.state.clone(), self.stop_http.clone());
        let server = config.server.clone();
        self.tasks.spawn(async move {
            server::run(listener, tls, internal, state, server, stop).await;
            drop(ended);
        });
    }

    fn run_work(&self, config: &Config, metrics: MetricsHandle) {
        workers::start(&self.app, config.operations.poll_every, &self.tasks, &self.stop_work);
        self.tasks.spawn(metrics.run_upkeep(self.stop_work.clone()));
    }

    fn into_gateway(self, config: Config, database: Database) -> Gateway {
        info!(
            listen = %self.addr,
            internal_listen = self.internal_addr.map(|address| address.to_string()),
            tls = config.server.tls.is_some(),
            providers = config.providers.len(),
            version = env!("CARGO_PKG_VERSION"),
            "the gateway runs"
        );
        Gateway {
            _guards: [self.stop_http.clone().drop_guard(), self.stop_work.clone().drop_guard()],
            addr: self.addr,
            internal_addr: self.internal_addr,
            config,
            app: self.app,
            database,
            state: self.state,
            tasks: self.tasks,
            stop_http: self.stop_http,
            stop_work: self.stop_work,
            http_ended: self.http_ended,
            read_again: self.read_again,
            files_of_secrets: self.files_of_secrets,
        }
    }
}

fn tls(config: &Config) -> Result<Option<Arc<Tls>>, StartError> {
    let tls = config.server.tls.as_ref().map(Tls::new).transpose();
    tls.map(|tls| tls.map(Arc::new)).map_err(|error| StartError::failed(&error))
}

/// Applies the migrations where that is configured, checks that the gateway can work, and warns of what is less than
/// durable or safe.
async fn prepare(database: &Database, config: &DatabaseConfig) -> Result<(), StartError> {
    let store = &database.store;
    let failed = |error| StartError::failed(&error);
    if config.migrate_on_start {
        store.migrate().await.map_err(failed)?;
    }
    database.check_ready().await.map_err(failed)?;
    for warning in store.durability_warnings().await.map_err(failed)? {
        warn!("{warning}");
    }
    if config.serves_with_few_rights()
        && let Some(warning) = store.rights_warning().await.map_err(failed)?
    {
        warn!("{warning}");
    }
    Ok(())
}

/// Operations of an account that is configured no more stay as they are; nobody else would notice.
async fn warn_of_strangers(store: &Store, registry: &Registry) -> Result<(), StartError> {
    let open = store.providers_with_open_operations().await;
    for provider in open.map_err(|error| StartError::failed(&error))? {
        if registry.get(&provider).is_none() {
            warn!(provider, "operations are open for a provider that is not configured");
        }
    }
    Ok(())
}

/// The use cases over an open database, for the service and for commands that do part of its work.
///
/// # Errors
/// One line: which account cannot be used, or that the database does not answer.
pub(crate) async fn open_app(
    store: &Store,
    config: &Config,
    clock: Clock,
) -> Result<Arc<App>, StartError> {
    let registry = Registry::new(&config.providers)
        .map_err(|error| StartError::Configuration(with_causes(&error)))?;
    let mut fresh = [0; 32];
    aws_lc_rs::rand::fill(&mut fresh).map_err(|error| StartError::failed(&error))?;
    let key = store.fingerprint_key(fresh).await.map_err(|error| StartError::failed(&error))?;
    let settings = EngineSettings {
        lease: config.operations.lease,
        creates_at_risk: CREATES_AT_RISK,
        risk_window: config.operations.create_risk_window,
        jitter: rand::random::<f64>,
    };
    let engine = Engine::new(Arc::new(store.clone()), registry, settings);
    let router = Router::new(config.routes.clone());
    let poll_every = config.operations.poll_every;
    let fingerprints = Fingerprints::new(&key);
    let webhooks = webhooks(&config.webhooks)?;
    Ok(App::new(store.clone(), engine, router, fingerprints, poll_every, clock, webhooks))
}

fn webhooks(config: &WebhooksConfig) -> Result<Webhooks, StartError> {
    let key = config.encryption_key.as_ref().map(SealingKey::expose);
    let sealer = Sealer::new(key).map_err(|error| StartError::failed(&error))?;
    let lease =
        TimeDelta::from_std(config.timeout * 2).map_err(|error| StartError::failed(&error))?;
    Ok(Webhooks {
        courier: Arc::new(courier::HttpCourier::new(config)),
        sealer: Arc::new(sealer),
        lease,
    })
}

async fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::Failed(format!("{key}: cannot listen on {address}: {error}")))
}
