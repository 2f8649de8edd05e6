//! The configuration that `dev` brings along: below files and environment, above the built-in one.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use chrono::Utc;
use sandbox::Sandbox;
use secrecy::{ExposeSecret, SecretString};

use super::{folder_in, state::DevState};
use crate::{
    auth::{MintRequest, Scope, Tenant, mint},
    cli::CliError,
    config::{AuthConfig, Config, DatabaseConfig, Sources},
};

/// Until a token that was shown is no good any more: longer than anybody tries things out.
const TOKEN_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Variables that the secrets are handed over by, in this process's copy of the environment alone.
const TOKEN_SECRET: &str = "PARTNER_GATEWAY_DEV_TOKEN_SECRET";
const SCALEWAY_KEY: &str = "PARTNER_GATEWAY_DEV_SCALEWAY_KEY";
const ARCHERA_KEY: &str = "PARTNER_GATEWAY_DEV_ARCHERA_KEY";

const DATABASE: &str = "[database]\nurl = \"embedded\"\nmigrate_on_start = true\n";

/// What is known before the configuration is whole.
pub(super) struct Settings {
    sources: Sources,
}

impl Settings {
    pub(super) fn new(mut sources: Sources, listen: Option<SocketAddr>) -> Self {
        if let Some(listen) = listen {
            sources.environment.set("GATEWAY_SERVER__LISTEN", listen.to_string());
        }
        DATABASE.clone_into(&mut sources.base);
        Self { sources }
    }

    /// Where everything is kept.
    pub(super) fn folder(&self) -> Result<PathBuf, CliError> {
        Ok(folder_in(&DatabaseConfig::from_sources(&self.sources)?.state_dir))
    }

    /// The configuration, now that the sandbox is there.
    pub(super) fn config(
        &mut self,
        state: &DevState,
        sandbox: &Sandbox,
        folder: PathBuf,
    ) -> Result<Config, CliError> {
        let environment = &mut self.sources.environment;
        environment.set(TOKEN_SECRET, state.token_secret()?.expose_secret());
        environment.set(SCALEWAY_KEY, sandbox.scaleway_secret_key());
        environment.set(ARCHERA_KEY, sandbox.archera_api_key());
        self.sources.base = base(sandbox);
        let mut config = Config::from_sources(&self.sources)?;
        // What our own layer is warned of is meant: the sandbox settles at once.
        let ours = Sources { files: Vec::new(), ..self.sources.clone() };
        if let Ok(ours) = Config::from_sources(&ours) {
            config.warnings.retain(|warning| !ours.warnings.contains(warning));
        }
        config.database.state_dir = folder;
        Ok(config)
    }
}

/// The sandbox shows what it made at once, so a short settle window is enough, and open outcomes are
/// settled while somebody watches.
fn base(sandbox: &Sandbox) -> String {
    format!(
        r#"{DATABASE}
[auth]
issuer = "partner-gateway-dev"
hmac_secret = {{ env = "{TOKEN_SECRET}" }}
[[providers]]
name = "scaleway"
kind = "scaleway"
base_url = "{scaleway_url}"
partner_id = "{partner_id}"
secret_key = {{ env = "{SCALEWAY_KEY}" }}
settle_window = "6s"
timeout = "4s"
[[providers]]
name = "archera"
kind = "archera"
base_url = "{archera_url}"
partner_org_id = "{partner_org_id}"
api_key = {{ env = "{ARCHERA_KEY}" }}
timeout = "4s"
[[routes]]
name = "commitments"
when = {{ labels = {{ product = "commitments" }} }}
provider = "archera"
[[routes]]
name = "default"
provider = "scaleway"
[operations]
lease = "8s"
poll_every = "500ms"
create_risk_window = "30s"
[telemetry]
log_level = "warn"
log_format = "text"
"#,
        scaleway_url = sandbox.scaleway_url(),
        partner_id = sandbox.scaleway_partner_id(),
        archera_url = sandbox.archera_url(),
        partner_org_id = sandbox.archera_partner_org_id(),
    )
}

/// A token with every scope.
pub(super) fn token(auth: &AuthConfig) -> Result<SecretString, CliError> {
    let request = MintRequest {
        subject: "developer".to_owned(),
        tenant: Tenant::new("dev").map_err(|error| CliError::failed(&error))?,
        scopes: Scope::ALL.into_iter().collect(),
        ttl: TOKEN_TTL,
    };
    mint(auth, &request, Utc::now()).map_err(|error| CliError::Usage(error.to_string()))
}
