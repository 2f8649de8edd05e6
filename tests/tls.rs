//! The API by TLS, and its certificate changed while it is served.

use std::{net::SocketAddr, path::PathBuf};

use nix::sys::signal::Signal;
use partner_gateway::auth::Scope;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Authority, Client, Pair, Running, Settings, World, cloud_customer};

/// A certificate and its key in files.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new(pair: &Pair) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.write(pair);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(self.path("tls.crt"), &pair.certificate).unwrap();
        std::fs::write(self.path("tls.key"), &pair.key).unwrap();
    }

    fn named_in(&self, settings: Settings) -> Settings {
        let shown = |name| self.path(name).display().to_string();
        settings
            .with("GATEWAY_SERVER__TLS__CERTIFICATE__FILE", shown("tls.crt"))
            .with("GATEWAY_SERVER__TLS__KEY__FILE", shown("tls.key"))
    }
}

fn address(client: &Client) -> SocketAddr {
    client.base().rsplit_once("//").unwrap().1.parse().unwrap()
}

fn by_tls(world: &World, authority: &Authority, plain: &Client) -> Client {
    let token = world.token("crm", Scope::ALL.into_iter().collect());
    Client::trusting(format!("https://{}", address(plain)), token, &authority.pem())
}

#[tokio::test]
async fn the_api_is_served_by_tls_and_by_nothing_else() {
    let authority = Authority::new();
    let files = Files::new(&authority.certify());
    let settings = files.named_in(Settings::default());
    let world = World::with(settings.with("GATEWAY_SERVER__INTERNAL_LISTEN", "127.0.0.1:0")).await;
    let client = by_tls(&world, &authority, &world.client());
    let org = client.create(&cloud_customer("c-1")).await;
    assert_eq!(org["customer_id"], "c-1");
    let plain = world.client().get("/livez").unread().await;
    assert!(plain.is_err(), "plain HTTP is not answered");
    let stranger = Authority::new();
    assert!(by_tls(&world, &stranger, &world.client()).get("/livez").unread().await.is_err());
    assert_eq!(world.internal().get("/livez").await.status, 200, "the internal one is plain");
    world.finish().await;
}

#[tokio::test]
async fn the_console_knows_that_it_is_behind_tls_whatever_a_caller_says() {
    let authority = Authority::new();
    let files = Files::new(&authority.certify());
    let world = World::with(files.named_in(Settings::default())).await;
    let client = by_tls(&world, &authority, &world.client());
    let token = world.token("crm", Scope::ALL.into_iter().collect());
    let signing_in = client.call(reqwest::Method::POST, "/ops/sign-in");
    let signed = signing_in.form(&format!("token={token}")).header("X-Forwarded-Proto", "http");
    let reply = signed.await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.contains("; Secure") && cookie.contains("; Path=/;"), "{:?}", reply.headers);
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-ops_session="), "{cookie}");
    let page = client.get("/ops").header("Cookie", &cookie).await;
    assert_eq!(page.status, 200);
    // Another host of the site can plant this name, and not the one with the prefix.
    let planted = cookie.replace("__Host-", "");
    assert_eq!(client.get("/ops").header("Cookie", &planted).await.status, 401);
    for path in ["/ops", "/livez", "/v1/providers", "/nowhere"] {
        let reply = client.get(path).await;
        assert_eq!(reply.header("strict-transport-security"), "max-age=31536000", "{path}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_handshake_that_hangs_holds_up_nobody_and_none_outlives_the_drain() {
    let authority = Authority::new();
    let files = Files::new(&authority.certify());
    let world = World::with(files.named_in(Settings::default())).await;
    let client = by_tls(&world, &authority, &world.client());
    let mut silent = TcpStream::connect(address(&client)).await.unwrap();
    let mut babbling = TcpStream::connect(address(&client)).await.unwrap();
    babbling.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    client.create(&cloud_customer("c-1")).await;
    let mut alert = Vec::new();
    babbling.read_to_end(&mut alert).await.unwrap();
    assert!(!alert.starts_with(b"HTTP"), "it is told in TLS's own words: {alert:?}");
    world.finish().await;
    let mut rest = Vec::new();
    // A reset is as good an end as any.
    let _ended = silent.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn h2_alone_is_refused_in_the_handshake() {
    let authority = Authority::new();
    let files = Files::new(&authority.certify());
    let world = World::with(files.named_in(Settings::default())).await;
    let address = address(&world.client());
    assert!(authority.speaks(address, &[b"http/1.1"]).await);
    assert!(authority.speaks(address, &[b"h2", b"http/1.1"]).await);
    assert!(authority.speaks(address, &[]).await);
    assert!(!authority.speaks(address, &[b"h2"]).await);
    world.finish().await;
}

/// The real program, told to say what becomes of its certificate.
async fn serve(world: &World, files: &Files) -> (Running, tempfile::NamedTempFile, SocketAddr) {
    let shown = |name| files.path(name).display().to_string();
    let (mut running, file) = world
        .command("serve")
        .env("GATEWAY_TELEMETRY__LOG_LEVEL", "off,partner_gateway::run=info")
        .env("GATEWAY_TELEMETRY__LOG_FORMAT", "json")
        .env("GATEWAY_SERVER__TLS__CERTIFICATE__FILE", &shown("tls.crt"))
        .env("GATEWAY_SERVER__TLS__KEY__FILE", &shown("tls.key"))
        .start();
    let address = running.address().await.rsplit_once("//").unwrap().1.parse().unwrap();
    (running, file, address)
}

async fn told(running: &mut Running, words: &str) -> String {
    loop {
        let line = running.told().await.expect("it says so");
        if line.contains(words) {
            return line;
        }
    }
}

#[tokio::test]
async fn a_certificate_is_changed_for_new_connections_and_a_bad_one_changes_nothing() {
    let authority = Authority::new();
    let (first, second) = (authority.certify(), authority.certify());
    let files = Files::new(&first);
    let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    let (mut running, _file, address) = serve(&world, &files).await;
    let token = world.token("crm", Scope::ALL.into_iter().collect());
    let base = format!("https://{address}");
    let kept = Client::trusting(&base, &token, &authority.pem());
    kept.create(&cloud_customer("c-1")).await;
    assert_eq!(authority.shown_by(address).await.unwrap(), first.der());

    let mixed = Pair { certificate: second.certificate.clone(), key: first.key.clone() };
    let garbage = Pair { certificate: "canary".to_owned(), key: second.key.clone() };
    for (bad, why) in [(mixed, "does not belong"), (garbage, "holds no certificate")] {
        files.write(&bad);
        let line = told(&mut running, "read again and refused").await;
        assert!(line.contains("server.tls") && line.contains(why), "{line}");
        assert!(!line.contains("canary") && !line.contains("PRIVATE"), "{line}");
        assert_eq!(authority.shown_by(address).await.unwrap(), first.der());
    }

    files.write(&second);
    told(&mut running, "in force from now on").await;
    assert_eq!(authority.shown_by(address).await.unwrap(), second.der());
    let fresh = Client::trusting(&base, &token, &authority.pem());
    fresh.create(&cloud_customer("c-2")).await;
    let listed = kept.get("/v1/organizations").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "kept connections go on");

    files.write(&first);
    running.signal(Signal::SIGHUP);
    told(&mut running, "in force from now on").await;
    assert_eq!(authority.shown_by(address).await.unwrap(), first.der());
    running.signal(Signal::SIGTERM);
    assert_eq!(running.ended().await.0, Some(0));
    world.finish().await;
}

#[tokio::test]
async fn a_pair_that_does_not_fit_ends_the_start() {
    let authority = Authority::new();
    let (first, second) = (authority.certify(), authority.certify());
    let files = Files::new(&Pair { certificate: first.certificate, key: second.key });
    let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    let shown = |name| files.path(name).display().to_string();
    let ended = world
        .command("serve")
        .env("GATEWAY_SERVER__TLS__CERTIFICATE__FILE", &shown("tls.crt"))
        .env("GATEWAY_SERVER__TLS__KEY__FILE", &shown("tls.key"))
        .run()
        .await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let line = "server.tls.key: does not belong to the certificate";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    world.finish().await;
}
