//! Mapping organizations that exist already.

use partner_gateway::auth::Scope;
use sandbox::Provider;
use serde_json::{Value, json};

use crate::harness::{Reply, World, cloud_customer};

const ADOPT: &str = "/v1/organizations/adopt";

#[tokio::test]
async fn an_organization_at_scaleway_is_adopted_as_it_is_there() {
    let world = World::new().await;
    let client = world.client_with("crm", Scope::ALL);
    let id = world.providers().seed(Provider::Scaleway, 1).unwrap()[0];
    let there = world.providers().scaleway_organization(id).unwrap();
    let body = json!({"provider": "scaleway", "provider_org_id": id, "customer_id": "cust-1",
                      "labels": {"from": "console"}, "name": "not its name"});
    let org = client.post(ADOPT, &body).key("adopt-1").await.expect(201);
    assert_eq!((&org["name"], &org["certainty"]), (&json!(there.name), &json!("observed")));
    assert_eq!(org["owner"]["email"], there.email);
    assert_eq!((&org["usable"], &org["routed_by"]), (&json!(true), &json!("adopted")));
    assert_eq!(org["labels"], json!({"from": "console"}));
    let replay = client.post(ADOPT, &body).key("adopt-1").await;
    assert_eq!(replay.header("idempotent-replayed"), "true");
    assert_eq!(replay.expect(200)["id"], org["id"]);

    let mut other = body.clone();
    other["customer_id"] = json!("cust-2");
    client.post(ADOPT, &other).await.problem(409, "provider_org_already_mapped");
    let elsewhere = world.client_with("shop", Scope::ALL).post(ADOPT, &body).await;
    elsewhere.problem(409, "provider_org_already_mapped");
    let second = world.providers().seed(Provider::Scaleway, 1).unwrap()[0];
    other = body.clone();
    other["provider_org_id"] = json!(second);
    let problem = client.post(ADOPT, &other).await.problem(409, "customer_already_mapped");
    assert_eq!(problem["organization_id"], org["id"]);
    let lock = format!("/v1/organizations/{}/lock", org["id"].as_str().unwrap());
    assert_eq!(client.post(&lock, &json!({})).await.expect(200)["usable"], false);
    world.finish().await;
}

#[tokio::test]
async fn an_organization_at_archera_is_adopted_on_the_callers_word() {
    let world = World::new().await;
    let client = world.client_with("crm", Scope::ALL);
    let id = "6170692e-7363-616c-6577-61792e636f6d";
    let body = json!({"provider": "archera", "provider_org_id": id, "customer_id": "cust-1",
                      "confirm_unverified": true});
    let problem = client.post(ADOPT, &body).await.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), ["/name"]);
    let mut named = body;
    named["name"] = json!("Acme");
    let org = client.post(ADOPT, &named).await.expect(201);
    assert_eq!((&org["certainty"], &org["observed_at"]), (&json!("asserted"), &Value::Null));
    assert_eq!(org["provider_org_id"], id);
    assert!(world.providers().requests().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_there_or_not_well_said_is_not_adopted() {
    let world = World::new().await;
    let client = world.client_with("crm", Scope::ALL);
    let unknown = json!({"provider": "scaleway", "customer_id": "cust-1",
                         "provider_org_id": "6170692e-7363-616c-6577-61792e636f6d"});
    client.post(ADOPT, &unknown).await.problem(422, "not_found_at_provider");
    let nowhere = json!({"provider": "nowhere", "customer_id": "cust-1", "provider_org_id": "x"});
    let problem = client.post(ADOPT, &nowhere).await.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), ["/provider"]);
    let faulty = json!({"customer_id": 7, "provider_org_id": "a b", "surprise": 1});
    let problem = client.post(ADOPT, &faulty).await.problem(422, "validation_failed");
    let found = Reply::pointers(&problem);
    assert!(
        ["/provider", "/customer_id", "/surprise"].iter().all(|p| found.contains(p)),
        "{found:?}"
    );
    assert_eq!(client.get("/v1/organizations").await.expect(200)["items"], json!([]));
    client.create(&cloud_customer("cust-1")).await;
    world.finish().await;
}
