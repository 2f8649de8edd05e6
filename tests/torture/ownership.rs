//! Two tenants create the same customer while answers are lost: no organization changes hands, none is lost.

use std::{collections::BTreeMap, time::Instant};

use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Settings, World, cloud_customer, commitments_customer},
    layer::{Layer, Profile, Report, Run},
};

pub(crate) const LAYER: Layer = Layer {
    name: "ownership",
    shows: "two tenants race for one customer while answers are lost",
    run,
};

/// The tenants.
const TENANTS: [&str; 2] = ["crm", "shop"];
/// Races that run at the same time.
const AT_ONCE: usize = 25;
/// The probability that an answer is lost.
const LOST: f64 = 0.5;

fn run(run: &Run) -> Report {
    let rounds = match run.profile {
        Profile::Ci => 50,
        Profile::Full => 500,
    };
    let mut report = Report::default();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(race(rounds, run, &mut report)),
        Err(error) => report.fault(format!("no runtime: {error}")),
    }
    report
}

async fn race(rounds: usize, run: &Run, report: &mut Report) {
    let begun = Instant::now();
    // Lost answers must not stop the races: the budget for creates in doubt is not what this layer shows.
    let settings = Settings { gateways: 2, archera_lists: true, ..Settings::default() }
        .with("GATEWAY_OPERATIONS__CREATE_RISK_WINDOW", "20ms");
    let world = World::with(settings).await;
    lose_answers(&world, run.seed, report);
    let (mut outcomes, mut thefts) = (BTreeMap::new(), 0);
    for first in (0..rounds).step_by(AT_ONCE) {
        let races = (first..rounds.min(first + AT_ONCE)).map(|number| one_race(&world, number));
        for ended in futures::future::join_all(races).await {
            *outcomes.entry(ended.summary()).or_insert(0_u64) += 1;
            thefts += ended.thefts;
        }
    }
    world.providers().clear_faults();
    let told: Vec<String> =
        outcomes.iter().map(|(what, count)| format!("{what}: {count}")).collect();
    report.detail(run, || format!("ownership: {}", told.join("; ")));
    let (stolen, lost) = judge(&world, report).await;
    if !outcomes.contains_key("quarantined, quarantined") {
        report.fault("never happened: two quarantined creates of one customer".to_owned());
    }
    world.finish().await;
    let rounds = u64::try_from(rounds).unwrap_or(u64::MAX);
    report.row("races of two tenants, none stolen", rounds, rounds, stolen + thefts, begun);
    report.row("races of two tenants, none lost", rounds, rounds, lost, begun);
}

/// Loses answers after the work is done, and delays requests, so that the creates of a race overlap.
fn lose_answers(world: &World, seed: u64, report: &mut Report) {
    for (number, operation) in [(1, Operation::CreateOrganization), (2, Operation::RegisterOrg)] {
        for fault in [Fault::Latency { millis: 120 }, Fault::after(Answer::Reset)] {
            let rule = FaultRule::always(operation, fault)
                .with_probability(LOST, seed.wrapping_add(number));
            if let Err(error) = world.providers().inject(rule) {
                report.fault(format!("no fault: {error}"));
            }
        }
    }
}

/// What became of one race.
struct Ended {
    states: [String; 2],
    /// How often a tenant took an organization that the other tenant's create made.
    thefts: u64,
}

impl Ended {
    fn summary(&self) -> String {
        let mut states = self.states.clone();
        states.sort();
        states.join(", ")
    }
}

/// A create of a tenant. Its name, or at Archera its domain, says at the provider who made the organization.
fn create_of(tenant: &str, number: usize) -> Value {
    let customer = format!("race-{number}");
    if number.is_multiple_of(4) {
        let mut body = commitments_customer(&customer);
        body["name"] = json!(customer);
        body["domain"] = json!(format!("{tenant}.test"));
        body
    } else {
        let mut body = cloud_customer(&customer);
        body["name"] = json!(tenant);
        body
    }
}

/// Two tenants create one customer. Each whose create is quarantined then names every organization of the customer
/// that the other made as the result of its own create.
async fn one_race(world: &World, number: usize) -> Ended {
    let clients = [world.client_of(TENANTS[0]), world.at(1, &world.client_of(TENANTS[1]))];
    let create = |at: usize| {
        let body = create_of(TENANTS[at], number);
        clients[at].post("/v1/organizations", &body).respond_async().into_future()
    };
    let (first, second) = futures::join!(create(0), create(1));
    let mut ended = Ended { states: [String::new(), String::new()], thefts: 0 };
    for (at, reply) in [first, second].into_iter().enumerate() {
        let operation = match reply.status {
            202 => clients[at].settled(reply.json["id"].as_str().unwrap_or_default()).await,
            _ => json!({ "state": format!("answered {}", reply.status) }),
        };
        ended.states[at] = operation["state"].as_str().unwrap_or_default().to_owned();
        if operation["state"] == "quarantined" {
            ended.thefts += steal(world, &clients[at], TENANTS[at], &operation, number).await;
        }
    }
    ended
}

async fn steal(
    world: &World,
    client: &Client,
    tenant: &str,
    operation: &Value,
    number: usize,
) -> u64 {
    let path = format!("/v1/operations/{}/resolve", operation["id"].as_str().unwrap_or_default());
    let customer = format!("race-{number}");
    let mut thefts = 0;
    for there in everything_there(world) {
        if there.customer == customer && there.made_by != tenant {
            let id = &there.id;
            let applied = json!({ "outcome": "applied", "provider_org_id": id, "reason": "mine" });
            thefts += u64::from(client.post(&path, &applied).await.status == 200);
        }
    }
    thefts
}

/// An organization at a provider.
struct There {
    id: String,
    customer: String,
    made_by: String,
}

fn everything_there(world: &World) -> Vec<There> {
    let cloud = world.providers().scaleway_organizations().into_iter().map(|org| There {
        id: org.id.to_string(),
        customer: org.customer_id,
        made_by: org.name,
    });
    let commitments = world.providers().archera_orgs().into_iter().map(|org| There {
        id: org.id.to_string(),
        customer: org.name,
        made_by: org.profile["domain"]
            .as_str()
            .unwrap_or_default()
            .trim_end_matches(".test")
            .to_owned(),
    });
    cloud.chain(commitments).collect()
}

/// Counts organizations that another tenant has, and organizations that nobody has.
async fn judge(world: &World, report: &mut Report) -> (u64, u64) {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    let mut open: Vec<(String, &str)> = Vec::new();
    for tenant in TENANTS {
        for org in all(&world.client_of(tenant), "/v1/organizations?limit=200").await {
            if let Some(id) = org["provider_org_id"].as_str() {
                owners.insert(id.to_owned(), tenant);
            }
            if org["status"] == "pending" {
                open.push((org["customer_id"].as_str().unwrap_or_default().to_owned(), tenant));
            }
        }
    }
    let (mut stolen, mut lost) = (0, 0);
    for there in everything_there(world) {
        let There { id, customer, made_by } = there;
        match owners.get(&id) {
            Some(owner) if *owner == made_by => {}
            Some(owner) => {
                stolen += 1;
                report.fault(format!("{customer}: {owner} has the organization of {made_by}"));
            }
            None if open.iter().any(|(of, by)| *of == customer && *by == made_by) => {}
            None => {
                lost += 1;
                report.fault(format!("{customer}: nobody has the organization of {made_by}"));
            }
        }
    }
    (stolen, lost)
}

async fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), path.to_owned());
    loop {
        let page = client.get(&next).await.expect(200);
        found.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return found,
        }
    }
}
