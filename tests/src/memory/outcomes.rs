//! Writing down how an operation goes on: fenced by its epoch and state, with what it does to the mapping.

use chrono::{DateTime, Utc};
use partner_core::Member;
use partner_gateway::store::{
    Evidence, EvidenceKind, NextState, Operation, OperationKind, OperationState, OrgStatus,
    Organization, Outcome, Recorded, StoreError, StoreResult,
};
use uuid::Uuid;

use super::tables::Tables;

impl Tables {
    pub(super) fn record(
        &mut self,
        operation: &Operation,
        evidence: Option<&Evidence>,
        outcome: &Outcome<'_>,
        now: DateTime<Utc>,
    ) -> StoreResult<Recorded> {
        let Some(current) = self.operations.get(&operation.id) else {
            return Ok(Recorded::Fenced);
        };
        if current.epoch != operation.epoch || current.state != operation.state {
            return Ok(Recorded::Fenced);
        }
        let mut updated = moved(current, &outcome.next, now);
        if outcome.is_accounted {
            updated.settle_until = None;
        }
        self.check_operation(current, &updated)?;
        let before = self.reread_organization(operation.organization_id)?;
        let mut after = before.clone();
        (outcome.change)(&mut after);
        after.last_event += i64::from(outcome.event.is_some());
        after.last_event += i64::from(after.is_usable() != before.is_usable());
        let after = self.raised(&before, after, now);
        self.check_organization(&after)?;
        self.put_operation(updated.clone());
        if let Some(evidence) = evidence {
            self.put_evidence(operation.id, evidence.clone());
        }
        self.add_members(after.id, outcome.members);
        self.release_claims(&after);
        self.put_organization(after);
        if operation.kind == OperationKind::Create {
            self.note_create(operation, &outcome.next, now);
        }
        Ok(Recorded::Applied(Box::new(updated)))
    }

    /// The organization as it is saved: its version rises with every change but that of observation.
    pub(super) fn raised(
        &self,
        before: &Organization,
        mut after: Organization,
        now: DateTime<Utc>,
    ) -> Organization {
        if !after.is_same_but_for_observation(before) {
            after.version = before.version + 1;
            after.updated_at = now;
        }
        after
    }

    fn note_create(&mut self, operation: &Operation, next: &NextState, now: DateTime<Utc>) {
        let provider = operation.provider.as_str();
        match next {
            NextState::Succeeded => self.note_create_success(provider, now),
            NextState::Unknown { .. } if operation.state == OperationState::Sending => {
                self.note_unknown_create(provider, now);
            }
            NextState::Rejected { .. } | NextState::Accepted { .. } if was_in_doubt(operation) => {
                self.note_reading(provider, now);
            }
            NextState::Unknown { .. }
            | NextState::Rejected { .. }
            | NextState::Accepted { .. }
            | NextState::Quarantined => {}
        }
    }

    fn add_members(&mut self, organization: Uuid, members: &[Member]) {
        for member in members {
            let known = self.members.entry(organization).or_default();
            let key = member.email.as_str().to_ascii_lowercase();
            let kept = known.entry(key).or_insert_with(|| member.clone());
            kept.role = member.role.or(kept.role);
        }
    }

    /// Gives back the customer ids that an organization no longer has, nor any open change wants for it.
    fn release_claims(&mut self, org: &Organization) {
        let wanted: Vec<String> = self
            .open_operations()
            .filter(|open| open.organization_id == org.id && open.kind == OperationKind::Update)
            .filter_map(|open| open.request["patch"]["customer_id"].as_str().map(str::to_owned))
            .collect();
        let lives = org.status != OrgStatus::Failed;
        self.claims.retain(|(_, customer_id, _), claimant| {
            *claimant != org.id
                || (lives && *customer_id == org.customer_id)
                || wanted.contains(customer_id)
        });
    }

    pub(super) fn proven_provider_org_id(&self, operation_id: Uuid) -> Option<String> {
        self.evidence_of(operation_id)
            .iter()
            .filter(|evidence| evidence.kind == EvidenceKind::Answer)
            .find_map(|evidence| evidence.detail.get("provider_org_id"))
            .and_then(|id| id.as_str().map(str::to_owned))
    }

    pub(super) fn reread_organization(&self, id: Uuid) -> StoreResult<Organization> {
        let found = self.organizations.get(&id).cloned();
        found.ok_or_else(|| StoreError::Corrupt(format!("no organization {id}")))
    }
}

fn was_in_doubt(operation: &Operation) -> bool {
    matches!(operation.state, OperationState::Unknown | OperationState::Quarantined)
}

/// The row after a transition.
fn moved(current: &Operation, next: &NextState, now: DateTime<Utc>) -> Operation {
    let state = next.state();
    let mut row = Operation {
        state,
        error: None,
        next_attempt_at: None,
        lease_until: None,
        absent_read_at: None,
        finished_at: state.is_final().then_some(now),
        updated_at: now,
        ..current.clone()
    };
    match next {
        NextState::Succeeded | NextState::Quarantined => {}
        NextState::Rejected { error } => row.error = Some(error.clone()),
        NextState::Accepted { after, give_back_send } => {
            row.next_attempt_at = Some(now + *after);
            row.sends -= i32::from(*give_back_send);
        }
        NextState::Unknown { settle_until, look_after, absent_since } => {
            row.next_attempt_at = Some(now + *look_after);
            row.settle_until = Some(*settle_until);
            row.absent_read_at = *absent_since;
            if current.state == OperationState::Sending {
                row.unknown_since = Some(now);
            }
        }
    }
    row
}
