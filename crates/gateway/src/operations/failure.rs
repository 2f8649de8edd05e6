//! Why an operation was rejected: kept with it, and shown to whoever asks.

use partner_core::{Error, Kind};
use serde::{Deserialize, Serialize};

/// The most characters of a field's name that a sentence repeats.
const LONGEST_NAME: usize = 100;
/// The most faults that a detail has a sentence for.
const MOST_SENTENCES: usize = 5;

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
    /// The account has no quota left for it at the provider.
    QuotaExceededAtProvider,
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

impl FieldProblem {
    /// The field and what is wrong with it, in one sentence: `` `owner.email` must have one @ ``.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Some(path) = self.pointer.strip_prefix('/') else {
            return format!("the body {}", self.message);
        };
        let name: Vec<String> =
            path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        let name = name.join(".");
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        let cut = if shown.len() < name.len() { "…" } else { "" };
        format!("`{shown}{cut}` {}", self.message)
    }

    /// The sentences of these faults; beyond a few, only their number.
    #[must_use]
    pub fn sentences(faults: &[Self]) -> String {
        let (shown, rest) = faults.split_at(faults.len().min(MOST_SENTENCES));
        let mut text = shown.iter().map(Self::sentence).collect::<Vec<_>>().join("; ");
        if !rest.is_empty() {
            text.push_str(&format!("; and {} more, listed in `errors`", rest.len()));
        }
        text
    }
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
        let errors: Vec<FieldProblem> = error
            .field_faults()
            .iter()
            .map(|fault| FieldProblem {
                pointer: fault.pointer(),
                code: "rejected_by_provider".to_owned(),
                message: fault.message.clone(),
            })
            .collect();
        let code = code_of(error.kind());
        Self {
            code,
            detail: detail_of(name, code, error, &errors),
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

/// Names the provider, what it did, and why, as far as it said.
fn detail_of(name: &str, code: FailureCode, error: &Error, errors: &[FieldProblem]) -> String {
    let words = error.answer().and_then(|answer| answer.message.as_deref());
    let did = match code {
        FailureCode::RejectedByProvider => "rejected the request",
        FailureCode::ConflictAtProvider => "reported a conflict",
        FailureCode::QuotaExceededAtProvider => "has no quota left for this request",
        FailureCode::UnsupportedByProvider
        | FailureCode::MissingAtProvider
        | FailureCode::ProviderRefusedGateway
        | FailureCode::ProviderUnavailable
        | FailureCode::ProviderFailed
        | FailureCode::OrganizationFailed
        | FailureCode::NotApplied
        | FailureCode::Abandoned => {
            return error.message().replacen("the provider", &format!("provider `{name}`"), 1);
        }
    };
    let why = match (errors.is_empty(), words) {
        (false, _) => FieldProblem::sentences(errors),
        (true, Some(words)) => words.to_owned(),
        (true, None) => error.message().to_owned(),
    };
    format!("provider `{name}` {did}: {why}")
}

fn code_of(kind: Kind) -> FailureCode {
    match kind {
        Kind::Unsupported => FailureCode::UnsupportedByProvider,
        Kind::InvalidInput => FailureCode::RejectedByProvider,
        Kind::Conflict => FailureCode::ConflictAtProvider,
        Kind::NotFound => FailureCode::MissingAtProvider,
        Kind::QuotaExceeded => FailureCode::QuotaExceededAtProvider,
        Kind::Unauthenticated | Kind::PermissionDenied => FailureCode::ProviderRefusedGateway,
        Kind::RateLimited | Kind::Unavailable => FailureCode::ProviderUnavailable,
        Kind::Unexpected => FailureCode::ProviderFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(pointer: &str) -> FieldProblem {
        FieldProblem {
            pointer: pointer.to_owned(),
            code: "invalid".to_owned(),
            message: "must be shorter".to_owned(),
        }
    }

    #[test]
    fn a_sentence_names_the_field_in_the_callers_words() {
        assert_eq!(fault("/owner/first_name").sentence(), "`owner.first_name` must be shorter");
        assert_eq!(fault("/labels/a~1b~01").sentence(), "`labels.a/b~1` must be shorter");
        assert_eq!(fault("").sentence(), "the body must be shorter");
        let long = fault(&format!("/{}", "é".repeat(101))).sentence();
        assert_eq!(long, format!("`{}…` must be shorter", "é".repeat(100)));
    }

    #[test]
    fn many_faults_have_some_sentences_and_a_number() {
        let many: Vec<_> = (0..7).map(|n| fault(&format!("/{n}"))).collect();
        let text = FieldProblem::sentences(&many);
        assert_eq!(text.matches("must be shorter").count(), 5);
        assert!(text.ends_with("; and 2 more, listed in `errors`"), "{text}");
        assert_eq!(FieldProblem::sentences(&many[..2]), "`0` must be shorter; `1` must be shorter");
    }
}
