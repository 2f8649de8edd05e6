//! `check`: looks at everything that the service needs, without changing anything, and prints a table.

use std::io::Write;

use clap::Args;
use partner_core::OrgQuery;
use tokio_util::task::TaskTracker;

use super::{CliError, ConfigArgs};
use crate::{
    config::{AuthKey, Config, ProviderConfig},
    providers::{Account, Registry},
    run::{Database, verifier, with_causes},
};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Failed,
    /// Taken as it is, and yet deserves a look.
    Warning,
    /// It could not be looked at without changing something.
    Unchecked,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::Warning => "warning",
            Self::Unchecked => "unchecked",
        }
    }
}

/// A line of the table.
#[derive(Debug)]
struct Row {
    what: String,
    verdict: Verdict,
    detail: String,
}

impl Row {
    fn new(what: impl Into<String>, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { what: what.into(), verdict, detail: detail.into() }
    }

    fn of<E: std::error::Error + 'static>(what: &str, looked: Result<&str, E>) -> Self {
        match looked {
            Ok(detail) => Self::new(what, Verdict::Ok, detail),
            Err(error) => Self::new(what, Verdict::Failed, with_causes(&error)),
        }
    }
}

pub(super) async fn run(args: &CheckArgs) -> Result<(), CliError> {
    let config = args.config.load()?;
    let mut rows = vec![Row::new("configuration", Verdict::Ok, "valid")];
    for warning in &config.warnings {
        rows.push(Row::new("configuration", Verdict::Warning, warning));
    }
    rows.extend(database(&config).await);
    rows.push(token_keys(&config).await);
    rows.extend(providers(&config).await);
    print(&rows)?;
    let failed = rows.iter().filter(|row| row.verdict == Verdict::Failed).count();
    match failed {
        0 => Ok(()),
        1 => Err(CliError::Failed("1 check failed".to_owned())),
        several => Err(CliError::Failed(format!("{several} checks failed"))),
    }
}

async fn database(config: &Config) -> Vec<Row> {
    const WHAT: &str = "database";
    let database = match Database::open(&config.database).await {
        Ok(database) => database,
        Err(error) => return vec![Row::of(WHAT, Err(error))],
    };
    let migrated = database.store.check_migrated().await;
    let is_migrated = migrated.is_ok();
    let mut rows = vec![Row::of(WHAT, migrated.map(|()| "reachable and migrated"))];
    if is_migrated {
        match database.store.check_sequences().await {
            Ok(warning) => {
                rows.extend(warning.map(|text| Row::new(WHAT, Verdict::Warning, text)));
            }
            Err(error) => rows.push(Row::of(WHAT, Err(error))),
        }
    }
    match database.store.durability_warnings().await {
        Ok(warnings) => {
            rows.extend(warnings.into_iter().map(|text| Row::new(WHAT, Verdict::Warning, text)));
        }
        Err(error) => rows.push(Row::of(WHAT, Err(error))),
    }
    if config.database.serves_with_few_rights() {
        match database.store.rights_warning().await {
            Ok(warning) => {
                rows.extend(warning.map(|text| Row::new(WHAT, Verdict::Warning, text)));
            }
            Err(error) => rows.push(Row::of(WHAT, Err(error))),
        }
    }
    database.close().await;
    rows
}

async fn token_keys(config: &Config) -> Row {
    const WHAT: &str = "token keys";
    let verifier = match verifier(&config.auth, &TaskTracker::new()) {
        Ok(verifier) => verifier,
        Err(error) => return Row::of(WHAT, Err(error)),
    };
    let told = match &config.auth.key {
        AuthKey::Jwks { .. } => "the key set was fetched",
        AuthKey::Public { .. } | AuthKey::Hmac(_) => "the key is at hand",
    };
    Row::of(WHAT, verifier.prepare().await.map(|()| told))
}

/// Each account by its present key, and by its next one where there is one: apart, or the one that is taken
/// would hide that the other is not.
async fn providers(config: &Config) -> Vec<Row> {
    let with = |provider: &ProviderConfig, keys| ProviderConfig { keys, ..provider.clone() };
    let present = config.providers.iter().map(|one| with(one, one.keys.present_alone()));
    let next = config.providers.iter().filter_map(|one| Some(with(one, one.keys.next_alone()?)));
    let mut rows = providers_by_key(present.collect(), "").await;
    rows.extend(providers_by_key(next.collect(), ", next key").await);
    rows
}

async fn providers_by_key(configs: Vec<ProviderConfig>, key: &str) -> Vec<Row> {
    match Registry::new(&configs) {
        Ok(registry) => {
            futures::future::join_all(registry.iter().map(|account| provider(account, key))).await
        }
        Err(error) => vec![Row::of("providers", Err(error))],
    }
}

/// Reads one page, where the account can be read at all.
async fn provider(account: &Account, key: &str) -> Row {
    let what = format!("provider {}{key}", account.name());
    if !account.capabilities().list {
        return Row::new(what, Verdict::Unchecked, "cannot be checked without writing");
    }
    let query = OrgQuery { page_size: Some(1), ..OrgQuery::default() };
    let read = account.provider.find_child_orgs(&query, None).await;
    Row::of(&what, read.map(|_page| "answers, and takes the key"))
}

fn print(rows: &[Row]) -> Result<(), CliError> {
    let width = rows.iter().map(|row| row.what.len()).max().unwrap_or(0);
    let mut table = String::new();
    for Row { what, verdict, detail } in rows {
        let verdict = verdict.word();
        table.push_str(&format!("{what:width$}  {verdict:9}  {detail}\n"));
    }
    std::io::stdout()
        .write_all(table.as_bytes())
        .map_err(|error| CliError::Failed(format!("the table could not be written: {error}")))
}
