//! `dev`, run as somebody does who has just cloned the repository.

use std::{collections::BTreeMap, path::Path};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Binary, Client, Running, state_dir};

/// What `dev` printed, and the program that did.
struct Dev {
    running: Running,
    values: BTreeMap<String, String>,
    commands: Vec<String>,
}

impl Dev {
    async fn start(folder: &Path, words: &str) -> Self {
        let mut running = Binary::new(&format!("dev --listen 127.0.0.1:0 {words}"))
            .env("GATEWAY_DATABASE__STATE_DIR", folder.to_str().unwrap())
            .start();
        let (mut values, mut commands) = (BTreeMap::new(), Vec::new());
        // The last thing to be printed is the second of two commands.
        while commands.len() < 2 {
            let line = running.line().await.expect("dev says where everything is");
            match line.split_once(": ") {
                _ if line.starts_with("curl ") => commands.push(line),
                Some((name, value)) => drop(values.insert(name.to_owned(), value.to_owned())),
                None => assert_eq!(line, ""),
            }
        }
        Self { running, values, commands }
    }

    fn client(&self) -> Client {
        Client::of(&self.values["api"], &self.values["token"])
    }

    /// Does what one of the printed commands does.
    async fn run(&self, command: usize) -> crate::harness::Reply {
        let words: Vec<&str> = self.commands[command].split('\'').collect();
        let (api, token) = (&self.values["api"], &self.values["token"]);
        assert!(words[2].ends_with(&format!(" {api}/v1/organizations -H ")), "{words:?}");
        assert_eq!(words[3], format!("Authorization: Bearer {token}"));
        assert_eq!(words[5], "Content-Type: application/json");
        self.client().call(reqwest::Method::POST, "/v1/organizations").text(words[7]).await
    }

    async fn interrupt(self) {
        self.running.signal(Signal::SIGINT);
        let (code, told) = self.running.ended().await;
        assert_eq!((code, told), (Some(0), Vec::new()), "it ends well and has nothing to warn of");
    }
}

#[tokio::test]
async fn everything_is_there_and_still_there_at_the_next_start() {
    let folder = state_dir();
    let first = Dev::start(folder.path(), "").await;
    let names: Vec<&str> = first.values.keys().map(String::as_str).collect();
    let expected = [
        "api",
        "archera api key",
        "archera partner org id",
        "console",
        "docs",
        "sandbox archera",
        "sandbox scaleway",
        "scaleway partner id",
        "scaleway secret key",
        "token",
    ];
    assert_eq!(names, expected);
    for id in ["scaleway secret key", "scaleway partner id"] {
        assert!(uuid::Uuid::parse_str(&first.values[id]).is_ok(), "{id}");
    }
    let mut created = Vec::new();
    for (command, provider) in [(0, "scaleway"), (1, "archera")] {
        let org = first.run(command).await.expect(201);
        assert_eq!(org["provider"], provider);
        created.push(org);
    }
    let docs = first.client().get("/docs/").await;
    assert_eq!(docs.status, 200);
    assert_eq!(first.values["console"], format!("{}/ops", first.values["api"]));
    let earlier = first.values.clone();
    first.interrupt().await;

    let second = Dev::start(folder.path(), "").await;
    for kept in ["scaleway secret key", "scaleway partner id", "archera api key"] {
        assert_eq!(second.values[kept], earlier[kept], "{kept}");
    }
    for (command, org) in created.iter().enumerate() {
        assert_eq!(second.run(command).await.expect(200)["id"], org["id"]);
    }
    // The provider has it too, and a token of the first start is still good.
    let old = Client::of(&second.values["api"], &earlier["token"]);
    let path = format!("/v1/organizations/{}?refresh=true", created[0]["id"].as_str().unwrap());
    assert_eq!(old.get(&path).await.expect(200)["certainty"], "observed");
    second.interrupt().await;
}

#[tokio::test]
async fn faults_can_be_had_on_demand() {
    let folder = state_dir();
    let dev = Dev::start(folder.path(), "--sandbox-faults lossy-creates").await;
    dev.run(0).await.expect(201);
    let open: Value = dev.run(1).await.expect(202);
    assert_eq!(open["state"], "quarantined");
    dev.interrupt().await;
}

#[tokio::test]
async fn a_folder_in_use_is_told_in_one_line() {
    let folder = state_dir();
    let dev = Dev::start(folder.path(), "").await;
    let second = Binary::new("dev --listen 127.0.0.1:0")
        .env("GATEWAY_DATABASE__STATE_DIR", folder.path().to_str().unwrap())
        .run()
        .await;
    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""));
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    assert!(second.stderr.contains("in use"), "{}", second.stderr);
    dev.interrupt().await;
}
