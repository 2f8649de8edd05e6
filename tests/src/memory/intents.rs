//! Committing what is meant to be done, and where nothing stands in its way its first attempt.

use chrono::{DateTime, Utc};
use partner_gateway::store::{
    BeginCreate, BeginOptions, BeginUpdate, IdempotencyRecord, KeyClaim, NewOperation, Operation,
    OperationState, Organization, Plan, Refused, StoreError, StoreResult, TenantScope,
};
use uuid::Uuid;

use super::tables::{Tables, check_row, refused};

impl Tables {
    pub(super) fn begin_create(
        &mut self,
        org: &Organization,
        operation: &NewOperation,
        options: BeginOptions<'_>,
        now: DateTime<Utc>,
    ) -> StoreResult<BeginCreate> {
        if let Some(record) = options.key.and_then(|key| self.key(&key.tenant, &key.key)) {
            return Ok(BeginCreate::Replay(record.clone()));
        }
        if let Some(existing) = self.claimed_by(org, &org.customer_id)? {
            return Ok(BeginCreate::AlreadyMapped(Box::new(existing)));
        }
        let row = Organization { created_at: now, updated_at: now, ..org.clone() };
        self.check_organization(&row)?;
        let accepted = accepted(&row, operation, now);
        self.check_new(&accepted)?;
        self.put_key(options.key, vec![operation.id], Some(org.id));
        self.claim_customer(org, &org.customer_id);
        self.put_organization(row);
        self.put_operation(accepted.clone());
        let begun = match self.taken(&accepted, options.lease, options.budget, now)? {
            Some(taken) => {
                self.put_taken(&taken);
                taken
            }
            None => accepted,
        };
        Ok(BeginCreate::Begun(Box::new(begun)))
    }

    pub(super) fn begin_operation<E>(
        &mut self,
        scope: &TenantScope,
        organization_id: Uuid,
        plan: impl FnOnce(&mut Organization) -> Result<Plan, E>,
        options: BeginOptions<'_>,
        now: DateTime<Utc>,
    ) -> StoreResult<BeginUpdate<E>> {
        let in_scope = |org: &&Organization| scope.tenant().is_none_or(|one| one == org.tenant);
        let Some(before) = self.organizations.get(&organization_id).filter(in_scope).cloned()
        else {
            return Ok(BeginUpdate::NotFound);
        };
        let mut after = before.clone();
        let plan = match plan(&mut after) {
            Ok(plan) => plan,
            Err(error) => return Ok(BeginUpdate::Refused(Refused::ByCheck(error))),
        };
        if let Some(record) = options.key.and_then(|key| self.key(&key.tenant, &key.key)) {
            return Ok(BeginUpdate::Replay(record.clone()));
        }
        if let Some(customer_id) = &plan.new_customer_id
            && let Some(taken_by) = self.claimed_by(&before, customer_id)?
        {
            let is_own = taken_by.id == organization_id;
            let why = if is_own { Refused::Busy } else { Refused::CustomerTaken(taken_by.id) };
            return Ok(BeginUpdate::Refused(why));
        }
        let Some(operation) = &plan.operation else {
            let saved = self.save_locally(&before, after, &plan, now)?;
            self.put_key(options.key, Vec::new(), Some(organization_id));
            return Ok(BeginUpdate::Done(Box::new(saved)));
        };
        let accepted = accepted(&before, operation, now);
        self.check_new(&accepted)?;
        let taken = self.taken(&accepted, options.lease, options.budget, now)?;
        if plan.must_send_now && taken.is_none() {
            return Ok(BeginUpdate::Refused(Refused::Busy));
        }
        self.put_key(options.key, vec![operation.id], Some(organization_id));
        if let Some(customer_id) = &plan.new_customer_id {
            self.claim_customer(&before, customer_id);
        }
        self.put_operation(accepted.clone());
        if let Some(taken) = &taken {
            self.put_taken(taken);
        }
        Ok(BeginUpdate::Begun(Box::new(taken.unwrap_or(accepted)), Box::new(before)))
    }

    pub(super) fn adopt(
        &mut self,
        org: &Organization,
        key: Option<&KeyClaim>,
        now: DateTime<Utc>,
    ) -> StoreResult<BeginCreate> {
        if let Some(record) = key.and_then(|key| self.key(&key.tenant, &key.key)) {
            return Ok(BeginCreate::Replay(record.clone()));
        }
        if let Some(existing) = self.claimed_by(org, &org.customer_id)? {
            return Ok(BeginCreate::AlreadyMapped(Box::new(existing)));
        }
        let mut row = Organization { created_at: now, updated_at: now, ..org.clone() };
        row.last_event += 1 + i64::from(row.is_usable());
        self.check_organization(&row)?;
        self.put_key(key, Vec::new(), Some(org.id));
        self.claim_customer(org, &org.customer_id);
        self.put_organization(row.clone());
        Ok(BeginCreate::AlreadyMapped(Box::new(row)))
    }

    fn save_locally(
        &mut self,
        before: &Organization,
        mut after: Organization,
        plan: &Plan,
        now: DateTime<Utc>,
    ) -> StoreResult<Organization> {
        if *before != after {
            if plan.local.is_some() && !after.is_same_but_for_observation(before) {
                after.last_event += 1 + i64::from(after.is_usable() != before.is_usable());
            }
            after = self.raised(before, after, now);
            self.check_organization(&after)?;
            self.put_organization(after.clone());
        }
        if let Some(customer_id) = &plan.new_customer_id {
            self.claim_customer(before, customer_id);
        }
        if before.customer_id != after.customer_id {
            let left = claim_key(before, &before.customer_id);
            self.claims.retain(|key, claimant| *key != left || *claimant != before.id);
        }
        Ok(after)
    }

    fn check_new(&self, operation: &Operation) -> StoreResult<()> {
        if self.operations.contains_key(&operation.id) {
            return refused("operations_pkey");
        }
        check_row(operation)
    }

    fn claim_customer(&mut self, org: &Organization, customer_id: &str) {
        self.claims.insert(claim_key(org, customer_id), org.id);
    }

    fn claimed_by(
        &self,
        org: &Organization,
        customer_id: &str,
    ) -> StoreResult<Option<Organization>> {
        let Some(id) = self.claims.get(&claim_key(org, customer_id)) else { return Ok(None) };
        let claimant = self.organizations.get(id).cloned();
        claimant
            .map(Some)
            .ok_or_else(|| StoreError::Corrupt("a claim without its organization".to_owned()))
    }

    fn put_key(
        &mut self,
        claim: Option<&KeyClaim>,
        operation_ids: Vec<Uuid>,
        organization_id: Option<Uuid>,
    ) {
        if let Some(claim) = claim {
            let fingerprint = claim.fingerprint.clone();
            let record = IdempotencyRecord { fingerprint, operation_ids, organization_id };
            self.keys.insert((claim.tenant.clone(), claim.key.clone()), record);
        }
    }
}

fn claim_key(org: &Organization, customer_id: &str) -> (String, String, String) {
    (org.tenant.clone(), customer_id.to_owned(), org.provider.as_str().to_owned())
}

fn accepted(org: &Organization, operation: &NewOperation, now: DateTime<Utc>) -> Operation {
    Operation {
        id: operation.id,
        tenant: org.tenant.clone(),
        organization_id: org.id,
        provider: org.provider.clone(),
        kind: operation.kind,
        state: OperationState::Accepted,
        epoch: 0,
        lease_until: None,
        attempts: 0,
        sends: 0,
        next_attempt_at: Some(now),
        request: operation.request.clone(),
        actor: operation.actor.clone(),
        request_id: operation.request_id.clone(),
        traceparent: operation.traceparent.clone(),
        error: None,
        first_sent_at: None,
        unknown_since: None,
        settle_until: None,
        absent_read_at: None,
        created_at: now,
        updated_at: now,
        finished_at: None,
    }
}
