//! `sweep`: one pass over what an account lists, now, and a summary.

use std::{
    io::{IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use uuid::Uuid;

use super::{CliError, ConfigArgs};
use crate::{
    actors::GatewayActor,
    app::{App, AppError, SweepStep},
    config::Config,
    providers::Account,
    run::{Database, open_app},
    store::{Sweep, SweepState},
};

/// How often a pass is looked at that somebody else carries on, or that rests.
const EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The partner account
    #[arg(long, value_name = "NAME")]
    provider: String,
}

pub(super) async fn run(args: &SweepArgs) -> Result<(), CliError> {
    let config = args.config.load()?;
    let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    if !names.contains(&args.provider.as_str()) {
        return Err(CliError::Usage(format!(
            "--provider: there is no account `{}`; there are: {}",
            args.provider,
            names.join(", ")
        )));
    }
    let database = Database::open(&config.database).await?;
    let swept = sweep(&database, &config, &args.provider).await;
    database.close().await;
    let swept = swept?;
    print(&swept)?;
    match swept.error {
        None => Ok(()),
        Some(error) => Err(CliError::Failed(format!("the sweep broke off: {error}"))),
    }
}

async fn sweep(database: &Database, config: &Config, name: &str) -> Result<Sweep, CliError> {
    database.check_ready().await.map_err(|error| CliError::failed(&error))?;
    let app = open_app(&database.store, config, crate::operations::now).await?;
    let account = app.engine().registry().get(name).cloned();
    let account = account.ok_or_else(|| CliError::Failed("the account is gone".to_owned()))?;
    let request_id = Uuid::now_v7().to_string();
    let lease = Some(app.engine().lease());
    let requested =
        app.request_sweep(name, (GatewayActor::CommandLine.as_str(), &request_id), lease).await;
    let (sweep, is_ours) = requested.map_err(|error| failed(&error))?;
    let ended = carry(&app, &account, sweep, is_ours).await;
    app.engine().drain().await;
    ended
}

/// Carries a pass to its end, or waits for whoever does.
async fn carry(
    app: &Arc<App>,
    account: &Account,
    sweep: Sweep,
    is_ours: bool,
) -> Result<Sweep, CliError> {
    let (id, mut progress) = (sweep.id, Progress::new());
    let mut held = is_ours.then_some(sweep);
    loop {
        if let Some(pass) = held.take() {
            let stepped = app.step_sweep(account, pass).await;
            match stepped.map_err(|error| CliError::failed(&error))? {
                SweepStep::GoesOn(pass) => {
                    progress.show(&pass);
                    held = Some(pass);
                    continue;
                }
                SweepStep::Ended(pass) => {
                    progress.end();
                    return Ok(pass);
                }
                SweepStep::Rests | SweepStep::Lost => {}
            }
        }
        tokio::time::sleep(EVERY).await;
        let now = app.sweep(id).await.map_err(|error| failed(&error))?;
        progress.show(&now);
        if now.state != SweepState::Running {
            progress.end();
            return Ok(now);
        }
        held = app.claim_sweep(account).await.map_err(|error| CliError::failed(&error))?;
    }
}

fn failed(error: &AppError) -> CliError {
    CliError::failed(error)
}

/// How far the pass has come, on standard error, where somebody watches.
struct Progress {
    is_watched: bool,
}

impl Progress {
    fn new() -> Self {
        Self { is_watched: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, sweep: &Sweep) {
        let Sweep { provider, listed, requests, .. } = sweep;
        let doing = sweep.phase.as_str();
        self.write(&format!("\r\x1b[2K{provider}: {doing}, {listed} listed, {requests} requests"));
    }

    fn end(&mut self) {
        self.write("\r\x1b[2K");
    }

    fn write(&mut self, text: &str) {
        if self.is_watched {
            let mut stderr = std::io::stderr().lock();
            // Nobody needs it.
            let _closed = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        }
    }
}

fn print(sweep: &Sweep) -> Result<(), CliError> {
    let took = sweep.finished_at.map_or(0, |at| (at - sweep.begun_at).num_milliseconds());
    let rows = [
        ("provider", sweep.provider.clone()),
        ("sweep", sweep.state.to_string()),
        ("listed", sweep.listed.to_string()),
        ("unmapped", sweep.unmapped.to_string()),
        ("missing", sweep.missing.to_string()),
        ("drifted", sweep.drifted.to_string()),
        ("requests", sweep.requests.to_string()),
        ("seconds", format!("{}.{:03}", took / 1000, took % 1000)),
    ];
    let mut table = String::new();
    for (what, value) in rows {
        table.push_str(&format!("{what:10}{value}\n"));
    }
    std::io::stdout()
        .write_all(table.as_bytes())
        .map_err(|error| CliError::Failed(format!("the table could not be written: {error}")))
}
