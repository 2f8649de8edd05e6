//! The rows, their constraints and the trigger that guards operations.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use partner_core::Member;
use partner_gateway::store::{
    CreateKeys, Evidence, IdempotencyRecord, KnownMapping, OpenCreate, Operation, OperationKind,
    OperationState, OrgStatus, Organization, StoreError, StoreResult,
};
use uuid::Uuid;

use super::gates::Gate;

/// Sees every row that is written, when its transaction commits.
pub trait Witness: fmt::Debug + Send + Sync {
    /// An operation was written.
    fn operation(&self, before: Option<&Operation>, after: &Operation);
    /// An organization was written.
    fn organization(&self, before: Option<&Organization>, after: &Organization);
    /// Something was seen of an operation, and written down.
    fn evidence(&self, operation: &Operation, evidence: &Evidence);
}

/// Everything that the store keeps.
#[derive(Debug, Default)]
pub struct Tables {
    pub(super) organizations: BTreeMap<Uuid, Organization>,
    pub(super) operations: BTreeMap<Uuid, Operation>,
    /// Operations that have not ended, as an index.
    pub(super) open: BTreeSet<Uuid>,
    /// Changes that ended after their outcome had been open, as an index.
    pub(super) settling: BTreeSet<Uuid>,
    /// Operation, number, epoch.
    pub(super) attempts: Vec<(Uuid, i32, i64)>,
    pub(super) evidence: BTreeMap<Uuid, Vec<Evidence>>,
    /// Tenant, customer, provider.
    pub(super) claims: BTreeMap<(String, String, String), Uuid>,
    pub(super) gates: BTreeMap<String, Gate>,
    pub(super) keys: BTreeMap<(String, String), IdempotencyRecord>,
    pub(super) members: BTreeMap<Uuid, BTreeMap<String, Member>>,
    pub(super) witness: Option<Arc<dyn Witness>>,
}

/// Every row by a constraint's name.
pub(super) fn refused<T>(constraint: &str) -> StoreResult<T> {
    let source = sqlx::Error::Protocol("refused in memory".to_owned());
    Err(StoreError::Constraint { constraint: constraint.to_owned(), source })
}

pub(super) fn is_in_flight(state: OperationState) -> bool {
    match state {
        OperationState::Sending | OperationState::Unknown | OperationState::Quarantined => true,
        OperationState::Accepted | OperationState::Succeeded | OperationState::Rejected => false,
    }
}

/// What one operation does, another of its kind can undo.
fn is_change(kind: OperationKind) -> bool {
    match kind {
        OperationKind::Update | OperationKind::Lock | OperationKind::Unlock => true,
        OperationKind::Create | OperationKind::Invite | OperationKind::AdminRole => false,
    }
}

impl Tables {
    /// Empty tables whose writes are shown to a witness.
    #[must_use]
    pub fn watched(witness: Arc<dyn Witness>) -> Self {
        Self { witness: Some(witness), ..Self::default() }
    }

    /// Every organization, by its id.
    pub fn organizations(&self) -> impl Iterator<Item = &Organization> {
        self.organizations.values()
    }

    /// Every operation, by its id.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values()
    }

    /// The operations that have not ended, by their ids.
    pub fn open_operations(&self) -> impl Iterator<Item = &Operation> {
        self.open.iter().filter_map(|id| self.operations.get(id))
    }

    /// One operation.
    #[must_use]
    pub fn operation(&self, id: Uuid) -> Option<&Operation> {
        self.operations.get(&id)
    }

    /// One organization.
    #[must_use]
    pub fn organization(&self, id: Uuid) -> Option<&Organization> {
        self.organizations.get(&id)
    }

    /// What was seen of an operation, in order.
    #[must_use]
    pub fn evidence_of(&self, id: Uuid) -> &[Evidence] {
        self.evidence.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Times that an operation was taken up: number and epoch, in order.
    pub fn attempts_of(&self, id: Uuid) -> impl Iterator<Item = (i32, i64)> {
        self.attempts.iter().filter(move |row| row.0 == id).map(|row| (row.1, row.2))
    }

    /// An account's gate.
    #[must_use]
    pub fn gate(&self, provider: &str) -> Option<&Gate> {
        self.gates.get(provider)
    }

    /// Every account's gate, by its name.
    pub fn gates(&self) -> impl Iterator<Item = (&str, &Gate)> {
        self.gates.iter().map(|(name, gate)| (name.as_str(), gate))
    }

    /// Every idempotency key: tenant, key, and what is known of it.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str, &IdempotencyRecord)> {
        self.keys.iter().map(|((tenant, key), record)| (tenant.as_str(), key.as_str(), record))
    }

    /// The customer ids that are taken: tenant, customer, provider, and by which organization.
    pub fn claims(&self) -> impl Iterator<Item = (&(String, String, String), &Uuid)> {
        self.claims.iter()
    }

    /// Who was invited into an organization, by address in lower case.
    pub fn members_of(&self, id: Uuid) -> impl Iterator<Item = &Member> {
        self.members.get(&id).into_iter().flat_map(BTreeMap::values)
    }

    /// What is known of an idempotency key.
    #[must_use]
    pub fn key(&self, tenant: &str, key: &str) -> Option<&IdempotencyRecord> {
        self.keys.get(&(tenant.to_owned(), key.to_owned()))
    }

    /// Checks a new version of an operation as trigger, checks and index do.
    pub(super) fn check_operation(&self, old: &Operation, new: &Operation) -> StoreResult<()> {
        if old.state.is_final() {
            return refused("operations_ended");
        }
        if new.epoch < old.epoch {
            return refused("operations_epoch_rises");
        }
        if new.state != old.state && !may_follow(old.state, new.state) {
            return refused("operations_transition");
        }
        check_row(new)?;
        let comes_into_flight = is_in_flight(new.state) && !is_in_flight(old.state);
        if comes_into_flight
            && self.open_operations().any(|other| {
                other.organization_id == new.organization_id
                    && other.id != new.id
                    && is_in_flight(other.state)
            })
        {
            return refused("operations_one_in_flight");
        }
        Ok(())
    }

    /// Writes an operation that was checked.
    pub(super) fn put_operation(&mut self, operation: Operation) {
        let before = self.operations.get(&operation.id);
        if let Some(witness) = &self.witness {
            witness.operation(before, &operation);
        }
        if operation.state.is_final() {
            self.open.remove(&operation.id);
            if operation.settle_until.is_some() && is_change(operation.kind) {
                self.settling.insert(operation.id);
            }
        } else {
            self.open.insert(operation.id);
        }
        self.operations.insert(operation.id, operation);
    }

    /// Checks an organization as the checks and the unique indexes do.
    pub(super) fn check_organization(&self, org: &Organization) -> StoreResult<()> {
        let has_no_id = matches!(org.status, OrgStatus::Pending | OrgStatus::Failed);
        if org.provider_org_id.is_none() != has_no_id {
            return refused("organizations_provider_org_id_known");
        }
        let before = self.organizations.get(&org.id);
        let same_key = before.is_some_and(|old| {
            old.provider_org_id == org.provider_org_id
                && old.customer_id == org.customer_id
                && (old.status == OrgStatus::Failed) == (org.status == OrgStatus::Failed)
        });
        if same_key {
            return Ok(());
        }
        let others = || {
            self.organizations
                .values()
                .filter(|other| other.id != org.id && other.provider == org.provider)
        };
        if org.provider_org_id.is_some()
            && others().any(|other| other.provider_org_id == org.provider_org_id)
        {
            return refused("organizations_provider_org_id_key");
        }
        let lives = |org: &Organization| org.status != OrgStatus::Failed;
        if lives(org)
            && others().any(|other| {
                lives(other) && other.tenant == org.tenant && other.customer_id == org.customer_id
            })
        {
            return refused("organizations_customer_key");
        }
        Ok(())
    }

    /// Writes an organization that was checked.
    pub(super) fn put_organization(&mut self, org: Organization) {
        if let Some(witness) = &self.witness {
            witness.organization(self.organizations.get(&org.id), &org);
        }
        self.organizations.insert(org.id, org);
    }

    pub(super) fn put_evidence(&mut self, operation_id: Uuid, evidence: Evidence) {
        if let (Some(witness), Some(operation)) =
            (&self.witness, self.operations.get(&operation_id))
        {
            witness.evidence(operation, &evidence);
        }
        self.evidence.entry(operation_id).or_default().push(evidence);
    }

    /// Another operation of the same organization must be done first, or may yet be done by a send that
    /// nobody has accounted for.
    pub(super) fn is_held_back(&self, operation: &Operation, now: DateTime<Utc>) -> bool {
        let is_other = |other: &&Operation| {
            other.organization_id == operation.organization_id && other.id != operation.id
        };
        let comes_first = |other: &Operation| {
            is_in_flight(other.state)
                || (other.created_at, other.id) < (operation.created_at, operation.id)
        };
        let may_yet_be_done = |other: &Operation| {
            is_change(other.kind) && other.settle_until.is_some_and(|until| until > now)
        };
        self.open_operations().filter(is_other).any(comes_first)
            || (is_change(operation.kind)
                && self
                    .settling
                    .iter()
                    .filter_map(|id| self.operations.get(id))
                    .filter(is_other)
                    .any(may_yet_be_done))
    }

    /// The last operation of an organization of this kind.
    pub(super) fn last_operation(&self, org: Uuid, kind: OperationKind) -> Option<&Operation> {
        self.operations
            .values()
            .filter(|operation| operation.organization_id == org && operation.kind == kind)
            .max_by_key(|operation| (operation.created_at, operation.id))
    }

    /// The mappings of these ids at a provider.
    pub(super) fn known_mappings(&self, provider: &str, ids: &[String]) -> Vec<KnownMapping> {
        self.organizations
            .values()
            .filter(|org| org.provider.as_str() == provider)
            .filter_map(|org| {
                Some(KnownMapping {
                    provider_org_id: org.provider_org_id.as_ref()?.as_str().to_owned(),
                    organization_id: org.id,
                    tenant: org.tenant.clone(),
                    customer_id: org.customer_id.clone(),
                })
            })
            .filter(|known| ids.contains(&known.provider_org_id))
            .collect()
    }

    /// The open creates at a provider that have any of these keys, by their ids.
    pub(super) fn open_creates_like(&self, provider: &str, keys: &CreateKeys) -> Vec<OpenCreate> {
        let has = |keys: &[String], text: &str| keys.iter().any(|key| key == text);
        let has_email = |email: &str| keys.emails.iter().any(|key| key.eq_ignore_ascii_case(email));
        self.open_operations()
            .filter(|operation| operation.provider.as_str() == provider)
            .filter(|operation| operation.kind == OperationKind::Create)
            .map(open_create)
            .filter(|create| {
                keys.all
                    || has(&keys.customer_ids, &create.customer_id)
                    || create.email.as_deref().is_some_and(has_email)
                    || has(&keys.names, &create.name)
            })
            .collect()
    }
}

fn open_create(operation: &Operation) -> OpenCreate {
    let text = |pointer: &str| {
        operation.request.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    OpenCreate {
        operation_id: operation.id,
        tenant: operation.tenant.clone(),
        customer_id: text("/new/customer_id").unwrap_or_default(),
        email: text("/new/owner/email"),
        name: text("/new/name").unwrap_or_default(),
        not_before: operation.first_sent_at.unwrap_or(operation.created_at),
        may_have_left: operation.first_sent_at.is_some(),
    }
}

/// The checks on the row alone.
pub(super) fn check_row(row: &Operation) -> StoreResult<()> {
    if row.finished_at.is_some() != row.state.is_final() {
        return refused("operations_finished");
    }
    if row.state == OperationState::Sending && row.lease_until.is_none() {
        return refused("operations_lease");
    }
    if row.request.get("password").is_some() {
        return refused("operations_no_password");
    }
    if !(0..=2).contains(&row.sends) {
        return refused("operations_two_sends");
    }
    Ok(())
}

/// The transitions that the trigger lets pass.
fn may_follow(old: OperationState, new: OperationState) -> bool {
    use OperationState::{Accepted, Quarantined, Rejected, Sending, Succeeded, Unknown};
    match old {
        Accepted => matches!(new, Sending | Rejected),
        Sending => matches!(new, Succeeded | Rejected | Accepted | Unknown),
        Unknown => matches!(new, Succeeded | Accepted | Quarantined | Rejected),
        Quarantined => matches!(new, Succeeded | Accepted | Rejected),
        Succeeded | Rejected => false,
    }
}
