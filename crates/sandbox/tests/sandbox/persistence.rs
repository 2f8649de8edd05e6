//! What outlives a restart, and a killed process.

use crate::support::{World, client, start_with};
use sandbox::{Provider, Sandbox, SandboxConfig};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

fn kept_at(path: &Path) -> SandboxConfig {
    SandboxConfig { state_path: Some(path.to_owned()), ..SandboxConfig::default() }
}

#[tokio::test]
async fn keys_ids_and_organizations_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state.jsonl");
    let first = start_with(kept_at(&path)).await;
    let created = first.created("owner@acme.test").await;
    let locked = first.verb(created.id(), "lock", &json!({})).await;
    let org = first.register(&json!({"name": "Acme"})).await.id();
    let seeded = first.sandbox.control().seed(Provider::Scaleway, 3).unwrap();
    first.sandbox.control().remove(seeded[1]).unwrap();
    let keys = |world: &World| {
        (
            world.sandbox.scaleway_secret_key().to_owned(),
            world.sandbox.scaleway_partner_id(),
            world.sandbox.archera_api_key().to_owned(),
            world.sandbox.archera_partner_org_id(),
        )
    };
    let before = keys(&first);
    first.sandbox.shutdown().await;

    let second = start_with(kept_at(&path)).await;
    assert_eq!(keys(&second), before);
    assert_eq!(second.get(created.id()).await.body, locked.body);
    assert_eq!(second.list("").await.body["total_count"], 3);
    assert_eq!(second.get(seeded[1]).await.status, 404);
    assert!(second.sandbox.control().archera_org(org).is_some());
    let taken = second.create(&second.new_organization("owner@acme.test", "c")).await;
    assert_eq!(taken.status, 409);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the keys are for the owner alone");
}

#[tokio::test]
async fn two_sandboxes_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.jsonl");
    let first = Sandbox::start(kept_at(&path)).await.unwrap();
    let refused = Sandbox::start(kept_at(&path)).await.unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    let control = first.control();
    drop(first);
    Sandbox::start(kept_at(&path)).await.unwrap();
    assert!(control.seed(Provider::Scaleway, 1).is_err(), "a stopped one changes nothing");
}

#[tokio::test]
async fn a_line_cut_off_is_left_out_and_a_broken_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.jsonl");
    let world = start_with(kept_at(&path)).await;
    let id = world.created("owner@acme.test").await.id();
    world.sandbox.shutdown().await;

    let append = |text: &str| {
        let file = std::fs::OpenOptions::new().append(true).open(&path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    };
    append("{\"scaleway\":{\"id\":");
    let world = start_with(kept_at(&path)).await;
    assert_eq!(world.get(id).await.status, 200);
    assert_eq!(world.created("next@acme.test").await.status, 200);
    world.sandbox.shutdown().await;

    append("{\"what\":1}\n");
    let refused = Sandbox::start(kept_at(&path)).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidData);
    assert!(refused.to_string().contains("line 4"), "{refused}");
}

const STATE: &str = "SANDBOX_TEST_STATE";

/// Not a test by itself: the process that `an_answered_create_outlives_a_killed_process` kills.
#[tokio::test]
#[ignore = "run by another test"]
async fn serve_until_killed() {
    let path = std::env::var_os(STATE).unwrap();
    let sandbox = Sandbox::start(kept_at(Path::new(&path))).await.unwrap();
    println!(
        "\nready {} {} {}",
        sandbox.scaleway_url(),
        sandbox.scaleway_secret_key(),
        sandbox.scaleway_partner_id()
    );
    std::future::pending::<()>().await;
}

fn spawn_server(path: &Path) -> (Child, Vec<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("persistence::serve_until_killed")
        .env(STATE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines
        .map(Result::unwrap)
        .find_map(|line| line.strip_prefix("ready ").map(str::to_owned))
        .unwrap();
    (child, ready.split(' ').map(str::to_owned).collect())
}

#[tokio::test]
async fn an_answered_create_outlives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.jsonl");
    let (mut child, ready) = spawn_server(&path);
    let [url, key, partner] = ready.as_slice() else {
        panic!("{ready:?}");
    };
    for number in 0..5 {
        let answer = client()
            .post(format!("{url}/partner/v1/organizations"))
            .header("X-Auth-Token", key)
            .json(&json!({
                "partner_id": partner,
                "email": format!("owner-{number}@acme.test"),
                "organization_name": "Acme",
                "owner_firstname": "Ada",
                "owner_lastname": "Acme",
                "customer_id": "cust-1",
            }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let world = start_with(kept_at(&path)).await;
    assert_eq!(world.sandbox.scaleway_secret_key(), key);
    assert_eq!(world.list("").await.body["total_count"], 5);
}
