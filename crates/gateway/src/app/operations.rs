//! Reading operations, waiting for them, and settling what the machine could not.

use std::time::Duration;

use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
    write::failure_of,
};
use crate::{
    operations::{Failure, Resolution, Resolver, candidates},
    store::{
        Candidate, CandidateStrength, Evidence, Operation, OperationFilter, OperationState, PageOf,
        PageRequest, SendPhase, TenantScope,
    },
};

/// An operation with what is known of it.
#[derive(Debug, Clone)]
pub struct OperationView {
    /// The operation.
    pub operation: Operation,
    /// Why it was rejected.
    pub failure: Option<Failure>,
    /// Whether the provider may have processed anything; `None` before the first attempt.
    pub send_phase: Option<SendPhase>,
    /// The provider's id of the last request.
    pub provider_request_id: Option<String>,
    /// The organizations that the create could have made, as last seen and as far as the caller may see them.
    pub candidates: Vec<CandidateView>,
}

/// A candidate as a caller may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateView {
    /// Its id and its name at the provider; `None` where another tenant claims it and the caller is no admin.
    pub shown: Option<(String, String)>,
    /// The equal fields: `email`, `customer_id`, `name`.
    pub matched_on: Vec<String>,
    /// How much the match proves.
    pub strength: CandidateStrength,
    /// Another tenant has a mapping of it, or an open create that could have made it.
    pub claimed_elsewhere: bool,
}

impl CandidateView {
    fn new(candidate: Candidate, scope: &TenantScope) -> Self {
        let is_visible = !candidate.claimed_elsewhere || *scope == TenantScope::All;
        Self {
            shown: is_visible.then_some((candidate.provider_org_id, candidate.name)),
            matched_on: candidate.matched_on,
            strength: candidate.strength,
            claimed_elsewhere: candidate.claimed_elsewhere,
        }
    }
}

impl App {
    /// One operation of the caller's.
    ///
    /// # Errors
    /// `NotFound` where there is none for this caller.
    pub async fn operation(&self, scope: &TenantScope, id: Uuid) -> AppResult<OperationView> {
        let operation = self.find_operation(scope, id).await?;
        self.view_operation(scope, operation).await
    }

    /// Waits until an operation has ended or is quarantined, for `limit` at most, and returns its latest state.
    ///
    /// # Errors
    /// `NotFound` if the caller cannot see the operation.
    pub async fn await_operation(
        &self,
        scope: &TenantScope,
        id: Uuid,
        limit: Duration,
    ) -> AppResult<OperationView> {
        let found = self.find_operation(scope, id).await?;
        let is_over = |operation: &Operation| operation.state.is_at_rest();
        let waited = self.engine.wait(id, limit, self.poll_every, is_over).await?;
        self.view_operation(scope, waited.unwrap_or(found)).await
    }

    /// One page of the caller's operations.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn operations(
        &self,
        scope: &TenantScope,
        filter: &OperationFilter,
        page: &PageRequest,
    ) -> AppResult<PageOf<OperationView>> {
        let found = self.store.list_operations(scope, filter, page).await?;
        let mut items = Vec::with_capacity(found.items.len());
        for operation in found.items {
            items.push(self.view_operation(scope, operation).await?);
        }
        Ok(PageOf { items, next: found.next, total_count: found.total_count })
    }

    /// Settles an open operation as a person says. The second part of the answer says that an earlier
    /// request is answered again.
    ///
    /// # Errors
    /// Says why it cannot be settled this way; then nothing was changed.
    pub async fn resolve_operation(
        &self,
        context: WriteContext,
        id: Uuid,
        resolution: &Resolution,
        reason: String,
    ) -> AppResult<(OperationView, bool)> {
        let operation = self.find_operation(&context.scope, id).await?;
        let Ok(claim) = self.claim_key(&context).await? else {
            return Ok((self.view_operation(&context.scope, operation).await?, true));
        };
        let is_admin = context.scope == TenantScope::All;
        let (actor, request_id) = (context.actor, context.request_id);
        let resolver = Resolver { actor, request_id, reason, is_admin };
        let resolved = self.engine.resolve(&operation, resolution, &resolver).await?;
        if let Some(claim) = &claim {
            self.store.take_idempotency_key(claim, &[id]).await?;
        }
        Ok((self.view_operation(&context.scope, resolved).await?, false))
    }

    pub(super) async fn find_operation(
        &self,
        scope: &TenantScope,
        id: Uuid,
    ) -> AppResult<Operation> {
        self.store.get_operation(scope, id).await?.ok_or(AppError::NotFound("operation"))
    }

    /// Adds to an operation what its evidence says, as far as the caller may see it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn view_operation(
        &self,
        scope: &TenantScope,
        operation: Operation,
    ) -> AppResult<OperationView> {
        let evidence = if operation.attempts > 0 {
            self.store.evidence_of(operation.id).await?
        } else {
            Vec::new()
        };
        let failure = (operation.state == OperationState::Rejected).then(|| failure_of(&operation));
        Ok(OperationView {
            failure,
            send_phase: send_phase(&operation, &evidence),
            provider_request_id: evidence.iter().rev().find_map(|e| e.provider_request_id.clone()),
            candidates: candidates(&evidence)
                .into_iter()
                .map(|candidate| CandidateView::new(candidate, scope))
                .collect(),
            operation,
        })
    }
}

/// The provider may have processed something unless every attempt is known to be `NotSent`.
fn send_phase(operation: &Operation, evidence: &[Evidence]) -> Option<SendPhase> {
    if operation.attempts == 0 {
        return None;
    }
    let known: Vec<SendPhase> = evidence.iter().filter_map(|e| e.send_phase).collect();
    let all_known = known.len() >= usize::try_from(operation.attempts).unwrap_or(usize::MAX);
    let none_sent = known.iter().all(|phase| *phase == SendPhase::NotSent);
    Some(if all_known && none_sent { SendPhase::NotSent } else { SendPhase::Sent })
}
