//! `Prefer` (RFC 7240): how long a caller waits for the outcome of a write.

use sandbox::{Fault, FaultRule, Operation};

use crate::harness::{Settings, World, cloud_customer};

#[tokio::test]
async fn a_wait_goes_before_respond_async_in_either_order() {
    let settings = Settings { provider_timeout: "8s", ..Settings::default() };
    let world = World::with(settings.with("GATEWAY_OPERATIONS__LEASE", "10s")).await;
    let client = world.client();
    let create = |customer: &str| client.post("/v1/organizations", &cloud_customer(customer));
    // Long enough that an answer that does not wait comes before it.
    let slow = Fault::Latency { millis: 1_500 };
    for _ in 0..6 {
        let rule = FaultRule::next(Operation::CreateOrganization, slow.clone());
        world.providers().inject(rule).unwrap();
    }
    let at_once = create("c-1").header("Prefer", "respond-async").await;
    assert_eq!(at_once.header("preference-applied"), "respond-async");
    let operation = at_once.expect(202);
    client.settled(operation["id"].as_str().unwrap()).await;

    let waited = create("c-2").header("Prefer", "respond-async, wait=20").await;
    assert_eq!(waited.header("preference-applied"), "wait=20");
    waited.expect(201);
    let waited = create("c-3").header("Prefer", "wait=20, respond-async").await;
    waited.expect(201);
    let waited = create("c-4").header("Prefer", "wait=20").header("Prefer", "respond-async").await;
    waited.expect(201);

    let timed_out = create("c-5").header("Prefer", "respond-async; x=\"a,b\", Wait=\"0\"").await;
    assert_eq!(timed_out.header("preference-applied"), "respond-async, wait=0");
    let operation = timed_out.expect(202);
    client.settled(operation["id"].as_str().unwrap()).await;

    // The first of two counts, and what is unknown or malformed is ignored.
    let first = create("c-6").header("Prefer", "handling=lenient, wait=20, wait=0").await;
    assert_eq!(first.header("preference-applied"), "wait=20");
    first.expect(201);
    let none = create("c-7").header("Prefer", "respond-asynchronously, wait=-1").await;
    assert_eq!(none.header("preference-applied"), "");
    none.expect(201);
    world.finish().await;
}
