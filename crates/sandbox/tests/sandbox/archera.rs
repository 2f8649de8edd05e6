//! Archera's operations.

use crate::support::{Answer, Spec, read, start, start_with};
use reqwest::Method;
use sandbox::SandboxConfig;
use serde_json::{Value, json};
use uuid::Uuid;

fn check_api_error(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    Spec::archera().check("ApiErrorResponse", &answer.body);
}

#[tokio::test]
async fn registering_answers_the_org_with_its_memberships() {
    let world = start().await;
    let answer = world
        .register(&json!({
            "name": "Acme",
            "labra_subscription_id": "sub-1",
            "users": [{"email": "ada@acme.test", "role": "admin"}, {"email": "bob@acme.test"}],
            "domain": "acme.test",
            "primary_address": {"line1": "1 High St", "city": "Paris", "state": "IDF",
                                "zip": "75001", "country": "FR"},
            "aws_marketplace_offer_link": "https://aws.test/offer",
            "gcp_marketplace_offer_link": null,
        }))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    Spec::archera().check("RegisterOrgResponse", &answer.body);
    assert_eq!(
        answer.body["memberships"],
        json!([{"role": "admin", "username": "ada@acme.test"},
               {"role": "user", "username": "bob@acme.test"}])
    );
    assert_eq!(answer.body["primary_address"]["line2"], Value::Null);
    assert_eq!(answer.body["azure_marketplace_offer_link"], Value::Null);
    let kept = world.sandbox.control().archera_org(answer.id()).unwrap();
    assert_eq!(kept.labra_subscription_id.as_deref(), Some("sub-1"));
}

#[tokio::test]
async fn a_name_may_be_met_twice() {
    let world = start().await;
    let first = world.register(&json!({"name": "Acme"})).await;
    let second = world.register(&json!({"name": "Acme"})).await;
    Spec::archera().check("RegisterOrgResponse", &second.body);
    assert_ne!(first.id(), second.id());
}

#[tokio::test]
async fn inviting_answers_who_was_invited() {
    let world = start().await;
    let org = world.register(&json!({"name": "Acme"})).await.id();
    let users = json!({"users": [{"email": "ada@acme.test", "role": "cloud_rep"}]});
    let answer = world.invite(&org.to_string(), &users).await;
    assert_eq!(answer.status, 200);
    for member in answer.body.as_array().unwrap() {
        Spec::archera().check("OrgMembershipResponse", member);
    }
    assert_eq!(answer.body, json!([{"role": "cloud_rep", "username": "ada@acme.test"}]));

    let again = json!({"users": [{"email": "ada@acme.test", "role": "support"}]});
    world.invite(&org.to_string(), &again).await;
    let kept = world.sandbox.control().archera_org(org).unwrap();
    assert_eq!(kept.memberships.len(), 1);
    assert_eq!(kept.memberships[0].role, "support");
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_422_nested_as_the_body_is() {
    let world = start().await;
    let answer = world
        .register(&json!({
            "nickname": "Acme",
            "domain": 3,
            "labra_subscription_id": null,
            "users": [{"email": "ada@acme.test"}, {"email": "bob", "role": "owner", "age": 3}, "x"],
            "primary_address": {"line1": "1 High St"},
            "aws_marketplace_offer_link": "offer",
        }))
        .await;
    assert_eq!(answer.status, 422);
    Spec::archera().check("Error", &answer.body);
    assert_eq!(answer.body["code"], 422);
    let missing = json!(["Missing data for required field."]);
    let roles = "Must be one of: user, admin, support, cloud_rep, restricted_user.";
    assert_eq!(
        answer.body["errors"]["json"],
        json!({
            "name": missing,
            "nickname": ["Unknown field."],
            "domain": ["Not a valid string."],
            "labra_subscription_id": ["Field may not be null."],
            "users": {
                "1": {"email": ["Not a valid email address."], "role": [roles],
                      "age": ["Unknown field."]},
                "2": {"_schema": ["Invalid input type."]},
            },
            "primary_address": {"city": missing, "state": missing, "zip": missing,
                                "country": missing},
            "aws_marketplace_offer_link": ["Not a valid URL."],
        })
    );
    assert!(world.sandbox.control().archera_orgs().is_empty());

    let org = world.register(&json!({"name": "Acme"})).await.id().to_string();
    let answer = world.invite(&org, &json!({})).await;
    assert_eq!(answer.body["errors"]["json"]["users"], missing);
    let long = format!("{}@acme.test", "a".repeat(250));
    let answer = world.invite(&org, &json!({"users": [{"email": long}]})).await;
    assert_eq!(
        answer.body["errors"]["json"]["users"]["0"]["email"],
        json!(["Longer than maximum length 255."])
    );
}

#[tokio::test]
async fn every_other_error_has_the_api_shape() {
    let world = start().await;
    let path = world.orgs_path();
    let url = format!("{}{path}", world.sandbox.archera_url());
    let missing = world.client.post(&url).json(&json!({"name": "Acme"}));
    check_api_error(&read(missing.send().await.unwrap()).await, 401);
    let wrong = world.client.post(&url).header("x-api-key", "wrong").json(&json!({}));
    check_api_error(&read(wrong.send().await.unwrap()).await, 401);

    let broken = world.archera(Method::POST, &path).body("{\"name\":");
    check_api_error(&read(broken.send().await.unwrap()).await, 400);
    for (partner, status) in [(Uuid::nil().to_string(), 403), ("me".to_owned(), 404)] {
        let path = format!("/v2/partners/{partner}/orgs");
        let other = world.archera(Method::POST, &path).json(&json!({"name": "Acme"}));
        check_api_error(&read(other.send().await.unwrap()).await, status);
    }
    for org in [Uuid::nil().to_string(), "none".to_owned()] {
        let users = json!({"users": [{"email": "ada@acme.test"}]});
        check_api_error(&world.invite(&org, &users).await, 404);
    }
    let read_back = world.archera(Method::GET, &path).send().await.unwrap();
    check_api_error(&read(read_back).await, 405);
    let nowhere = world.archera(Method::GET, "/v2/orgs").send().await.unwrap();
    check_api_error(&read(nowhere).await, 404);
    assert!(world.sandbox.control().archera_orgs().is_empty());
}

#[tokio::test]
async fn the_public_list_answers_only_where_the_key_may_use_it() {
    let world = start().await;
    let id = world.register(&json!({"name": "Acme"})).await.id();
    let refused = world.archera(Method::GET, "/v1/orgs").send().await.unwrap();
    check_api_error(&read(refused).await, 403);

    world.sandbox.control().allow_archera_list(true);
    let list = world.archera(Method::GET, "/v1/orgs").send().await.unwrap();
    let list = read(list).await;
    let wanted = json!([{"org_id": id, "name": "Acme", "role": "admin", "kind": "partnership"}]);
    assert_eq!(list.body, wanted);

    let allowed =
        start_with(SandboxConfig { archera_list_orgs: true, ..SandboxConfig::default() }).await;
    let list = allowed.archera(Method::GET, "/v1/orgs").send().await.unwrap();
    assert_eq!(read(list).await.body, json!([]));
}
