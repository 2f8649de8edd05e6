//! Freezes a replica with an operation in its hands for longer than its lease, and lets it go on when the
//! others have taken that over: nothing is sent beyond the rules, and what it alone knows is not lost.

mod round;
mod scenes;

use std::{sync::atomic::AtomicU64, sync::atomic::Ordering, time::Duration, time::Instant};

use crate::{
    layer::{Layer, Profile, Report, Run},
    real::{
        Customer, Fault, HAS_POINTS, Outcomes, Pace, Replica, WITHOUT_POINTS, World, run_lanes,
    },
};

use round::Round;
use scenes::Scene;

/// The layer.
pub(crate) const LAYER: Layer =
    Layer { name: "zombies", shows: "one of three replicas freezes, and wakes too late", run };

/// Rounds that run side by side, each with three processes.
const LANES: usize = 5;
/// Short, and yet long enough for two busy cores.
const PACE: Pace = Pace {
    lease: Duration::from_millis(2000),
    settle_window: Duration::from_millis(600),
    timeout: Duration::from_millis(900),
    poll_every: Duration::from_millis(50),
};

fn run(run: &Run) -> Report {
    let mut report = Report::default();
    if !HAS_POINTS {
        report.fault(WITHOUT_POINTS.to_owned());
        return report;
    }
    let (asked, begun, fenced) = (
        match run.profile {
            Profile::Ci => 20,
            Profile::Full => 200,
        },
        Instant::now(),
        AtomicU64::new(0),
    );
    let scenes = scenes::rounds(asked);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            report.fault(format!("no runtime: {error}"));
            return report;
        }
    };
    let outcomes = runtime.block_on(run_lanes(&PACE, LANES, scenes.len(), |world, rounds| {
        lane(world, rounds, &scenes, &fenced)
    }));
    let asked = u64::try_from(asked).unwrap_or(u64::MAX);
    let violations = u64::try_from(outcomes.faults.len()).unwrap_or(u64::MAX);
    report.row("frozen replicas, all promises kept", outcomes.held, asked, violations, begun);
    report.row("fenced writes seen", fenced.load(Ordering::SeqCst), 1, 0, begun);
    for (_, fault) in &outcomes.faults {
        report.fault(fault.to_string());
    }
    report
}

/// A lane's rounds, one after another, with two replicas that are never frozen.
async fn lane(
    world: World,
    rounds: Vec<usize>,
    scenes: &[Scene],
    fenced: &AtomicU64,
) -> Result<Outcomes, Fault> {
    let others = [world.start(None).await?, world.start(None).await?];
    let customers = prepare(&world, &others[0], &rounds, scenes).await?;
    let mut outcomes = Outcomes::default();
    for (number, customer) in rounds.into_iter().zip(customers) {
        match Round::new(&world, scenes[number], customer, &others).run().await {
            Ok(count) => {
                outcomes.held += 1;
                fenced.fetch_add(count, Ordering::SeqCst);
            }
            Err(fault) => {
                let Scene { kind, freeze } = scenes[number];
                let told = format!("round {number}, {kind:?}, {freeze:?}: {fault}");
                outcomes.faults.push((number, Fault(told)));
            }
        }
        for report in world.providers().unfired_faults() {
            let told = format!("round {number}: the provider's fault never struck: {report:?}");
            outcomes.faults.push((number, Fault(told)));
        }
        world.providers().clear_faults();
    }
    for replica in others {
        replica.kill().await?;
    }
    world.end().await;
    Ok(outcomes)
}

/// Makes the organizations that the rounds' operations are for, while nothing is frozen.
async fn prepare(
    world: &World,
    replica: &Replica,
    rounds: &[usize],
    scenes: &[Scene],
) -> Result<Vec<Customer>, Fault> {
    let caller = world.caller(replica);
    let mut customers = Vec::new();
    for &number in rounds {
        let id = format!("cust-{number}");
        customers.push(world.prepare(&caller, scenes[number].kind, id).await?);
    }
    Ok(customers)
}
