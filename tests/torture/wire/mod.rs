//! A wire that breaks in every way that wires break, between the real gateway and its providers: each
//! fault meets each operation at each provider, before the work and after it, and each must reach the end
//! that a table says.

mod asks;
mod cell;
mod fault;
mod http1;
mod play;
mod proxy;
mod table;

use std::{collections::BTreeMap, time::Duration, time::Instant};

use futures::future::join_all;
use sandbox::{Provider, Sandbox, SandboxConfig};

use crate::{
    layer::{Layer, Profile, Report, Run},
    real::{Account, Draw, Fault, PASSWORD, Pace, Replica, World},
};

use cell::Lane;
use proxy::Proxy;
use table::{At, Cell};

/// The layer.
pub(crate) const LAYER: Layer =
    Layer { name: "wire", shows: "a proxy that breaks every call in every way", run };

/// Long enough for two busy cores, and short enough to be waited for. The gateway has twenty accounts to look
/// after, so it does not look as often as elsewhere.
const PACE: Pace = Pace {
    lease: Duration::from_millis(4500),
    settle_window: Duration::from_millis(3500),
    timeout: Duration::from_millis(4000),
    poll_every: Duration::from_millis(250),
};

/// How many accounts, each with a wire of its own, a profile's cells are tried at side by side.
const LANES: [(At, usize); 3] = [(At::Scaleway, 12), (At::Archera, 4), (At::Listing, 4)];

/// A lane: its profile, its account, its wire, and the numbers of its cells.
type Place = (At, Account, Proxy, Vec<usize>);

fn run(run: &Run) -> Report {
    let mut report = Report::default();
    let (begun, mut number, mut cells) = (Instant::now(), 0, table::cells());
    if run.profile == Profile::Ci {
        // A third of them; another third with another seed.
        cells.retain(|_| {
            number += 1;
            Draw::of(run.seed, number).one_in(3)
        });
    }
    let tried = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(all(&cells)),
        Err(error) => Err(Fault(format!("no runtime: {error}"))),
    };
    let asked = u64::try_from(cells.len()).unwrap_or(u64::MAX);
    let faults = tried.unwrap_or_else(|fault| vec![(0, fault)]);
    let broken = u64::try_from(faults.len()).unwrap_or(u64::MAX);
    let held = asked.saturating_sub(broken);
    report.row("cells of the wire, each with its end", held, asked.max(200), broken, begun);
    for (number, fault) in &faults {
        let Cell { profile, ask, fault: row, after, .. } = cells[*number];
        let when = if after { "after" } else { "before" };
        report.fault(format!("{profile:?}, {ask:?}, {}, {when} the work: {fault}", row.0));
    }
    let mut by_ask: BTreeMap<String, u64> = BTreeMap::new();
    for cell in &cells {
        *by_ask.entry(format!("{:?} at {:?}", cell.ask, cell.profile)).or_default() += 1;
    }
    report.detail(run, || format!("cells: {by_ask:?}"));
    report
}

/// Tries every cell, and answers what did not hold, with the cell's number.
async fn all(cells: &[Cell]) -> Result<Vec<(usize, Fault)>, Fault> {
    let config = SandboxConfig {
        archera_list_orgs: true,
        // All lanes together use up what one account may do in a second. The answer that says so would shut
        // a lane's gate, in no cell's table, and a seat cannot wait before it.
        rate_limit: Some(u32::MAX),
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::start(config).await.map_err(Fault::of("the sandbox"))?;
    let places = places(&sandbox, cells).await?;
    let accounts: Vec<Account> = places.iter().map(|(_, account, ..)| account.clone()).collect();
    let world = World::around(&PACE, sandbox, &accounts).await?;
    let replica = world.start(None).await?;
    let tried = places.iter().map(|place| lane(&world, &replica, place, cells));
    let mut faults = join_all(tried).await.concat();
    replica.kill().await?;
    for secret in world.secrets().iter().map(String::as_str).chain([PASSWORD]) {
        let places = world.places_of(secret).await?;
        if !places.is_empty() {
            faults.push((0, Fault(format!("a secret of ours is in {places:?}"))));
        }
    }
    world.end().await;
    Ok(faults)
}

/// The lanes of every profile, and which cells are whose.
async fn places(sandbox: &Sandbox, cells: &[Cell]) -> Result<Vec<Place>, Fault> {
    let mut places = Vec::new();
    for (profile, lanes) in LANES {
        let mine: Vec<usize> =
            (0..cells.len()).filter(|number| cells[*number].profile == profile).collect();
        let (at, url) = match profile {
            At::Scaleway => (Provider::Scaleway, sandbox.scaleway_url()),
            At::Archera | At::Listing => (Provider::Archera, sandbox.archera_url()),
        };
        let server = url.trim_start_matches("http://").parse().map_err(Fault::of("the sandbox"))?;
        for lane in 0..lanes {
            let proxy = Proxy::before(server).await.map_err(Fault::of("a proxy"))?;
            let name = format!("{profile:?}-{lane}").to_lowercase();
            let lists = profile == At::Listing;
            let account = Account { name, at, url: proxy.url(), lists };
            let mine = mine.iter().copied().skip(lane).step_by(lanes).collect();
            places.push((profile, account, proxy, mine));
        }
    }
    Ok(places)
}

/// A lane's cells, one after another.
async fn lane(
    world: &World,
    replica: &Replica,
    (profile, account, proxy, numbers): &Place,
    cells: &[Cell],
) -> Vec<(usize, Fault)> {
    let caller = world.caller(replica);
    let lane = Lane { world, caller, account, profile: *profile, proxy };
    let mut faults = Vec::new();
    for &number in numbers {
        if let Err(fault) = lane.attempt(&cells[number], number).await {
            faults.push((number, fault));
            proxy.take_back();
            // What cannot be opened fails every cell that comes.
            let _ = proxy.open(true).await;
        }
    }
    faults
}
