//! The layers of the configuration and how one lies over another.
//!
//! Tables are merged key by key, later layers winning; lists and references to secrets are
//! replaced whole. Nothing is judged here but whether a file is TOML and a variable is ours.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use config::builder::DefaultState;
use config::{ConfigBuilder, File, FileFormat, Map, Value, ValueKind};

use super::faults::{ConfigError, Fault};

/// The built-in layer, which is also the manual.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// What the `config` crate calls the origin of a value from the environment.
pub(super) const ENVIRONMENT_ORIGIN: &str = "the environment";

const PREFIX: &str = "GATEWAY_";

/// Sections whose keys can be set from the environment.
const SECTIONS: [&str; 8] =
    ["server", "database", "auth", "console", "limits", "operations", "webhooks", "telemetry"];

/// Lists of tables, which come from files alone.
const LISTS: [&str; 2] = ["providers", "routes"];

/// Keys that hold a reference to a secret, or, as `tls`, two that belong together. They are replaced whole:
/// merged, `{ env }` in one layer and `{ file }` in the next would name two places.
const REFERENCES: [(&str, &str); 6] = [
    ("server", "tls"),
    ("database", "url"),
    ("auth", "public_key"),
    ("auth", "hmac_secret"),
    ("console.oidc", "client_secret"),
    ("webhooks", "encryption_key"),
];

/// The variables of a process, as read once. `Debug` shows names alone.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// The variables that are not UTF-8, by their names. U+FFFD replaces the parts of a name that are not UTF-8.
    unreadable: BTreeMap<String, Unreadable>,
}

/// The part of a variable that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unreadable {
    Name,
    Value,
}

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self::of_os(std::env::vars_os())
    }

    /// These variables, as an operating system has them.
    pub(super) fn of_os(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => environment.set(name, value),
                (Ok(name), Err(_value)) => {
                    environment.unreadable.insert(name, Unreadable::Value);
                }
                (Err(name), _) => {
                    let shown = name.to_string_lossy().into_owned();
                    environment.unreadable.insert(shown, Unreadable::Name);
                }
            }
        }
        environment
    }

    /// Adds or replaces a variable, in this copy alone.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.variables.insert(name.into(), value.into());
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The variable is set, and its value is not UTF-8.
    pub(super) fn has_unreadable(&self, name: &str) -> bool {
        self.unreadable.get(name) == Some(&Unreadable::Value)
    }

    /// The variables that set a key of ours: a known section after the prefix, then a double
    /// underscore. Any other name, such as `GATEWAY_SERVICE_HOST`, belongs to somebody else.
    fn ours(&self) -> Map<String, String> {
        let is_ours = |name: &str| {
            section_of(name).is_some_and(|section| SECTIONS.contains(&section.as_str()))
        };
        self.variables
            .iter()
            .filter(|(name, _)| is_ours(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Refuses variables that are meant for the gateway and are not UTF-8: ignored, they would leave it with other
    /// settings than the operator gave.
    fn refuse_unreadable(&self) -> Result<(), ConfigError> {
        let is_ours = |section: &str| SECTIONS.contains(&section) || LISTS.contains(&section);
        let faults = self.unreadable.iter().filter_map(|(name, part)| {
            let section = section_of(name)?;
            let message = match part {
                // The part of the name that cannot be read may belong to its section.
                Unreadable::Name if is_ours(&section) || section.contains('\u{fffd}') => {
                    "the name must be UTF-8; correct or unset it"
                }
                Unreadable::Value if is_ours(&section) => {
                    "the value must be UTF-8; correct or unset it"
                }
                Unreadable::Name | Unreadable::Value => return None,
            };
            Some(Fault { key: name.clone(), message: message.to_owned() })
        });
        ConfigError::unless_none(faults.collect())
    }

    fn refuse_lists(&self) -> Result<(), ConfigError> {
        for name in self.variables.keys() {
            let section = section_of(name).unwrap_or_default();
            if LISTS.contains(&section.as_str()) {
                let message = format!("[[{section}]] is set in files, not in the environment");
                return Err(ConfigError::one(name, message));
            }
        }
        Ok(())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { variables: variables.collect(), unreadable: BTreeMap::new() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys().chain(self.unreadable.keys())).finish()
    }
}

/// `SERVER` of `GATEWAY_SERVER__LISTEN`, in lower case.
fn section_of(name: &str) -> Option<String> {
    let (section, _) = name.strip_prefix(PREFIX)?.split_once("__")?;
    Some(section.to_ascii_lowercase())
}

/// Where the configuration is read from, lowest layer first: the built-in defaults, `base`,
/// `files`, the environment.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A layer in TOML between the defaults and the files, where a command brings its own; empty
    /// otherwise.
    pub base: String,
    /// Files of TOML, the last one winning.
    pub files: Vec<PathBuf>,
    /// The variables that overrides and `{ env = "…" }` are taken from.
    pub environment: Environment,
    /// Whether the process runs as root, which decides the default of `database.state_dir`.
    pub is_root: bool,
}

impl Sources {
    /// The defaults, `files`, and the environment of this process.
    pub fn of_process(files: &[PathBuf]) -> Self {
        Self {
            base: String::new(),
            files: files.to_vec(),
            environment: Environment::of_process(),
            is_root: nix::unistd::geteuid().is_root(),
        }
    }
}

/// Lays the layers over one another.
pub(super) fn merge(sources: &Sources) -> Result<Map<String, Value>, ConfigError> {
    sources.environment.refuse_unreadable()?;
    sources.environment.refuse_lists()?;
    let mut builder = ConfigBuilder::<DefaultState>::default();
    builder = add_toml(builder, "the built-in configuration", DEFAULTS)?;
    builder = add_toml(builder, "the command's own configuration", &sources.base)?;
    for path in &sources.files {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::one(&name, format!("cannot be read: {error}")))?;
        builder = add_toml(builder, &name, &text)?;
    }
    let merged = add_environment(builder, &sources.environment)
        .build()
        .map_err(|error| ConfigError::one("the configuration", error.to_string()))?;
    if let ValueKind::Table(table) = merged.cache.kind { Ok(table) } else { Ok(Map::new()) }
}

type Builder = ConfigBuilder<DefaultState>;

fn add_toml(builder: Builder, name: &str, text: &str) -> Result<Builder, ConfigError> {
    let table: toml::Table =
        toml::from_str(text).map_err(|error| ConfigError::one(name, place(&error, text)))?;
    let replaced = REFERENCES.into_iter().filter(|(section, key)| {
        let mut sections = section.split('.');
        let first = sections.next().and_then(|name| table.get(name));
        let section = sections.fold(first, |table, name| table?.get(name));
        section.and_then(|section| section.get(key)).is_some_and(toml::Value::is_table)
    });
    Ok(forget(builder, replaced).add_source(File::from_str(text, FileFormat::Toml)))
}

fn add_environment(builder: Builder, environment: &Environment) -> Builder {
    let ours = environment.ours();
    let replaced = REFERENCES.into_iter().filter(|(section, key)| {
        let section = section.replace('.', "__");
        let start = format!("{PREFIX}{section}__{key}__").to_ascii_uppercase();
        ours.keys().any(|name| name.to_ascii_uppercase().starts_with(&start))
    });
    let source = config::Environment::with_prefix(PREFIX.trim_end_matches('_'))
        .prefix_separator("_")
        .separator("__")
        .source(Some(ours.clone()));
    forget(builder, replaced).add_source(source)
}

/// Empties references of the layers below, so that the next layer does not merge into them.
fn forget(builder: Builder, keys: impl Iterator<Item = (&'static str, &'static str)>) -> Builder {
    keys.fold(builder, |builder, (section, key)| {
        let text = format!("[{section}]\n{key} = \"\"\n");
        builder.add_source(File::from_str(&text, FileFormat::Toml))
    })
}

/// Where and why a file is not TOML. The line itself is left out: it may hold a secret.
fn place(error: &toml::de::Error, text: &str) -> String {
    let message = error.message();
    match error.span() {
        Some(span) => {
            let line = text.get(..span.start).unwrap_or(text).matches('\n').count() + 1;
            format!("line {line} is not valid TOML: {message}")
        }
        None => format!("is not valid TOML: {message}"),
    }
}
