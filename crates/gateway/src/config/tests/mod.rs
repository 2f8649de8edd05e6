//! What an operator sees of the configuration: what is read, and what each fault says.

mod layering;
mod refusals;
mod secrets;
mod values;

use std::io::Write;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

/// Every key of the manual, with values that differ from the defaults where they can.
const WHOLE: &str = r#"
[server]
listen = "127.0.0.1:18080"
internal_listen = "127.0.0.1:18081"
request_timeout = "31s"
max_in_flight = 513
max_connections = 901
drain_timeout = "21s"

[database]
url = { env = "DATABASE_URL" }
max_connections = 17
migrate_on_start = true
state_dir = "/tmp/gateway-state"

[auth]
issuer = "https://id.example.test"
audience = "gateway"
jwks_url = "https://id.example.test/.well-known/jwks.json"
algorithms = ["RS256", "ES256", "EdDSA"]
tenant_claim = "platform"

[console.oidc]
issuer = "https://id.example.test/realm"
client_id = "console"
client_secret = { env = "TOKEN_SECRET" }
scopes = ["openid", "gateway"]
redirect_uri = "https://ops.example.test/ops/sign-in/callback"

[[providers]]
name = "scaleway"
kind = "scaleway"
base_url = "https://api.scaleway.com"
partner_id = "11111111-1111-4111-8111-111111111111"
secret_key = { env = "SCW_SECRET_KEY" }
settle_window = "181s"
timeout = "22s"
connect_timeout = "3s"
sweep_every = "16m"
sweep_requests_per_second = 11

[[providers]]
name = "archera"
kind = "archera"
base_url = "https://api.archera.ai"
partner_org_id = "22222222-2222-4222-8222-222222222222"
api_key = { env = "ARCHERA_API_KEY" }
list_orgs = true

[[routes]]
name = "commitments"
when = { customer_id_prefix = "c-", tenant = "crm", country = "fr", labels = { Product = "x" } }
provider = "archera"
overridable = false

[[routes]]
name = "default"
provider = "scaleway"

[limits]
requests_per_second = 201
burst = 401
event_streams = 17
event_streams_in_all = 257

[operations]
lease = "91s"
poll_every = "2s"
create_risk_window = "6m"

[telemetry]
log_level = "debug"
log_format = "text"
otlp_endpoint = "http://127.0.0.1:4318/"
"#;

const VARIABLES: [(&str, &str); 5] = [
    ("DATABASE_URL", "postgres://gateway:hunter2-canary@db.acme.test/gateway"),
    ("SCW_SECRET_KEY", "scw-canary"),
    ("ARCHERA_API_KEY", "archera-canary"),
    ("TOKEN_SECRET", "0123456789abcdef0123456789abcdef"),
    ("HOME", "/home/acme"),
];

/// The least that makes a valid configuration.
const LEAST: &str = r#"
[auth]
issuer = "https://id.example.test"
hmac_secret = { env = "TOKEN_SECRET" }
"#;

fn sources(base: &str, more: &[(&str, &str)]) -> Sources {
    let environment = VARIABLES.iter().chain(more).copied().collect();
    Sources { base: base.to_owned(), files: Vec::new(), environment, is_root: false }
}

fn load(base: &str) -> Config {
    Config::from_sources(&sources(base, &[])).unwrap()
}

fn faults(base: &str, more: &[(&str, &str)]) -> Vec<String> {
    let error = Config::from_sources(&sources(base, more)).unwrap_err();
    error.faults().iter().map(ToString::to_string).collect()
}

fn one_fault(base: &str) -> String {
    let all = faults(base, &[]);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// `LEAST` with a Scaleway account that holds `lines` besides its needed keys.
fn with_scaleway(lines: &str) -> String {
    format!(
        r#"{LEAST}
        [[providers]]
        name = "scaleway"
        kind = "scaleway"
        partner_id = "11111111-1111-4111-8111-111111111111"
        secret_key = {{ env = "SCW_SECRET_KEY" }}
        {lines}"#
    )
}

/// A `[auth]` whose keys are `lines`.
fn with_auth(lines: &str) -> String {
    format!("[auth]\nissuer = \"https://id.example.test\"\n{lines}")
}
