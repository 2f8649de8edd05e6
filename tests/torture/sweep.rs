//! A whole account swept at its provider's real limit, the replica that sweeps killed in the middle, and every
//! discrepancy found that was put there.

use std::time::{Duration, Instant};

use sandbox::{ConsoleEdit, Operation, Provider};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    layer::{Layer, Profile, Report, Run},
    real::{Caller, Fault, Pace, World, hold},
};

/// The layer.
pub(crate) const LAYER: Layer = Layer {
    name: "sweep",
    shows: "an account swept at the provider's limit, and taken over from the dead",
    run,
};

/// The least that shows it: a lease that runs out while somebody waits for it.
const PACE: Pace = Pace {
    lease: Duration::from_millis(2000),
    settle_window: Duration::ZERO,
    timeout: Duration::from_millis(1600),
    poll_every: Duration::from_millis(50),
};
/// What a key may ask Scaleway a second.
const LIMIT: u32 = 50;
/// Organizations of each kind of discrepancy.
const EACH: usize = 10;

fn run(run: &Run) -> Report {
    let organizations = match run.profile {
        Profile::Ci => 1_000,
        Profile::Full => 10_000,
    };
    let mut report = Report::default();
    let swept = tokio::runtime::Runtime::new()
        .map_err(Fault::of("no runtime"))
        .and_then(|runtime| runtime.block_on(sweep(run, organizations, &mut report)));
    if let Err(fault) = swept {
        report.fault(fault.to_string());
    }
    report
}

async fn sweep(run: &Run, organizations: usize, report: &mut Report) -> Result<(), Fault> {
    let world = World::new(&PACE).await?;
    let ids = world.providers().seed(Provider::Scaleway, organizations);
    let ids = ids.map_err(Fault::of("the organizations"))?;
    world.map_seeded(&ids).await?;
    world.providers().set_rate_limit(Some(LIMIT));
    disagree(&world, &ids)?;

    let mut first = world.start(None).await?;
    let begun = Instant::now();
    let asked = world.caller(&first).post("/v1/providers/scaleway/sweep", &json!({})).await?;
    hold(asked.status == 202, || format!("not begun: {asked}"))?;
    let pages = u64::try_from(organizations / 100).unwrap_or(u64::MAX);
    world.providers().until_received(Operation::ListOrganizations, pages / 2).await;
    first.kill_now().await?;
    let second = world.start(None).await?;
    let caller = world.caller(&second);
    let ended = until_ended(&caller).await?;
    tell(run, report, &world, &ended, organizations, begun);

    let again = caller.post("/v1/providers/scaleway/sweep", &json!({})).await?;
    let one_more = until_ended(&caller).await?;
    let same = ["listed", "unmapped", "missing", "drifted"]
        .iter()
        .all(|name| one_more["sweep"][name] == ended["sweep"][name]);
    hold(again.status == 202 && same, || format!("not the same again: {one_more}, {ended}"))?;
    second.kill().await?;
    world.end().await;
    Ok(())
}

/// Some drift, some are gone, some are not mapped.
fn disagree(world: &World, ids: &[Uuid]) -> Result<(), Fault> {
    let providers = world.providers();
    for (number, id) in ids.iter().take(EACH).enumerate() {
        let edit = ConsoleEdit { name: Some(format!("Other {number}")), ..ConsoleEdit::default() };
        providers.edit(*id, edit).map_err(Fault::of("an edit"))?;
    }
    for id in ids.iter().skip(EACH).take(EACH) {
        providers.remove(*id).map_err(Fault::of("a removal"))?;
    }
    providers.seed(Provider::Scaleway, EACH).map_err(Fault::of("strangers"))?;
    Ok(())
}

/// Waits until no pass of the account is under way, and answers the account.
async fn until_ended(caller: &Caller) -> Result<Value, Fault> {
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        let account = caller.get("/v1/providers/scaleway").await?.json;
        if account["sweep"]["running_since"].is_null() {
            return Ok(account);
        }
        hold(Instant::now() < deadline, || format!("it never ends: {account}"))?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn tell(
    run: &Run,
    report: &mut Report,
    world: &World,
    ended: &Value,
    organizations: usize,
    begun: Instant,
) {
    let sweep = &ended["sweep"];
    let count = |name: &str| sweep[name].as_u64().unwrap_or_default();
    let wanted = u64::try_from(organizations).unwrap_or(u64::MAX);
    if sweep["state"] != "succeeded" {
        report.fault(format!("the pass did not succeed: {ended}"));
    }
    // As many strangers came as were removed. A page that was lost with its replica is read again and
    // counted once.
    report.row("organizations listed, their replica killed", count("listed"), wanted, 0, begun);
    for kind in ["unmapped", "missing", "drifted"] {
        let each = u64::try_from(EACH).unwrap_or(u64::MAX);
        let (found, wrong) = (count(kind), count(kind).abs_diff(each));
        report.row(&format!("{kind} found, and no other"), found, each, wrong, begun);
    }
    let requests = world.providers().requests();
    let refused = requests.iter().filter(|request| request.status == Some(429)).count();
    let made = u64::try_from(requests.len()).unwrap_or(u64::MAX);
    let refused = u64::try_from(refused).unwrap_or(u64::MAX);
    report.row("requests at the provider, none answered 429", made, wanted / 100, refused, begun);
    let seconds = begun.elapsed().as_secs_f64();
    report.detail(run, || {
        format!("{organizations} organizations in {made} requests and {seconds:.1} s: {sweep}")
    });
}
