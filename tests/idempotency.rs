//! Idempotency keys: one request, one outcome, however often it is sent.

use futures::future::join_all;
use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::json;

use crate::harness::{World, cloud_customer, commitments_customer};

#[tokio::test]
async fn the_same_key_and_request_give_the_same_outcome_again() {
    let world = World::new().await;
    let client = world.client();
    for (key, body) in [("k1", cloud_customer("cust-1")), ("k2", commitments_customer("cust-1"))] {
        let first = client.post("/v1/organizations", &body).key(key).await;
        assert_eq!(first.header("idempotent-replayed"), "");
        let first = first.expect(201);
        let again = client.post("/v1/organizations", &body).key(key).await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.expect(201), first);
        let mut other = body.clone();
        other["comment"] = json!("other");
        let refused = client.post("/v1/organizations", &other).key(key).await;
        refused.problem(422, "idempotency_key_reused");
    }
    let elsewhere = world.client_of("shop").post("/v1/organizations", &cloud_customer("s-1"));
    elsewhere.key("k1").await.expect(201);
    assert_eq!(world.providers().scaleway_organizations().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_before_anything_was_recorded_uses_up_no_key() {
    let world = World::new().await;
    let client = world.client();
    let faulty = json!({"customer_id": "cust-1"});
    client.post("/v1/organizations", &faulty).key("k").await.problem(422, "validation_failed");
    client.post("/v1/organizations", &cloud_customer("cust-1")).key("k").await.expect(201);
    world.finish().await;
}

#[tokio::test]
async fn a_rejection_is_replayed_too() {
    let world = World::new().await;
    let client = world.client();
    client.create(&cloud_customer("cust-1")).await;
    let mut taken = cloud_customer("cust-2");
    taken["owner"]["email"] = json!("cust-1@acme.test");
    let create = || client.post("/v1/organizations", &taken).key("k");
    create().await.problem(409, "conflict_at_provider");
    let again = create().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    again.problem(409, "conflict_at_provider");
    assert_eq!(world.providers().tally(Operation::CreateOrganization).received, 2);
    world.finish().await;
}

#[tokio::test]
async fn a_first_request_that_still_runs_is_a_conflict_and_an_open_one_is_shown() {
    let world = World::new().await;
    let client = world.client();
    let hang = FaultRule::next(Operation::RegisterOrg, Fault::before(Answer::Hang));
    world.providers().inject(hang).unwrap();
    let body = commitments_customer("cust-1");
    let first = client.post("/v1/organizations", &body).key("k").respond_async().await.expect(202);
    let second = client.post("/v1/organizations", &body).key("k").await;
    assert!(!second.header("retry-after").is_empty());
    second.problem(409, "idempotency_in_progress");
    let operation = first["id"].as_str().unwrap();
    let over = format!("/v1/operations/{operation}?wait=3");
    assert_eq!(client.get(&over).await.expect(200)["state"], "quarantined");
    let third = client.post("/v1/organizations", &body).key("k").await;
    assert_eq!(third.header("idempotent-replayed"), "true");
    let third = third.expect(202);
    assert_eq!((&third["id"], &third["state"]), (&first["id"], &json!("quarantined")));
    world.finish().await;
}

#[tokio::test]
async fn thirty_two_callers_with_one_key_make_one_organization() {
    let world = World::new().await;
    let client = world.client();
    for (n, body) in [cloud_customer("cust-1"), commitments_customer("cust-1")].iter().enumerate() {
        let key = format!("key-{n}");
        let calls = (0..32).map(|_| client.post("/v1/organizations", body).key(&key).into_future());
        let replies = join_all(calls).await;
        let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
        assert!(!made.is_empty());
        for reply in &replies {
            assert!(matches!(reply.status, 201 | 409), "{}", reply.text);
            assert!(reply.status == 409 || reply.json["id"] == made[0].json["id"]);
        }
    }
    assert_eq!(world.providers().scaleway_organizations().len(), 1);
    assert_eq!(world.providers().archera_orgs().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn thirty_two_callers_for_one_customer_make_one_organization() {
    let world = World::new().await;
    let client = world.client();
    for body in [cloud_customer("cust-1"), commitments_customer("cust-1")] {
        let calls = (0..32).map(|_| client.post("/v1/organizations", &body).into_future());
        let replies = join_all(calls).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
        for reply in &replies {
            assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
            assert_eq!(reply.json["id"], replies[0].json["id"]);
        }
    }
    assert_eq!(world.providers().scaleway_organizations().len(), 1);
    assert_eq!(world.providers().archera_orgs().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn every_write_takes_a_key() {
    let world = World::new().await;
    let client = world.client();
    let cloud = client.create(&cloud_customer("cust-1")).await;
    let commitments = client.create(&commitments_customer("cust-1")).await;
    let at = |org: &serde_json::Value, what: &str| {
        format!("/v1/organizations/{}{what}", org["id"].as_str().unwrap())
    };
    let members = json!({"members": [{"email": "a@acme.test"}]});
    for (n, (method, path, body)) in [
        (reqwest::Method::PATCH, at(&cloud, ""), json!({"name": "Acme 2"})),
        (reqwest::Method::PATCH, at(&commitments, ""), json!({"comment": "x"})),
        (reqwest::Method::POST, at(&cloud, "/lock"), json!({"reason": "x"})),
        (reqwest::Method::POST, at(&cloud, "/unlock"), json!({})),
        (reqwest::Method::POST, at(&commitments, "/members"), members),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("write-{n}");
        let send = || client.call(method.clone(), &path).json(&body).key(&key);
        let first = send().await.expect(200);
        let again = send().await;
        assert_eq!(again.header("idempotent-replayed"), "true", "{path}");
        let again = again.expect(200);
        assert_eq!(again["id"], first["id"], "{path}");
    }
    let providers = world.providers();
    let sent = |operation| providers.tally(operation).received;
    assert_eq!(sent(Operation::UpdateOrganization), 1);
    assert_eq!((sent(Operation::LockOrganization), sent(Operation::UnlockOrganization)), (1, 1));
    assert_eq!(sent(Operation::InviteUsers), 1);
    let bad = client.post(&at(&cloud, "/lock"), &json!({})).key("").await;
    bad.problem(400, "bad_request");
    world.finish().await;
}
