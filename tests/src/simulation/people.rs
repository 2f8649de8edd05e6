//! People: owners who validate their address, staff who lock, rename and close organizations in the
//! providers' consoles, and operators who settle what is quarantined.

use std::sync::Arc;

use partner_gateway::{
    operations::{CannotResolve, Resolution, Resolver},
    store::{BeginCreate, Certainty, Operation, OperationKind, OperationState, OrgStatus},
};

use super::{
    asks::{customer, email, new_row},
    faults::Fault,
    record::short,
    replica::Fleet,
    upstream::{Child, Upstream},
    world::World,
};

/// What people do at the providers while a history runs.
pub(super) async fn meddle(fleet: Arc<Fleet>) {
    let world = &fleet.world;
    if world.terms.people <= 0.0 {
        return;
    }
    while !world.is_calm() {
        tokio::time::sleep(world.draws.millis(200, 12_000).div_f64(world.terms.people)).await;
        let Some(upstream) = world.upstreams.get(world.draws.below(world.upstreams.len())) else {
            return;
        };
        if world.draws.chance(0.15) {
            adopt(world, upstream).await;
        } else {
            edit(world, upstream);
        }
    }
}

fn edit(world: &World, upstream: &Upstream) {
    let number = world.number();
    if world.draws.chance(0.08) {
        let now = world.now();
        let id = uuid::Uuid::from_u128(world.id().as_u128() | (0xf << 124)).to_string();
        // Somebody was quicker, with an address that is ours to use next, or anybody's.
        let mut soon = customer(number + world.draws.pick([1, 2, 3, 40]));
        soon.customer_id = format!("typed-{number}");
        drop(upstream.create(&soon, None, &id, now, std::time::Duration::ZERO));
        return;
    }
    let mut state = upstream.state();
    let index = world.draws.below(state.children.len());
    let Some(child) = state.children.get_mut(index) else { return };
    world.record.reached(Fault::EditedByPerson);
    let action = world.draws.below(10);
    world.record.step(|| format!("a person does {action} to {}", child.name));
    match action {
        0..4 => child.provider_lock = None,
        4 => child.provider_lock = Some("abuse"),
        5 => child.name = format!("Renamed by a person {number}"),
        6 => child.owner.email = email(number),
        7 => child.customer_id = Some(format!("typed-{number}")),
        8 => child.is_locked_by_partner = !child.is_locked_by_partner,
        _ => child.is_closed = world.draws.chance(0.2),
    }
    child.is_meddled_with |= action >= 4;
}

/// Somebody maps an organization that nobody has mapped, under a customer of their own.
async fn adopt(world: &World, upstream: &Upstream) {
    let child = {
        let tables = world.tables();
        let is_mapped = |child: &Child| {
            tables
                .organizations()
                .any(|org| org.provider_org_id.as_ref().is_some_and(|id| id.as_str() == child.id))
        };
        upstream.state().children.iter().find(|child| !is_mapped(child)).cloned()
    };
    let Some(child) = child else { return };
    let format = upstream.capabilities.provider_org_id_format;
    let Ok(id) = format.parse(&child.id) else { return };
    let mut row = new_row(world, "tenant-0", &upstream.name, &customer(world.number()));
    row.provider_org_id = Some(id);
    row.status = OrgStatus::Locked;
    row.certainty = Certainty::Asserted;
    if let Some(operation) = child.made_by {
        world.record.notes().by_person.insert(operation);
    }
    let adopted = world.sound_journal().adopt(&row, None).await;
    if matches!(adopted, Ok(BeginCreate::AlreadyMapped(_))) && child.made_by.is_some() {
        if let Some(child) = upstream.state().children.iter_mut().find(|one| one.id == child.id) {
            child.is_adopted = true;
        }
        world.record.step(|| format!("a person maps {}", child.name));
        world.record.reached(Fault::AdoptedByPerson);
    }
}

/// Operators, while a history runs: now and then one looks at the queue.
pub(super) async fn attend(fleet: Arc<Fleet>) {
    let world = &fleet.world;
    while !world.is_calm() {
        tokio::time::sleep(world.draws.millis(5_000, 60_000)).await;
        let mut open = waiting(world);
        if world.draws.chance(0.4) {
            open = in_doubt(world);
        }
        if let Some(operation) = open.get(world.draws.below(open.len())) {
            settle(&fleet, operation).await;
        }
    }
}

/// Operators settle all that is quarantined. Answers how much that was.
pub(super) async fn settle_all(fleet: &Fleet) -> usize {
    let open = waiting(&fleet.world);
    for operation in &open {
        settle(fleet, operation).await;
    }
    open.len()
}

fn waiting(world: &World) -> Vec<Operation> {
    let is_quarantined = |op: &&Operation| op.state == OperationState::Quarantined;
    world.tables().open_operations().filter(is_quarantined).cloned().collect()
}

fn in_doubt(world: &World) -> Vec<Operation> {
    let is_unknown = |op: &&Operation| op.state == OperationState::Unknown;
    world.tables().open_operations().filter(is_unknown).cloned().collect()
}

/// One operator asks the provider what became of an operation, and says so; at times gives it up.
async fn settle(fleet: &Fleet, operation: &Operation) {
    let world = &fleet.world;
    let Some(resolution) = truth(world, operation) else { return };
    let resolver = Resolver {
        actor: "operator".to_owned(),
        request_id: "request".to_owned(),
        reason: "asked the provider".to_owned(),
        is_admin: true,
    };
    let Some(replica) = fleet.any() else { return };
    {
        let mut notes = world.record.notes();
        notes.by_person.insert(operation.id);
        if resolution == (Resolution::NotApplied { retry: true }) {
            *notes.retried_by_person.entry(operation.id).or_default() += 1;
        }
    }
    world.record.step(|| format!("an operator says {resolution:?} of {}", short(operation.id)));
    let (engine, operation) = (Arc::clone(&replica.engine), operation.clone());
    let resolve = async move {
        match engine.resolve(&operation, &resolution, &resolver).await {
            Err(CannotResolve::AlreadyMapped | CannotResolve::NotFoundAtProvider { .. }) => {
                let given_up = Resolution::Abandoned;
                engine.resolve(&operation, &given_up, &resolver).await
            }
            other => other,
        }
    };
    // An operator whose request fails looks again later.
    let resolved = tokio::time::timeout(super::asks::PATIENCE, replica.engine.spawn(resolve)).await;
    if let Ok(Ok(Ok(_))) = resolved {
        world.record.reached(Fault::ResolvedByPerson);
    }
}

/// What the provider would tell a person; `None` while that may still change.
fn truth(world: &World, operation: &Operation) -> Option<Resolution> {
    let upstream = world.upstreams.iter().find(|upstream| upstream.name == operation.provider)?;
    let state = upstream.state();
    let sent = state.sent.get(&operation.id).copied().unwrap_or_default();
    if sent.on_the_wire > 0 {
        return None;
    }
    if world.goes_wrong(0.1) {
        return Some(Resolution::Abandoned);
    }
    let made = state.made_by(operation.id).map(|child| child.id.clone());
    let may_repeat = operation.kind != OperationKind::AdminRole;
    match (operation.kind, made, sent.applied) {
        (OperationKind::Create, Some(id), _) => {
            Some(Resolution::Applied { provider_org_id: Some(id), confirm_unverified: true })
        }
        (OperationKind::Create, None, _) | (_, _, 0) => {
            let retry = may_repeat && world.draws.chance(0.5);
            Some(Resolution::NotApplied { retry })
        }
        (_, _, 1..) => {
            Some(Resolution::Applied { provider_org_id: None, confirm_unverified: false })
        }
    }
}
