//! `migrate`: brings the database up to date.

use std::io::Write;

use clap::Args;

use super::{CliError, ConfigArgs};
use crate::{
    config::DatabaseConfig,
    run::Database,
    store::{Store, StoreError, embedded_migrations},
    telemetry,
};

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Only `[database]` is read, so that the other sections' secrets need not be at hand.
pub(super) async fn run(args: &MigrateArgs) -> Result<(), CliError> {
    // A migration warns of rows that an operator must look at.
    telemetry::log_warnings();
    let config = DatabaseConfig::from_sources(&args.config.sources())?;
    let database = Database::open(&config).await?;
    let migrated = migrate(&database.store).await;
    database.close().await;
    let line = migrated.map_err(|error| CliError::failed(&error))?;
    writeln!(std::io::stdout(), "{line}")
        .map_err(|error| CliError::Failed(format!("the outcome could not be written: {error}")))
}

async fn migrate(store: &Store) -> Result<String, StoreError> {
    let was_behind = store.check_migrated().await.is_err();
    store.migrate().await?;
    store.check_migrated().await?;
    let known = embedded_migrations().iter().count();
    let what = if was_behind { "migrated" } else { "nothing to apply" };
    Ok(format!("{what}: the database has all {known} migrations"))
}
