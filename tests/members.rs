//! Inviting people, and the partner's own seat.

use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::{Value, json};

use crate::harness::{Reply, World, cloud_customer, commitments_customer};

fn at(org: &Value, what: &str) -> String {
    format!("/v1/organizations/{}/{what}", org["id"].as_str().unwrap())
}

#[tokio::test]
async fn people_are_invited_with_every_role() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&commitments_customer("cust-1")).await;
    let roles = ["user", "admin", "support", "cloud_rep", "restricted_user"];
    let members: Vec<Value> = roles
        .iter()
        .map(|role| json!({"email": format!("{role}@acme.test"), "role": role}))
        .collect();
    let reply = client.post(&at(&org, "members"), &json!({"members": members})).await;
    let list = reply.expect(200);
    let mut found: Vec<&str> =
        list["items"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    found.sort_unstable();
    let mut expected = roles.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(world.providers().archera_orgs()[0].memberships.len(), 5);
    assert_eq!(client.get(&at(&org, "members")).await.expect(200), list);
    world.finish().await;
}

#[tokio::test]
async fn nobody_is_invited_where_the_provider_cannot() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    world.providers().clear_requests();
    let body = json!({"members": [{"email": "a@acme.test"}]});
    client.post(&at(&org, "members"), &body).await.problem(422, "unsupported_by_provider");
    assert!(world.providers().requests().is_empty());
    assert_eq!(client.get(&at(&org, "members")).await.expect(200)["items"], json!([]));
    world.finish().await;
}

#[tokio::test]
async fn a_faulty_invitation_names_every_fault() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&commitments_customer("cust-1")).await;
    let invite = |body: Value| client.post(&at(&org, "members"), &body);
    let body =
        json!({"members": [{"email": "x"}, {"role": "king", "email": "a@acme.test"}], "x": 1});
    let problem = invite(body).await.problem(422, "validation_failed");
    let found = Reply::pointers(&problem);
    assert_eq!(found, ["/members/0/email", "/members/1/role", "/x"]);
    for body in [json!({}), json!({"members": []}), json!({"members": "a@acme.test"}), json!(3)] {
        invite(body).await.problem(422, "validation_failed");
    }
    assert_eq!(world.providers().tally(Operation::InviteUsers).received, 0);
    world.finish().await;
}

#[tokio::test]
async fn an_invitation_whose_answer_is_lost_is_sent_once_and_needs_a_person() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&commitments_customer("cust-1")).await;
    let fault = Fault::after(Answer::Reset);
    world.providers().inject(FaultRule::next(Operation::InviteUsers, fault)).unwrap();
    let body = json!({"members": [{"email": "a@acme.test"}]});
    let reply = client.post(&at(&org, "members"), &body).await;
    assert_eq!(reply.header("retry-after"), "60", "nothing moves before an operator resolves it");
    let operation = reply.expect(202);
    assert_eq!(operation["state"], "quarantined");
    assert_eq!(operation["evidence"]["send_phase"], "sent");
    assert_eq!(world.providers().tally(Operation::InviteUsers).received, 1);
    let resolve = format!("/v1/operations/{}/resolve", operation["id"].as_str().unwrap());
    let said = json!({"outcome": "applied", "reason": "she has the invitation"});
    let resolved = client.post(&resolve, &said).await.expect(200);
    assert_eq!(resolved["state"], "succeeded");
    assert_eq!(world.providers().tally(Operation::InviteUsers).received, 1);
    world.finish().await;
}

#[tokio::test]
async fn an_admin_seat_is_asked_for_and_its_password_passed_on_alone() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    let seat = json!({"username": "partner-admin", "email": "admin@reseller.test", "password": "canary-pass"});
    let reply = client.post(&at(&org, "admin-role"), &seat).key("seat-1").await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    let again = client.post(&at(&org, "admin-role"), &seat).key("seat-1").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (204, "true"));
    assert_eq!(world.providers().tally(Operation::RequestAdminRole).received, 1);
    let dump = world.dump().await;
    assert!(dump.contains("partner-admin"), "the dump is of the right database");
    assert!(!dump.contains("canary-pass"), "the password is in the database");
    world.finish().await;
}

#[tokio::test]
async fn a_faulty_seat_is_refused_and_archera_has_none() {
    let world = World::new().await;
    let client = world.client();
    let cloud = client.create(&cloud_customer("cust-1")).await;
    let commitments = client.create(&commitments_customer("cust-1")).await;
    world.providers().clear_requests();
    let faulty = json!({"username": "", "email": "x", "pasword": "canary-pass"});
    let reply = client.post(&at(&cloud, "admin-role"), &faulty).await;
    assert!(!reply.text.contains("canary-pass"));
    let problem = reply.problem(422, "validation_failed");
    let found = Reply::pointers(&problem);
    assert_eq!(found, ["/username", "/email", "/password", "/pasword"]);
    let refused = json!({"username": "no spaces allowed", "email": "a@acme.test", "password": "p"});
    let problem =
        client.post(&at(&cloud, "admin-role"), &refused).await.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), ["/username"]);
    // The gateway's rules and the provider's are checked together.
    let password = "canary-pass".repeat(7);
    let refused = json!({"username": "no spaces", "email": "x", "password": password});
    let reply = client.post(&at(&cloud, "admin-role"), &refused).await;
    assert!(!reply.text.contains("canary-pass"));
    let problem = reply.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), ["/email", "/username", "/password"]);
    assert_eq!(
        problem["errors"][2]["message"],
        "must have at most 72 characters (required by provider `scaleway`)"
    );
    let recorded = client.get("/v1/operations?kind=admin_role").await.expect(200);
    assert_eq!(recorded["items"], json!([]), "a refusal before sending is no operation");
    let seat = json!({"username": "admin", "email": "a@acme.test", "password": ""});
    let reply = client.post(&at(&commitments, "admin-role"), &seat).await;
    reply.problem(422, "unsupported_by_provider");
    assert_eq!(world.providers().tally(Operation::RequestAdminRole).received, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_seat_whose_answer_is_lost_is_never_asked_for_again() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    let fault = Fault::after(Answer::Reset);
    world.providers().inject(FaultRule::next(Operation::RequestAdminRole, fault)).unwrap();
    let seat = json!({"username": "admin", "email": "a@acme.test", "password": "canary-pass"});
    let operation = client.post(&at(&org, "admin-role"), &seat).await.expect(202);
    assert_eq!(operation["state"], "quarantined");
    let busy = client.post(&at(&org, "admin-role"), &seat).await;
    busy.problem(409, "operation_in_progress");
    let resolve = format!("/v1/operations/{}/resolve", operation["id"].as_str().unwrap());
    let retry = json!({"outcome": "not_applied", "retry": true, "reason": "not there"});
    client.post(&resolve, &retry).await.problem(422, "cannot_resolve");
    let said = json!({"outcome": "not_applied", "reason": "not there"});
    assert_eq!(client.post(&resolve, &said).await.expect(200)["state"], "rejected");
    assert_eq!(world.providers().tally(Operation::RequestAdminRole).received, 1);
    world.finish().await;
}
