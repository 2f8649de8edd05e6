//! Many rounds side by side: each lane has a world of its own, and takes its share of the rounds.

use futures::future::join_all;

use super::{Fault, Pace, world::World};

/// What came of the rounds.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Rounds in which everything held.
    pub(crate) held: u64,
    /// What did not hold, with the round's number.
    pub(crate) faults: Vec<(usize, Fault)>,
}

/// Runs rounds on so many lanes: `work` does a lane's rounds, by their numbers, and answers what came of
/// them. A lane that cannot go on says so by a fault.
pub(crate) async fn run_lanes<F>(
    pace: &Pace,
    lanes: usize,
    rounds: usize,
    work: impl Fn(World, Vec<usize>) -> F,
) -> Outcomes
where
    F: Future<Output = Result<Outcomes, Fault>>,
{
    let lane = |number: usize| {
        let work = &work;
        async move {
            let mine: Vec<usize> = (number..rounds).step_by(lanes).collect();
            match World::new(pace).await {
                Ok(world) => work(world, mine).await,
                Err(fault) => Err(fault),
            }
        }
    };
    let mut all = Outcomes::default();
    for (number, ended) in join_all((0..lanes).map(lane)).await.into_iter().enumerate() {
        match ended {
            Ok(outcomes) => {
                all.held += outcomes.held;
                all.faults.extend(outcomes.faults);
            }
            Err(fault) => all.faults.push((number, Fault(format!("its lane ended: {fault}")))),
        }
    }
    all
}
