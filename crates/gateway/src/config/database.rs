//! `[database]`: which PostgreSQL, and how it is used.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::layers::Environment;
use super::reader::Reader;

/// Which PostgreSQL, and how it is used.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Where the server is.
    pub url: DatabaseUrl,
    /// Connections of the main pool, at least 2.
    pub max_connections: u32,
    /// Whether `serve` applies the migrations itself.
    pub migrate_on_start: bool,
    /// The folder of the embedded server's data and binaries.
    pub state_dir: PathBuf,
}

impl DatabaseConfig {
    /// Its user needs no more than a gateway does: the server is not our own, and is migrated by somebody else.
    pub(crate) fn serves_with_few_rights(&self) -> bool {
        !self.migrate_on_start && matches!(self.url, DatabaseUrl::Url(_))
    }
}

/// Where the PostgreSQL server is.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A server of our own, in `state_dir`.
    Embedded,
    /// A `postgres://` URL. It may hold a password, so it is a secret as a whole.
    Url(SecretString),
}

const ROOT_STATE: &str = "/var/lib/partner-gateway";

pub(super) fn parse(
    reader: &mut Reader,
    env: &Environment,
    is_root: bool,
) -> Option<DatabaseConfig> {
    let url = database_url(reader, env);
    let max_connections = reader.integer("max_connections", 2..=10_000);
    let migrate_on_start = reader.boolean("migrate_on_start");
    let state_dir = state_dir(reader, env, is_root);
    if matches!(url, Some(DatabaseUrl::Embedded)) && state_dir.is_none() {
        reader.fault("state_dir", "is needed: the user has no home folder to put it in");
    }
    Some(DatabaseConfig {
        url: url?,
        max_connections: max_connections?,
        migrate_on_start: migrate_on_start?,
        state_dir: state_dir.unwrap_or_else(|| PathBuf::from(ROOT_STATE)),
    })
}

fn state_dir(reader: &mut Reader, env: &Environment, is_root: bool) -> Option<PathBuf> {
    if let Some(folder) = reader.string("state_dir") {
        return Some(PathBuf::from(folder));
    }
    if is_root {
        return Some(PathBuf::from(ROOT_STATE));
    }
    let set = |name| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("partner-gateway"))
}

fn database_url(reader: &mut Reader, env: &Environment) -> Option<DatabaseUrl> {
    const KEY: &str = "url";
    if !reader.is_set(KEY) {
        reader.take(KEY);
        reader
            .fault(KEY, "is needed: { env = \"DATABASE_URL\" }, \"embedded\" or a postgres:// URL");
        return None;
    }
    if reader.holds_table(KEY) {
        let secret = reader.secret(KEY, env)?;
        let judged = judge(secret.expose_secret()).map(|_| DatabaseUrl::Url(secret.clone()));
        return judged.map_err(|message| reader.fault(KEY, message)).ok();
    }
    let text = reader.string(KEY)?;
    let url = if text == "embedded" { Ok(DatabaseUrl::Embedded) } else { plain(&text) };
    url.map_err(|message| reader.fault(KEY, message)).ok()
}

const NOT_A_URL: &str = "is not a postgres:// URL";

/// A URL given as it is. One with a password is a secret in a plain value, and refused.
fn plain(text: &str) -> Result<DatabaseUrl, String> {
    let url = judge(text)?;
    let password_in_query = url.query_pairs().any(|(name, _)| name == "password");
    if url.password().is_some() || password_in_query {
        return Err("a plain URL must hold no password; name it as { env = \"NAME\" } or \
                    { file = \"path\" }"
            .to_owned());
    }
    Ok(DatabaseUrl::Url(SecretString::from(text)))
}

/// Never shows the text: it may hold a password.
fn judge(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_shows_nothing| NOT_A_URL.to_owned())?;
    match url.scheme() {
        "postgres" | "postgresql" => Ok(url),
        _other => Err(NOT_A_URL.to_owned()),
    }
}
