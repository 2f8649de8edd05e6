//! Reading organizations: from the mapping, through to the provider, and only when they changed.

use sandbox::{ConsoleEdit, Operation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{World, cloud_customer, commitments_customer};

fn path(org: &Value) -> String {
    format!("/v1/organizations/{}", org["id"].as_str().unwrap())
}

fn provider_id(org: &Value) -> Uuid {
    org["provider_org_id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_read_is_from_the_mapping_and_a_refresh_from_the_provider() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    world.providers().validate_email(provider_id(&org)).unwrap();
    let edit = ConsoleEdit { name: Some("Acme Renamed".to_owned()), ..ConsoleEdit::default() };
    world.providers().edit(provider_id(&org), edit).unwrap();

    let read = client.get(&path(&org)).await.expect(200);
    assert_eq!((&read["usable"], &read["name"]), (&json!(false), &json!("Acme SAS")));
    assert_eq!(world.providers().tally(Operation::GetOrganization).received, 0);
    let fresh = client.get(&format!("{}?refresh=true", path(&org))).await.expect(200);
    assert_eq!((&fresh["usable"], &fresh["name"]), (&json!(true), &json!("Acme Renamed")));
    assert_eq!(fresh["next_action"], Value::Null);
    assert_eq!(fresh["locks"], json!([]));
    assert!(fresh["version"].as_i64() > read["version"].as_i64());
    assert_eq!(client.get(&path(&org)).await.expect(200), fresh);

    let again = client.get(&format!("{}?refresh=true", path(&org))).await.expect(200);
    assert_eq!(again["version"], fresh["version"], "a look that finds nothing new is no change");
    assert_ne!(again["observed_at"], fresh["observed_at"]);
    world.finish().await;
}

#[tokio::test]
async fn a_refresh_where_nothing_can_be_read_is_unsupported() {
    let world = World::new().await;
    let org = world.client().create(&commitments_customer("cust-1")).await;
    world.providers().clear_requests();
    let reply = world.client().get(&format!("{}?refresh=true", path(&org))).await;
    reply.problem(422, "unsupported_by_provider");
    assert!(world.providers().requests().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_refresh_of_what_is_gone_or_cannot_be_reached_says_so_and_changes_nothing() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    world.providers().remove(provider_id(&org)).unwrap();
    let reply = client.get(&format!("{}?refresh=true", path(&org))).await;
    reply.problem(409, "missing_at_provider");
    world.providers().stop();
    let reply = client.get(&format!("{}?refresh=true", path(&org))).await;
    assert!(!reply.header("retry-after").is_empty());
    reply.problem(503, "provider_unavailable");
    assert_eq!(client.get(&path(&org)).await.expect(200), org);
    world.finish().await;
}

#[tokio::test]
async fn the_providers_own_document_is_there_for_the_asking() {
    let world = World::new().await;
    let client = world.client();
    for body in [cloud_customer("cust-1"), commitments_customer("cust-2")] {
        let org = client.create(&body).await;
        assert!(org.get("provider_data").is_none());
        let with = client.get(&format!("{}?include=provider_data", path(&org))).await.expect(200);
        assert_eq!(with["provider_data"]["id"], org["provider_org_id"]);
        client
            .get(&format!("{}?include=secrets", path(&org)))
            .await
            .problem(422, "validation_failed");
    }
    world.finish().await;
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    let tag = format!("\"{}\"", org["version"]);
    let reply = client.get(&path(&org)).header("If-None-Match", &tag).await;
    assert_eq!((reply.status, reply.text.as_str()), (304, ""));
    assert_eq!(reply.header("etag"), tag);
    let reply = client.get(&path(&org)).header("If-None-Match", "\"999\"").await;
    assert_eq!(reply.status, 200);
    world.finish().await;
}

#[tokio::test]
async fn a_customer_is_all_of_its_organizations() {
    let world = World::new().await;
    let client = world.client();
    let cloud = client.create(&with_id(cloud_customer("cust-1"), "cust/1 é")).await;
    client.create(&with_id(commitments_customer("cust-1"), "cust/1 é")).await;
    let at = "/v1/customers/cust%2F1%20%C3%A9";
    let customer = client.get(at).await.expect(200);
    assert_eq!(customer["customer_id"], "cust/1 é");
    assert_eq!(customer["organizations"].as_array().unwrap().len(), 2);
    assert_eq!(customer["usable"], false, "one of them is not");
    world.providers().validate_email(provider_id(&cloud)).unwrap();
    client.get(&format!("{}?refresh=true", path(&cloud))).await.expect(200);
    assert_eq!(client.get(at).await.expect(200)["usable"], true);
    client.get("/v1/customers/nobody").await.problem(404, "not_found");
    world.client_of("shop").get(at).await.problem(404, "not_found");
    world.finish().await;
}

fn with_id(mut body: Value, customer_id: &str) -> Value {
    body["customer_id"] = json!(customer_id);
    body
}
