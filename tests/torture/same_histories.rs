//! The layer `same-histories`: the store in memory decides as PostgreSQL does, call by call.

use std::time::Instant;

use e2e::same_histories::{CannotPlay, play};

use crate::layer::{Layer, Profile, Report, Run};

/// The layer, for the program's list.
pub(crate) const LAYER: Layer = Layer {
    name: "same-histories",
    shows: "the store in memory against PostgreSQL, call by call",
    run,
};

/// Calls of a history.
const STEPS: usize = 50;

fn run(run: &Run) -> Report {
    let histories = match run.profile {
        Profile::Ci => 32,
        Profile::Full => 256,
    };
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let compared = runtime.block_on(compare(run.seed, histories, &mut report));
            if let Err(error) = compared {
                report.fault(format!("the histories broke off: {error}"));
            }
        }
        Err(error) => report.fault(format!("no runtime: {error}")),
    }
    report
}

async fn compare(first: u64, histories: u64, report: &mut Report) -> Result<(), CannotPlay> {
    let begun = Instant::now();
    let (mut played, mut steps, mut differences) = (0, 0, 0);
    for number in 0..histories {
        let compared = play(first.wrapping_add(number), STEPS).await?;
        played += 1;
        steps += compared.steps;
        if let Some(difference) = compared.difference {
            differences += 1;
            report.fault(difference);
        }
    }
    let asked = histories * u64::try_from(STEPS).unwrap_or(0);
    report.row("histories on both", played, histories, differences, begun);
    report.row("calls compared, with all rows", steps, asked, differences, begun);
    Ok(())
}
