//! Creates whose answer is lost: one organization at the provider, whatever was lost, and never one that
//! is forgotten.

use sandbox::{Answer, Fault, FaultRule, Operation, Provider};
use serde_json::{Value, json};

use crate::harness::{Client, Settings, World, cloud_customer, commitments_customer, until};

const CREATES: &str = "/v1/organizations";

/// The one operation on an organization.
async fn operation_of(client: &Client, organization_id: &Value) -> Value {
    let path = format!("/v1/operations?organization_id={}", organization_id.as_str().unwrap());
    let page = client.get(&path).await.expect(200);
    let [operation] = page["items"].as_array().unwrap().as_slice() else { panic!("{page}") };
    operation.clone()
}

async fn resolve(client: &Client, operation: &Value, resolution: &Value) -> Value {
    let path = format!("/v1/operations/{}/resolve", operation["id"].as_str().unwrap());
    client.post(&path, resolution).await.expect(200)
}

/// Loses the answer to a create that Scaleway has done, and holds that it is found.
async fn is_found_after(answer: Answer) {
    let world = World::new().await;
    let client = world.client();
    let providers = world.providers();
    providers.inject(FaultRule::next(Operation::CreateOrganization, Fault::after(answer))).unwrap();

    let org = client.post(CREATES, &cloud_customer("c-1")).wait(30).await.expect(201);
    let [made] = &providers.scaleway_organizations()[..] else { panic!("not exactly one") };
    assert_eq!(org["provider_org_id"], made.id.to_string());
    assert_eq!(org["certainty"], "observed");
    assert_eq!(providers.tally(Operation::CreateOrganization).received, 1, "it was sent once");
    let operation = operation_of(&client, &org["id"]).await;
    assert_eq!(operation["state"], "succeeded");
    assert_eq!(operation["evidence"]["send_phase"], "sent");
    world.finish().await;
}

#[tokio::test]
async fn found_after_a_reset() {
    is_found_after(Answer::Reset).await;
}

#[tokio::test]
async fn found_after_half_a_body() {
    is_found_after(Answer::HalfBody).await;
}

#[tokio::test]
async fn found_after_a_proxys_502() {
    is_found_after(Answer::BadGatewayHtml).await;
}

#[tokio::test]
async fn found_after_a_success_that_is_a_page() {
    is_found_after(Answer::HtmlSuccess).await;
}

#[tokio::test]
async fn found_after_a_success_without_an_id() {
    is_found_after(Answer::SuccessWithoutId).await;
}

#[tokio::test]
async fn found_after_a_timeout() {
    is_found_after(Answer::Hang).await;
}

#[tokio::test]
async fn what_never_arrived_is_sent_once_more() {
    let world = World::new().await;
    let (client, providers) = (world.client(), world.providers());
    let lost = Fault::before(Answer::Reset);
    providers.inject(FaultRule::next(Operation::CreateOrganization, lost)).unwrap();

    let org = client.post(CREATES, &cloud_customer("c-1")).wait(60).await.expect(201);
    let [made] = &providers.scaleway_organizations()[..] else { panic!("not exactly one") };
    assert_eq!(org["provider_org_id"], made.id.to_string());
    assert_eq!(providers.tally(Operation::CreateOrganization).received, 2);
    assert!(
        providers.tally(Operation::ListOrganizations).received >= 2,
        "an absence is seen twice before anything is sent again"
    );
    world.finish().await;
}

#[tokio::test]
async fn what_never_arrives_is_not_sent_a_third_time() {
    let world = World::new().await;
    let (client, providers) = (world.client(), world.providers());
    let lost = Fault::before(Answer::Reset);
    providers.inject(FaultRule::next(Operation::CreateOrganization, lost).times(2)).unwrap();

    let operation = client.post(CREATES, &cloud_customer("c-1")).wait(60).await.expect(202);
    assert_eq!(operation["state"], "quarantined", "{operation}");
    assert_eq!(providers.tally(Operation::CreateOrganization).received, 2);
    assert!(providers.scaleway_organizations().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_create_that_lands_late_is_found_and_not_repeated() {
    let settings = Settings { settle_window: "9s", ..Settings::default() };
    let world = World::with(settings).await;
    let (client, providers) = (world.client(), world.providers());
    let late = Fault::late(Answer::Status { status: 504, body: None });
    providers.inject(FaultRule::next(Operation::CreateOrganization, late)).unwrap();

    let open = client.post(CREATES, &cloud_customer("c-1")).wait(1).await.expect(202);
    assert_eq!(open["state"], "unknown");
    let pending = format!("{CREATES}/{}", open["organization_id"].as_str().unwrap());
    let org = client.get(&pending).await.expect(200);
    assert_eq!((&org["status"], &org["certainty"]), (&json!("pending"), &json!("unknown")));
    assert_eq!(org["usable"], false);

    assert_eq!(providers.release_late(), 1);
    let settled = client.settled(open["id"].as_str().unwrap()).await;
    assert_eq!(settled["state"], "succeeded");
    let [made] = &providers.scaleway_organizations()[..] else { panic!("not exactly one") };
    let org = client.get(&pending).await.expect(200);
    assert_eq!(org["provider_org_id"], made.id.to_string());
    assert_eq!(providers.tally(Operation::CreateOrganization).received, 1);
    world.finish().await;
}

/// A create at Archera whose answer is lost; with `is_done`, after the work.
async fn quarantined(world: &World, client: &Client, is_done: bool) -> Value {
    let fault = if is_done { Fault::after(Answer::Reset) } else { Fault::before(Answer::Reset) };
    world.providers().inject(FaultRule::next(Operation::RegisterOrg, fault)).unwrap();
    let operation = client.post(CREATES, &commitments_customer("c-1")).wait(30).await.expect(202);
    assert_eq!(operation["state"], "quarantined", "{operation}");
    operation
}

#[tokio::test]
async fn a_wait_for_a_quarantined_operation_ends_at_once() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, true).await;
    let path = format!("/v1/operations/{}?wait=60", operation["id"].as_str().unwrap());
    let answered = tokio::time::timeout(std::time::Duration::from_secs(20), client.get(&path));
    let answered = answered.await.expect("only an operator moves it").expect(200);
    assert_eq!(answered["state"], "quarantined");
    world.finish().await;
}

#[tokio::test]
async fn a_send_that_the_provider_provably_did_not_process_is_not_sent() {
    let world = World::new().await;
    let (client, providers) = (world.client(), world.providers());
    let limited = Answer::TooManyRequests { retry_after_seconds: Some(2) };
    providers
        .inject(FaultRule::next(Operation::CreateOrganization, Fault::before(limited)))
        .unwrap();
    let create = client.post(CREATES, &cloud_customer("c-1")).respond_async().await.expect(202);
    let id = create["id"].as_str().unwrap();
    let pending = until("the attempt that was refused", async || {
        let operation = client.get(&format!("/v1/operations/{id}")).await.expect(200);
        (operation["state"] == "accepted" && operation["attempts"] == 1).then_some(operation)
    });
    assert_eq!(pending.await["evidence"]["send_phase"], "not_sent");
    let settled = client.settled(id).await;
    assert_eq!((&settled["state"], &settled["attempts"]), (&json!("succeeded"), &json!(2)));
    assert_eq!(settled["evidence"]["send_phase"], "sent");

    let refused = Answer::Status { status: 422, body: None };
    providers.inject(FaultRule::next(Operation::RegisterOrg, Fault::before(refused))).unwrap();
    let create = client.post(CREATES, &commitments_customer("c-2"));
    create.await.problem(422, "rejected_by_provider");
    let rejected = client.get("/v1/operations?state=rejected").await.expect(200);
    assert_eq!(rejected["items"][0]["evidence"]["send_phase"], "sent", "it was sent and refused");
    world.finish().await;
}

#[tokio::test]
async fn what_cannot_be_read_back_waits_for_a_person_with_all_that_is_known() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, true).await;
    assert_eq!(operation["kind"], "create");
    assert_eq!(operation["attempts"], 1);
    assert_eq!(operation["evidence"]["send_phase"], "sent");
    assert_eq!(operation["evidence"]["candidates"], json!([]));
    assert_eq!(operation["finished_at"], Value::Null);

    let again = client.post(CREATES, &commitments_customer("c-1")).await.expect(202);
    assert_eq!(again["id"], operation["id"], "the same request is the same operation");
    let queue = client.get("/v1/operations?state=quarantined").await.expect(200);
    assert_eq!(queue["items"][0]["id"], operation["id"]);
    assert_eq!(world.providers().tally(Operation::RegisterOrg).received, 1);
    world.finish().await;
}

#[tokio::test]
async fn a_person_says_that_it_was_done() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, true).await;
    let [made] = &world.providers().archera_orgs()[..] else { panic!("not exactly one") };

    let applied = json!({
        "outcome": "applied", "provider_org_id": made.id, "reason": "seen in the console",
        "confirm_unverified": true,
    });
    let resolved = resolve(&client, &operation, &applied).await;
    assert_eq!(resolved["state"], "succeeded");
    let path = format!("{CREATES}/{}", operation["organization_id"].as_str().unwrap());
    let org = client.get(&path).await.expect(200);
    assert_eq!(org["provider_org_id"], made.id.to_string());
    assert_eq!((&org["status"], &org["certainty"]), (&json!("active"), &json!("asserted")));
    assert_eq!(world.providers().tally(Operation::RegisterOrg).received, 1);

    let path = format!("/v1/operations/{}/resolve", operation["id"].as_str().unwrap());
    client.post(&path, &applied).await.problem(409, "operation_not_open");
    world.finish().await;
}

#[tokio::test]
async fn a_person_says_that_it_was_not_done_and_has_it_sent_again() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, false).await;

    let again = json!({ "outcome": "not_applied", "retry": true, "reason": "not in the console" });
    resolve(&client, &operation, &again).await;
    let settled = client.settled(operation["id"].as_str().unwrap()).await;
    assert_eq!(settled["state"], "succeeded", "{settled}");
    let [made] = &world.providers().archera_orgs()[..] else { panic!("not exactly one") };
    let path = format!("{CREATES}/{}", operation["organization_id"].as_str().unwrap());
    let org = client.get(&path).await.expect(200);
    assert_eq!(org["provider_org_id"], made.id.to_string());
    world.finish().await;
}

#[tokio::test]
async fn a_person_says_that_it_was_not_done_and_leaves_it() {
    let world = World::new().await;
    let client = world.client();
    let operation = quarantined(&world, &client, false).await;

    let left = json!({ "outcome": "not_applied", "retry": false, "reason": "not in the console" });
    let resolved = resolve(&client, &operation, &left).await;
    assert_eq!(resolved["state"], "rejected");
    assert_eq!(resolved["error"]["code"], "not_applied");
    let path = format!("{CREATES}/{}", operation["organization_id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.expect(200)["status"], "failed");

    let org = client.create(&commitments_customer("c-1")).await;
    assert_ne!(org["id"], operation["organization_id"], "the customer may be created again");
    assert_eq!(world.providers().tally(Operation::RegisterOrg).applied, 1);
    world.finish().await;
}

#[tokio::test]
async fn others_of_the_same_name_are_candidates_and_never_taken() {
    let settings = Settings { archera_lists: true, ..Settings::default() };
    let world = World::with(settings).await;
    let client = world.client();
    world.providers().seed(Provider::Archera, 2).unwrap();
    let operation = quarantined(&world, &client, true).await;
    let made = world.providers().archera_orgs().pop().unwrap();
    let [candidate] = operation["evidence"]["candidates"].as_array().unwrap().as_slice() else {
        panic!("{operation}")
    };
    assert_eq!(candidate["provider_org_id"], made.id.to_string());
    assert_eq!(candidate["strength"], "weak");
    world.finish().await;
}
