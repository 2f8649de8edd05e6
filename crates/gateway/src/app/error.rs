//! Why a use case refuses or fails. The HTTP room has one exhaustive table over it.

use uuid::Uuid;

use crate::{
    operations::{CannotResolve, Failure, FieldProblem},
    routing::NoRoute,
    store::{OrgStatus, StoreError, WebhookState},
};

/// The result of a use case.
pub type AppResult<T> = Result<T, AppError>;

/// Why a use case refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// What was asked has faults: all of them.
    #[error("the request has {} faults", .0.len())]
    Invalid(Vec<FieldProblem>),
    /// There is no such row for this caller.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// No routing rule leads anywhere.
    #[error(transparent)]
    NoRoute(#[from] NoRoute),
    /// The account cannot do what was asked; nothing was sent.
    #[error("{0}")]
    Unsupported(String),
    /// The customer has another organization at this provider.
    #[error("the customer is mapped already")]
    CustomerAlreadyMapped(Uuid),
    /// The organization at the provider is mapped already.
    #[error("that organization is mapped already")]
    ProviderOrgAlreadyMapped,
    /// The caller's token does not allow this.
    #[error("{0}")]
    Forbidden(String),
    /// A readable provider does not have the organization.
    #[error("the provider `{provider}` has no organization {id}; check the id")]
    NotFoundAtProvider {
        /// The account.
        provider: String,
        /// The id that the caller named.
        id: String,
    },
    /// Nothing confirms that the organization exists.
    #[error(
        "the provider `{provider}` cannot confirm that this organization exists; check the id at the provider, \
         then repeat the request with `confirm_unverified: true`"
    )]
    UnverifiedProviderOrgId {
        /// The account.
        provider: String,
    },
    /// An open create could have made the organization.
    #[error(
        "an open create could have made this organization; resolve that operation first, or wait until it ends"
    )]
    CreateOpen {
        /// Its operation, where the caller may read it.
        operation_id: Option<Uuid>,
    },
    /// The organization is at another version than the caller believes.
    #[error("the organization is at version {0}")]
    VersionMismatch(i64),
    /// The organization does not stand where this can be done.
    #[error("the organization is {}", .0.as_str())]
    WrongStatus(OrgStatus),
    /// The webhook is told of nothing now.
    #[error("the webhook is {}", .0.as_str())]
    WebhookNotActive(WebhookState),
    /// The tenant has as many webhooks as it may.
    #[error("a tenant has {0} webhooks at most; delete one first")]
    TooManyWebhooks(i64),
    /// Another operation is open on the organization, and this one cannot wait behind it.
    #[error(
        "it cannot wait, and another operation is open on this organization or its provider asked for a pause"
    )]
    Busy,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The first request with this key is still running.
    #[error("the first request with this idempotency key is still running")]
    KeyInProgress,
    /// The operation was rejected.
    #[error("the operation was rejected: {}", .failure.detail)]
    Rejected {
        /// Why.
        failure: Box<Failure>,
        /// It had been rejected before; this is a replay.
        replayed: bool,
    },
    /// The provider failed a reading.
    #[error("the provider failed: {}", .0.detail)]
    Provider(Box<Failure>),
    /// The position is after the end of the feed.
    #[error(
        "position {position} is unknown: the feed ends at {head}; continue after {head}, or read the events \
         again from an earlier position"
    )]
    UnknownPosition {
        /// The number that the caller continues after.
        position: i64,
        /// The number of the last event.
        head: i64,
    },
    /// The operation cannot be settled that way.
    #[error(transparent)]
    CannotResolve(#[from] CannotResolve),
    /// The discrepancy is settled already.
    #[error("the discrepancy is settled already")]
    DiscrepancyNotOpen,
    /// The organization has changed since the discrepancy was seen.
    #[error(
        "the organization has changed since this was seen; the next sweep sees it as it now is"
    )]
    DiscrepancyStale,
    /// A discrepancy of this kind cannot be settled so.
    #[error("{0}")]
    WrongAction(&'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway itself failed; the log says how.
    #[error("the gateway failed: {0}")]
    Internal(&'static str),
}

impl AppError {
    /// One fault at one place.
    pub(super) fn one(pointer: &str, code: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            message: message.into(),
        }])
    }
}
