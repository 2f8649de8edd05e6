//! What is not as it should be gets a clear problem document, and changes nothing.

use serde_json::{Value, json};

use crate::harness::{World, cloud_customer, commitments_customer, raw_answer};

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

fn head(more: &str) -> String {
    format!("GET /v1/providers HTTP/1.1\r\nHost: acme.test\r\nConnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let world = World::new().await;
    let sized = |size: usize| format!("X-Large: {}\r\n", "x".repeat(size));
    let many = |count: usize| (0..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    assert!(raw_answer(&world, head("").as_bytes()).await.starts_with("HTTP/1.1 401 "));
    let large = raw_answer(&world, head(&sized(17 * 1024)).as_bytes()).await;
    assert!(large.starts_with("HTTP/1.1 431 "), "{large}");
    assert!(large.contains("\"headers_too_large\""), "{large}");
    for beyond in [sized(33 * 1024), many(101)] {
        let refused = raw_answer(&world, head(&beyond).as_bytes()).await;
        assert!(refused.starts_with("HTTP/1.1 431 "), "{refused}");
    }
    assert!(raw_answer(&world, head(&many(90)).as_bytes()).await.starts_with("HTTP/1.1 401 "));
    let long = head("").replace("/v1/providers", &format!("/v1/providers?x={}", "x".repeat(9000)));
    assert!(raw_answer(&world, long.as_bytes()).await.contains("\"uri_too_long\""));
    world.finish().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_deep_or_long_is_refused() {
    let world = World::new().await;
    let client = world.client();
    let nested = |depth: usize| (0..depth).fold(json!("x"), |inner, _| json!([inner]));
    let deep = json!({"customer_id": "c", "labels": nested(40)});
    client.post("/v1/organizations", &deep).await.problem(400, "invalid_json");
    let member = |n: usize| json!({"email": format!("m{n}@acme.test")});
    let mut crowd = commitments_customer("c-1");
    crowd["members"] = (0..101).map(member).collect();
    let problem = client.post("/v1/organizations", &crowd).await.problem(422, "validation_failed");
    assert_eq!(crate::harness::Reply::pointers(&problem), ["/members"]);
    let mut labelled = cloud_customer("c-1");
    labelled["labels"] =
        (0..65).map(|n| (format!("l{n}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    client.post("/v1/organizations", &labelled).await.problem(422, "validation_failed");
    let unknown: serde_json::Map<_, _> = (0..5000).map(|n| (n.to_string(), json!(1))).collect();
    let reply = client.post("/v1/organizations", &Value::Object(unknown)).await;
    assert!(reply.text.len() < 64 * 1024, "the answer is no larger than the question");
    reply.problem(422, "validation_failed");
    let token = world.token("crm", partner_gateway::auth::Scope::ALL.into_iter().collect());
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let chunked = format!(
        "POST /v1/organizations HTTP/1.1\r\nHost: acme.test\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}"
    );
    let refused = raw_answer(&world, chunked.as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    assert!(world.providers().requests().is_empty());
    world.finish().await;
}
