//! Scaleway's operations on one organization.

use crate::support::{ORGANIZATIONS, Spec, World, read, start, start_with};
use reqwest::Method;
use sandbox::{Clock, SandboxConfig};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

const ORGANIZATION: &str = "scaleway.partner.v1.Organization";

#[tokio::test]
async fn a_created_organization_is_locked_until_its_owner_validates_the_email() {
    let world = start().await;
    let created = world.created("owner@acme.test").await;

    Spec::scaleway().check(ORGANIZATION, &created.body);
    assert_eq!(created.body["status"], "locked");
    assert_eq!(created.body["locked_by"], "scaleway");
    assert_eq!(created.body["lock_reason_message"], "validate_email");
    assert_eq!(created.body["phone_number"], Value::Null);

    world.sandbox.control().validate_email(created.id()).unwrap();
    let opened = world.get(created.id()).await;
    Spec::scaleway().check(ORGANIZATION, &opened.body);
    assert_eq!(opened.body["status"], "opened");
    assert_eq!(opened.body["locked_by"], "unknown_locked_by");
    assert_eq!(opened.body["lock_reason_message"], "");
    assert_eq!(opened.body["locked_at"], Value::Null);
}

#[tokio::test]
async fn an_organization_has_every_property_of_the_spec_but_the_siren_number() {
    let world = start().await;
    let mut body = world.new_organization("owner@acme.test", "cust-1");
    body["siren_number"] = json!("123456789");
    body["phone_number"] = json!("+33100000000");
    body["comment"] = json!("first");
    let created = world.create(&body).await;

    let spec = Spec::scaleway();
    let mut wanted = spec.properties(ORGANIZATION);
    wanted.retain(|name| *name != "siren_number");
    let shown: Vec<&str> = created.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(shown, wanted);
    assert_eq!(created.body["phone_number"], "+33100000000");
    assert_eq!(created.body["comment"], "first");
    assert_eq!(world.get(created.id()).await.body, created.body);
}

#[tokio::test]
async fn successful_answers_carry_the_headers_of_the_real_api() {
    let world = start().await;
    let created = world.created("owner@acme.test").await;
    assert_eq!(created.header("content-type"), Some("application/json"));
    assert_eq!(created.header("x-ratelimit-limit"), Some("50, 50;w=1"));
    assert!(created.header("x-ratelimit-remaining").is_some());
    assert!(created.header("x-ratelimit-reset").is_some());
    let id = created.header("x-request-id").unwrap();
    assert!(id.parse::<Uuid>().is_ok(), "{id}");
    assert_eq!(world.sandbox.control().requests()[0].request_id, id);
}

#[tokio::test]
async fn a_get_may_have_a_body() {
    let world = start().await;
    let id = world.created("owner@acme.test").await.id();
    for path in [ORGANIZATIONS.to_owned(), format!("{ORGANIZATIONS}/{id}")] {
        let request = world.scaleway(Method::GET, &path).body("{}");
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn locks_stack_and_an_unlock_shows_what_was_beneath() {
    let world = start().await;
    let created = world.created("owner@acme.test").await;
    let id = created.id();

    let locked = world.verb(id, "lock", &json!({})).await;
    assert_eq!(locked.status, 200);
    assert_eq!(locked.body["locked_by"], "partner");
    assert_eq!(locked.body["lock_reason_message"], "locked_by_reseller");
    assert_ne!(locked.body["locked_at"], created.body["locked_at"]);

    let unlocked = world.verb(id, "unlock", &json!({})).await;
    assert_eq!(unlocked.status, 200);
    Spec::scaleway().check(ORGANIZATION, &unlocked.body);
    assert_eq!(unlocked.body, created.body, "Scaleway's own lock is back, with its time");

    world.verb(id, "lock", &json!({})).await;
    world.sandbox.control().validate_email(id).unwrap();
    assert_eq!(world.get(id).await.body["locked_by"], "partner");
    let opened = world.verb(id, "unlock", &json!({})).await;
    assert_eq!(opened.body["status"], "opened");
}

#[tokio::test]
async fn locking_again_moves_the_time() {
    let clock = Clock::manual("2026-01-02T03:04:05Z".parse().unwrap());
    let world =
        start_with(SandboxConfig { clock: clock.clone(), ..SandboxConfig::default() }).await;
    let created = world.created("owner@acme.test").await;
    let id = created.id();
    assert_eq!(created.body["created_at"], "2026-01-02T03:04:05.000000Z");
    clock.advance(Duration::from_secs(60));
    let first = world.verb(id, "lock", &json!({})).await;
    assert_eq!(first.body["locked_at"], "2026-01-02T03:05:05.000000Z");
    clock.advance(Duration::from_secs(60));
    let second = world.verb(id, "lock", &json!({})).await;
    assert_eq!(second.status, 200);
    assert_eq!(second.body["locked_at"], "2026-01-02T03:06:05.000000Z");
}

#[tokio::test]
async fn what_scaleway_locks_by_itself_shows_its_reason() {
    let world = start().await;
    let id = world.created("owner@acme.test").await.id();
    let control = world.sandbox.control();
    control.lock_by_provider(id, "fraud").unwrap();
    control.validate_email(id).unwrap();
    assert_eq!(world.get(id).await.body["lock_reason_message"], "fraud");
    control.unlock_by_provider(id).unwrap();
    assert_eq!(world.get(id).await.body["status"], "opened");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let world = start().await;
    let before = world.created("owner@acme.test").await;
    let change = json!({"name": "Acme SAS", "customer_id": "cust-2", "comment": "moved",
                        "phone_number": "+33100000000", "owner_firstname": null});
    let changed = world.patch(before.id(), &change).await;
    assert_eq!(changed.status, 200);
    Spec::scaleway().check(ORGANIZATION, &changed.body);
    let mut wanted = before.body.clone();
    for field in ["name", "customer_id", "comment", "phone_number"] {
        wanted[field] = change[field].clone();
    }
    assert_eq!(changed.body, wanted);

    let cleared = world.patch(before.id(), &json!({"phone_number": "", "comment": ""})).await;
    assert_eq!(cleared.body["phone_number"], Value::Null);
    assert_eq!(cleared.body["comment"], "");
}

#[tokio::test]
async fn an_owners_email_belongs_to_one_organization_and_a_customer_id_to_any_number() {
    let world = start().await;
    let first = world.created("owner@acme.test").await;
    let taken = world.create(&world.new_organization("Owner@acme.test", "cust-9")).await;
    assert_eq!((taken.status.as_u16(), taken.kind()), (409, "already_exists"));
    assert!(taken.body["help_message"].is_string());

    let second = world.created("other@acme.test").await;
    assert_ne!(first.id(), second.id());
    let moved = world.patch(second.id(), &json!({"email": "owner@acme.test"})).await;
    assert_eq!((moved.status.as_u16(), moved.kind()), (409, "already_exists"));
    let own = world.patch(first.id(), &json!({"email": "owner@acme.test"})).await;
    assert_eq!(own.status, 200);

    world.patch(first.id(), &json!({"email": "new@acme.test"})).await;
    assert_eq!(world.created("owner@acme.test").await.status, 200, "the old one is free again");
}

#[tokio::test]
async fn request_admin_role_answers_204_with_a_content_type() {
    let world = start().await;
    let id = world.created("owner@acme.test").await.id();
    let seat = json!({"username": "ops@acme", "email": "ops@partner.test", "password": ""});
    let answer = world.verb(id, "request-admin-role", &seat).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text, "");
    let kept = world.sandbox.control().scaleway_organization(id).unwrap();
    assert_eq!(kept.admin_seats[0].username, "ops@acme");

    let seat = json!({"username": "a b", "email": "ops", "password": "x".repeat(73)});
    let refused = world.verb(id, "request-admin-role", &seat).await;
    let wanted = [("email", "format"), ("password", "constraint"), ("username", "format")];
    assert_eq!(refused.status, 400);
    assert_eq!(refused.refused(), wanted.map(|(n, r)| (n.to_owned(), r.to_owned())));
}

async fn refusals(world: &World, name: &str, value: Value) -> Vec<(String, String)> {
    let mut body = world.new_organization("owner@acme.test", "cust-1");
    body[name] = value;
    let answer = world.create(&body).await;
    assert_eq!((answer.status.as_u16(), answer.kind()), (400, "invalid_arguments"), "{name}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.refused()
}

#[tokio::test]
async fn each_field_is_held_to_its_limits() {
    let world = start().await;
    let cases = [
        ("partner_id", json!("me"), "format"),
        ("email", json!("no-at.test"), "format"),
        ("email", json!(""), "required"),
        ("email", Value::Null, "required"),
        ("email", json!(7), "format"),
        ("organization_name", json!("A"), "constraint"),
        ("owner_firstname", json!("x".repeat(257)), "constraint"),
        ("owner_lastname", json!("B"), "constraint"),
        ("customer_id", json!(""), "required"),
        ("customer_id", json!("x".repeat(257)), "constraint"),
        ("siren_number", json!("12345678"), "format"),
        ("siren_number", json!("12345678a"), "format"),
        ("comment", json!("x".repeat(1025)), "constraint"),
        ("name", json!("Acme"), "unknown"),
    ];
    for (name, value, reason) in cases {
        let refused = refusals(&world, name, value).await;
        assert_eq!(refused, [(name.to_owned(), reason.to_owned())]);
    }
    assert!(world.sandbox.control().scaleway_organizations().is_empty());

    let mut widest = world.new_organization("owner@acme.test", &"x".repeat(256));
    widest["organization_name"] = json!("é".repeat(256));
    widest["owner_firstname"] = json!("Al");
    widest["comment"] = json!("x".repeat(1024));
    widest["siren_number"] = json!("012345678");
    assert_eq!(world.create(&widest).await.status, 200);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let world = start().await;
    let answer = world.create(&json!({"email": "nobody"})).await;
    let names: Vec<String> = answer.refused().into_iter().map(|(name, _)| name).collect();
    let wanted = ["customer_id", "email", "organization_name", "owner_firstname", "owner_lastname"];
    assert_eq!(names[..5], wanted);
    assert_eq!(names[5], "partner_id");

    let broken = world.scaleway(Method::POST, ORGANIZATIONS).body("{\"email\":");
    let answer = read(broken.send().await.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.kind()), (400, "invalid_arguments"));
}

#[tokio::test]
async fn who_may_not_call_is_told_so_in_json() {
    let world = start().await;
    let url = format!("{}{ORGANIZATIONS}", world.sandbox.scaleway_url());
    let missing = read(world.client.get(&url).send().await.unwrap()).await;
    assert_eq!((missing.status.as_u16(), missing.kind()), (401, "denied_authentication"));
    let wrong = world.client.get(&url).header("X-Auth-Token", Uuid::nil().to_string());
    let wrong = read(wrong.send().await.unwrap()).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.body["method"], "api_key");
    assert_eq!(wrong.body["reason"], "not_found");

    let mut body = world.new_organization("owner@acme.test", "cust-1");
    body["partner_id"] = json!(Uuid::nil());
    let other = world.create(&body).await;
    assert_eq!((other.status.as_u16(), other.kind()), (403, "permissions_denied"));
    assert_eq!(other.body["details"][0]["resource"], "organization");
    assert!(world.sandbox.control().scaleway_organizations().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_cannot_be_is_400_or_405() {
    let world = start().await;
    let absent = world.get(Uuid::nil()).await;
    assert_eq!((absent.status.as_u16(), absent.kind()), (404, "not_found"));
    assert_eq!(absent.body["resource"], "organization");
    assert_eq!(absent.body["resource_id"], Uuid::nil().to_string());
    for verb in ["lock", "unlock"] {
        assert_eq!(world.verb(Uuid::nil(), verb, &json!({})).await.status, 404);
    }

    let strange = world.get_path(&format!("{ORGANIZATIONS}/..%2F..%2Fiam")).await;
    assert_eq!((strange.status.as_u16(), strange.kind()), (400, "invalid_arguments"));
    assert_eq!(strange.body["details"][0]["argument_name"], "organization_id");
    assert_eq!(world.get_path("/iam/v1/api-keys").await.status, 404);

    let delete = world.scaleway(Method::DELETE, &format!("{ORGANIZATIONS}/{}", Uuid::nil()));
    let refused = read(delete.send().await.unwrap()).await;
    assert_eq!(refused.status, 405);
    assert_eq!(refused.header("allow"), Some("GET, PATCH"));
    assert!(refused.body["message"].is_string());
}

#[tokio::test]
async fn a_lock_takes_no_reason_and_a_closed_organization_no_change() {
    let world = start().await;
    let id = world.created("owner@acme.test").await.id();
    let refused = world.verb(id, "lock", &json!({"reason": "unpaid"})).await;
    assert_eq!(refused.refused(), [("reason".to_owned(), "unknown".to_owned())]);

    world.sandbox.control().close(id).unwrap();
    assert_eq!(world.get(id).await.body["status"], "closed");
    let refused = world.verb(id, "lock", &json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.kind()), (412, "precondition_failed"));
}

#[tokio::test]
async fn past_the_rate_limit_the_edge_answers_an_empty_429_until_the_next_second() {
    let clock = Clock::manual("2026-01-02T03:04:05Z".parse().unwrap());
    let world = start_with(SandboxConfig {
        rate_limit: Some(2),
        clock: clock.clone(),
        ..SandboxConfig::default()
    })
    .await;
    let first = world.list("").await;
    assert_eq!(first.header("x-ratelimit-limit"), Some("2, 2;w=1"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(world.list("").await.header("x-ratelimit-remaining"), Some("0"));

    let refused = world.create(&world.new_organization("owner@acme.test", "c")).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.text, "");
    assert_eq!(refused.header("content-type"), None);
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(refused.header("x-envoy-ratelimited"), Some("true"));
    assert!(refused.header("x-request-id").is_some());
    assert!(world.sandbox.control().scaleway_organizations().is_empty());

    clock.advance(Duration::from_secs(1));
    assert_eq!(world.list("").await.status, 200);
}
