//! Changing an organization: at the provider first, or only here, or not at all.

use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Reply, World, cloud_customer, commitments_customer};

fn path(org: &Value) -> String {
    format!("/v1/organizations/{}", org["id"].as_str().unwrap())
}

#[tokio::test]
async fn what_the_provider_holds_is_changed_there_and_the_rest_here() {
    let world = World::new().await;
    let client = world.client();
    let mut body = cloud_customer("cust-1");
    body["comment"] = json!("old");
    body["labels"] = json!({"a": "1", "b": "2"});
    let org = client.create(&body).await;
    let patch = json!({
        "name": "Acme Two", "customer_id": "cust-9", "comment": null, "domain": "two.test",
        "owner": {"first_name": "Grace", "phone_number": "+33100000000"},
        "labels": {"a": null, "c": "3"},
    });
    let changed = client.patch(&path(&org), &patch).await.expect(200);
    assert_eq!((&changed["name"], &changed["customer_id"]), (&json!("Acme Two"), &json!("cust-9")));
    assert_eq!(changed["comment"], Value::Null);
    assert_eq!(changed["domain"], "two.test");
    assert_eq!(changed["owner"]["first_name"], "Grace");
    assert_eq!(changed["owner"]["last_name"], "Martin");
    assert_eq!(changed["labels"], json!({"b": "2", "c": "3"}));
    assert!(changed["version"].as_i64() > org["version"].as_i64());

    let id: Uuid = org["provider_org_id"].as_str().unwrap().parse().unwrap();
    let there = world.providers().scaleway_organization(id).unwrap();
    assert_eq!((there.name.as_str(), there.customer_id.as_str()), ("Acme Two", "cust-9"));
    assert_eq!((there.comment.as_str(), there.owner_firstname.as_str()), ("", "Grace"));
    assert_eq!(world.providers().tally(Operation::UpdateOrganization).received, 1);

    // The old customer id is free again, the new one is taken.
    let mut old = cloud_customer("cust-1");
    old["owner"]["email"] = json!("new@acme.test");
    client.create(&old).await;
    let mut taken = cloud_customer("cust-9");
    taken["owner"]["email"] = json!("other@acme.test");
    let problem =
        client.post("/v1/organizations", &taken).await.problem(409, "customer_already_mapped");
    assert_eq!(problem["organization_id"], org["id"]);
    world.finish().await;
}

#[tokio::test]
async fn what_archera_does_not_hold_changes_here_and_what_it_holds_cannot_change() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&commitments_customer("cust-1")).await;
    world.providers().clear_requests();
    let patch =
        json!({"comment": "hello", "customer_id": "cust-2", "owner": {"email": "o@acme.test"}});
    let reply = client.call(reqwest::Method::PATCH, &path(&org)).text(&patch.to_string());
    let changed = reply.header("Content-Type", "application/merge-patch+json").await.expect(200);
    assert_eq!((&changed["comment"], &changed["customer_id"]), (&json!("hello"), &json!("cust-2")));
    assert_eq!(changed["held_locally"], json!(["owner", "comment"]));

    let patch = json!({"name": "New", "domain": null, "comment": "again"});
    let problem = client.patch(&path(&org), &patch).await.problem(422, "unsupported_by_provider");
    assert_eq!(Reply::pointers(&problem), ["/name", "/domain"]);
    assert_eq!(client.get(&path(&org)).await.expect(200), changed, "nothing changed");
    assert!(world.providers().requests().is_empty(), "nothing was sent");
    client.create(&commitments_customer("cust-1")).await;
    world.finish().await;
}

#[tokio::test]
async fn a_faulty_patch_names_every_fault_and_changes_nothing() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    world.providers().clear_requests();
    let patch = json!({"name": "x", "owner": {"email": null, "age": 3}, "usable": true, "address": {"city": "X"}});
    let problem = client.patch(&path(&org), &patch).await.problem(422, "validation_failed");
    let found = Reply::pointers(&problem);
    for pointer in ["/usable", "/owner/age", "/address/line1"] {
        assert!(found.contains(&pointer), "{pointer} is not among {found:?}");
    }
    let patch = json!({"name": "x", "owner": {"email": null}});
    let problem = client.patch(&path(&org), &patch).await.problem(422, "validation_failed");
    assert_eq!(Reply::pointers(&problem), ["/owner/email", "/name"]);
    // A value that the gateway refuses, one that the provider refuses, and one that it cannot change.
    let patch = json!({"name": "A", "owner": {"email": "no-at-sign"}, "siren_number": "x"});
    let problem = client.patch(&path(&org), &patch).await.problem(422, "validation_failed");
    let faults: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap()))
        .collect();
    let expected = [
        ("/owner/email", "invalid"),
        ("/siren_number", "invalid"),
        ("/siren_number", "unsupported_by_provider"),
        ("/name", "invalid"),
    ];
    assert_eq!(faults, expected);
    client.patch(&path(&org), &json!([])).await.problem(422, "validation_failed");
    let siren = json!({"siren_number": "123456789"});
    client.patch(&path(&org), &siren).await.problem(422, "unsupported_by_provider");
    assert!(world.providers().requests().is_empty());
    assert_eq!(client.get(&path(&org)).await.expect(200), org);
    let same = client.patch(&path(&org), &json!({"name": "Acme SAS"})).await.expect(200);
    assert_eq!(same, org, "what is so already is no change");
    world.finish().await;
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let world = World::new().await;
    let client = world.client();
    for body in [cloud_customer("cust-1"), commitments_customer("cust-1")] {
        let org = client.create(&body).await;
        let tag = format!("\"{}\"", org["version"]);
        let patch = |comment: &str| client.patch(&path(&org), &json!({"comment": comment}));
        let changed = patch("one").header("If-Match", &tag).await.expect(200);
        patch("two").header("If-Match", &tag).await.problem(412, "precondition_failed");
        patch("two").header("If-Match", "W/\"1\"").await.problem(412, "precondition_failed");
        assert_eq!(client.get(&path(&org)).await.expect(200), changed);
        patch("three").header("If-Match", "*").await.expect(200);
        patch("four").await.expect(200);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_refused_change_is_told_and_nothing_is_changed_here() {
    let world = World::new().await;
    let client = world.client();
    let first = client.create(&cloud_customer("cust-1")).await;
    let second = client.create(&cloud_customer("cust-2")).await;
    let patch = json!({"owner": {"email": "cust-1@acme.test"}, "customer_id": "cust-3", "domain": "x.test"});
    client.patch(&path(&second), &patch).await.problem(409, "conflict_at_provider");
    let now = client.get(&path(&second)).await.expect(200);
    assert_eq!(now["owner"]["email"], "cust-2@acme.test");
    assert_eq!((&now["customer_id"], &now["domain"]), (&json!("cust-2"), &Value::Null));
    // The customer id that was wanted is free again.
    let patch = json!({"customer_id": "cust-3"});
    client.patch(&path(&first), &patch).await.expect(200);
    let problem =
        client.patch(&path(&second), &patch).await.problem(409, "customer_already_mapped");
    assert_eq!(problem["organization_id"], first["id"]);
    world.finish().await;
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_settled_by_reading() {
    let world = World::new().await;
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    for (name, fault) in [
        ("Done Unheard", Fault::after(Answer::Reset)),
        ("Not Done", Fault::before(Answer::BadGatewayHtml)),
    ] {
        world.providers().inject(FaultRule::next(Operation::UpdateOrganization, fault)).unwrap();
        let changed = client.patch(&path(&org), &json!({"name": name})).await.expect(200);
        assert_eq!((&changed["name"], &changed["certainty"]), (&json!(name), &json!("observed")));
    }
    assert_eq!(world.providers().scaleway_organizations()[0].name, "Not Done");
    assert_eq!(world.providers().tally(Operation::UpdateOrganization).received, 3);
    world.finish().await;
}
