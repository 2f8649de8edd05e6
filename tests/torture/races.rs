//! Many callers at once, all for one thing: exactly one organization comes of it.

use std::time::Instant;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::{
    harness::{Client, Reply, Settings, World, cloud_customer, commitments_customer},
    layer::{Layer, Profile, Report, Run},
};

pub(crate) const LAYER: Layer =
    Layer { name: "races", shows: "32 callers at once with one key, or for one customer", run };

/// Callers in a round.
const CALLERS: usize = 32;

fn run(run: &Run) -> Report {
    let rounds = match run.profile {
        Profile::Ci => 60,
        Profile::Full => 1000,
    };
    let mut report = Report::default();
    let runtime = tokio::runtime::Runtime::new();
    match runtime {
        Ok(runtime) => runtime.block_on(race(rounds, &mut report)),
        Err(error) => report.fault(format!("no runtime: {error}")),
    }
    report
}

async fn race(rounds: u64, report: &mut Report) {
    let begun = Instant::now();
    // Two gateways: what holds must hold between processes, not by a lock within one.
    let world = World::with(Settings { gateways: 2, ..Settings::default() }).await;
    let client = world.client();
    let clients = [world.at(0, &client), world.at(1, &client)];
    let mut violations = 0;
    for round in 0..rounds {
        let customer = format!("cust-{round}");
        let body = if round.is_multiple_of(2) {
            cloud_customer(&customer)
        } else {
            commitments_customer(&customer)
        };
        let key = (round % 4 < 2).then(|| format!("key-{round}"));
        let replies = all_at_once(&clients, &body, key.as_deref()).await;
        for broken in broken_promises(&world, &customer, &replies) {
            violations += 1;
            report.fault(format!("round {round}: {broken}"));
        }
    }
    world.finish().await;
    report.row("rounds of 32 callers, one organization each", rounds, rounds, violations, begun);
}

/// Sends the same create from every caller, none before all are ready.
async fn all_at_once(clients: &[Client; 2], body: &Value, key: Option<&str>) -> Vec<Reply> {
    let ready = Barrier::new(CALLERS);
    let calls = (0..CALLERS).map(|caller| {
        let call = clients[caller % 2].post("/v1/organizations", body).wait(30);
        let call = match key {
            Some(key) => call.key(key),
            None => call,
        };
        let ready = &ready;
        async move {
            ready.wait().await;
            call.await
        }
    });
    join_all(calls).await
}

fn broken_promises(world: &World, customer: &str, replies: &[Reply]) -> Vec<String> {
    let mut broken = Vec::new();
    let providers = world.providers();
    let there = providers.scaleway_organizations();
    let cloud = there.iter().filter(|org| org.customer_id == customer).count();
    let registered = providers.archera_orgs().len();
    let number: usize = customer.trim_start_matches("cust-").parse().unwrap_or_default();
    let expected_cloud = usize::from(number.is_multiple_of(2));
    if cloud != expected_cloud {
        broken.push(format!("{cloud} organizations at Scaleway"));
    }
    // Every second round makes one at Archera.
    if registered != number.div_ceil(2) {
        broken.push(format!("{registered} organizations at Archera after {number} rounds"));
    }
    let made: Vec<&Reply> = replies.iter().filter(|reply| reply.status < 300).collect();
    if made.is_empty() {
        broken.push("nobody was answered the organization".to_owned());
    }
    for reply in replies {
        let is_it = made
            .first()
            .is_some_and(|first| reply.status < 300 && reply.json["id"] == first.json["id"]);
        let waits = reply.status == 409 && reply.json["code"] == json!("idempotency_in_progress");
        if !is_it && !waits {
            broken.push(format!("an answer is {}: {}", reply.status, reply.text));
        }
    }
    broken
}
