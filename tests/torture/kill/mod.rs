//! Kills the real program at every step of every kind of operation, starts it again, and looks whether
//! there is exactly one organization, exactly one mapping, and a person asked exactly where nobody else
//! can know.

mod cells;
mod round;

use std::{collections::BTreeMap, time::Instant};

use crate::{
    layer::{Layer, Profile, Report, Run},
    real::{Customer, Draw, Fault, HAS_POINTS, Outcomes, Pace, WITHOUT_POINTS, World, run_lanes},
};

use cells::Cell;
use round::Round;

/// The layer.
pub(crate) const LAYER: Layer =
    Layer { name: "kill", shows: "the process dies at every step", run };

/// Rounds that run side by side: mostly they wait for a lease.
const LANES: usize = 8;
/// Short, and yet long enough for two busy cores.
const PACE: Pace = Pace {
    lease: std::time::Duration::from_millis(2000),
    settle_window: std::time::Duration::from_millis(600),
    timeout: std::time::Duration::from_millis(1600),
    poll_every: std::time::Duration::from_millis(50),
};

fn run(run: &Run) -> Report {
    let mut report = Report::default();
    if !HAS_POINTS {
        report.fault(WITHOUT_POINTS.to_owned());
        return report;
    }
    let asked = match run.profile {
        Profile::Ci => 200,
        Profile::Full => 1800,
    };
    let (begun, cells) = (Instant::now(), cells::rounds(asked));
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            report.fault(format!("no runtime: {error}"));
            return report;
        }
    };
    let outcomes = runtime.block_on(run_lanes(&PACE, LANES, cells.len(), |world, rounds| {
        lane(world, rounds, &cells, run.seed)
    }));
    tell(&mut report, run, &cells, &outcomes, asked, begun);
    report
}

/// A lane's rounds, one after another.
async fn lane(
    world: World,
    rounds: Vec<usize>,
    cells: &[Cell],
    seed: u64,
) -> Result<Outcomes, Fault> {
    let customers = prepare(&world, &rounds, cells).await?;
    let mut outcomes = Outcomes::default();
    for (number, customer) in rounds.into_iter().zip(customers) {
        let draw = Draw::of(seed, u64::try_from(number).unwrap_or(u64::MAX));
        match Round::new(&world, cells[number], customer, draw).run().await {
            Ok(()) => outcomes.held += cells[number].kills(),
            Err(fault) => {
                let Cell { kind, way, point, .. } = cells[number];
                let told = format!("round {number}, {kind:?}, {way:?}, at {point}: {fault}");
                outcomes.faults.push((number, Fault(told)));
            }
        }
        world.providers().clear_faults();
    }
    world.end().await;
    Ok(outcomes)
}

/// Makes the organizations that the rounds' operations are for, while nothing is killed.
async fn prepare(world: &World, rounds: &[usize], cells: &[Cell]) -> Result<Vec<Customer>, Fault> {
    let replica = world.start(None).await?;
    let caller = world.caller(&replica);
    let mut customers = Vec::new();
    for &number in rounds {
        let id = format!("cust-{number}");
        customers.push(world.prepare(&caller, cells[number].kind, id).await?);
    }
    replica.kill().await?;
    Ok(customers)
}

fn tell(
    report: &mut Report,
    run: &Run,
    cells: &[Cell],
    outcomes: &Outcomes,
    asked: u64,
    begun: Instant,
) {
    let violations = u64::try_from(outcomes.faults.len()).unwrap_or(u64::MAX);
    report.row("processes killed, all promises kept", outcomes.held, asked, violations, begun);
    for (_, fault) in &outcomes.faults {
        report.fault(fault.to_string());
    }
    let mut points: BTreeMap<&str, u64> = BTreeMap::new();
    for cell in cells {
        *points.entry(cell.name()).or_default() += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    report.detail(run, || {
        format!("{} rounds in {seconds:.0} s, by their points: {points:?}", cells.len())
    });
}
