//! An operation as callers see it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::WarningOut;
use crate::{
    app::{CandidateView, OperationView},
    http::problem::Problem,
    store::{CandidateStrength, OperationKind, OperationState, SendPhase},
};

/// A write that reaches a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Operation)]
pub(crate) struct OperationOut {
    /// UUIDv7.
    pub id: Uuid,
    pub organization_id: Uuid,
    /// The partner account.
    pub provider: String,
    pub kind: OperationKind,
    /// `unknown`: it may have been done, and the gateway is finding out; `quarantined`: only a person can.
    pub state: OperationState,
    /// How often it was taken up to be sent.
    pub attempts: i32,
    /// When it is looked at next; null when it is not.
    #[schema(required)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Who asked: the token's `sub`.
    pub actor: String,
    /// The gateway's id of the request that asked.
    pub request_id: String,
    /// Why it was rejected; null unless it was.
    #[schema(required)]
    pub error: Option<Problem>,
    /// What was seen of it; null before it was taken up.
    #[schema(required)]
    pub evidence: Option<EvidenceOut>,
    /// What the caller should know of it; absent where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<WarningOut>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When it succeeded or was rejected; null while it is open.
    #[schema(required)]
    pub finished_at: Option<DateTime<Utc>>,
}

/// What was seen of an operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub(crate) struct EvidenceOut {
    /// `not_sent`: the provider has processed nothing of it, because no attempt left the gateway or the provider
    /// refused each with its rate limit (429). `sent`: the provider may have processed it, or refused it.
    pub send_phase: SendPhase,
    /// The provider's id of the last request, for its support.
    #[schema(required)]
    pub provider_request_id: Option<String>,
    /// Until when an absence at the provider proves nothing.
    #[schema(required)]
    pub settle_until: Option<DateTime<Utc>>,
    /// Organizations at the provider that the create could have made.
    pub candidates: Vec<CandidateOut>,
}

/// An organization at the provider that a create could have made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Candidate)]
pub(crate) struct CandidateOut {
    /// Its id at the provider; null where another tenant claims it and the caller is no admin.
    #[schema(required)]
    pub provider_org_id: Option<String>,
    /// Its name there; null where the id is.
    #[schema(required)]
    pub name: Option<String>,
    /// The equal fields: `email`, `customer_id`, `name`.
    pub matched_on: Vec<String>,
    /// `strong`: e-mail and customer id are equal, and it is new. `weak`: less than that.
    pub strength: CandidateStrength,
    /// Another tenant has a mapping of it, or an open create that could have made it: only an admin can decide
    /// whose it is.
    pub claimed_elsewhere: bool,
}

impl CandidateOut {
    fn new(view: CandidateView) -> Self {
        let (provider_org_id, name) = view.shown.unzip();
        Self {
            provider_org_id,
            name,
            matched_on: view.matched_on,
            strength: view.strength,
            claimed_elsewhere: view.claimed_elsewhere,
        }
    }
}

impl OperationOut {
    /// An operation as callers see it.
    pub(crate) fn new(view: OperationView) -> Self {
        let operation = view.operation;
        let warnings = WarningOut::of(&operation, crate::operations::now());
        let settle_until = operation.settle_until;
        let is_open = !operation.state.is_final() && operation.state != OperationState::Quarantined;
        Self {
            id: operation.id,
            organization_id: operation.organization_id,
            provider: operation.provider.into(),
            kind: operation.kind,
            state: operation.state,
            attempts: operation.attempts,
            next_attempt_at: operation.next_attempt_at.filter(|_| is_open),
            actor: operation.actor,
            error: view.failure.map(|failure| Problem {
                request_id: Some(operation.request_id.clone()),
                ..Problem::of_failure(failure)
            }),
            request_id: operation.request_id,
            evidence: view.send_phase.map(|send_phase| EvidenceOut {
                send_phase,
                provider_request_id: view.provider_request_id,
                settle_until,
                candidates: view.candidates.into_iter().map(CandidateOut::new).collect(),
            }),
            warnings,
            created_at: operation.created_at,
            updated_at: operation.updated_at,
            finished_at: operation.finished_at,
        }
    }
}
