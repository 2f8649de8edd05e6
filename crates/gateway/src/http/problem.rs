//! Every answer that is not a success: RFC 9457 problem documents, by one exhaustive table.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    app::AppError,
    auth::{Caller, Scope, challenge},
    operations::{Failure, FailureCode, FieldProblem, ProviderSaid},
    store::StoreError,
};

mod resolution;

/// The media type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// For how long a caller is asked to wait where nothing better is known, in seconds.
const RETRY_SOON: u64 = 1;

/// A problem document. `instance` and `request_id` are filled in on the way out, where the request is
/// known.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// A URI for the kind of problem: `urn:partner-gateway:problem:` and the code.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The kind of problem in words, the same each time.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, in words.
    pub detail: String,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The kind of problem: stable, in snake case.
    pub code: String,
    /// The gateway's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Every fault of the request, at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// What the provider answered, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderSaid>,
    /// The organization that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<uuid::Uuid>,
    /// The operation that blocks the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<uuid::Uuid>,
    /// After how many seconds to try again; sent as `Retry-After` too.
    #[serde(skip)]
    pub retry_after: Option<u64>,
    /// The answer repeats that of an earlier request.
    #[serde(skip)]
    pub replayed: bool,
    /// The `WWW-Authenticate` of a 401 or 403.
    #[serde(skip)]
    pub challenge: Option<String>,
}

/// Every kind of problem: status, code, title.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $title:literal;)+) => {
        impl Problem {
            $($(#[$doc])* #[must_use] pub fn $name(detail: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, $code, $title, detail.into())
            })+

            /// Every kind of problem: code, status and title.
            pub const KINDS: &'static [(&'static str, StatusCode, &'static str)] =
                &[$(($code, StatusCode::$status, $title)),+];
        }
    };
}

problems! {
    /// The request is not HTTP as it should be: a broken header or query.
    bad_request = BAD_REQUEST, "bad_request", "The request is malformed";
    /// The body is not JSON.
    invalid_json = BAD_REQUEST, "invalid_json", "The body is not JSON";
    /// An object of the body has a member twice.
    duplicate_member = BAD_REQUEST, "duplicate_member", "Duplicate member";
    /// No token, or none that is believed.
    unauthenticated = UNAUTHORIZED, "unauthenticated", "A valid bearer token is needed";
    /// The token lacks the scope.
    forbidden = FORBIDDEN, "forbidden", "The token does not allow this";
    /// No such row for this caller.
    not_found = NOT_FOUND, "not_found", "There is no such thing";
    /// No such path.
    no_such_route = NOT_FOUND, "no_such_endpoint", "There is no such endpoint";
    /// The path has no such method.
    method_not_allowed = METHOD_NOT_ALLOWED, "method_not_allowed", "The endpoint has no such method";
    /// The answer cannot be given in a type that the caller takes.
    not_acceptable = NOT_ACCEPTABLE, "not_acceptable", "The answer has another type";
    /// The request was not complete in time.
    request_timeout = REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive";
    /// The customer has another organization at this provider.
    customer_already_mapped = CONFLICT, "customer_already_mapped", "The customer is mapped already";
    /// The organization at the provider is mapped already.
    provider_org_already_mapped = CONFLICT, "provider_org_already_mapped", "The organization is mapped already";
    /// An open create could have made the organization.
    create_open = CONFLICT, "create_open", "An open create could have made the organization";
    /// Another tenant's mapping or open create claims the organization.
    claimed_elsewhere = CONFLICT, "claimed_elsewhere", "Another tenant claims the organization";
    /// The organization does not stand where this can be done.
    wrong_status = CONFLICT, "wrong_status", "The organization does not allow this now";
    /// The webhook is paused or disabled.
    webhook_not_active = CONFLICT, "webhook_not_active", "The webhook is told of nothing now";
    /// The tenant has as many webhooks as it may.
    too_many_webhooks = CONFLICT, "too_many_webhooks", "The tenant has as many webhooks as it may";
    /// Another operation is open on the organization.
    operation_in_progress = CONFLICT, "operation_in_progress", "Another operation is open";
    /// The first request with the key still runs.
    idempotency_in_progress = CONFLICT, "idempotency_in_progress", "The first request with this key is still running";
    /// The position is after the end of the feed.
    unknown_position = CONFLICT, "unknown_position", "Unknown position";
    /// The operation is not open.
    operation_not_open = CONFLICT, "operation_not_open", "The operation is not open";
    /// The discrepancy is settled.
    discrepancy_not_open = CONFLICT, "discrepancy_not_open", "The discrepancy is settled already";
    /// The organization has changed since the discrepancy was seen.
    discrepancy_stale = CONFLICT, "discrepancy_stale", "The organization has changed since";
    /// It conflicts with what is at the provider.
    conflict_at_provider = CONFLICT, "conflict_at_provider", "It conflicts with what is at the provider";
    /// The account has no quota left for it at the provider.
    quota_exceeded_at_provider = CONFLICT, "quota_exceeded_at_provider", "Quota exceeded at the provider";
    /// The provider does not know the organization.
    missing_at_provider = CONFLICT, "missing_at_provider", "The provider does not know the organization";
    /// The organization was never created.
    organization_failed = CONFLICT, "organization_failed", "The organization was not created";
    /// An operator found that it was not done.
    not_applied = CONFLICT, "not_applied", "The operation was not done";
    /// An operator gave it up.
    abandoned = CONFLICT, "abandoned", "The operation was given up";
    /// The version is stale.
    precondition_failed = PRECONDITION_FAILED, "precondition_failed", "The organization has changed";
    /// The body is too large.
    payload_too_large = PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large";
    /// The path or query is too long.
    uri_too_long = URI_TOO_LONG, "uri_too_long", "The address is too long";
    /// The body is of another type, or encoded.
    unsupported_media_type = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type";
    /// The request has faults.
    validation_failed = UNPROCESSABLE_ENTITY, "validation_failed", "The request has faults";
    /// The provider cannot.
    unsupported_by_provider = UNPROCESSABLE_ENTITY, "unsupported_by_provider", "The provider cannot do this";
    /// The provider refused the content.
    rejected_by_provider = UNPROCESSABLE_ENTITY, "rejected_by_provider", "The provider refused the content";
    /// A readable provider does not have the organization that the request names.
    not_found_at_provider = UNPROCESSABLE_ENTITY, "not_found_at_provider", "The provider does not have this organization";
    /// Nothing confirms the organization that the request names.
    unverified_provider_org_id = UNPROCESSABLE_ENTITY, "unverified_provider_org_id", "Nothing confirms this organization";
    /// No route.
    no_route = UNPROCESSABLE_ENTITY, "no_route", "No routing rule leads to a provider";
    /// The rule does not let the request choose.
    route_not_overridable = UNPROCESSABLE_ENTITY, "route_not_overridable", "The route is fixed by a rule";
    /// The key belongs to another request.
    idempotency_key_reused = UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The key was used for another request";
    /// The operation cannot be settled so.
    cannot_resolve = UNPROCESSABLE_ENTITY, "cannot_resolve", "The operation cannot be resolved this way";
    /// A discrepancy of this kind cannot be settled so.
    wrong_action = UNPROCESSABLE_ENTITY, "wrong_action", "This discrepancy cannot be resolved this way";
    /// The headers are too large.
    headers_too_large = REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "The headers are too large";
    /// The tenant asks too often.
    rate_limited = TOO_MANY_REQUESTS, "rate_limited", "Too many requests";
    /// The tenant has too many streams open.
    too_many_streams = TOO_MANY_REQUESTS, "too_many_streams", "Too many streams are open";
    /// The gateway failed.
    internal = INTERNAL_SERVER_ERROR, "internal", "The gateway failed";
    /// The body was sent with a transfer coding other than `chunked`.
    unsupported_transfer_coding = NOT_IMPLEMENTED, "unsupported_transfer_coding", "Unsupported transfer coding";
    /// The provider does not accept our credentials.
    provider_refused_gateway = BAD_GATEWAY, "provider_refused_gateway", "The provider refused the gateway";
    /// The provider answered nonsense.
    provider_failed = BAD_GATEWAY, "provider_failed", "The provider failed";
    /// The gateway has more to do than it can.
    overloaded = SERVICE_UNAVAILABLE, "overloaded", "The gateway is overloaded";
    /// The gateway is going down, or its database is away.
    unavailable = SERVICE_UNAVAILABLE, "unavailable", "The gateway is not available";
    /// Tokens cannot be verified now.
    keys_unavailable = SERVICE_UNAVAILABLE, "keys_unavailable", "The token cannot be verified now";
    /// The provider cannot be reached.
    provider_unavailable = SERVICE_UNAVAILABLE, "provider_unavailable", "The provider is not available";
}

impl Problem {
    fn new(status: StatusCode, code: &str, title: &str, detail: String) -> Self {
        let wait = status == StatusCode::SERVICE_UNAVAILABLE
            || status == StatusCode::TOO_MANY_REQUESTS
            || code == "idempotency_in_progress"
            || code == "operation_in_progress";
        Self {
            problem_type: format!("urn:partner-gateway:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            instance: None,
            code: code.to_owned(),
            request_id: None,
            errors: Vec::new(),
            provider: None,
            organization_id: None,
            operation_id: None,
            retry_after: wait.then_some(RETRY_SOON),
            replayed: false,
            challenge: None,
        }
    }

    /// The problem of a token that grants not all of the scopes that the request needs. `None` where it
    /// grants them all.
    #[must_use]
    pub fn of_missing_scopes(caller: &Caller, needed: &[Scope]) -> Option<Self> {
        let missing: Vec<String> = needed
            .iter()
            .filter(|scope| !caller.may(**scope))
            .map(|scope| format!("`{scope}`"))
            .collect();
        let detail = match missing.as_slice() {
            [] => return None,
            [scope] => format!("the token lacks the scope {scope}"),
            scopes => format!("the token lacks the scopes {}", scopes.join(" and ")),
        };
        let challenge = Some(challenge("insufficient_scope", &detail, needed));
        Some(Self { challenge, ..Self::forbidden(detail) })
    }

    /// The problem of a request with these faults.
    #[must_use]
    pub fn of_faults(errors: Vec<FieldProblem>) -> Self {
        let unsupported =
            !errors.is_empty() && errors.iter().all(|e| e.code == "unsupported_by_provider");
        let detail = FieldProblem::sentences(&errors);
        let problem = if unsupported {
            Self::unsupported_by_provider(detail)
        } else {
            Self::validation_failed(detail)
        };
        Self { errors, ..problem }
    }

    /// The same problem with `/provider_org_id` as the place of the fault.
    fn at_provider_org_id(self) -> Self {
        let fault = FieldProblem {
            pointer: "/provider_org_id".to_owned(),
            code: self.code.clone(),
            message: self.detail.clone(),
        };
        Self { errors: vec![fault], ..self }
    }

    /// The problem of an operation that was rejected, or of a reading that failed.
    #[must_use]
    pub fn of_failure(failure: Failure) -> Self {
        let problem = match failure.code {
            FailureCode::UnsupportedByProvider => Self::unsupported_by_provider(failure.detail),
            FailureCode::RejectedByProvider => Self::rejected_by_provider(failure.detail),
            FailureCode::ConflictAtProvider => Self::conflict_at_provider(failure.detail),
            FailureCode::MissingAtProvider => Self::missing_at_provider(failure.detail),
            FailureCode::QuotaExceededAtProvider => {
                Self::quota_exceeded_at_provider(failure.detail)
            }
            FailureCode::ProviderRefusedGateway => Self::provider_refused_gateway(failure.detail),
            FailureCode::ProviderUnavailable => Self::provider_unavailable(failure.detail),
            FailureCode::ProviderFailed => Self::provider_failed(failure.detail),
            FailureCode::OrganizationFailed => Self::organization_failed(failure.detail),
            FailureCode::NotApplied => Self::not_applied(failure.detail),
            FailureCode::Abandoned => Self::abandoned(failure.detail),
        };
        Self {
            errors: failure.errors,
            provider: failure.provider,
            retry_after: failure.retry_after.or(problem.retry_after),
            ..problem
        }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let detail = error.to_string();
        match error {
            AppError::Invalid(faults) => Self::of_faults(faults),
            AppError::NotFound(_) => Self::not_found(detail),
            AppError::NoRoute(crate::routing::NoRoute::NoMatch) => Self::no_route(detail),
            AppError::NoRoute(crate::routing::NoRoute::NotOverridable { .. }) => {
                Self::route_not_overridable(detail)
            }
            AppError::Unsupported(_) => Self::unsupported_by_provider(detail),
            AppError::CustomerAlreadyMapped(id) => {
                Self { organization_id: Some(id), ..Self::customer_already_mapped(detail) }
            }
            AppError::ProviderOrgAlreadyMapped => Self::provider_org_already_mapped(detail),
            AppError::Forbidden(_) => Self::forbidden(detail),
            AppError::NotFoundAtProvider { .. } => {
                Self::not_found_at_provider(detail).at_provider_org_id()
            }
            AppError::UnverifiedProviderOrgId { .. } => {
                Self::unverified_provider_org_id(detail).at_provider_org_id()
            }
            AppError::CreateOpen { operation_id } => {
                Self { operation_id, ..Self::create_open(detail) }
            }
            AppError::VersionMismatch(_) => Self::precondition_failed(detail),
            AppError::WrongStatus(_) => Self::wrong_status(detail),
            AppError::WebhookNotActive(_) => Self::webhook_not_active(detail),
            AppError::TooManyWebhooks(_) => Self::too_many_webhooks(detail),
            AppError::Busy => Self::operation_in_progress(detail),
            AppError::KeyReused => Self::idempotency_key_reused(detail),
            AppError::KeyInProgress => Self::idempotency_in_progress(detail),
            AppError::Rejected { failure, replayed } => {
                Self { replayed, ..Self::of_failure(*failure) }
            }
            AppError::Provider(failure) => Self::of_failure(*failure),
            AppError::UnknownPosition { .. } => Self::unknown_position(detail),
            AppError::CannotResolve(error) => Self::from(error),
            AppError::DiscrepancyNotOpen => Self::discrepancy_not_open(detail),
            AppError::DiscrepancyStale => Self::discrepancy_stale(detail),
            AppError::WrongAction(_) => Self::wrong_action(detail),
            AppError::Store(error) => Self::from(error),
            AppError::Internal(what) => {
                tracing::error!(what, "the gateway failed");
                Self::internal("the log of the gateway has more under the request's id")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => {
                tracing::warn!(error = %source, "the database is not available");
                Self::unavailable("the database is not available")
            }
            StoreError::Constraint { .. }
            | StoreError::Corrupt(_)
            | StoreError::Migration(_)
            | StoreError::Unsuitable(_)
            | StoreError::Other(_) => {
                tracing::error!(error = %error, source = ?std::error::Error::source(&error), "the database failed");
                Self::internal("the log of the gateway has more under the request's id")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if let Some(challenge) = self.challenge.as_deref().and_then(|c| c.parse().ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        // The layer that knows the request fills in what only it knows.
        response.extensions_mut().insert(self);
        response
    }
}

/// Says that the answer repeats that of an earlier request.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
