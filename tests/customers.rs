//! Locking and unlocking a customer as a whole.

use sandbox::Operation;
use serde_json::{Value, json};

use crate::harness::{World, cloud_customer, commitments_customer};

fn outcomes(results: &Value) -> Vec<(String, String)> {
    let results = results["results"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    results.iter().map(|result| (text(&result["provider"]), text(&result["outcome"]))).collect()
}

fn pair(provider: &str, outcome: &str) -> (String, String) {
    (provider.to_owned(), outcome.to_owned())
}

#[tokio::test]
async fn a_customer_is_locked_wherever_that_can_be_done() {
    let world = World::new().await;
    let client = world.client();
    let cloud = client.create(&cloud_customer("cust-1")).await;
    client.create(&commitments_customer("cust-1")).await;
    let reason = json!({"reason": "invoice 7 is unpaid"});
    let lock = |key| client.post("/v1/customers/cust-1/lock", &reason).key(key);
    let first = lock("lock-1").await.expect(200);
    assert_eq!(outcomes(&first), [pair("scaleway", "done"), pair("archera", "unsupported")]);
    let org = format!("/v1/organizations/{}", cloud["id"].as_str().unwrap());
    let locked = client.get(&org).await.expect(200);
    assert_eq!(locked["locks"][1]["reason"], "invoice 7 is unpaid");

    let replay = lock("lock-1").await;
    assert_eq!(replay.header("idempotent-replayed"), "true");
    let replayed = outcomes(&replay.expect(200));
    assert_eq!(replayed, [pair("scaleway", "done"), pair("archera", "unsupported")]);
    assert_eq!(world.providers().tally(Operation::LockOrganization).received, 1);
    let again = lock("lock-2").await.expect(200);
    assert_eq!(outcomes(&again)[0], pair("scaleway", "already"));

    let unlocked = client.post("/v1/customers/cust-1/unlock", &json!({})).await.expect(200);
    assert_eq!(outcomes(&unlocked)[0], pair("scaleway", "done"));
    let org = client.get(&org).await.expect(200);
    assert_eq!((&org["usable"], org["locks"].as_array().unwrap().len()), (&json!(false), 1));
    world.finish().await;
}

#[tokio::test]
async fn an_unknown_customer_or_a_faulty_body_locks_nobody() {
    let world = World::new().await;
    let client = world.client();
    client.create(&cloud_customer("cust-1")).await;
    client.post("/v1/customers/cust-2/lock", &json!({})).await.problem(404, "not_found");
    let elsewhere = world.client_of("shop");
    elsewhere.post("/v1/customers/cust-1/lock", &json!({})).await.problem(404, "not_found");
    let faulty = json!({"why": "x"});
    client.post("/v1/customers/cust-1/unlock", &faulty).await.problem(422, "validation_failed");
    assert_eq!(world.providers().tally(Operation::LockOrganization).received, 0);
    world.finish().await;
}
