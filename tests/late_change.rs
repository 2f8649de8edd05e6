//! Changing the customer id after the day that it is fixed on for the invoice.

use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Value, json};

use crate::{
    events::sealed,
    harness::{Settings, World, cloud_customer, commitments_customer},
};

/// Before the day, in a month that is yet to come: whatever is done today is in time.
fn in_time() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2099, 1, 24, 23, 59, 59).unwrap()
}

/// The first moment of the day, in the same month.
fn late() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2099, 1, 25, 0, 0, 0).unwrap()
}

/// Before the day, in a month that is long over: whatever is done today is done too late.
fn long_ago() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2001, 1, 24, 23, 59, 59).unwrap()
}

async fn world_at(clock: fn() -> DateTime<Utc>) -> World {
    World::with(Settings { clock, ..Settings::default() }).await
}

fn warned(document: &Value) -> bool {
    let Some(warnings) = document.get("warnings") else { return false };
    let [warning] = warnings.as_array().unwrap().as_slice() else { panic!("{document}") };
    assert_eq!(warning["code"], "invoice_not_guaranteed");
    assert_eq!(warning["pointer"], "/customer_id");
    assert!(!warning["message"].as_str().unwrap().is_empty());
    true
}

/// The last update of the feed.
async fn event(world: &World) -> Value {
    sealed(world).await;
    let page = world.client().get("/v1/events?type=organization.updated").await.expect(200);
    page["items"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn a_change_from_the_25th_on_is_warned_of_and_one_before_is_not() {
    for (clock, is_late) in [(in_time as fn() -> _, false), (late, true), (long_ago, true)] {
        let world = world_at(clock).await;
        let client = world.client();
        let made = client.create(&cloud_customer("cust-1")).await;
        let path = format!("/v1/organizations/{}", made["id"].as_str().unwrap());
        let change = json!({"customer_id": "cust-2"});
        let changed = client.patch(&path, &change).key("k").await.expect(200);
        assert_eq!(changed["customer_id"], "cust-2");
        assert_eq!(warned(&changed), is_late, "{changed}");
        let replayed = client.patch(&path, &change).key("k").await;
        assert_eq!(replayed.header("idempotent-replayed"), "true");
        assert_eq!(warned(&replayed.expect(200)), is_late);
        let event = event(&world).await;
        assert_eq!(event["after"]["customer_id"], "cust-2");
        let told = json!([{"code": "invoice_not_guaranteed", "pointer": "/customer_id"}]);
        assert_eq!(event["after"].get("warnings"), is_late.then_some(&told));
        assert!(!warned(&client.get(&path).await.expect(200)), "it is of the change alone");
        world.finish().await;
    }
}

#[tokio::test]
async fn an_answer_that_comes_later_warns_as_well() {
    let world = world_at(late).await;
    let client = world.client();
    let made = client.create(&cloud_customer("cust-1")).await;
    let path = format!("/v1/organizations/{}", made["id"].as_str().unwrap());
    let change = client.patch(&path, &json!({"customer_id": "cust-2"})).respond_async();
    let accepted = change.await.expect(202);
    assert!(warned(&accepted), "{accepted}");
    let settled = client.settled(accepted["id"].as_str().unwrap()).await;
    assert_eq!(settled["state"], "succeeded");
    assert!(warned(&settled), "{settled}");
    world.finish().await;
}

#[tokio::test]
async fn nothing_else_is_warned_of() {
    let world = world_at(late).await;
    let client = world.client();
    let made = client.create(&cloud_customer("cust-1")).await;
    let path = format!("/v1/organizations/{}", made["id"].as_str().unwrap());
    let changed = client.patch(&path, &json!({"name": "Acme SARL"})).await.expect(200);
    assert!(!warned(&changed), "another field: {changed}");
    let same = client.patch(&path, &json!({"customer_id": "cust-1"})).await.expect(200);
    assert!(!warned(&same), "no change: {same}");
    let elsewhere = client.create(&commitments_customer("cust-3")).await;
    let path = format!("/v1/organizations/{}", elsewhere["id"].as_str().unwrap());
    let changed = client.patch(&path, &json!({"customer_id": "cust-4"})).await.expect(200);
    assert!(!warned(&changed), "a provider that does not hold it: {changed}");
    assert!(!warned(&event(&world).await["after"]));
    world.finish().await;
}
