//! An exhaustive search of the protocol: every order in which two workers, a provider, a network, a clock
//! and an operator can act on a few operations. What an answer or a reading means is decided by the
//! engine's own transition functions; the store's rules are written down anew in `rows`.
//!
//! Nothing here waits, calls or writes.

mod canonical;
mod moves;
mod readings;
mod rows;
mod scenario;
mod search;
mod state;
#[cfg(test)]
mod tests;
mod violation;
mod workers;
mod world;

use std::{collections::HashSet, time::Instant};

use crate::layer::{Layer, Profile, Report, Run};

use moves::{Move, What};
use scenario::{
    BEYOND, BUDGET_OF_ONE, INVITE, LOCK_INVITE, LOCK_UNLOCK, LOCK_UNLOCK_LOCK, LOCK_UNLOCK_OUTAGE,
    Mutation, ONE_CREATE, OUTAGE, Scenario, THREE_CREATES, TWO_CREATES, TWO_TENANTS,
    UNLOCK_LOCK_OUTAGE, UNREADABLE_CREATE,
};
use search::{Findings, search};

/// The layer.
pub(super) const LAYER: Layer =
    Layer { name: "model", shows: "every order of events in a small world", run };

const SMALL: &[Scenario] = &[
    ONE_CREATE,
    UNREADABLE_CREATE,
    BUDGET_OF_ONE,
    TWO_TENANTS,
    LOCK_UNLOCK_OUTAGE,
    UNLOCK_LOCK_OUTAGE,
    INVITE,
];
const LARGE: &[Scenario] =
    &[BEYOND, TWO_CREATES, THREE_CREATES, OUTAGE, LOCK_UNLOCK, LOCK_UNLOCK_LOCK, LOCK_INVITE];

/// A search that grows beyond this has lost its bounds.
const MOST_STATES: usize = 5_000_000;

fn run(run: &Run) -> Report {
    let mut report = Report::default();
    let (large, asked): (&[Scenario], u64) = match run.profile {
        Profile::Ci => (&[], 100_000),
        Profile::Full => (LARGE, 500_000),
    };
    states(&mut report, SMALL.iter().chain(large), asked, run);
    mutations(&mut report, run);
    report
}

fn states<'a>(
    report: &mut Report,
    scenarios: impl Iterator<Item = &'a Scenario>,
    asked: u64,
    run: &Run,
) {
    let begun = Instant::now();
    let (mut reached, mut violations, mut stuck) = (0, 0, 0);
    let mut seen = HashSet::new();
    for scenario in scenarios {
        let findings = search(scenario, MOST_STATES);
        report.detail(run, || format!("{}: {} states", scenario.name, findings.states));
        reached += findings.states;
        stuck += findings.stuck;
        if let Some((violation, trace)) = &findings.violation {
            violations += 1;
            report.fault(format!("{}: {violation}\n{}", scenario.name, told(trace)));
        }
        if findings.stuck > 0 {
            let trace = told(&findings.stuck_trace);
            report.fault(format!("{}: stuck\n{trace}", scenario.name));
        }
        if !findings.is_whole && findings.violation.is_none() {
            report.fault(format!("{}: more than {MOST_STATES} states", scenario.name));
        }
        seen.extend(findings.seen);
    }
    report.row("different states", reached, asked, violations, begun);
    report.row("states that are not stuck", reached - stuck, reached, stuck, begun);
    for what in What::EXPECTED.iter().filter(|what| !seen.contains(what)) {
        report.fault(format!("never happened: {}", what.words()));
    }
}

fn mutations(report: &mut Report, run: &Run) {
    let begun = Instant::now();
    let mut caught = 0;
    for mutation in Mutation::ALL {
        let findings: Findings = search(&mutation.scenario(), MOST_STATES);
        match findings.violation {
            Some((violation, trace)) => {
                caught += 1;
                report.detail(run, || format!("{mutation:?}: {violation}\n{}", told(&trace)));
            }
            None => report.fault(format!("{mutation:?} was not caught")),
        }
    }
    let asked = u64::try_from(Mutation::ALL.len()).unwrap_or(u64::MAX);
    report.row("broken rules that are caught", caught, asked, asked - caught, begun);
}

/// A trace, a step a line.
fn told(trace: &[Move]) -> String {
    let lines: Vec<String> =
        (1..).zip(trace).map(|(number, step)| format!("  {number:>2}. {step}")).collect();
    lines.join("\n")
}
