//! `audit verify`: whether the events are what was sealed.

use std::{io::Write, str::FromStr};

use clap::{Args, Subcommand};

use super::{CliError, ConfigArgs};
use crate::{
    app::{Audit, audit},
    config::DatabaseConfig,
    run::{Database, with_causes},
    store::FeedHead,
};

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Walk the feed of events and find what was edited, deleted, reordered or cut off
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// A head that an earlier run printed: it must lie on the chain, or all of it was rewritten
    #[arg(long, value_name = "SEQUENCE:HASH", value_parser = FeedHead::from_str)]
    head: Option<FeedHead>,
}

/// Only `[database]` is read, so that whoever audits needs no other secret.
pub(super) async fn run(args: &AuditArgs) -> Result<(), CliError> {
    let AuditCommand::Verify(args) = &args.command;
    let config = DatabaseConfig::from_sources(&args.config.sources())?;
    let database = Database::open(&config).await?;
    let audited = verify(&database, args.head.as_ref()).await;
    database.close().await;
    let audited = audited.map_err(|error| CliError::Failed(with_causes(&error)))?;
    print(&audited)?;
    match audited.first {
        None => Ok(()),
        Some(first) => Err(CliError::Failed(format!(
            "the events were tampered with: {} found, the first: {first}",
            audited.faults
        ))),
    }
}

async fn verify(
    database: &Database,
    noted: Option<&FeedHead>,
) -> Result<Audit, crate::store::StoreError> {
    database.store.check_migrated().await?;
    audit(&database.store, noted).await
}

fn print(audited: &Audit) -> Result<(), CliError> {
    let head = audited.head.map_or_else(|| "none".to_owned(), |head| head.to_string());
    let lines = format!(
        "checked: {}\nnot sealed yet: {}\nhead: {head}\nfaults: {}\n",
        audited.checked, audited.unsealed, audited.faults
    );
    std::io::stdout()
        .write_all(lines.as_bytes())
        .map_err(|error| CliError::Failed(format!("the outcome could not be written: {error}")))
}
