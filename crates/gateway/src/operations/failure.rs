//! Why an operation was rejected: kept with it, and shown to whoever asks.

use partner_core::{Error, Kind};
use serde::{Deserialize, Serialize};

/// Why an operation was rejected, in the gateway's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The provider cannot do it.
    UnsupportedByProvider,
    /// The provider refused the content.
    RejectedByProvider,
    /// It conflicts with what is at the provider.
    ConflictAtProvider,
    /// The provider does not know the organization.
    MissingAtProvider,
    /// The provider refused our credentials.
    ProviderRefusedGateway,
    /// The provider could not be reached; nothing was sent.
    ProviderUnavailable,
    /// The provider answered something that its documentation does not have.
    ProviderFailed,
    /// The organization that it waited for was not created.
    OrganizationFailed,
    /// An operator found that it was not done.
    NotApplied,
    /// An operator gave it up.
    Abandoned,
}

/// What the provider answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProviderSaid {
    /// The partner account.
    pub name: String,
    /// The HTTP status.
    pub status: u16,
    /// The provider's own name for the error.
    #[serde(rename = "type")]
    pub error_type: Option<String>,
    /// The provider's own words.
    pub message: Option<String>,
    /// The provider's id of the request, for its support.
    pub request_id: Option<String>,
}

/// One fault in what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldProblem {
    /// Where, as an RFC 6901 pointer into the request's body.
    pub pointer: String,
    /// What kind of fault, in snake case.
    pub code: String,
    /// What is wrong, in words.
    pub message: String,
}

/// Why an operation was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In one word.
    pub code: FailureCode,
    /// In a sentence.
    pub detail: String,
    /// What the provider answered, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderSaid>,
    /// The faults that the provider found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// After how many seconds it may be tried again, where the provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Failure {
    /// A failure that no provider answered.
    #[must_use]
    pub fn new(code: FailureCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), provider: None, errors: Vec::new(), retry_after: None }
    }

    /// What a failed call to the account `name` comes to.
    #[must_use]
    pub fn of_call(name: &str, error: &Error) -> Self {
        let provider = error.answer().map(|answer| ProviderSaid {
            name: name.to_owned(),
            status: answer.status,
            error_type: answer.error_type.clone(),
            message: answer.message.clone(),
            request_id: answer.request_id.clone(),
        });
        let errors = error
            .field_faults()
            .iter()
            .map(|fault| FieldProblem {
                pointer: fault.field.map_or_else(
                    || format!("/{}", fault.provider_field),
                    |f| f.pointer().to_owned(),
                ),
                code: "rejected_by_provider".to_owned(),
                message: fault.message.clone(),
            })
            .collect();
        Self {
            code: code_of(error.kind()),
            detail: error.message().to_owned(),
            provider,
            errors,
            retry_after: error.retry_after().map(|wait| wait.as_secs().max(1)),
        }
    }

    /// As the database keeps it.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn code_of(kind: Kind) -> FailureCode {
    match kind {
        Kind::Unsupported => FailureCode::UnsupportedByProvider,
        Kind::InvalidInput => FailureCode::RejectedByProvider,
        Kind::Conflict => FailureCode::ConflictAtProvider,
        Kind::NotFound => FailureCode::MissingAtProvider,
        Kind::Unauthenticated | Kind::PermissionDenied => FailureCode::ProviderRefusedGateway,
        Kind::RateLimited | Kind::Unavailable => FailureCode::ProviderUnavailable,
        Kind::Unexpected => FailureCode::ProviderFailed,
    }
}
