//! The internal platforms: they create customers, change, lock and unlock them, invite people and ask for
//! seats; they try again with the same key, send the same twice at once, and hang up.

use std::{sync::Arc, time::Duration};

use partner_core::{AdminSeat, Change, ChildOrgPatch};
use partner_gateway::store::{Operation, OperationState, OrgStatus};
use secrecy::SecretString;
use uuid::Uuid;

use super::{
    asks::{Action, Ask, PATIENCE, Told, What, customer, email},
    faults::Fault,
    record::short,
    replica::{Fleet, Replica},
    world::World,
};

/// One caller, until the history has as many operations as it is to have.
pub(super) async fn call(fleet: Arc<Fleet>, caller: usize, size: usize) {
    let world = &fleet.world;
    let tenant = format!("tenant-{}", caller % 2);
    while world.tables().operations().count() < size {
        let ask = next_ask(world, &tenant);
        let copies = if world.draws.chance(0.12) { 2 + world.draws.below(3) } else { 1 };
        let twins: Vec<_> = (1..copies).map(|_| request(Arc::clone(&fleet), ask.clone())).collect();
        let twins: Vec<_> = twins.into_iter().map(|twin| world.wire.spawn(twin)).collect();
        let told = request(Arc::clone(&fleet), ask).await;
        for twin in twins {
            // A twin is told the same or nothing; what it did is in the tables.
            drop(twin.await);
        }
        if let Some(Told::Begun(operation)) = told {
            await_end(&fleet, operation).await;
        }
        tokio::time::sleep(world.draws.millis(0, 2_500)).await;
    }
}

/// Sends a request, and again with the same key where no answer came.
async fn request(fleet: Arc<Fleet>, ask: Ask) -> Option<Told> {
    let world = &fleet.world;
    for _ in 0..4 {
        let replica = fleet.any()?;
        let begin = ask.clone().begin(Arc::clone(world), Arc::clone(&replica));
        let work = replica.engine.spawn(begin);
        let patience = if world.goes_wrong(0.03) {
            world.record.reached(Fault::CallerHungUp);
            world.draws.millis(0, 300)
        } else {
            PATIENCE
        };
        if let Ok(Ok(Ok(told))) = tokio::time::timeout(patience, work).await {
            note_told(world, &ask, &told);
            return Some(told);
        }
        if ask.key.is_none() && world.draws.chance(0.5) {
            return None;
        }
        tokio::time::sleep(world.draws.millis(50, 2_000)).await;
    }
    None
}

fn note_told(world: &World, ask: &Ask, told: &Told) {
    let operations = match told {
        Told::Begun(operation) => vec![*operation],
        Told::Replayed(record) => {
            world.record.reached(Fault::SameKeyTwice);
            record.operation_ids.clone()
        }
        Told::HasOne => {
            world.record.reached(Fault::SameCustomerTwice);
            return;
        }
        Told::Nothing => return,
    };
    let Some(key) = &ask.key else { return };
    let known = world.record.notes().keys.entry(key.clone()).or_insert(operations.clone()).clone();
    if known != operations {
        world.record.violate(|| format!("the key {key} stands for two operations"));
    }
}

async fn await_end(fleet: &Fleet, operation: Uuid) {
    let world = &fleet.world;
    if !world.draws.chance(0.6) {
        return;
    }
    let Some(replica) = fleet.any() else { return };
    let is_over = |operation: &Operation| {
        operation.state.is_final() || operation.state == OperationState::Quarantined
    };
    let limit = world.draws.millis(100, 8_000);
    let wait = replica.engine.wait(operation, limit, Duration::from_secs(2), is_over);
    if let Ok(Ok(None)) = tokio::time::timeout(PATIENCE, wait).await {
        world.record.violate(|| format!("{} was begun and is not there", short(operation)));
    }
}

fn next_ask(world: &World, tenant: &str) -> Ask {
    let key = world.draws.chance(0.6).then(|| format!("key-{}", world.number()));
    let known = if world.draws.chance(0.35) { None } else { any_organization(world, tenant) };
    let what = match known {
        Some((organization, account)) => {
            What::On { organization, action: any_action(world, account) }
        }
        None => new_customer(world, tenant),
    };
    Ask { tenant: tenant.to_owned(), key, what }
}

/// A new customer, or one whose create was refused before.
fn new_customer(world: &World, tenant: &str) -> What {
    let account = world.draws.pick([0, 0, 0, 1, 2]);
    let name = &world.upstreams[account.min(world.upstreams.len() - 1)].name;
    let refused = {
        let tables = world.tables();
        let mut failed = tables.organizations().filter(|org| {
            org.status == OrgStatus::Failed && org.tenant == tenant && org.provider == *name
        });
        let chosen = failed.next().map(|org| (org.customer_id.clone(), org.owner.clone()));
        chosen.filter(|_| world.draws.chance(0.3))
    };
    let mut new = customer(world.number());
    if let Some((customer_id, owner)) = refused {
        new.customer_id = customer_id;
        new.owner = Some(owner);
    }
    What::Create { account: name.clone(), new: Box::new(new) }
}

fn any_organization(world: &World, tenant: &str) -> Option<(Uuid, usize)> {
    let tables = world.tables();
    let known: Vec<_> = tables.organizations().filter(|org| org.tenant == tenant).collect();
    let org = known.get(world.draws.below(known.len()))?;
    let account = world.upstreams.iter().position(|upstream| upstream.name == org.provider)?;
    Some((org.id, account))
}

fn any_action(world: &World, account: usize) -> Action {
    let number = world.number();
    let is_readable =
        world.upstreams.get(account).is_some_and(super::upstream::Upstream::is_readable);
    let Some(address) = email(number) else { return Action::Lock };
    if !is_readable {
        return if world.draws.chance(0.7) {
            Action::Invite(address)
        } else {
            let customer_id = world.draws.chance(0.3).then(|| format!("customer-{number}"));
            Action::Note { customer_id, comment: format!("note {number}") }
        };
    }
    match world.draws.below(11) {
        0..3 => Action::Lock,
        3..6 => Action::Unlock,
        6..9 => Action::Update(Box::new(any_patch(world, number))),
        _ => Action::Seat(Box::new(AdminSeat {
            username: format!("seat{number}"),
            email: address,
            password: SecretString::from("not a secret of anybody's"),
        })),
    }
}

fn any_patch(world: &World, number: u64) -> ChildOrgPatch {
    let nothing = ChildOrgPatch::default();
    match world.draws.below(4) {
        0 => ChildOrgPatch { name: Some(format!("Renamed {number}")), ..nothing },
        1 => ChildOrgPatch { owner_email: email(number), ..nothing },
        2 => ChildOrgPatch { customer_id: Some(format!("customer-{number}")), ..nothing },
        _ => ChildOrgPatch { comment: Some(Change::Set(format!("note {number}"))), ..nothing },
    }
}

/// Kills, stops and drains replicas, takes the database away and brews storms at providers.
pub(super) async fn trouble(fleet: Arc<Fleet>) {
    let world = &fleet.world;
    if world.terms.events <= 0.0 {
        return;
    }
    loop {
        let pause = world.draws.millis(1_000, 20_000).div_f64(world.terms.events);
        tokio::time::sleep(pause).await;
        if world.is_calm() {
            return;
        }
        let replica = fleet.any();
        cause(world, replica.as_deref());
    }
}

fn cause(world: &World, replica: Option<&Replica>) {
    use super::world::Storm::{Failing, Limiting, Refusing, Silent};
    let Some(replica) = replica else { return };
    let name = &replica.switch.name;
    match world.draws.below(8) {
        0 => {
            world.record.step(|| format!("{name} is killed"));
            replica.switch.kill();
        }
        1 => {
            let time = world.draws.time(world.terms.lease / 5, world.terms.lease * 3);
            world.record.step(|| format!("{name} is stopped for {time:?}"));
            replica.switch.stop(time);
        }
        2 => replica.end(),
        3 | 4 => {
            let time = world.draws.time(Duration::from_millis(100), world.terms.lease * 2);
            world.record.step(|| format!("the database is away for {time:?}"));
            world.take_database_away(time);
        }
        _ => {
            let account = world.draws.below(world.upstreams.len());
            let storm = world.draws.pick([Failing, Failing, Refusing, Limiting, Silent]);
            let time = world.draws.millis(2_000, 60_000);
            world.record.step(|| format!("{storm:?} at account {account} for {time:?}"));
            world.brew(account, storm, time);
        }
    }
}
