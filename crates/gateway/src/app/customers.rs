//! A customer as a whole: all of its organizations, across providers.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
    write::{must_not_have_failed, send},
};
use crate::{
    operations::LockRequest,
    store::{
        IdempotencyRecord, NewOperation, OperationKind, OperationState, Organization, TenantScope,
    },
};

/// All of a customer's organizations.
#[derive(Debug, Clone)]
pub struct CustomerView {
    /// The customer.
    pub customer_id: String,
    /// Its organizations, but for creates that were refused.
    pub organizations: Vec<Organization>,
}

/// What became of one organization when a whole customer was locked or unlocked.
#[derive(Debug, Clone)]
pub struct CustomerResult {
    /// The organization.
    pub organization_id: Uuid,
    /// Its account.
    pub provider: String,
    /// What became of it.
    pub outcome: LockOutcome,
    /// The operation, where one was needed.
    pub operation_id: Option<Uuid>,
}

/// What became of one organization when a whole customer was locked or unlocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockOutcome {
    /// Done.
    Done,
    /// It was so before, and was made sure of.
    Already,
    /// The provider cannot.
    Unsupported,
    /// It was refused.
    Failed,
    /// Not settled yet.
    Pending,
}

impl App {
    /// All of a customer's organizations.
    ///
    /// # Errors
    /// `NotFound` where the caller has none of this customer.
    pub async fn customer(
        &self,
        scope: &TenantScope,
        customer_id: &str,
    ) -> AppResult<CustomerView> {
        let organizations = self.store.organizations_of_customer(scope, customer_id).await?;
        if organizations.is_empty() {
            return Err(AppError::NotFound("customer"));
        }
        Ok(CustomerView { customer_id: customer_id.to_owned(), organizations })
    }

    /// Locks or unlocks all of a customer's organizations.
    ///
    /// # Errors
    /// `NotFound` where the caller has none of this customer. What becomes of each organization is told
    /// one by one. The second part of the answer says that an earlier request is answered again.
    pub async fn set_customer_lock(
        self: &Arc<Self>,
        context: WriteContext,
        customer_id: &str,
        kind: OperationKind,
        reason: Option<String>,
    ) -> AppResult<(Vec<CustomerResult>, bool)> {
        let claim = match self.claim_key(&context).await? {
            Ok(claim) => claim,
            Err(record) => {
                let replayed = self.customer_replay(&context.scope, customer_id, &record);
                return Ok((replayed.await?, true));
            }
        };
        let customer = self.customer(&context.scope, customer_id).await?;
        let planned: Vec<(Organization, NewOperation)> = customer
            .organizations
            .into_iter()
            .map(|org| {
                let reason = reason.clone();
                (org, context.operation(kind, json!(LockRequest { reason })))
            })
            .collect();
        if let Some(claim) = &claim {
            let ids: Vec<Uuid> = planned.iter().map(|(_, operation)| operation.id).collect();
            if !self.store.take_idempotency_key(claim, &ids).await? {
                return Err(AppError::KeyInProgress);
            }
        }
        let context = WriteContext { key: None, if_match: None, ..context };
        let locking = planned
            .into_iter()
            .map(|(org, operation)| self.lock_one(context.clone(), org, operation));
        Ok((join_all(locking).await.into_iter().collect::<AppResult<Vec<_>>>()?, false))
    }

    async fn lock_one(
        self: &Arc<Self>,
        context: WriteContext,
        org: Organization,
        operation: NewOperation,
    ) -> AppResult<CustomerResult> {
        let provider = org.provider.as_str().to_owned();
        let result = |outcome, operation_id| CustomerResult {
            organization_id: org.id,
            provider: provider.clone(),
            outcome,
            operation_id,
        };
        if !self.account(&provider)?.capabilities().lock {
            return Ok(result(LockOutcome::Unsupported, None));
        }
        let (id, was_locked) =
            (operation.id, org.lock_by(partner_core::LockOrigin::Partner).is_some());
        let is_repeat = was_locked == (operation.kind == OperationKind::Lock);
        let plan = move |org: &mut Organization| {
            must_not_have_failed(org)?;
            Ok(send(operation))
        };
        let outcome = match self.write(context, org.id, None, plan).await {
            Ok(written) if written.pending().is_some() => LockOutcome::Pending,
            Ok(_) if is_repeat => LockOutcome::Already,
            Ok(_) => LockOutcome::Done,
            Err(AppError::Rejected { .. } | AppError::WrongStatus(_)) => LockOutcome::Failed,
            Err(error) => return Err(error),
        };
        Ok(result(outcome, Some(id)))
    }

    /// Returns the present outcomes of an earlier request, for the organizations that the caller may read now.
    ///
    /// # Errors
    /// `NotFound` where the caller may read none of them.
    async fn customer_replay(
        &self,
        scope: &TenantScope,
        customer_id: &str,
        record: &IdempotencyRecord,
    ) -> AppResult<Vec<CustomerResult>> {
        let mut results = Vec::new();
        for id in &record.operation_ids {
            let Some(operation) = self.store.get_operation(scope, *id).await? else {
                continue;
            };
            results.push(CustomerResult {
                organization_id: operation.organization_id,
                provider: operation.provider.as_str().to_owned(),
                outcome: outcome_of(operation.state),
                operation_id: Some(operation.id),
            });
        }
        // An organization that the provider cannot lock has no operation.
        for org in self.store.organizations_of_customer(scope, customer_id).await? {
            let provider = org.provider.as_str();
            if !self.account(provider)?.capabilities().lock {
                results.push(CustomerResult {
                    organization_id: org.id,
                    provider: provider.to_owned(),
                    outcome: LockOutcome::Unsupported,
                    operation_id: None,
                });
            }
        }
        if results.is_empty() {
            return Err(AppError::NotFound("customer"));
        }
        Ok(results)
    }
}

fn outcome_of(state: OperationState) -> LockOutcome {
    match state {
        OperationState::Succeeded => LockOutcome::Done,
        OperationState::Rejected => LockOutcome::Failed,
        OperationState::Accepted
        | OperationState::Sending
        | OperationState::Unknown
        | OperationState::Quarantined => LockOutcome::Pending,
    }
}
