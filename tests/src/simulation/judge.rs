//! The verdict on a history, once everything was healed and has had its time.

use std::collections::BTreeMap;

use partner_gateway::store::{Operation, OperationKind, OperationState, OrgStatus, Organization};
use uuid::Uuid;

use super::{
    record::short,
    upstream::{Child, Sent, Upstream},
    world::World,
};
use crate::memory::Tables;

/// Holds the tables against the providers.
pub(super) fn judge(world: &World) {
    let tables = world.tables();
    for upstream in &world.upstreams {
        let state = upstream.state();
        let mut by_customer = BTreeMap::new();
        for child in &state.children {
            judge_child(world, &tables, upstream, child, &mut by_customer);
        }
        for operation in tables.operations().filter(|op| op.provider == upstream.name) {
            let sent = state.sent.get(&operation.id).copied().unwrap_or_default();
            let is_its_own =
                |child: &&Child| child.made_by == Some(operation.id) && !child.is_beyond_knowing();
            let made = state.children.iter().filter(is_its_own).count();
            judge_sends(world, operation, sent);
            judge_end(world, operation, sent, made);
            judge_found(world, &tables, &state.children, operation, sent);
        }
    }
}

/// Every operation has ended.
pub(super) fn judge_open(world: &World) {
    for upstream in &world.upstreams {
        let name = upstream.name.as_str();
        world.record.step(|| format!("the gate of {name}: {:?}", world.tables().gate(name)));
    }
    for operation in world.tables().open_operations() {
        let (id, kind, state) = (operation.id, operation.kind, operation.state);
        world.record.violate(|| format!("{} {kind} is stuck in {state}", short(id)));
    }
}

fn is_by_person(world: &World, operation: Uuid) -> bool {
    world.record.notes().by_person.contains(&operation)
}

/// What we made is mapped where it belongs, and no customer got two.
fn judge_child(
    world: &World,
    tables: &Tables,
    upstream: &Upstream,
    child: &Child,
    by_customer: &mut BTreeMap<(String, String), Uuid>,
) {
    let Some(operation) = child.made_by.and_then(|id| tables.operation(id)) else { return };
    let Some(org) = tables.organization(operation.organization_id) else { return };
    let is_mapped = org.provider_org_id.as_ref().is_some_and(|id| id.as_str() == child.id);
    let may_wait = match operation.state {
        OperationState::Unknown | OperationState::Quarantined | OperationState::Sending => true,
        OperationState::Accepted | OperationState::Succeeded | OperationState::Rejected => false,
    };
    let is_excused = is_by_person(world, operation.id) || child.is_beyond_knowing();
    if !is_mapped && !may_wait && !is_excused {
        let (id, state) = (operation.id, operation.state);
        world.record.violate(|| format!("{} made an organization and is {state}: lost", short(id)));
    }
    if is_mapped {
        let customer = (org.tenant.clone(), org.customer_id.clone());
        if let Some(other) = by_customer.insert(customer, operation.id) {
            let name = upstream.name.as_str();
            world.record.violate(|| {
                format!("{} and {} made two at {name}", short(other), short(operation.id))
            });
        }
    }
}

/// No more is sent than may be.
fn judge_sends(world: &World, operation: &Operation, sent: Sent) {
    let retried = world.record.notes().retried_by_person.get(&operation.id).copied();
    let retried = retried.unwrap_or(0);
    let (most_calls, most_doubtful) = match operation.kind {
        OperationKind::AdminRole => (1, 1),
        OperationKind::Invite => (u32::MAX, 1 + retried),
        OperationKind::Create
        | OperationKind::Update
        | OperationKind::Lock
        | OperationKind::Unlock => (u32::MAX, 2 + retried),
    };
    if sent.calls > most_calls || sent.doubtful > most_doubtful {
        let (id, kind) = (operation.id, operation.kind);
        world.record.violate(|| format!("{} {kind} was sent too often: {sent:?}", short(id)));
    }
}

/// An end says what is true.
fn judge_end(world: &World, operation: &Operation, sent: Sent, made: usize) {
    let (id, kind) = (operation.id, operation.kind);
    if made > 1 {
        world.record.violate(|| format!("{} made {made} organizations", short(id)));
    }
    if is_by_person(world, id) {
        return;
    }
    let once = matches!(kind, OperationKind::Create | OperationKind::Invite)
        || kind == OperationKind::AdminRole;
    // What was done, undone by a person, and then refused, was refused.
    let is_plain = once || sent.calls == 1;
    let must_be_done = once && kind != OperationKind::Create;
    if operation.state == OperationState::Succeeded && must_be_done && sent.applied != 1 {
        world.record.violate(|| format!("{} {kind} succeeded: {sent:?}", short(id)));
    }
    if operation.state == OperationState::Rejected && sent.applied > 0 && is_plain {
        world.record.violate(|| format!("{} {kind} was rejected, and done: {sent:?}", short(id)));
    }
}

/// A create that succeeded made what it is mapped to, or found what a person had given up or made.
fn judge_found(
    world: &World,
    tables: &Tables,
    children: &[Child],
    operation: &Operation,
    sent: Sent,
) {
    let is_done =
        operation.kind == OperationKind::Create && operation.state == OperationState::Succeeded;
    if !is_done || is_by_person(world, operation.id) {
        return;
    }
    let org = tables.organization(operation.organization_id);
    let id = org.and_then(|org| org.provider_org_id.as_ref());
    let child = id.and_then(|id| children.iter().find(|child| child.id == id.as_str()));
    let is_right = match child.map(|child| child.made_by) {
        Some(Some(maker)) if maker == operation.id => {
            let its_own = children.iter().filter(|child| child.made_by == Some(maker));
            sent.applied >= 1 && its_own.filter(|child| !child.is_beyond_knowing()).count() <= 1
        }
        Some(Some(maker)) => is_by_person(world, maker),
        Some(None) => true,
        None => false,
    };
    if !is_right {
        let id = operation.id;
        world.record.violate(|| format!("{} succeeded with what it did not make", short(id)));
    }
}

/// Rows that are right in themselves.
pub(super) fn judge_rows(world: &World) {
    let tables = world.tables();
    for org in tables.organizations() {
        let create = tables
            .operations()
            .find(|op| op.organization_id == org.id && op.kind == OperationKind::Create);
        if let Some(fault) = create.and_then(|create| row_fault(org, create)) {
            world.record.violate(|| format!("{}: {fault}", short(org.id)));
        }
        judge_as_last_asked(world, &tables, org);
    }
}

fn row_fault(org: &Organization, create: &Operation) -> Option<&'static str> {
    match (create.state, org.status) {
        (OperationState::Succeeded, OrgStatus::Pending | OrgStatus::Failed) => {
            Some("created, and not there")
        }
        (OperationState::Rejected, status) if status != OrgStatus::Failed => {
            Some("refused, and there")
        }
        _ => None,
    }
}

/// Where nobody meddled, the provider has the lock that was asked for last, and the row says so.
fn judge_as_last_asked(world: &World, tables: &Tables, org: &Organization) {
    let Some(upstream) = world.upstreams.iter().find(|u| u.name == org.provider) else { return };
    let state = upstream.state();
    let Some(id) = &org.provider_org_id else { return };
    let Some(child) = state.children.iter().find(|child| child.id == id.as_str()) else { return };
    let of_locks: Vec<&Operation> = tables
        .operations()
        .filter(|op| op.organization_id == org.id)
        .filter(|op| matches!(op.kind, OperationKind::Lock | OperationKind::Unlock))
        .collect();
    if child.is_meddled_with || of_locks.iter().any(|op| is_by_person(world, op.id)) {
        return;
    }
    let done = of_locks.iter().filter(|op| op.state == OperationState::Succeeded);
    let Some(last) = done.max_by_key(|op| (op.created_at, op.id)) else { return };
    let wants_lock = last.kind == OperationKind::Lock;
    let says_lock = org.lock_by(partner_core::LockOrigin::Partner).is_some();
    if child.is_locked_by_partner != wants_lock || says_lock != wants_lock {
        world.record.violate(|| {
            format!("{} was last asked to be locked: {wants_lock}, and is not so", short(org.id))
        });
    }
}
