//! `import`: adopts what a partner account has already. A dry run unless it is told to apply.

mod customers;
mod follow;
mod progress;
mod report;

use std::{io::Write, path::PathBuf};

use clap::Args;

use self::follow::Follower;
use super::{CliError, ConfigArgs, signals::Signals};
use crate::{
    app::{Import, ImportError, ImportSettings},
    auth::Tenant,
    config::Config,
    providers::{Account, Registry},
    run::{Database, with_causes},
    store::Store,
};

/// The tenant of the mappings where none is said and the database does not settle it.
const DEFAULT_TENANT: &str = "default";

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The partner account, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    provider: String,
    /// Adopt; without it nothing is changed, and what would be is told
    #[arg(long)]
    apply: bool,
    /// Whose organizations are: CSV with the columns provider_org_id, customer_id and, if need be,
    /// tenant; it goes before what the provider says
    #[arg(long, value_name = "FILE")]
    customers: Option<PathBuf>,
    /// To which internal platform the mappings belong, where the CSV does not say; without it, the only
    /// one that the database knows, else "default"
    #[arg(long, value_name = "NAME")]
    tenant: Option<Tenant>,
    /// Write what became of each organization into this file, as CSV
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(super) async fn run(args: &ImportArgs) -> Result<(), CliError> {
    let config = args.config.load()?;
    let registry =
        Registry::new(&config.providers).map_err(|error| CliError::Usage(with_causes(&error)))?;
    let account = account(&registry, &args.provider)?;
    let map = match &args.customers {
        Some(path) => customers::read(path, account)?,
        None => crate::app::CustomerMap::default(),
    };
    let report = args.report.as_deref().map(report::Report::create).transpose()?;
    let mut signals = Signals::listen()?;
    let database = open(&config).await?;
    let begun = begin(args, &database.store, map).await;
    let ended = match begun {
        Ok(settings) => {
            let mut import = Import::new(&database.store, account, settings.import);
            let mut follower = Follower::new(args.apply, report);
            let heading = heading(args, &import, &settings.tenant_said);
            // Told before, so that it is seen in time.
            let told = print(&heading);
            let outcome = tokio::select! {
                ran = import.run(&mut follower) => ran.map_err(|error| failed(&error)),
                () = signals.next() => Err(CliError::Failed("interrupted; run it again to go on".to_owned())),
            };
            let summary = follower.end(import.requests(), outcome.is_ok());
            told.and(print(&summary.text)).and(outcome).and(summary.verdict)
        }
        Err(error) => Err(error),
    };
    database.close().await;
    ended
}

fn account<'a>(registry: &'a Registry, name: &str) -> Result<&'a Account, CliError> {
    registry.get(name).ok_or_else(|| {
        let known: Vec<&str> = registry.iter().map(|account| account.name().as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        CliError::Usage(format!("--provider: {name} is not configured; there are: {known}"))
    })
}

async fn open(config: &Config) -> Result<Database, CliError> {
    let database = Database::open(&config.database).await?;
    match database.check_ready().await {
        Ok(()) => Ok(database),
        Err(error) => {
            database.close().await;
            Err(CliError::failed(&error))
        }
    }
}

/// What is done, and how the tenant came about.
struct Begun {
    import: ImportSettings,
    tenant_said: String,
}

async fn begin(
    args: &ImportArgs,
    store: &Store,
    map: crate::app::CustomerMap,
) -> Result<Begun, CliError> {
    let (tenant, why) = match &args.tenant {
        Some(tenant) => (tenant.to_string(), "by --tenant"),
        None => match store.only_tenant().await.map_err(|error| CliError::failed(&error))? {
            Some(only) => (only, "the only one that the database knows; --tenant says otherwise"),
            None => (
                DEFAULT_TENANT.to_owned(),
                "the database does not settle it; --tenant says otherwise",
            ),
        },
    };
    let tenant_said = format!("{tenant} ({why})");
    Ok(Begun { import: ImportSettings { tenant, apply: args.apply, map }, tenant_said })
}

fn heading(args: &ImportArgs, import: &Import<'_>, tenant: &str) -> String {
    let how = if args.apply { "applied" } else { "dry run, nothing is changed" };
    let run = if args.apply {
        format!("request id of its events: {}\n", import.run_id())
    } else {
        String::new()
    };
    format!("import of {}: {how}\ntenant: {tenant}\n{run}", args.provider)
}

fn failed(error: &ImportError) -> CliError {
    CliError::failed(error)
}

fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| CliError::Failed(format!("the outcome could not be written: {error}")))
}
