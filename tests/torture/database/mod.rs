//! PostgreSQL as it fails, under the real gateway and under load: what was acknowledged stays, and the
//! gateway works again within three seconds of the database.

mod cancelled;
mod forwarder;
mod load;
mod scenes;
mod servers;

use std::time::{Duration, Instant};

use crate::{
    layer::{Layer, Profile, Report, Run},
    real::Fault,
};

use scenes::{Seen, Stage};

/// The layer.
pub(crate) const LAYER: Layer =
    Layer { name: "database", shows: "PostgreSQL dies, demotes, goes silent, loses a COMMIT", run };

/// How soon a write must be acknowledged again.
const SOON: Duration = Duration::from_secs(3);

/// How much of each.
struct Amount {
    rounds: u32,
    silences: u32,
    storms: u32,
    doubts: u32,
    begins: u64,
}

fn run(run: &Run) -> Report {
    let amount = match run.profile {
        Profile::Ci => Amount { rounds: 1, silences: 6, storms: 10, doubts: 3, begins: 1_000 },
        Profile::Full => {
            Amount { rounds: 10, silences: 50, storms: 50, doubts: 25, begins: 10_000 }
        }
    };
    let mut report = Report::default();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(all(run, &amount, &mut report)),
        Err(error) => report.fault(format!("no runtime: {error}")),
    }
    report
}

async fn all(run: &Run, amount: &Amount, report: &mut Report) {
    let Amount { rounds, silences, storms, doubts, begins } = *amount;
    let scene = "primary killed, standby promoted: back in 3 s, 0 lost";
    play(run, report, scene, rounds, Stage::killed).await;
    let scene = "primary demoted, standby promoted: back in 3 s, 0 lost";
    play(run, report, scene, rounds, Stage::demoted).await;
    let scene = "primary read-only and back: back in 3 s, 0 lost";
    play(run, report, scene, rounds, Stage::demoted_and_back).await;
    let scene = "connections gone silent, busy: back in 3 s, 0 lost";
    play(run, report, scene, rounds, Stage::silenced).await;
    let scene = "connections gone silent, one caller: back in 3 s, 0 lost";
    play(run, report, scene, rounds, Stage::silenced_quietly).await;
    let scene = "silent midway, one by one: others go on, 0 lost";
    play(run, report, scene, 1, |stage: Stage| stage.silenced_midway(silences)).await;
    let scene = "silent coming back, one by one: others go on, 0 lost";
    play(run, report, scene, 1, |stage: Stage| stage.silenced_coming_back(silences)).await;
    let scene = "storms of terminated backends, 0 lost";
    play(run, report, scene, 1, |stage: Stage| stage.terminated(storms)).await;
    let scene = "rounds of COMMITs in doubt, nothing sent twice";
    play(run, report, scene, 1, |stage: Stage| stage.in_doubt(doubts)).await;
    let scene = "COMMITs in doubt and nobody to ask: back in 3 s, 0 lost";
    play(run, report, scene, 1, |stage: Stage| stage.in_doubt_and_away(doubts)).await;
    let begun = Instant::now();
    match cancelled::give_up(begins, run.seed).await {
        Ok((acknowledged, lost)) => {
            report.row("cancelled begins, 0 acknowledged rows lost", begins, begins, lost, begun);
            report.detail(run, || format!("{acknowledged} rows between {begins} given up"));
        }
        Err(fault) => report.fault(format!("cancelled begins: {fault}")),
    }
}

/// Plays a scene so often, each time on servers of its own.
async fn play<F>(
    run: &Run,
    report: &mut Report,
    what: &str,
    rounds: u32,
    scene: impl Fn(Stage) -> F,
) where
    F: Future<Output = Result<Seen, Fault>>,
{
    let (begun, mut held, mut violations) = (Instant::now(), 0, 0);
    for round in 0..rounds {
        let played = match Stage::new().await {
            Ok(stage) => scene(stage).await,
            Err(fault) => Err(fault),
        };
        match played {
            Ok(seen) => {
                report.detail(run, || format!("{what}, round {round}: {seen}"));
                let is_late = seen.recovery > SOON;
                let is_kept = seen.lost == 0 && seen.acknowledged > 0;
                if is_late || !is_kept {
                    report.fault(format!("{what}, round {round}: {seen}"));
                }
                violations += seen.lost + u64::from(is_late);
                held += u64::from(!is_late && is_kept);
            }
            Err(fault) => {
                violations += 1;
                report.fault(format!("{what}, round {round}: {fault}"));
            }
        }
    }
    report.row(what, held, u64::from(rounds), violations, begun);
}
