//! The configuration of a tortured gateway: short leases and windows, and no more connections than needed.

use sandbox::Sandbox;
use std::time::Duration;

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

/// The configuration, in TOML.
pub(super) fn toml(pace: &Pace, sandbox: &Sandbox) -> String {
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
[[providers]]
name = "scaleway"
kind = "scaleway"
base_url = "{scaleway}"
partner_id = "{partner_id}"
secret_key = {{ env = "SCALEWAY_KEY" }}
settle_window = "{settle_window}ms"
timeout = "{timeout}ms"
connect_timeout = "{connect_timeout}ms"
[[providers]]
name = "archera"
kind = "archera"
base_url = "{archera}"
partner_org_id = "{partner_org_id}"
api_key = {{ env = "ARCHERA_KEY" }}
timeout = "{timeout}ms"
connect_timeout = "{connect_timeout}ms"
[[routes]]
name = "commitments"
when = {{ labels = {{ product = "commitments" }} }}
provider = "archera"
[[routes]]
name = "default"
provider = "scaleway"
[limits]
requests_per_second = 100000
burst = 100000
[operations]
lease = "{lease}ms"
poll_every = "50ms"
create_risk_window = "300ms"
[telemetry]
log_level = "partner_gateway=info"
"#,
        scaleway = sandbox.scaleway_url(),
        partner_id = sandbox.scaleway_partner_id(),
        archera = sandbox.archera_url(),
        partner_org_id = sandbox.archera_partner_org_id(),
        settle_window = pace.settle_window.as_millis(),
        timeout = pace.timeout.as_millis(),
        connect_timeout = (pace.timeout / 2).as_millis(),
        lease = pace.lease.as_millis(),
    )
}
