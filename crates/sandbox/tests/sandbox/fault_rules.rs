//! Which calls a fault strikes, the lag after a create, the profiles, the log.

use crate::support::{World, start, start_with};
use sandbox::{
    Answer, Clock, ControlError, Fault, FaultProfile, FaultRule, Lag, Operation, SandboxConfig,
};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

fn unavailable() -> Fault {
    Fault::before(Answer::Status { status: 503, body: None })
}

async fn statuses(world: &World, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(world.list("").await.status.as_u16());
    }
    statuses
}

#[tokio::test]
async fn a_rule_strikes_so_many_calls_of_its_operation_after_those_let_by() {
    let world = start().await;
    let control = world.sandbox.control();
    let rule = FaultRule::next(Operation::ListOrganizations, unavailable());
    let id = control.inject(rule.skipping(1).times(2)).unwrap();
    assert_eq!(control.unfired_faults().len(), 1);

    world.created("owner@acme.test").await;
    assert_eq!(control.fault(id).unwrap().fired, 0, "another operation is not struck");
    assert_eq!(statuses(&world, 4).await, [200, 503, 503, 200]);
    let report = control.fault(id).unwrap();
    assert_eq!((report.fired, report.active), (2, false));
    assert!(control.unfired_faults().is_empty());
}

#[tokio::test]
async fn rules_strike_one_after_the_other() {
    let world = start().await;
    let control = world.sandbox.control();
    for status in [500, 502] {
        let fault = Fault::before(Answer::Status { status, body: None });
        let rule = FaultRule::next(Operation::ListOrganizations, fault);
        control.inject(rule).unwrap();
    }
    control.inject(FaultRule::everywhere(unavailable())).unwrap();
    assert_eq!(statuses(&world, 3).await, [500, 502, 503]);
    control.clear_faults();
    assert_eq!(statuses(&world, 1).await, [200]);
    assert_eq!(control.faults()[2].fired, 1, "counts outlive the rules");
}

#[tokio::test]
async fn a_seed_decides_what_a_probability_strikes() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let world = start().await;
        let rule = FaultRule::everywhere(unavailable()).with_probability(0.5, seed);
        world.sandbox.control().inject(rule).unwrap();
        runs.push(statuses(&world, 40).await);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].contains(&200) && runs[0].contains(&503));
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused() {
    let control = start().await.sandbox.control();
    let unlikely = FaultRule::everywhere(Fault::Twice).with_probability(1.5, 0);
    let redirect = FaultRule::everywhere(Fault::before(Answer::Redirect { status: 200 }));
    for rule in [unlikely, redirect] {
        let refused = control.inject(rule).unwrap_err();
        assert!(matches!(refused, ControlError::ImpossibleFault(_)), "{refused}");
    }
    assert!(control.faults().is_empty());
}

async fn hidden(world: &World, until: Lag) -> Uuid {
    let rule = FaultRule::next(Operation::CreateOrganization, Fault::Lag { until });
    world.sandbox.control().inject(rule).unwrap();
    world.created("owner@acme.test").await.id()
}

async fn is_seen(world: &World, id: Uuid) -> bool {
    world.get(id).await.status == 200
}

#[tokio::test]
async fn what_lags_is_nowhere_to_be_seen_until_it_is_revealed() {
    let world = start().await;
    let id = hidden(&world, Lag::Command).await;
    assert!(!is_seen(&world, id).await);
    for query in ["", "email=owner%40acme.test", "customer_id=cust-1"] {
        assert_eq!(world.list(query).await.body["total_count"], 0, "{query}");
    }
    assert_eq!(world.verb(id, "lock", &json!({})).await.status, 404);
    let again = world.create(&world.new_organization("owner@acme.test", "c")).await;
    assert_eq!(again.status, 409, "its e-mail is taken all the same");
    assert_eq!(world.sandbox.control().scaleway_organizations().len(), 1);

    world.sandbox.control().reveal();
    assert!(is_seen(&world, id).await);
    assert_eq!(world.list("").await.body["total_count"], 1);
}

#[tokio::test]
async fn a_lag_ends_after_so_many_reads() {
    let world = start().await;
    let id = hidden(&world, Lag::Reads(2)).await;
    assert!(!is_seen(&world, id).await);
    assert_eq!(world.list("").await.body["total_count"], 0);
    assert!(is_seen(&world, id).await);
}

#[tokio::test]
async fn a_lag_ends_after_a_time() {
    let clock = Clock::manual("2026-01-02T03:04:05Z".parse().unwrap());
    let world = start_with(SandboxConfig {
        clock: clock.clone(),
        faults: FaultProfile::Lagging,
        ..SandboxConfig::default()
    })
    .await;
    let id = world.created("owner@acme.test").await.id();
    clock.advance(Duration::from_millis(4999));
    assert!(!is_seen(&world, id).await);
    clock.advance(Duration::from_millis(1));
    assert!(is_seen(&world, id).await);
}

#[tokio::test]
async fn an_archera_org_can_lag_too() {
    let world = start().await;
    let control = world.sandbox.control();
    let lag = Fault::Lag { until: Lag::Command };
    control.inject(FaultRule::next(Operation::RegisterOrg, lag)).unwrap();
    let org = world.register(&json!({"name": "Acme"})).await.id().to_string();
    let users = json!({"users": [{"email": "ada@acme.test"}]});
    assert_eq!(world.invite(&org, &users).await.status, 404);
    control.reveal();
    assert_eq!(world.invite(&org, &users).await.status, 200);
}

#[test]
fn profiles_go_by_their_names() {
    for name in FaultProfile::names() {
        let profile: FaultProfile = name.parse().unwrap();
        assert_eq!(profile.to_string(), name);
        assert_eq!(profile.rules(0).is_empty(), name == "none");
    }
    let unknown = "chaos".parse::<FaultProfile>().unwrap_err().to_string();
    for name in FaultProfile::names() {
        assert!(unknown.contains(name), "{unknown}");
    }
}

async fn started_with(faults: FaultProfile) -> World {
    start_with(SandboxConfig { faults, ..SandboxConfig::default() }).await
}

#[tokio::test]
async fn an_outage_refuses_everything() {
    let world = started_with(FaultProfile::Outage).await;
    let refused = world.create(&world.new_organization("owner@acme.test", "c")).await;
    assert_eq!(refused.status, 503);
    assert_eq!(world.register(&json!({"name": "Acme"})).await.status, 503);
    assert!(world.sandbox.control().scaleway_organizations().is_empty());
}

#[tokio::test]
async fn lossy_creates_make_organizations_and_lose_their_answers() {
    let world = started_with(FaultProfile::LossyCreates).await;
    for email in ["a@acme.test", "b@acme.test"] {
        assert!(world.create_request(email).send().await.is_err());
    }
    assert_eq!(world.list("").await.body["total_count"], 2);
}

#[tokio::test]
async fn the_log_knows_each_request_by_its_operation_and_trace() {
    let world = start().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = world.create_request("owner@acme.test");
    request.header("traceparent", trace).send().await.unwrap();
    world.create(&json!({})).await;
    world.list("email=owner%40acme.test").await;
    world.get_path("/elsewhere").await;

    let control = world.sandbox.control();
    let log = control.requests();
    let operations: Vec<_> = log.iter().map(|request| request.operation).collect();
    let create = Some(Operation::CreateOrganization);
    let list = Some(Operation::ListOrganizations);
    assert_eq!(operations, [create, create, list, None]);
    assert_eq!(log[0].traceparent.as_deref(), Some(trace));
    assert_eq!(log[0].status, Some(200));
    assert_eq!([log[0].applied, log[1].applied], [true, false]);
    assert_eq!(log[2].path, "/partner/v1/organizations");
    let tally = control.tally(Operation::CreateOrganization);
    assert_eq!((tally.received, tally.applied), (2, 1));

    control.clear_requests();
    assert!(control.requests().is_empty() && control.tallies().is_empty());
}
