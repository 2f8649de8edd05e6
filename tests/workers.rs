//! What runs by itself: work that waits is taken up, by whichever gateway is there, and ends well when
//! one goes down.

use std::{sync::Arc, time::Duration};

use partner_gateway::workers::prune::Prune;
use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::json;

use crate::harness::{Settings, World, cloud_customer, commitments_customer};

const CREATES: &str = "/v1/organizations";
/// Longer than any test: what waits for it waits for ever.
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_gateway_hears_of_what_another_one_did() {
    let mut world = World::new().await;
    world.reconfigure(|config| config.operations.poll_every = NEVER);
    let deaf = world.add_gateway().await;
    let client = world.client();
    let slow = FaultRule::next(Operation::CreateOrganization, Fault::Latency { millis: 700 });
    world.providers().inject(slow).unwrap();

    let open = client.post(CREATES, &cloud_customer("c-1")).respond_async().await.expect(202);
    let other = world.at(deaf, &client);
    let settled = other.settled(open["id"].as_str().unwrap());
    // It would look by itself when the wait of a minute is over, and not before.
    let settled = tokio::time::timeout(Duration::from_secs(30), settled).await;
    assert_eq!(settled.expect("it heard")["state"], "succeeded");
    world.finish().await;
}

#[tokio::test]
async fn what_one_gateway_leaves_open_another_one_settles() {
    let settings = Settings { settle_window: "2s", ..Settings::default() };
    let mut world = World::with(settings).await;
    let client = world.client();
    let lost = FaultRule::next(Operation::CreateOrganization, Fault::before(Answer::Reset));
    world.providers().inject(lost).unwrap();
    let open = client.post(CREATES, &cloud_customer("c-1")).wait(1).await.expect(202);
    assert_eq!(open["state"], "unknown");

    world.stop_gateway().await;
    world.add_gateway().await;
    let settled = world.client().settled(open["id"].as_str().unwrap()).await;
    assert_eq!(settled["state"], "succeeded");
    assert_eq!(world.providers().scaleway_organizations().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn requests_that_have_begun_are_finished_when_the_gateway_goes_down() {
    let mut world = World::new().await;
    let client = world.client();
    let providers = world.providers();
    let slow = Fault::Latency { millis: 700 };
    providers.inject(FaultRule::next(Operation::CreateOrganization, slow)).unwrap();

    let going_down = async {
        providers.until_received(Operation::CreateOrganization, 1).await;
        world.stop_gateway().await;
    };
    let body = cloud_customer("c-1");
    let create = async { client.post(CREATES, &body).await };
    let (reply, ()) = tokio::join!(create, going_down);
    let org = reply.expect(201);
    let [made] = &providers.scaleway_organizations()[..] else { panic!("not exactly one") };
    assert_eq!(org["provider_org_id"], made.id.to_string());
    world.finish().await;
}

#[tokio::test]
async fn a_provider_that_is_configured_no_more_stops_nothing() {
    let mut world = World::new().await;
    let client = world.client();
    let lost = FaultRule::next(Operation::CreateOrganization, Fault::before(Answer::Reset));
    world.providers().inject(lost).unwrap();
    let open = client.post(CREATES, &cloud_customer("c-1")).wait(1).await.expect(202);

    world.stop_gateway().await;
    world.reconfigure(|config| {
        config.providers.retain(|provider| provider.name == "archera");
        config.routes.retain(|route| route.provider == "archera");
    });
    world.add_gateway().await;
    let client = world.client();
    let refused = FaultRule::next(
        Operation::RegisterOrg,
        Fault::before(Answer::TooManyRequests { retry_after_seconds: Some(1) }),
    );
    world.providers().inject(refused).unwrap();
    // It is refused at first, so it is a worker that has it done.
    let org = client.post(CREATES, &commitments_customer("c-2")).wait(30).await.expect(201);
    assert_eq!(org["status"], "active");

    let path = format!("/v1/operations/{}", open["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.expect(200)["state"], "unknown", "it is kept");
    let path = format!("{CREATES}/{}", open["organization_id"].as_str().unwrap());
    let kept = client.get(&path).await.expect(200);
    assert_eq!((&kept["provider"], &kept["usable"]), (&json!("scaleway"), &json!(false)));
    world.finish().await;
}

#[tokio::test]
async fn keys_are_forgotten_a_month_after_their_operations_ended() {
    let world = World::new().await;
    let client = world.client();
    let body = commitments_customer("c-1");
    client.post(CREATES, &body).key("create").await.expect(201);
    let lock = || client.post("/v1/customers/c-1/lock", &json!({})).key("lock");
    assert_eq!(lock().await.header("idempotent-replayed"), "");
    assert_eq!(lock().await.header("idempotent-replayed"), "true");

    let prune = Prune::new(Arc::clone(world.app()));
    assert_eq!(prune.step().await.unwrap(), 0, "both are young");
    world.age_keys(32).await;
    assert_eq!(prune.step().await.unwrap(), 1, "the create ended just now, and nothing was locked");
    assert_eq!(lock().await.header("idempotent-replayed"), "");
    let again = client.post(CREATES, &body).key("create").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    world.finish().await;
}
