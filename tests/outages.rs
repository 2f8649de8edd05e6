//! A provider that is away, asks for a pause or lags behind itself, and a gateway that goes down: each
//! named by its row in the fault table of `docs/TESTING.md`.

use std::time::Duration;

use futures::{StreamExt, stream};
use sandbox::{Answer, ConsoleEdit, Fault, FaultProfile, FaultRule, Lag, Operation, Provider};
use serde_json::{Value, json};

use crate::harness::{Client, Settings, World, cloud_customer, commitments_customer};

const CREATES: &str = "/v1/organizations";
/// Creates that meet an outage.
const MANY: usize = 100;

/// Asks for creates without waiting for any, and answers their operations' ids.
async fn asked(client: &Client, bodies: impl Iterator<Item = Value>) -> Vec<String> {
    let calls = bodies.map(|body| async move {
        let taken = client.post(CREATES, &body).respond_async().await.expect(202);
        taken["id"].as_str().unwrap().to_owned()
    });
    // An outage of the provider is what they are to meet, and not a rush on the database.
    stream::iter(calls).buffered(4).collect().await
}

async fn count(client: &Client, state: &str) -> u64 {
    let path = format!("/v1/operations?state={state}&limit=1&include_total=true");
    client.get(&path).await.expect(200)["total_count"].as_u64().unwrap()
}

async fn all_succeed(client: &Client, operations: &[String]) {
    for id in operations {
        let ended = client.settled(id).await;
        assert_eq!(ended["state"], "succeeded", "{ended}");
    }
}

/// As usual, but a create in doubt counts for as long as the test takes.
fn cautious() -> Settings {
    Settings::default().with("GATEWAY_OPERATIONS__CREATE_RISK_WINDOW", "5m")
}

#[tokio::test]
async fn row_9_archera_what_lands_after_our_timeout_needs_a_person() {
    let world = World::new().await;
    let (client, providers) = (world.client(), world.providers());
    let late = Fault::late(Answer::Hang);
    providers.inject(FaultRule::next(Operation::RegisterOrg, late)).unwrap();
    let open = client.post(CREATES, &commitments_customer("c-1")).wait(30).await.expect(202);
    assert_eq!(open["state"], "quarantined", "{open}");
    assert_eq!(providers.release_late(), 1);

    let again = client.post(CREATES, &commitments_customer("c-1")).wait(1).await.expect(202);
    assert_eq!(again["id"], open["id"], "the same create again is the same operation");
    assert_eq!(providers.archera_orgs().len(), 1);
    assert_eq!(providers.tally(Operation::RegisterOrg).received, 1);
    world.finish().await;
}

#[tokio::test]
async fn row_15_a_list_that_lags_hides_nothing() {
    let settings = Settings { settle_window: "9s", ..Settings::default() };
    let world = World::with(settings).await;
    let (client, providers) = (world.client(), world.providers());
    let lag = Fault::Lag { until: Lag::Reads(3) };
    providers.inject(FaultRule::next(Operation::CreateOrganization, lag)).unwrap();
    let lost = Fault::after(Answer::Reset);
    providers.inject(FaultRule::next(Operation::CreateOrganization, lost)).unwrap();
    let org = client.post(CREATES, &cloud_customer("c-1")).wait(30).await.expect(201);
    let [made] = &providers.scaleway_organizations()[..] else { panic!("not exactly one") };
    assert_eq!(org["provider_org_id"], made.id.to_string());
    assert_eq!(providers.tally(Operation::CreateOrganization).received, 1);
    world.finish().await;
}

#[tokio::test]
async fn row_15_what_was_just_created_may_be_404_and_is_locked_all_the_same() {
    let settings = Settings { settle_window: "9s", ..Settings::default() };
    let world = World::with(settings).await;
    let (client, providers) = (world.client(), world.providers());
    let lag = Fault::Lag { until: Lag::Reads(2) };
    providers.inject(FaultRule::next(Operation::CreateOrganization, lag)).unwrap();
    let org = client.create(&cloud_customer("c-1")).await;
    let lock = format!("{CREATES}/{}/lock", org["id"].as_str().unwrap());
    let locked = client.post(&lock, &json!({})).wait(30).await.expect(200);
    assert_eq!(locked["status"], "locked");
    let locks = locked["locks"].as_array().unwrap();
    assert!(locks.iter().any(|lock| lock["origin"] == "partner"), "{locked}");
    let tally = providers.tally(Operation::LockOrganization);
    assert_eq!((tally.received, tally.applied), (3, 1));
    world.finish().await;
}

#[tokio::test]
async fn row_15_ours_is_found_on_the_third_page() {
    let world = World::new().await;
    let (client, providers) = (world.client(), world.providers());
    for id in providers.seed(Provider::Scaleway, 201).unwrap() {
        let edit = ConsoleEdit { customer_id: Some("c-1".to_owned()), ..ConsoleEdit::default() };
        providers.edit(id, edit).unwrap();
    }
    let lost = FaultRule::next(Operation::CreateOrganization, Fault::after(Answer::Reset));
    providers.inject(lost).unwrap();
    let org = client.post(CREATES, &cloud_customer("c-1")).wait(30).await.expect(201);
    let made = providers.scaleway_organizations().pop().unwrap();
    assert_eq!(org["provider_org_id"], made.id.to_string());
    // One page by the e-mail, and all three by the customer's id.
    assert_eq!(providers.tally(Operation::ListOrganizations).received, 4);
    assert_eq!(providers.tally(Operation::CreateOrganization).received, 1);
    world.finish().await;
}

#[tokio::test]
async fn row_17_scaleway_an_outage_makes_at_most_three_unknown_and_all_are_drained_after() {
    let world = World::with(cautious()).await;
    let (client, providers) = (world.client(), world.providers());
    providers.inject_profile(FaultProfile::Outage, 0);
    let bodies = (0..MANY).map(|n| cloud_customer(&format!("c-{n}")));
    let operations = asked(&client, bodies).await;
    providers.until_received(Operation::ListOrganizations, 3).await;
    let sent = providers.tally(Operation::CreateOrganization).received;
    assert!((1..=3).contains(&sent), "{sent} creates met the outage");
    let (unknown, accepted) = (count(&client, "unknown").await, count(&client, "accepted").await);
    assert!(unknown <= 3, "{unknown} are unknown");
    assert_eq!(unknown + accepted, MANY as u64, "the rest waits");

    providers.clear_faults();
    all_succeed(&client, &operations).await;
    assert_eq!(providers.scaleway_organizations().len(), MANY);
    world.finish().await;
}

#[tokio::test]
async fn row_17_archera_an_outage_quarantines_at_most_three_and_the_rest_waits_for_a_person() {
    let world = World::with(cautious()).await;
    let (client, providers) = (world.client(), world.providers());
    providers.inject_profile(FaultProfile::Outage, 0);
    let bodies = (0..MANY).map(|n| commitments_customer(&format!("c-{n}")));
    let operations = asked(&client, bodies).await;
    providers.until_received(Operation::RegisterOrg, 3).await;
    let queue = loop {
        let queue = client.get("/v1/operations?state=quarantined").await.expect(200);
        if queue["items"].as_array().unwrap().len() == 3 {
            break queue;
        }
    };
    assert_eq!(count(&client, "accepted").await, (MANY - 3) as u64);
    assert_eq!(providers.tally(Operation::RegisterOrg).received, 3, "and no more are sent");

    providers.clear_faults();
    for operation in queue["items"].as_array().unwrap() {
        let path = format!("/v1/operations/{}/resolve", operation["id"].as_str().unwrap());
        let word = json!({ "outcome": "not_applied", "retry": true, "reason": "it was away" });
        client.post(&path, &word).await.expect(200);
    }
    all_succeed(&client, &operations).await;
    assert_eq!(providers.archera_orgs().len(), MANY);
    world.finish().await;
}

#[tokio::test]
async fn row_18_a_pause_asked_of_one_of_three_gateways_is_kept_by_all() {
    for (operation, body) in [
        (Operation::CreateOrganization, cloud_customer as fn(&str) -> Value),
        (Operation::RegisterOrg, commitments_customer),
    ] {
        let world = World::with(Settings { gateways: 3, ..Settings::default() }).await;
        let (client, providers) = (world.client(), world.providers());
        let answer = Answer::TooManyRequests { retry_after_seconds: Some(2) };
        providers.inject(FaultRule::next(operation, Fault::before(answer))).unwrap();
        let mut operations = Vec::new();
        for n in 0..6 {
            let gateway = world.at(n % 3, &client);
            let body = [body(&format!("c-{n}"))];
            operations.extend(asked(&gateway, body.into_iter()).await);
            if n == 0 {
                let shut = format!("/v1/operations/{}?wait=1", operations[0]);
                while gateway.get(&shut).await.expect(200)["state"] != "accepted" {}
            }
        }
        all_succeed(&client, &operations).await;
        let at: Vec<_> = providers.requests_of(operation).iter().map(|r| r.received_at).collect();
        assert_eq!(at.len(), 7);
        let pause = (at[1] - at[0]).to_std().unwrap();
        assert!(pause >= Duration::from_millis(1900), "{operation}: silent for {pause:?}");
        world.finish().await;
    }
}

#[tokio::test]
async fn row_20_what_is_under_way_when_a_gateway_goes_down_is_finished_and_never_unknown() {
    let settings = Settings { provider_timeout: "8s", ..Settings::default() };
    let mut world = World::with(settings.with("GATEWAY_OPERATIONS__LEASE", "10s")).await;
    let (client, providers) = (world.client(), world.providers());
    for operation in [Operation::CreateOrganization, Operation::RegisterOrg] {
        let slow = Fault::Latency { millis: 500 };
        providers.inject(FaultRule::always(operation, slow)).unwrap();
    }
    let bodies = (0..24).map(|n| match n % 2 {
        0 => cloud_customer(&format!("c-{n}")),
        _ => commitments_customer(&format!("c-{n}")),
    });
    let operations = asked(&client, bodies).await;
    providers.until_received(Operation::CreateOrganization, 1).await;
    providers.until_received(Operation::RegisterOrg, 1).await;
    world.stop_gateway().await;
    world.add_gateway().await;
    all_succeed(&world.client(), &operations).await;
    for operation in [Operation::CreateOrganization, Operation::RegisterOrg] {
        assert_eq!(providers.tally(operation).received, 12, "{operation}: each was sent once");
    }
    assert!(!world.dump().await.contains("operation.unknown"), "none was ever unknown");
    world.finish().await;
}
