//! The configuration of a tortured gateway: short leases and windows, and no more connections than needed.

use std::time::Duration;

use sandbox::{Provider, Sandbox};

/// Whose tokens the gateways believe.
pub(super) const ISSUER: &str = "https://id.acme.test";
/// The shared secret that tokens are signed with.
pub(super) const TOKEN_SECRET: &str = "a-secret-of-the-tests-of-32-bytes";
/// The password that an administrator's seat is asked for with; it must be found nowhere.
pub(crate) const PASSWORD: &str = "canary-Pa55-of-the-seat";

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long a worker has what it took up.
    pub(crate) lease: Duration,
    /// For how long after that an absence proves nothing.
    pub(crate) settle_window: Duration,
    /// How long one call at a provider may take.
    pub(crate) timeout: Duration,
    /// How soon waiting work is looked at.
    pub(crate) poll_every: Duration,
}

/// The variables with the secrets that the configuration names.
pub(super) fn variables(database_url: &str, sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    vec![
        ("TEST_DATABASE", database_url.to_owned()),
        ("TOKEN_SECRET", TOKEN_SECRET.to_owned()),
        ("SCALEWAY_KEY", sandbox.scaleway_secret_key().to_owned()),
        ("ARCHERA_KEY", sandbox.archera_api_key().to_owned()),
    ]
}

/// A partner account of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Its name in the API.
    pub(crate) name: String,
    /// Which provider it is at.
    pub(crate) at: Provider,
    /// Where that is reached.
    pub(crate) url: String,
    /// It may list organizations, where that is a question.
    pub(crate) lists: bool,
}

impl Account {
    /// One account at each provider, reached as they are.
    pub(crate) fn both(sandbox: &Sandbox) -> [Self; 2] {
        let account = |name: &str, at, url| Self { name: name.to_owned(), at, url, lists: false };
        [
            account("scaleway", Provider::Scaleway, sandbox.scaleway_url()),
            account("archera", Provider::Archera, sandbox.archera_url()),
        ]
    }

    fn toml(&self, pace: &Pace, sandbox: &Sandbox) -> String {
        let (name, url) = (&self.name, &self.url);
        let keys = match self.at {
            Provider::Scaleway => format!(
                r#"kind = "scaleway"
partner_id = "{}"
secret_key = {{ env = "SCALEWAY_KEY" }}
settle_window = "{}ms""#,
                sandbox.scaleway_partner_id(),
                pace.settle_window.as_millis(),
            ),
            Provider::Archera => format!(
                r#"kind = "archera"
partner_org_id = "{}"
api_key = {{ env = "ARCHERA_KEY" }}
list_orgs = {}"#,
                sandbox.archera_partner_org_id(),
                self.lists,
            ),
        };
        format!(
            r#"
[[providers]]
name = "{name}"
base_url = "{url}"
{keys}
timeout = "{}ms"
connect_timeout = "{}ms"
"#,
            pace.timeout.as_millis(),
            (pace.timeout / 2).as_millis(),
        )
    }
}

/// The configuration, in TOML. The first account at each provider is the one that is routed to.
pub(super) fn toml(pace: &Pace, sandbox: &Sandbox, accounts: &[Account]) -> String {
    let providers: String = accounts.iter().map(|account| account.toml(pace, sandbox)).collect();
    let first = |at| accounts.iter().find(|account| account.at == at);
    let mut routes = String::new();
    if let Some(Account { name, .. }) = first(Provider::Archera) {
        routes.push_str(&format!(
            "[[routes]]\nname = \"commitments\"\nprovider = \"{name}\"\n\
             when = {{ labels = {{ product = \"commitments\" }} }}\n"
        ));
    }
    if let Some(Account { name, .. }) = first(Provider::Scaleway) {
        routes.push_str(&format!("[[routes]]\nname = \"default\"\nprovider = \"{name}\"\n"));
    }
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
[database]
url = {{ env = "TEST_DATABASE" }}
max_connections = 5
[auth]
issuer = "{ISSUER}"
hmac_secret = {{ env = "TOKEN_SECRET" }}
{providers}
{routes}
[limits]
requests_per_second = 100000
burst = 100000
[operations]
lease = "{lease}ms"
poll_every = "{poll_every}ms"
create_risk_window = "300ms"
[telemetry]
log_level = "partner_gateway=info"
"#,
        lease = pace.lease.as_millis(),
        poll_every = pace.poll_every.as_millis(),
    )
}
