//! The simulation: the gateway's real engine, in several replicas, over the store in memory and simulated
//! providers, with a clock that jumps from event to event. A history is drawn from its seed alone, so a
//! failure can be had again, step by step.
//!
//! What is promised only under an assumption is held to under it: a request that its caller has given up
//! lands, and is listed, within the settle window; operators say what is true, or give up; and nobody changes
//! both the address and the customer id of an organization whose create is still open.

mod accounts;
mod asks;
mod callers;
mod fate;
mod faults;
mod judge;
mod people;
mod port;
mod record;
mod replica;
mod switch;
mod terms;
#[cfg(test)]
mod tests;
mod upstream;
mod world;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use partner_gateway::providers::Account;
use tokio::time::Instant;

pub use accounts::{AccountsError, accounts};
pub use faults::Fault;
use replica::Fleet;
use upstream::Upstream;
use world::World;

/// After everything is healed, an operation has this long to end or to be quarantined.
const TIME_TO_SETTLE: Duration = Duration::from_secs(4 * 3600);

/// What came of one history.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// From which it was drawn.
    pub seed: u64,
    /// How many operations it had.
    pub operations: u64,
    /// What was broken.
    pub violations: Vec<String>,
    /// How often each fault was met.
    pub reached: BTreeMap<Fault, u64>,
    /// Every step, where that was asked for.
    pub steps: Vec<String>,
}

/// Plays one history of about `size` operations.
///
/// # Errors
/// When no runtime can be made.
pub fn play(
    seed: u64,
    size: usize,
    accounts: &[Account],
    keeps_steps: bool,
) -> std::io::Result<History> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    crate::draws::seed_jitter(seed);
    let played = runtime.block_on(play_on(seed, size, accounts, keeps_steps));
    Ok(played)
}

async fn play_on(seed: u64, size: usize, accounts: &[Account], keeps_steps: bool) -> History {
    let upstreams = accounts
        .iter()
        .map(|account| Upstream::new(account.name().clone(), account.capabilities().clone()))
        .collect();
    let world = World::new(seed, upstreams, keeps_steps);
    let fleet = Fleet::new(Arc::clone(&world), accounts.to_vec());
    for place in 0..world.terms.replicas {
        world.wire.spawn(Arc::clone(&fleet).keep(place));
    }
    world.wire.spawn(callers::trouble(Arc::clone(&fleet)));
    world.wire.spawn(people::meddle(Arc::clone(&fleet)));
    world.wire.spawn(people::attend(Arc::clone(&fleet)));
    let callers: Vec<_> = (0..world.terms.callers)
        .map(|caller| world.wire.spawn(callers::call(Arc::clone(&fleet), caller, size)))
        .collect();
    for caller in callers {
        if caller.await.is_err() {
            world.record.violate(|| "a caller panicked".to_owned());
        }
    }
    world.become_calm();
    world.record.step(|| "all is healed".to_owned());
    end(&fleet).await;
    judge::judge(&world);
    judge::judge_rows(&world);
    history(seed, &world)
}

/// Lets everything come to its end, with operators settling what only they can.
async fn end(fleet: &Fleet) {
    let world = &fleet.world;
    for _ in 0..50 {
        let deadline = Instant::now() + TIME_TO_SETTLE;
        while !has_come_to_rest(world) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        if people::settle_all(fleet).await == 0 {
            break;
        }
        // What is on its way yet must arrive before anybody can say what became of it.
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    judge::judge_open(world);
}

/// Nothing moves any more without a person.
fn has_come_to_rest(world: &World) -> bool {
    use partner_gateway::store::OperationState::{
        Accepted, Quarantined, Rejected, Sending, Succeeded, Unknown,
    };
    let tables = world.tables();
    let is_held = |organization| {
        tables
            .open_operations()
            .any(|other| other.organization_id == organization && other.state == Quarantined)
    };
    tables.open_operations().all(|operation| match operation.state {
        Quarantined | Succeeded | Rejected => true,
        Accepted => is_held(operation.organization_id),
        Sending | Unknown => false,
    })
}

fn history(seed: u64, world: &World) -> History {
    let operations = world.tables().operations().count();
    let notes = std::mem::take(&mut *world.record.notes());
    History {
        seed,
        operations: u64::try_from(operations).unwrap_or(u64::MAX),
        violations: notes.violations,
        reached: notes.reached,
        steps: notes.steps,
    }
}
