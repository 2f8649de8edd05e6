//! A whole partner account brought in by one run of the program, within the provider's limit.

use std::time::{Duration, Instant};

use sandbox::Provider;

use crate::{
    layer::{Layer, Profile, Report, Run},
    real::{Fault, Pace, World, hold},
};

pub(crate) const LAYER: Layer = Layer {
    name: "import",
    shows: "a whole account adopted in one run, within the provider's limit",
    run,
};

/// What Scaleway takes a second.
const LIMIT: u32 = 50;
const PAGE: u64 = 100;
/// Nothing of this is waited for by an import but one call's time.
const PACE: Pace = Pace {
    lease: Duration::from_secs(2),
    settle_window: Duration::from_secs(1),
    timeout: Duration::from_secs(5),
    poll_every: Duration::from_millis(50),
};

fn run(run: &Run) -> Report {
    let count = match run.profile {
        Profile::Ci => 1_000,
        Profile::Full => 10_000,
    };
    let mut report = Report::default();
    let brought = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(bring_in(count, run, &mut report)),
        Err(error) => Err(Fault(format!("no runtime: {error}"))),
    };
    if let Err(fault) = brought {
        report.fault(fault.to_string());
    }
    report
}

async fn bring_in(count: u64, run: &Run, report: &mut Report) -> Result<(), Fault> {
    let world = World::new(&PACE).await?;
    let providers = world.providers();
    providers.set_rate_limit(Some(LIMIT));
    let size = usize::try_from(count).map_err(Fault::of("the number"))?;
    providers.seed(Provider::Scaleway, size).map_err(Fault::of("seeding"))?;

    let begun = Instant::now();
    let told = world.command(&["import", "--provider", "scaleway"]).await?;
    let there = world.count("select count(*) from organizations").await?;
    report.row("organizations judged by a dry run", of(&told, "would_adopt"), count, there, begun);
    report.detail(run, || told);

    providers.clear_requests();
    let begun = Instant::now();
    let told = world.command(&["import", "--provider", "scaleway", "--apply"]).await?;
    let events = "select count(*) from events where type = 'organization.adopted' and actor = 'gateway:import'";
    let (there, events) =
        (world.count("select count(*) from organizations").await?, world.count(events).await?);
    let wrong = there.abs_diff(count) + events.abs_diff(count);
    report.row("organizations adopted in one run", of(&told, "adopted"), count, wrong, begun);
    let asked = providers.requests();
    let limited = asked.iter().filter(|request| request.status == Some(429)).count() as u64;
    report.row("requests for it, none over the limit", asked.len() as u64, 0, limited, begun);
    // A full page always has a next one, and the account is listed twice.
    let fewest = 2 * (count / PAGE + 1);
    hold(asked.len() as u64 == fewest, || format!("{} requests, not {fewest}", asked.len()))?;
    report.detail(run, || told);

    let begun = Instant::now();
    let told = world.command(&["import", "--provider", "scaleway", "--apply"]).await?;
    let adopted = of(&told, "adopted");
    report.row("known again by a second run", of(&told, "already"), count, adopted, begun);
    world.end().await;
    Ok(())
}

/// How many were counted under a word of the printed table.
fn of(told: &str, word: &str) -> u64 {
    let mut lines = told.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(first, _)| *first == word);
    found.and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
