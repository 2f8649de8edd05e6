//! The configuration of a test's gateways, with times so short that a test need not wait for them.

use std::path::{Path, PathBuf};

use partner_gateway::{
    app::Clock,
    config::{Config, Environment, Sources},
};
use sandbox::{Sandbox, SandboxConfig};

/// Whose tokens the gateways believe.
pub(crate) const ISSUER: &str = "https://id.acme.test";
/// The shared secret that tokens are signed with.
pub(crate) const TOKEN_SECRET: &str = "a-secret-of-the-tests-of-32-bytes";

/// What a test may have otherwise than the rest.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How many gateways share the database.
    pub(crate) gateways: usize,
    /// For how long an absence at Scaleway proves nothing.
    pub(crate) settle_window: &'static str,
    /// How long one attempt at a provider may take.
    pub(crate) provider_timeout: &'static str,
    /// Whether the Archera account may list organizations, by configuration and at the sandbox.
    pub(crate) archera_lists: bool,
    /// Further variables such as `GATEWAY_LIMITS__BURST`.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// The folder of files that the providers' keys are in, as [`Settings::key_files`] names them; without
    /// one they are in the environment.
    pub(crate) keys_in: Option<PathBuf>,
    /// The routing rules, in TOML.
    pub(crate) routes: &'static str,
    /// How the sandbox is run.
    pub(crate) sandbox: SandboxConfig,
    /// By which clock requests are judged.
    pub(crate) clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gateways: 1,
            settle_window: "1200ms",
            provider_timeout: "1s",
            archera_lists: false,
            variables: Vec::new(),
            keys_in: None,
            routes: ROUTES,
            sandbox: SandboxConfig::default(),
            clock: partner_gateway::operations::now,
        }
    }
}

const ROUTES: &str = r#"
[[routes]]
name = "commitments"
when = { labels = { product = "commitments" } }
provider = "archera"
[[routes]]
name = "default"
provider = "scaleway"
"#;

impl Settings {
    /// As usual, with a variable set besides.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The files of an account's present key and of its next one.
    pub(crate) fn key_files(folder: &Path, account: &str) -> [PathBuf; 2] {
        [folder.join(account), folder.join(format!("{account}-next"))]
    }

    /// Where the configuration finds an account's keys. Files that are not there yet are made: the present
    /// key, and no next one.
    fn keys(&self, account: &str, setting: &str, variable: &str, key: &str) -> String {
        let Some(folder) = &self.keys_in else {
            return format!("{setting} = {{ env = \"{variable}\" }}");
        };
        let files = Self::key_files(folder, account);
        for (file, content) in files.iter().zip([key, ""]) {
            if !file.exists() {
                std::fs::write(file, content).unwrap();
            }
        }
        let [present, next] = files.map(|file| file.display().to_string());
        format!("{setting} = {{ file = \"{present}\" }}\nnext_{setting} = {{ file = \"{next}\" }}")
    }

    /// The sandbox that they ask for.
    pub(super) fn sandbox(&self) -> SandboxConfig {
        SandboxConfig { archera_list_orgs: self.archera_lists, ..self.sandbox.clone() }
    }

    /// The gateways' configuration.
    pub(super) fn config(&self, database_url: &str, sandbox: &Sandbox) -> Config {
        let variables = self.variables(database_url, sandbox);
        let mut environment: Environment = variables.into_iter().collect();
        if let Some(directives) = Environment::of_process().get("RUST_LOG") {
            environment.set("RUST_LOG", directives);
        }
        let base = self.base(sandbox);
        let sources = Sources { base, environment, files: Vec::new(), is_root: false };
        Config::from_sources(&sources).unwrap_or_else(|error| panic!("the configuration: {error}"))
    }

    /// The variables that the configuration names, and those that a test sets besides.
    pub(super) fn variables(
        &self,
        database_url: &str,
        sandbox: &Sandbox,
    ) -> Vec<(&'static str, String)> {
        let named = [
            ("TEST_DATABASE", database_url),
            ("TOKEN_SECRET", TOKEN_SECRET),
            ("SCALEWAY_KEY", sandbox.scaleway_secret_key()),
            ("ARCHERA_KEY", sandbox.archera_api_key()),
        ];
        let named = named.map(|(name, value)| (name, value.to_owned()));
        named.into_iter().chain(self.variables.iter().cloned()).collect()
    }

    /// The configuration file of it.
    pub(super) fn base(&self, sandbox: &Sandbox) -> String {
        format!(
            r#"
[server]
listen = "127.0.0.1:0"
drain_timeout = "10s"
[database]
url = {{ env = "TEST_DATABASE" }}
max_connections = 6
[auth]
issuer = "{ISSUER}"
hmac_secret = {{ env = "TOKEN_SECRET" }}
[[providers]]
name = "scaleway"
kind = "scaleway"
base_url = "{scaleway}"
partner_id = "{partner_id}"
{scaleway_keys}
settle_window = "{settle_window}"
timeout = "{timeout}"
connect_timeout = "500ms"
[[providers]]
name = "archera"
kind = "archera"
base_url = "{archera}"
partner_org_id = "{partner_org_id}"
{archera_keys}
timeout = "{timeout}"
connect_timeout = "500ms"
list_orgs = {archera_lists}
{routes}
[limits]
requests_per_second = 100000
burst = 100000
[operations]
lease = "2s"
poll_every = "50ms"
[telemetry]
log_level = "off"
log_format = "text"
"#,
            scaleway = sandbox.scaleway_url(),
            scaleway_keys =
                self.keys("scaleway", "secret_key", "SCALEWAY_KEY", sandbox.scaleway_secret_key()),
            archera_keys =
                self.keys("archera", "api_key", "ARCHERA_KEY", sandbox.archera_api_key()),
            partner_id = sandbox.scaleway_partner_id(),
            settle_window = self.settle_window,
            timeout = self.provider_timeout,
            archera = sandbox.archera_url(),
            partner_org_id = sandbox.archera_partner_org_id(),
            archera_lists = self.archera_lists,
            routes = self.routes,
        )
    }
}
