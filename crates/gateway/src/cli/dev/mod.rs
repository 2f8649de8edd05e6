//! `dev`: the whole product on one machine, nothing configured. An embedded PostgreSQL, the sandbox in
//! place of the providers, and the gateway; all they hold is kept for the next start.

mod settings;
mod shown;
mod state;

use std::{
    io::ErrorKind,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use sandbox::{FaultProfile, Sandbox, SandboxConfig};

use self::{settings::Settings, shown::Shown, state::DevState};
use super::{CliError, ConfigArgs, serve::serve, signals::Signals};
use crate::{
    config::Config,
    run::Gateway,
    telemetry::{self, MetricsHandle},
};

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address and port of the API, 127.0.0.1:8080 unless configured otherwise
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// What goes wrong at the simulated providers
    #[arg(long, value_name = "PROFILE", default_value = "none", value_parser = profiles())]
    sandbox_faults: FaultProfile,
}

fn profiles() -> impl TypedValueParser<Value = FaultProfile> {
    PossibleValuesParser::new(FaultProfile::names()).try_map(|name| name.parse::<FaultProfile>())
}

pub(super) async fn run(args: &DevArgs) -> Result<(), CliError> {
    let mut settings = Settings::new(args.config.sources(), args.listen);
    let folder = settings.folder()?;
    let mut signals = Signals::listen()?;
    let state = DevState::open(&folder)?;
    let sandbox = start_sandbox(&state, args.sandbox_faults).await?;
    let config = settings.config(&state, &sandbox, folder)?;
    let telemetry = telemetry::init(&config.telemetry)?;
    let metrics = telemetry.metrics().clone();
    let ran = tokio::select! {
        started = start(config, metrics, &sandbox) => match started {
            Ok(gateway) => serve(gateway, &mut signals).await,
            Err(error) => Err(error),
        },
        () = signals.next() => Ok(()),
    };
    sandbox.shutdown().await;
    telemetry.shutdown().await;
    ran
}

/// Starts the gateway and says where everything is.
async fn start(
    config: Config,
    metrics: MetricsHandle,
    sandbox: &Sandbox,
) -> Result<Gateway, CliError> {
    let token = settings::token(&config.auth)?;
    let tls = config.server.tls.is_some();
    let gateway = Gateway::start(config, metrics).await.map_err(|error| {
        let line = error.to_string();
        match line.strip_prefix("server.listen: ") {
            Some(rest) => CliError::Failed(format!("{rest}; --listen takes another address")),
            None => error.into(),
        }
    })?;
    let (api, internal) = (gateway.addr(), gateway.internal_addr());
    let written =
        Shown { api, tls, console: internal.unwrap_or(api), sandbox, token: &token }.write();
    if let Err(error) = written {
        gateway.shutdown().await;
        return Err(CliError::Failed(format!("standard output: {error}")));
    }
    Ok(gateway)
}

/// Starts the sandbox where it was the last time, or anywhere if its ports are taken.
async fn start_sandbox(state: &DevState, faults: FaultProfile) -> Result<Sandbox, CliError> {
    let mut config = SandboxConfig {
        state_path: Some(state.path("sandbox.jsonl")),
        faults,
        ..SandboxConfig::default()
    };
    let anywhere = config.clone();
    let ports = state.sandbox_ports();
    config.scaleway_listen.set_port(ports.scaleway);
    config.archera_listen.set_port(ports.archera);
    let started = match Sandbox::start(config).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse => Sandbox::start(anywhere).await,
        started => started,
    };
    let sandbox =
        started.map_err(|error| CliError::Failed(format!("the sandbox cannot start: {error}")))?;
    state.keep_sandbox_ports(&sandbox)?;
    Ok(sandbox)
}

/// The folder of everything that `dev` keeps, apart from what `serve` may keep in `state_dir`.
fn folder_in(state_dir: &Path) -> PathBuf {
    state_dir.join("dev")
}
