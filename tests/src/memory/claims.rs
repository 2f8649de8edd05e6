//! Taking operations up: leases, epochs, order within an organization.

use std::time::Duration;

use chrono::{DateTime, Utc};
use partner_gateway::store::{
    Certainty, CreateBudget, Due, Evidence, EvidenceKind, Operation, OperationKind, OperationState,
    StoreResult,
};
use serde_json::json;
use uuid::Uuid;

use super::tables::Tables;

/// What is taken up at most by one sweep of leases.
const LEASES_AT_ONCE: usize = 100;

impl Tables {
    pub(super) fn claim_due(
        &mut self,
        provider: &str,
        creates: bool,
        limit: i64,
        lease: Duration,
        budget: &CreateBudget,
        now: DateTime<Utc>,
    ) -> StoreResult<Due> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let mut due: Vec<&Operation> = self
            .open_operations()
            .filter(|operation| {
                operation.state == OperationState::Accepted
                    && operation.provider.as_str() == provider
                    && (operation.kind == OperationKind::Create) == creates
                    && operation.kind != OperationKind::AdminRole
                    && operation.next_attempt_at.is_none_or(|at| at <= now)
                    && !self.is_held_back(operation, now)
            })
            .collect();
        due.sort_by_key(|operation| (operation.created_at, operation.id));
        due.truncate(limit);
        let ids: Vec<Uuid> = due.into_iter().map(|operation| operation.id).collect();
        let mut more_waits = ids.len() >= limit;
        let mut claimed = Vec::new();
        for id in ids {
            let Some(operation) = self.operations.get(&id) else { continue };
            match self.taken(operation, lease, budget, now)? {
                Some(taken) => {
                    self.put_taken(&taken);
                    claimed.push(taken);
                }
                None => {
                    more_waits = true;
                    break;
                }
            }
        }
        Ok(Due { claimed, more_waits })
    }

    /// An accepted operation as it stands when it is taken up; `None` where it must wait.
    pub(super) fn taken(
        &self,
        operation: &Operation,
        lease: Duration,
        budget: &CreateBudget,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<Operation>> {
        let provider = operation.provider.as_str();
        let is_create = operation.kind == OperationKind::Create;
        if is_create && !self.create_may_pass(provider, budget, now) {
            return Ok(None);
        }
        if operation.state != OperationState::Accepted
            || operation.sends >= 2
            || self.is_shut(provider, now)
            || self.is_held_back(operation, now)
        {
            return Ok(None);
        }
        let taken = Operation {
            state: OperationState::Sending,
            epoch: operation.epoch + 1,
            attempts: operation.attempts + 1,
            sends: operation.sends + 1,
            lease_until: Some(now + lease),
            first_sent_at: operation.first_sent_at.or(Some(now)),
            updated_at: now,
            ..operation.clone()
        };
        self.check_operation(operation, &taken)?;
        Ok(Some(taken))
    }

    pub(super) fn put_taken(&mut self, taken: &Operation) {
        self.attempts.push((taken.id, taken.attempts, taken.epoch));
        self.put_operation(taken.clone());
    }

    pub(super) fn claim_unknown(
        &mut self,
        provider: &str,
        limit: i64,
        lease: Duration,
        now: DateTime<Utc>,
    ) -> StoreResult<Vec<Operation>> {
        let mut due: Vec<&Operation> = self
            .open_operations()
            .filter(|operation| {
                operation.state == OperationState::Unknown
                    && operation.provider.as_str() == provider
                    && operation.next_attempt_at.is_some_and(|at| at <= now)
            })
            .collect();
        due.sort_by_key(|operation| (operation.next_attempt_at, operation.id));
        due.truncate(usize::try_from(limit).unwrap_or(0));
        let looked_at: Vec<Operation> =
            due.into_iter().map(|operation| looked_at(operation, lease, now)).collect();
        for operation in &looked_at {
            self.put_operation(operation.clone());
        }
        Ok(looked_at)
    }

    pub(super) fn claim_one_unknown(
        &mut self,
        id: Uuid,
        epoch: i64,
        lease: Duration,
        now: DateTime<Utc>,
    ) -> Option<Operation> {
        let operation = self.operations.get(&id)?;
        if operation.epoch != epoch || operation.state != OperationState::Unknown {
            return None;
        }
        let claimed = looked_at(operation, lease, now);
        self.put_operation(claimed.clone());
        Some(claimed)
    }

    pub(super) fn expire_leases(
        &mut self,
        provider: &str,
        settle_window: Duration,
        now: DateTime<Utc>,
    ) -> StoreResult<u64> {
        let mut expired: Vec<&Operation> = self
            .open_operations()
            .filter(|operation| {
                operation.state == OperationState::Sending
                    && operation.provider.as_str() == provider
                    && operation.lease_until.is_some_and(|until| until < now)
            })
            .collect();
        expired.sort_by_key(|operation| (operation.lease_until, operation.id));
        expired.truncate(LEASES_AT_ONCE);
        let expired: Vec<Operation> = expired.into_iter().cloned().collect();
        for operation in &expired {
            let unknown = Operation {
                state: OperationState::Unknown,
                epoch: operation.epoch + 1,
                unknown_since: Some(now),
                settle_until: operation.lease_until.map(|until| until + settle_window),
                absent_read_at: None,
                next_attempt_at: Some(now),
                updated_at: now,
                ..operation.clone()
            };
            self.check_operation(operation, &unknown)?;
            let (id, epoch, kind) = (unknown.id, unknown.epoch, unknown.kind);
            self.put_operation(unknown);
            self.put_evidence(id, lease_expired(epoch));
            self.doubt_organization(operation.organization_id, now);
            if kind == OperationKind::Create {
                self.note_unknown_create(provider, now);
            }
        }
        Ok(u64::try_from(expired.len()).unwrap_or(u64::MAX))
    }

    fn doubt_organization(&mut self, id: Uuid, now: DateTime<Utc>) {
        let Some(org) = self.organizations.get(&id) else { return };
        if org.certainty != Certainty::Unknown {
            let mut org = org.clone();
            org.certainty = Certainty::Unknown;
            org.version += 1;
            org.updated_at = now;
            self.put_organization(org);
        }
    }
}

fn lease_expired(epoch: i64) -> Evidence {
    Evidence {
        epoch,
        kind: EvidenceKind::LeaseExpired,
        send_phase: None,
        provider_request_id: None,
        detail: json!({}),
    }
}

fn looked_at(operation: &Operation, lease: Duration, now: DateTime<Utc>) -> Operation {
    Operation {
        epoch: operation.epoch + 1,
        next_attempt_at: Some(now + lease),
        updated_at: now,
        ..operation.clone()
    }
}
