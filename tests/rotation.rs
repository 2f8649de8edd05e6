//! Keys that are changed while the real program runs: no create fails for it, and none is made twice.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path};

use nix::{
    fcntl::OFlag,
    sys::{signal::Signal, stat::Mode},
    unistd::mkfifo,
};
use partner_gateway::auth::{MintRequest, Scope, ScopeSet, Tenant, mint};
use sandbox::{Operation, Provider};
use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::{
    Client, Running, Settings, TOKEN_SECRET, World, cloud_customer, commitments_customer,
};

/// Callers that create without end.
const LANES: usize = 2;

fn all_scopes() -> ScopeSet {
    Scope::ALL.into_iter().collect()
}

/// The real program, told to say what becomes of its secrets and little else.
async fn serve(world: &World, variables: &[(&str, &str)]) -> (Running, NamedTempFile, Client) {
    let command = world
        .command("serve")
        .env("GATEWAY_TELEMETRY__LOG_LEVEL", "off,partner_gateway::run=info")
        .env("GATEWAY_TELEMETRY__LOG_FORMAT", "json");
    let command = variables.iter().fold(command, |command, (name, value)| command.env(name, value));
    let (mut running, file) = command.start();
    let client = Client::of(running.address().await, world.token("crm", all_scopes()));
    (running, file, client)
}

/// Waits until so many changes of `what` came to this outcome.
async fn until_reloaded(client: &Client, what: &str, outcome: &str, count: u64) {
    let line = format!("gateway_reloads_total{{what=\"{what}\",outcome=\"{outcome}\"}} ");
    loop {
        let metrics = client.get("/metrics").await.text;
        let counted = metrics.lines().find_map(|seen| seen.strip_prefix(&line)?.parse().ok());
        if counted.unwrap_or(0_u64) >= count {
            return;
        }
    }
}

async fn creates(
    client: &Client,
    lane: usize,
    body: fn(&str) -> Value,
    stop: &CancellationToken,
) -> usize {
    let mut made = 0;
    while !stop.is_cancelled() {
        client.create(&body(&format!("c-{lane}-{made}"))).await;
        made += 1;
    }
    made
}

struct Site {
    provider: Provider,
    account: &'static str,
    create: Operation,
    body: fn(&str) -> Value,
}

async fn rotates(site: Site) {
    let folder = tempfile::tempdir().unwrap();
    let keys_in = Some(folder.path().to_owned());
    let world = World::with(Settings { gateways: 0, keys_in, ..Settings::default() }).await;
    let providers = world.providers();
    let (running, _file, client) = serve(&world, &[]).await;
    let [present, next] = Settings::key_files(folder.path(), site.account);
    let old = std::fs::read_to_string(&present).unwrap();
    let new = Uuid::new_v4().to_string();
    let stop = CancellationToken::new();
    let refused = || providers.requests().iter().filter(|r| r.status == Some(401)).count();

    let changing = async {
        let made = || providers.tally(site.create).applied;
        let more = |count| {
            let until = made() + count;
            providers.until_applied(site.create, until)
        };
        more(6).await;
        std::fs::write(&next, format!("{new}\n")).unwrap();
        until_reloaded(&client, "provider_keys", "taken", 1).await;
        assert_eq!(refused(), 0);
        providers.take_keys(site.provider, &[&new]);
        more(8).await;
        let once = refused();
        assert!((1..=LANES + 2).contains(&once), "{once} were refused: who was under way then");

        std::fs::write(&present, &new).unwrap();
        std::fs::write(&next, "").unwrap();
        running.signal(Signal::SIGHUP);
        until_reloaded(&client, "provider_keys", "taken", 2).await;
        more(6).await;
        assert_eq!(refused(), once, "nothing is refused any more");
        stop.cancel();
    };
    let lanes = (0..LANES).map(|lane| creates(&client, lane, site.body, &stop));
    let (made, ()) = tokio::join!(futures::future::join_all(lanes), changing);

    let made: usize = made.iter().sum();
    assert_eq!(providers.tally(site.create).applied, made as u64, "each was made once");
    let account = client.get(&format!("/v1/providers/{}", site.account)).await.expect(200);
    assert_eq!(account["health"]["state"], "up", "{account}");
    let shown = account.to_string() + &client.get("/metrics").await.text;
    assert!(!shown.contains(&old) && !shown.contains(&new), "a key is shown");
    running.signal(Signal::SIGTERM);
    let (code, told) = running.ended().await;
    assert_eq!(code, Some(0));
    assert!(!told.iter().any(|line| line.contains(&old) || line.contains(&new)));
    world.finish().await;
}

#[tokio::test]
async fn scaleway_a_key_is_changed_and_no_create_fails_or_is_made_twice() {
    rotates(Site {
        provider: Provider::Scaleway,
        account: "scaleway",
        create: Operation::CreateOrganization,
        body: cloud_customer,
    })
    .await;
}

#[tokio::test]
async fn archera_a_key_is_changed_and_no_create_fails_or_is_made_twice() {
    rotates(Site {
        provider: Provider::Archera,
        account: "archera",
        create: Operation::RegisterOrg,
        body: commitments_customer,
    })
    .await;
}

#[tokio::test]
async fn an_account_is_refused_when_both_of_its_keys_are() {
    let folder = tempfile::tempdir().unwrap();
    let [_present, next] = Settings::key_files(folder.path(), "scaleway");
    std::fs::write(&next, Uuid::new_v4().to_string()).unwrap();
    let keys_in = Some(folder.path().to_owned());
    let world = World::with(Settings { keys_in, ..Settings::default() }).await;
    let (client, providers) = (world.client(), world.providers());
    let health =
        async || client.get("/v1/providers/scaleway").await.expect(200)["health"]["state"].clone();
    let checked = world.command("check").run().await;
    let rows: Vec<&str> = checked.stdout.lines().collect();
    let row = |start: &str| rows.iter().find(|row| row.starts_with(start)).unwrap();
    assert!(row("provider scaleway ").contains(" ok "), "{rows:#?}");
    assert!(row("provider scaleway, next key ").contains("FAILED"), "{rows:#?}");

    client.create(&cloud_customer("c-1")).await;
    assert_eq!(health().await, "up");
    providers.clear_requests();
    providers.take_keys(Provider::Scaleway, &[]);
    let refused = client.post("/v1/organizations", &cloud_customer("c-2")).await;
    assert!(refused.status >= 400, "{}", refused.text);
    assert_eq!(health().await, "refused");
    let tally = providers.tally(Operation::CreateOrganization);
    assert_eq!((tally.received, tally.applied), (2, 0), "each key was tried once");
    world.finish().await;
}

/// A token that is signed with this secret.
fn signed(world: &World, secret: &str) -> String {
    let mut auth = world.auth().clone();
    auth.key = partner_gateway::config::AuthKey::Hmac(secret.into());
    let request = MintRequest {
        subject: "crm-service".to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: all_scopes(),
        ttl: std::time::Duration::from_secs(3600),
    };
    mint(&auth, &request, chrono::Utc::now()).unwrap().expose_secret().to_owned()
}

/// The settings that a line of the log is about, and why it was refused if it was.
async fn refusal(running: &mut Running) -> String {
    loop {
        let line = running.told().await.expect("it says what it refuses");
        if line.contains("read again and refused") {
            return line;
        }
    }
}

#[tokio::test]
async fn the_secret_of_tokens_is_changed_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("tokens");
    let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
    write(&secret, TOKEN_SECRET);
    let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    let variable = ("GATEWAY_AUTH__HMAC_SECRET__FILE", secret.to_str().unwrap());
    let (mut running, _file, client) = serve(&world, &[variable]).await;
    let believed =
        async |token: &str| client.with_token(token).get("/v1/providers").await.status == 200;
    let (old, new) = (signed(&world, TOKEN_SECRET), "another-secret-of-32-bytes-or-more");
    assert!(believed(&old).await);

    write(&secret, "canary-too-short");
    let told = refusal(&mut running).await;
    assert!(told.contains("auth.hmac_secret") && told.contains("at least 32 bytes"), "{told}");
    assert!(!told.contains("canary"), "{told}");
    assert!(believed(&old).await, "the last good one stays");

    std::fs::remove_file(&secret).unwrap();
    let told = refusal(&mut running).await;
    assert!(told.contains("cannot read"), "{told}");
    assert!(believed(&old).await);

    write(&secret, new);
    running.signal(Signal::SIGHUP);
    until_reloaded(&client, "token_key", "taken", 1).await;
    assert!(!believed(&old).await);
    assert!(believed(&signed(&world, new)).await);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.ended().await.0, Some(0));
    world.finish().await;
}

#[tokio::test]
async fn a_file_that_is_never_read_to_its_end_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let keys_in = Some(folder.path().to_owned());
    let world = World::with(Settings { gateways: 0, keys_in, ..Settings::default() }).await;
    let (running, _file, _client) = serve(&world, &[]).await;
    let [present, _next] = Settings::key_files(folder.path(), "scaleway");
    std::fs::remove_file(&present).unwrap();
    mkfifo(&present, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let to_write =
        || OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&present);
    // It can be opened once somebody has begun to read it.
    let unended = loop {
        if let Ok(pipe) = to_write() {
            break pipe;
        }
    };
    running.signal(Signal::SIGTERM);
    let (code, told) = running.ended().await;
    assert_eq!(code, Some(0), "{told:?}");
    drop(unended);
    world.finish().await;
}
