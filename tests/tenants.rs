//! Who may do what, over every route of the OpenAPI document; and whose rows are whose.

use partner_gateway::auth::Scope;
use sandbox::{ConsoleEdit, Provider};
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

#[tokio::test]
async fn a_token_cannot_have_the_name_of_one_of_the_gateways_own_actors() {
    let world = World::new().await;
    let as_actor = |subject: &str| world.client_as(subject);
    for sub in ["gateway:sweep", "gateway:import", "Gateway:anything"] {
        let refused = as_actor(sub).get("/v1/organizations").await;
        let problem = refused.problem(401, "unauthenticated");
        assert!(problem["detail"].as_str().unwrap().contains("`gateway:`"), "{problem}");
    }
    let org = as_actor("sweep").create(&cloud_customer("cust-1")).await;
    assert_eq!(org["customer_id"], "cust-1", "the name itself is free");
    world.finish().await;
}

#[tokio::test]
async fn a_tenant_sees_the_counts_of_its_own_organizations_alone() {
    let settings =
        crate::harness::Settings { settle_window: "0s", ..crate::harness::Settings::default() };
    let world = World::with(settings).await;
    let (crm, shop, admin) = (world.client(), world.client_of("shop"), world.admin());
    let sweep_of = async |client: &crate::harness::Client, path: &str| {
        client.get(path).await.expect(200)["sweep"].clone()
    };
    let before = sweep_of(&crm, "/v1/providers/scaleway").await;
    assert_eq!(before["missing"], Value::Null, "nothing is known before the first pass");
    let org = crm.create(&cloud_customer("cust-1")).await;
    shop.create(&cloud_customer("cust-2")).await;
    let there = org["provider_org_id"].as_str().unwrap().parse().unwrap();
    let edit = ConsoleEdit { name: Some("By Hand".to_owned()), ..ConsoleEdit::default() };
    world.providers().edit(there, edit).unwrap();
    world.providers().seed(Provider::Scaleway, 3).unwrap();
    admin.post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await.expect(202);

    let path = "/v1/providers/scaleway";
    let counts = |sweep: &Value| {
        ["listed", "unmapped", "missing", "drifted"].map(|name| sweep[name].clone())
    };
    let all = [json!(5), json!(3), json!(0), json!(1)];
    assert_eq!(counts(&sweep_of(&admin, path).await), all);
    let own = [Value::Null, Value::Null, json!(0), json!(1)];
    assert_eq!(counts(&sweep_of(&crm, path).await), own);
    let none = [Value::Null, Value::Null, json!(0), json!(0)];
    assert_eq!(counts(&sweep_of(&shop, path).await), none);
    for (client, is_admin) in [(&admin, true), (&shop, false)] {
        let list = client.get("/v1/providers").await.expect(200);
        let account = list["items"].as_array().unwrap().iter().find(|it| it["name"] == "scaleway");
        let account = account.unwrap();
        assert_eq!(account["sweep"]["listed"].is_null(), !is_admin, "{account}");
        assert_eq!(account["health"]["rate_limit"]["remaining"].is_null(), !is_admin, "{account}");
        assert!(!account["health"]["rate_limit"]["limit"].is_null(), "{account}");
    }
    world.finish().await;
}
