//! The search in bounds small enough for every build: it finds what is broken on purpose, and what the
//! design's promise leaves out is really needed.

use super::{
    scenario::{
        Answers, INVITE, LOCK_UNLOCK_OUTAGE, Mutation, ONE_CREATE, Scenario, TWO_TENANTS,
        UNLOCK_LOCK_OUTAGE, UNREADABLE_CREATE, World,
    },
    search::search,
    told,
    violation::Violation,
};

const MOST: usize = 100_000;

/// A create in an outage, at a provider that is prompt or silent.
const SHORT: Scenario =
    Scenario { is_prompt: true, answers: Answers::Outage, operator: false, ..ONE_CREATE };

#[test]
fn what_is_promised_holds() {
    for scenario in [SHORT, UNREADABLE_CREATE, INVITE, LOCK_UNLOCK_OUTAGE, UNLOCK_LOCK_OUTAGE] {
        let found = search(&scenario, MOST);
        if let Some((violation, trace)) = &found.violation {
            panic!("{}: {violation}\n{}", scenario.name, told(trace));
        }
        assert!(found.is_whole, "{} was not searched to its end", scenario.name);
        assert_eq!(found.stuck, 0, "{}\n{}", scenario.name, told(&found.stuck_trace));
    }
}

#[test]
fn every_broken_rule_is_caught() {
    for mutation in Mutation::ALL {
        let found = search(&mutation.scenario(), MOST);
        assert!(found.violation.is_some(), "{mutation:?} was not caught");
    }
}

#[test]
fn a_create_of_another_tenant_is_stolen_only_where_it_is_not_looked_for() {
    let found = search(&TWO_TENANTS, 1_000_000);
    if let Some((violation, trace)) = &found.violation {
        panic!("{violation}\n{}", told(trace));
    }
    assert!(found.is_whole, "not searched to its end");
    assert_eq!(found.stuck, 0, "{}", told(&found.stuck_trace));
    let stolen = search(&Mutation::RivalNotLookedFor.scenario(), MOST);
    assert_eq!(stolen.violation.map(|(violation, _)| violation), Some(Violation::NotOurs));
}

#[test]
fn the_trace_of_a_violation_leads_to_it() {
    let found = search(&Mutation::ExpiredSentAsNew.scenario(), MOST);
    let (violation, trace) = found.violation.unwrap();
    assert_eq!(violation, Violation::MadeTwice);
    let told = told(&trace);
    assert_eq!(told.matches("sends it").count(), 2, "{told}");
    assert_eq!(told.matches("the provider does it").count(), 2, "{told}");
    assert_eq!(told.matches("the lease runs out").count(), 1, "{told}");
}

#[test]
fn a_request_may_not_be_done_beyond_the_settle_window() {
    let world = World { lands_beyond_the_window: true, ..World::default() };
    let found = search(&Scenario { operator: false, world, ..ONE_CREATE }, MOST);
    assert_eq!(found.violation.map(|(violation, _)| violation), Some(Violation::Forgotten));
}

#[test]
fn a_lock_that_is_done_late_undoes_what_did_not_wait_for_it() {
    for mutation in [
        Mutation::LateSendNotWaitedFor,
        Mutation::WasSoTakenForDone,
        Mutation::SecondRefusalRejects,
    ] {
        let found = search(&mutation.scenario(), MOST);
        let violation = found.violation.map(|(violation, _)| violation);
        assert_eq!(violation, Some(Violation::LockMisread), "{mutation:?}");
    }
}

#[test]
fn a_create_that_an_operator_settles_unread_holds_up_no_other() {
    let found = search(&Scenario { operator: true, ..SHORT }, MOST);
    assert!(found.is_whole && found.violation.is_none());
    assert_eq!(found.stuck, 0);
}
