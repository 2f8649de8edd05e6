//! Who may do what, over every route of the OpenAPI document; and whose rows are whose.

use partner_gateway::auth::Scope;
use serde_json::{Value, json};

use crate::harness::{World, cloud_customer, commitments_customer};

/// Every operation of the document that asks for scopes: method, path, scopes.
async fn operations(world: &World) -> Vec<(reqwest::Method, String, Vec<String>)> {
    let document = world.anonymous().get("/openapi.json").await.expect(200);
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<reqwest::Method>() else { continue };
            let scopes = operation["security"][0]["bearer"].as_array().into_iter().flatten();
            let scopes: Vec<String> =
                scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect();
            if path.starts_with("/v1/") {
                assert!(!scopes.is_empty(), "{method} {path} has no scope");
                found.push((method, path.clone(), scopes));
            } else {
                assert!(scopes.is_empty(), "{method} {path} is for everybody");
            }
        }
    }
    assert!(found.len() >= 17, "{found:?}");
    found
}

fn fill(path: &str) -> String {
    path.replace("{id}", "0198c7a0-0000-7000-8000-000000000000")
        .replace("{customer_id}", "nobody")
        .replace("{name}", "nowhere")
}

#[tokio::test]
async fn every_route_wants_a_token_with_its_scope_and_an_admin_passes_everywhere() {
    let world = World::new().await;
    for (method, path, scopes) in operations(&world).await {
        let path = fill(&path);
        let anonymous = world.anonymous().call(method.clone(), &path).await;
        assert!(anonymous.header("www-authenticate").starts_with("Bearer"), "{path}");
        anonymous.problem(401, "unauthenticated");
        for missing in &scopes {
            let others =
                Scope::ALL.into_iter().filter(|s| s.name() != missing && *s != Scope::Admin);
            let client = world.client_with("crm", others);
            let without = client.call(method.clone(), &path).json(&json!({})).await;
            without.problem(403, "forbidden");
        }
        let needed = Scope::ALL.into_iter().filter(|s| scopes.iter().any(|it| it == s.name()));
        for client in [world.client_with("crm", needed), world.client_with("crm", [Scope::Admin])] {
            let with = client.call(method.clone(), &path).json(&json!({})).await;
            assert!(!matches!(with.status, 401 | 403), "{method} {path}: {}", with.text);
            assert!(with.status < 500, "{method} {path}: {}", with.text);
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn another_tenants_row_is_not_there() {
    let world = World::new().await;
    let (owner, other, admin) = (world.client(), world.client_of("shop"), world.admin());
    for body in [cloud_customer("cust-1"), commitments_customer("cust-1")] {
        let org = owner.create(&body).await;
        let id = org["id"].as_str().unwrap();
        let operation =
            owner.get(&format!("/v1/operations?organization_id={id}")).await.expect(200);
        let operation = operation["items"][0]["id"].as_str().unwrap().to_owned();
        let seat = json!({"username": "admin", "email": "a@acme.test", "password": "p"});
        let members = json!({"members": [{"email": "a@acme.test"}]});
        let resolution = json!({"outcome": "abandoned", "reason": "x"});
        for (method, path, body) in [
            ("GET", format!("/v1/organizations/{id}"), Value::Null),
            ("GET", format!("/v1/organizations/{id}?refresh=true"), Value::Null),
            ("PATCH", format!("/v1/organizations/{id}"), json!({"comment": "mine"})),
            ("POST", format!("/v1/organizations/{id}/lock"), json!({})),
            ("POST", format!("/v1/organizations/{id}/unlock"), json!({})),
            ("GET", format!("/v1/organizations/{id}/members"), Value::Null),
            ("POST", format!("/v1/organizations/{id}/members"), members),
            ("POST", format!("/v1/organizations/{id}/admin-role"), seat),
            ("GET", format!("/v1/operations/{operation}"), Value::Null),
            ("POST", format!("/v1/operations/{operation}/resolve"), resolution),
        ] {
            let reply = other.call(method.parse().unwrap(), &path).json(&body).await;
            reply.problem(404, "not_found");
        }
        let mine = other.get("/v1/organizations").await.expect(200);
        assert_eq!(mine["items"], json!([]));
        assert_eq!(owner.get(&format!("/v1/organizations/{id}")).await.expect(200), org);
        assert_eq!(admin.get(&format!("/v1/organizations/{id}")).await.expect(200), org);
    }
    // The same customer of another tenant is another customer.
    let mut theirs = commitments_customer("cust-1");
    theirs["name"] = json!("Theirs");
    assert_eq!(other.create(&theirs).await["name"], "Theirs");
    let all = admin.get("/v1/customers/cust-1").await.expect(200);
    assert_eq!(all["organizations"].as_array().unwrap().len(), 3);
    world.finish().await;
}

#[tokio::test]
async fn a_tenant_over_its_limit_is_told_when_to_come_back() {
    let settings = crate::harness::Settings::default()
        .with("GATEWAY_LIMITS__REQUESTS_PER_SECOND", "1")
        .with("GATEWAY_LIMITS__BURST", "2");
    let world = World::with(settings).await;
    let client = world.client();
    for _ in 0..2 {
        let reply = client.get("/v1/providers").await;
        assert!(!reply.header("ratelimit").is_empty());
        reply.expect(200);
    }
    let refused = client.get("/v1/providers").await;
    assert!(!refused.header("retry-after").is_empty());
    refused.problem(429, "rate_limited");
    world.client_of("shop").get("/v1/providers").await.expect(200);
    world.anonymous().get("/livez").await.expect(200);
    world.finish().await;
}
