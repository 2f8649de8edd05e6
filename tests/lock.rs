//! Locking and unlocking: what is answered is how the organization then is, whoever locked it.

use std::time::Duration;

use futures::future::join_all;
use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Settings, World, cloud_customer, commitments_customer};

fn path(org: &Value, action: &str) -> String {
    format!("/v1/organizations/{}/{action}", org["id"].as_str().unwrap())
}

fn provider_org_id(org: &Value) -> Uuid {
    org["provider_org_id"].as_str().unwrap().parse().unwrap()
}

/// The origins of the locks, in the order of the answer.
fn origins(org: &Value) -> Vec<&str> {
    let locks = org["locks"].as_array().unwrap();
    locks.iter().map(|lock| lock["origin"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_lock_is_the_partners_and_goes_with_its_reason() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    world.providers().validate_email(provider_org_id(&org)).unwrap();
    let refreshed = format!("/v1/organizations/{}?refresh=true", org["id"].as_str().unwrap());
    let org = client.get(&refreshed).await.expect(200);
    assert_eq!(org["status"], "active");

    let reason = json!({ "reason": "unpaid invoice" });
    let locked = client.post(&path(&org, "lock"), &reason).await.expect(200);
    assert_eq!(locked["status"], "locked");
    assert_eq!(locked["usable"], false);
    let [lock] = locked["locks"].as_array().unwrap().as_slice() else { panic!("{locked}") };
    assert_eq!((&lock["origin"], &lock["reason"]), (&json!("partner"), &json!("unpaid invoice")));
    assert!(locked["version"].as_i64() > org["version"].as_i64());

    let unlocked = client.post(&path(&org, "unlock"), &json!({})).await.expect(200);
    assert_eq!(unlocked["status"], "active");
    assert_eq!(unlocked["usable"], true);
    assert_eq!(unlocked["locks"], json!([]));
    assert_eq!(unlocked["next_action"], Value::Null);
    world.finish().await;
}

#[tokio::test]
async fn unlocking_leaves_the_providers_own_lock_and_says_so() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    assert_eq!(origins(&org), ["provider"], "a new organization waits for its owner");

    let locked = client.post(&path(&org, "lock"), &json!({})).await.expect(200);
    let mut both = origins(&locked);
    both.sort_unstable();
    assert_eq!(both, ["partner", "provider"], "ours hides the provider's and does not lift it");

    let unlocked = client.post(&path(&org, "unlock"), &json!({})).await.expect(200);
    assert_eq!(unlocked["status"], "locked");
    assert_eq!(unlocked["usable"], false);
    assert_eq!(origins(&unlocked), ["provider"]);
    assert_eq!(unlocked["locks"][0]["reason"], "validate_email");
    let next = unlocked["next_action"].as_str().unwrap();
    assert!(next.contains("validate the e-mail"), "{next}");
    world.finish().await;
}

#[tokio::test]
async fn the_same_again_is_answered_the_same() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    for _ in 0..2 {
        let locked = client.post(&path(&org, "lock"), &json!({})).await.expect(200);
        assert!(origins(&locked).contains(&"partner"));
    }
    for _ in 0..2 {
        let unlocked = client.post(&path(&org, "unlock"), &json!({})).await.expect(200);
        assert_eq!(origins(&unlocked), ["provider"]);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_provider_that_cannot_lock_is_not_asked_to() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&commitments_customer("c-1")).await;
    let before = world.providers().requests().len();
    for action in ["lock", "unlock"] {
        let refused = client.post(&path(&org, action), &json!({})).await;
        refused.problem(422, "unsupported_by_provider");
    }
    assert_eq!(world.providers().requests().len(), before, "nothing was sent");
    world.finish().await;
}

#[tokio::test]
async fn another_tenants_organization_is_not_there() {
    let world = World::new().await;
    let org = world.client().create(&cloud_customer("c-1")).await;
    let stranger = world.client_of("shop");
    for action in ["lock", "unlock"] {
        stranger.post(&path(&org, action), &json!({})).await.problem(404, "not_found");
    }
    assert_eq!(world.providers().tally(Operation::LockOrganization).received, 0);
    assert_eq!(world.providers().tally(Operation::UnlockOrganization).received, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_body_that_is_not_understood_locks_nothing() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    for (body, pointer) in [
        (json!({ "reasn": "unpaid" }), "/reasn"),
        (json!({ "reason": 7 }), "/reason"),
        (json!({ "reason": "" }), "/reason"),
    ] {
        let problem =
            client.post(&path(&org, "lock"), &body).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(world.providers().tally(Operation::LockOrganization).received, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_lock_whose_answer_is_lost_is_found_and_the_unlock_behind_it_waits() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    let lost = FaultRule::next(Operation::LockOrganization, Fault::after(Answer::Reset));
    world.providers().inject(lost).unwrap();

    let (locking, unlocking) = (path(&org, "lock"), path(&org, "unlock"));
    let accepted = client.post(&locking, &json!({})).respond_async().await.expect(202);
    let unlocked = client.post(&unlocking, &json!({})).wait(30).await.expect(200);
    assert_eq!(origins(&unlocked), ["provider"], "the last word was the unlock's");
    let lock = client.settled(accepted["id"].as_str().unwrap()).await;
    assert_eq!(lock["state"], "succeeded");
    let tally = world.providers().tally(Operation::LockOrganization);
    assert_eq!(tally.received, 1, "it was read back and not sent again");
    world.finish().await;
}

#[tokio::test]
async fn an_unlock_waits_until_a_lock_that_was_sent_twice_can_no_longer_be_done() {
    let settings = Settings { settle_window: "3s", ..Settings::default() };
    let world = World::with(settings).await;
    let client = world.client();
    let providers = world.providers();
    let org = client.create(&cloud_customer("c-1")).await;
    let late = FaultRule::next(Operation::LockOrganization, Fault::late(Answer::Reset));
    providers.inject(late).unwrap();

    let locked = client.post(&path(&org, "lock"), &json!({})).wait(20).await.expect(200);
    assert!(origins(&locked).contains(&"partner"), "it was not done, and sent again: {locked}");
    assert_eq!(providers.tally(Operation::LockOrganization).received, 2);

    let unlocking = client.post(&path(&org, "unlock"), &json!({}));
    let unlock = unlocking.respond_async().await.expect(202);
    assert_eq!((&unlock["state"], &unlock["attempts"]), (&json!("accepted"), &json!(0)));
    assert_eq!(providers.release_late(), 1, "the first lock is done after all");
    let unlock = client.settled(unlock["id"].as_str().unwrap()).await;
    assert_eq!(unlock["state"], "succeeded");
    let refreshed = format!("/v1/organizations/{}?refresh=true", org["id"].as_str().unwrap());
    let org = client.get(&refreshed).await.expect(200);
    assert_eq!(origins(&org), ["provider"], "the last word was the unlock's");
    world.finish().await;
}

#[tokio::test]
async fn a_lost_lock_of_what_is_gone_is_given_to_a_person_when_its_window_is_over() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("c-1")).await;
    let lost = FaultRule::next(Operation::LockOrganization, Fault::before(Answer::Reset));
    world.providers().inject(lost).unwrap();
    world.providers().remove(provider_org_id(&org)).unwrap();

    let lock = client.post(&path(&org, "lock"), &json!({})).respond_async().await.expect(202);
    // Who waits for it is told at once, and not when the wait of a minute is over.
    let waiting = client.settled(lock["id"].as_str().unwrap());
    let lock = tokio::time::timeout(Duration::from_secs(45), waiting).await.expect("it was told");
    assert_eq!(lock["state"], "quarantined", "{lock}");
    let resolve = format!("/v1/operations/{}/resolve", lock["id"].as_str().unwrap());
    let answer = json!({ "outcome": "abandoned", "reason": "the provider removed it" });
    assert_eq!(client.post(&resolve, &answer).await.expect(200)["state"], "rejected");
    world.finish().await;
}

#[tokio::test]
async fn a_provider_that_stays_silent_is_left_alone_for_a_while_by_every_gateway() {
    let mut world = World::new().await;
    world.add_gateway().await;
    let client = world.client();
    let mut locks = Vec::new();
    for n in 0..6 {
        let org = client.create(&cloud_customer(&format!("cust-{n}"))).await;
        locks.push(format!("/v1/organizations/{}/lock", org["id"].as_str().unwrap()));
    }
    world.providers().stop();
    let at = |gateway: usize| world.at(gateway, &client);
    let silences =
        locks[..5].iter().map(|lock| client.post(lock, &json!({})).wait(1).into_future());
    for waiting in join_all(silences).await {
        assert_eq!(waiting.expect(202)["state"], "accepted");
    }
    for gateway in [0, 1] {
        let account = at(gateway).get("/v1/providers/scaleway").await.expect(200);
        assert_eq!(account["health"]["circuit"], "open", "{account}");
        assert!(account["health"]["closed_until"].is_string());
    }
    let held_back = at(1).post(&locks[5], &json!({})).respond_async().await.expect(202);
    assert_eq!((&held_back["state"], &held_back["attempts"]), (&json!("accepted"), &json!(0)));
    world.finish().await;
}
