//! The commands, run as an operator runs them: what they print, and how they end.

use std::path::Path;

use nix::sys::signal::Signal;
use sandbox::{Answer, Fault, FaultRule, Operation, Provider, Sandbox, SandboxConfig};
use serde_json::Value;

use crate::harness::{Binary, ISSUER, TOKEN_SECRET, World, cloud_customer, state_dir};

/// The usual configuration in a file, on an embedded database beside it.
fn configure(folder: &Path, sandbox: &Sandbox) -> Binary {
    let text = format!(
        r#"
[server]
listen = "127.0.0.1:0"
[database]
url = "embedded"
state_dir = "{folder}"
[auth]
issuer = "{ISSUER}"
hmac_secret = {{ env = "TOKEN_SECRET" }}
[[providers]]
name = "scaleway"
kind = "scaleway"
base_url = "{scaleway}"
partner_id = "{partner_id}"
secret_key = {{ env = "SCALEWAY_KEY" }}
[[providers]]
name = "archera"
kind = "archera"
base_url = "{archera}"
partner_org_id = "{partner_org_id}"
api_key = {{ env = "ARCHERA_KEY" }}
[[routes]]
name = "default"
provider = "scaleway"
"#,
        folder = folder.join("state").display(),
        scaleway = sandbox.scaleway_url(),
        partner_id = sandbox.scaleway_partner_id(),
        archera = sandbox.archera_url(),
        partner_org_id = sandbox.archera_partner_org_id(),
    );
    std::fs::write(folder.join("gateway.toml"), text).unwrap();
    command(folder, sandbox, "check")
}

fn command(folder: &Path, sandbox: &Sandbox, name: &str) -> Binary {
    Binary::new(&format!("{name} --config"))
        .arg(&folder.join("gateway.toml"))
        .env("TOKEN_SECRET", TOKEN_SECRET)
        .env("SCALEWAY_KEY", sandbox.scaleway_secret_key())
        .env("ARCHERA_KEY", sandbox.archera_api_key())
}

/// The lines of a table, each as its words.
fn rows(table: &str) -> Vec<String> {
    table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn a_database_is_checked_migrated_and_served() {
    let folder = state_dir();
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let checked = configure(folder.path(), &sandbox).run().await;
    assert_eq!(checked.code, Some(1), "the database is behind: {}", checked.stdout);
    assert!(checked.stdout.contains("partner-gateway migrate"), "{}", checked.stdout);

    let refused = command(folder.path(), &sandbox, "serve").run().await;
    assert_eq!(refused.code, Some(1));
    let last = refused.stderr.lines().last().unwrap();
    assert!(last.starts_with("error: the database lacks"), "{last}");
    assert!(last.contains("partner-gateway migrate"), "{last}");

    for told in ["migrated", "nothing to apply"] {
        let migrated = command(folder.path(), &sandbox, "migrate").run().await;
        assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
        assert!(migrated.stdout.starts_with(told), "{}", migrated.stdout);
    }

    let checked = command(folder.path(), &sandbox, "check").run().await;
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{}", checked.stdout);
    let expected = [
        "configuration ok valid",
        "database ok reachable and migrated",
        "token keys ok the key is at hand",
        "provider archera unchecked cannot be checked without writing",
        "provider scaleway ok answers, and takes the key",
    ];
    assert_eq!(rows(&checked.stdout), expected);
    let seen = sandbox.control().requests();
    assert!(seen.iter().all(|request| request.method == "GET"), "nothing was written");

    let mut served = command(folder.path(), &sandbox, "serve").start();
    while !served.told().await.expect("it says that it runs").contains("the gateway runs") {}
    served.signal(Signal::SIGTERM);
    assert_eq!(served.ended().await.0, Some(0));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_key_that_a_provider_refuses_fails_the_check() {
    let folder = state_dir();
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let checked = configure(folder.path(), &sandbox)
        .env("SCALEWAY_KEY", "8c5f0d7e-55f1-4f6e-9f0a-6a3f4b8e9c01")
        .env("GATEWAY_DATABASE__MIGRATE_ON_START", "true")
        .run()
        .await;
    assert_eq!(checked.code, Some(1));
    let rows = rows(&checked.stdout);
    let row = rows.iter().find(|row| row.starts_with("provider scaleway")).unwrap();
    assert!(row.starts_with("provider scaleway FAILED"), "{row}");
    assert!(!checked.stdout.contains("8c5f0d7e"), "the key is not shown");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_account_is_swept_and_the_outcome_is_a_table() {
    let folder = state_dir();
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    configure(folder.path(), &sandbox);
    sandbox.control().seed(Provider::Scaleway, 101).unwrap();
    let sweep = |name: &str| {
        let swept = command(folder.path(), &sandbox, &format!("sweep --provider {name}"));
        swept.env("GATEWAY_TELEMETRY__LOG_LEVEL", "off").run()
    };
    let behind = sweep("scaleway").await;
    assert_eq!(behind.code, Some(1), "{}", behind.stdout);
    assert!(behind.stderr.contains("partner-gateway migrate"), "{}", behind.stderr);
    let migrated = command(folder.path(), &sandbox, "migrate").run().await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);

    let swept = sweep("scaleway").await;
    assert_eq!((swept.code, swept.stderr.as_str()), (Some(0), ""), "{}", swept.stdout);
    let rows = rows(&swept.stdout);
    // They are as young as the sandbox, and so may be anybody's work of this minute.
    let expected =
        ["provider scaleway", "sweep succeeded", "listed 101", "unmapped 0", "missing 0"];
    assert_eq!(rows[..5], expected);
    assert!(rows.contains(&"requests 2".to_owned()), "{rows:?}");

    let refused = sweep("archera").await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains("cannot be discovered"), "{}", refused.stderr);
    let unknown = sweep("nowhere").await;
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("there are: scaleway, archera"), "{}", unknown.stderr);

    let denied = FaultRule::next(
        Operation::ListOrganizations,
        Fault::before(Answer::Status { status: 403, body: None }),
    );
    sandbox.control().inject(denied).unwrap();
    let broken = sweep("scaleway").await;
    assert_eq!(broken.code, Some(1));
    assert!(broken.stdout.contains("failed"), "{}", broken.stdout);
    assert!(broken.stderr.starts_with("error: the sweep broke off:"), "{}", broken.stderr);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_bad_configuration_is_2_and_names_every_key() {
    let ended = Binary::new("serve").env("GATEWAY_SERVER__LISTEN", "everywhere").run().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    let told: Vec<&str> = ended.stderr.lines().collect();
    for key in ["server.listen", "database.url", "auth.issuer", "auth"] {
        let start = format!("error: {key}: ");
        assert!(told.iter().any(|line| line.starts_with(&start)), "{key}: {told:?}");
    }
    assert!(told.iter().all(|line| line.starts_with("error: ")), "{told:?}");
}

#[tokio::test]
async fn a_variable_that_is_not_utf_8_is_2_and_named() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let latin1 = OsStr::from_bytes(b"127.0.0.1:\xe9-canary");
    let ended = Binary::new("serve").env("GATEWAY_SERVER__LISTEN", latin1).run().await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let named = "error: GATEWAY_SERVER__LISTEN: the value must be UTF-8";
    assert!(ended.stderr.lines().any(|line| line.starts_with(named)), "{}", ended.stderr);
    assert!(!ended.stderr.contains("canary"), "a value may be a secret: {}", ended.stderr);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_1_in_one_line_without_the_password() {
    let url = "postgres://gateway:hunter2-canary@127.0.0.1:1/gateway";
    for words in ["serve", "migrate"] {
        let ended = Binary::new(words)
            .env("DATABASE_URL", url)
            .env("TOKEN_SECRET", TOKEN_SECRET)
            .env("GATEWAY_AUTH__ISSUER", ISSUER)
            .env("GATEWAY_AUTH__HMAC_SECRET__ENV", "TOKEN_SECRET")
            .env("GATEWAY_TELEMETRY__LOG_LEVEL", "error")
            .run()
            .await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.starts_with("error: the database is not available"));
        assert!(ended.stderr.contains("refused"), "it says why: {}", ended.stderr);
        assert!(!ended.stderr.contains("hunter2"));
    }
}

#[tokio::test]
async fn bad_usage_is_2() {
    let ended = Binary::new("dev --sandbox-faults gremlins").run().await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("lossy-creates"), "it says which there are: {}", ended.stderr);
    assert_eq!(Binary::new("fly").run().await.code, Some(2));
}

#[tokio::test]
async fn the_api_is_printed_as_json() {
    let printed = Binary::new("openapi").run().await;
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    assert!(printed.stdout.ends_with("}\n"));
    let document: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/v1/organizations"]["post"].is_object());
}

#[tokio::test]
async fn a_token_that_is_made_here_is_believed_there() {
    let world = World::new().await;
    let made = Binary::new("token --sub ops --tenant crm --scope organizations:read")
        .env("TOKEN_SECRET", TOKEN_SECRET)
        .env("GATEWAY_AUTH__ISSUER", ISSUER)
        .env("GATEWAY_AUTH__HMAC_SECRET__ENV", "TOKEN_SECRET")
        .run()
        .await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let client = crate::harness::Client::of(world.client().base(), made.stdout.trim());
    client.get("/v1/organizations").await.expect(200);
    let refused = client.post("/v1/organizations", &cloud_customer("c-1")).await;
    refused.problem(403, "forbidden");
    world.finish().await;
}
