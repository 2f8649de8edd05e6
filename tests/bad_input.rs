//! What is not as it should be gets a clear problem document, and changes nothing.

use serde_json::{Value, json};

use crate::harness::{World, cloud_customer};

#[tokio::test]
async fn broken_bodies_are_told_apart() {
    let world = World::new().await;
    let client = world.client();
    let create = || client.call(reqwest::Method::POST, "/v1/organizations");
    create().text("{\"name\": ").await.problem(400, "invalid_json");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    create().text(&deep).await.problem(400, "invalid_json");
    create().text("[]").await.problem(422, "validation_failed");
    create().await.problem(422, "validation_failed");
    let large = json!({"comment": "x".repeat(70 * 1024)}).to_string();
    create().text(&large).await.problem(413, "payload_too_large");
    let typed = client.call(reqwest::Method::POST, "/v1/organizations");
    typed.form("name=x").await.problem(415, "unsupported_media_type");
    let nul = json!({"customer_id": "a\u{0}", "name": "x"});
    client.post("/v1/organizations", &nul).await.problem(422, "validation_failed");
    assert_eq!(client.get("/v1/organizations").await.expect(200)["items"], json!([]));
    assert!(world.providers().requests().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn paths_that_name_nothing_are_problems_too() {
    let world = World::new().await;
    let client = world.client();
    for path in [
        "/v1/organizations/7",
        "/v1/organizations/0198c7a0-0000-7000-8000-000000000000",
        "/v1/organizations/7/members",
        "/v1/operations/7",
        "/v1/operations/0198c7a0-0000-7000-8000-000000000000",
        "/v1/providers/nowhere",
        "/v1/customers/%00",
        "/v1/organizations/%ff",
    ] {
        client.get(path).await.problem(404, "not_found");
    }
    for path in ["/", "/v2/organizations", "/v1/organizations/", "/v1/organizationz"] {
        client.get(path).await.problem(404, "no_such_endpoint");
    }
    let reply = client.call(reqwest::Method::DELETE, "/v1/organizations").await;
    assert!(reply.header("allow").contains("POST"));
    reply.problem(405, "method_not_allowed");
    world.finish().await;
}

#[tokio::test]
async fn a_request_has_an_id_of_the_callers_or_ours() {
    let world = World::new().await;
    let client = world.client();
    let taken = client.get("/v1/providers").header("X-Request-Id", "abc-1.2_3").await;
    assert_eq!(taken.header("x-request-id"), "abc-1.2_3");
    let made = client.get("/v1/providers").header("X-Request-Id", "no spaces").await;
    assert!(!made.header("x-request-id").is_empty());
    assert_ne!(made.header("x-request-id"), "no spaces");
    let create = client.post("/v1/organizations", &cloud_customer("cust-1")).respond_async();
    let operation = create.header("X-Request-Id", "the-create").await.expect(202);
    assert_eq!(operation["request_id"], "the-create");
    assert_eq!(operation["actor"], "crm-service");
    client.settled(operation["id"].as_str().unwrap()).await;
    world.finish().await;
}

#[tokio::test]
async fn routes_are_explained() {
    let world = World::new().await;
    let client = world.client();
    let resolve = |body: Value| client.post("/v1/routes/resolve", &body);
    let route =
        resolve(json!({"labels": {"product": "commitments"}, "address": {"country": "FR"}}));
    assert_eq!(
        route.await.expect(200),
        json!({"provider": "archera", "rule": "commitments", "reason": "label `product` is `commitments`"})
    );
    assert_eq!(resolve(json!({})).await.expect(200)["rule"], "default");
    let named = resolve(json!({"provider": "archera"})).await.expect(200);
    assert_eq!((&named["provider"], &named["rule"]), (&json!("archera"), &json!("requested")));
    resolve(json!({"provider": "nowhere"})).await.problem(422, "validation_failed");
    resolve(json!({"lables": {}})).await.problem(422, "validation_failed");
    world.finish().await;
}

#[tokio::test]
async fn providers_tell_what_they_can_do_and_no_secret() {
    let world = World::new().await;
    let client = world.client();
    let reply = client.get("/v1/providers").await;
    for secret in world.secrets() {
        assert!(!reply.text.contains(&secret));
    }
    let list = reply.expect(200);
    let names: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["archera", "scaleway"]);
    let scaleway = client.get("/v1/providers/scaleway").await.expect(200);
    let can = &scaleway["capabilities"];
    assert_eq!(
        (&can["get"], &can["lock"], &can["invite"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(can["find_by"], json!(["email", "customer_id"]));
    assert_eq!(
        scaleway["required_fields"],
        json!(["customer_id", "name", "owner.email", "owner.first_name", "owner.last_name"])
    );
    let archera = client.get("/v1/providers/archera").await.expect(200);
    assert_eq!(archera["required_fields"], json!(["name"]));
    assert_eq!(archera["capabilities"]["update"], json!([]));
    assert_eq!(archera["health"]["circuit"], "closed");
    world.finish().await;
}
