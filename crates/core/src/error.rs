//! How a call to a provider fails: what went wrong, and what it did there.

use std::{fmt, time::Duration};

use crate::field::Field;

/// The result of a call to a provider.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, in the gateway's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The provider has no such operation, or cannot do it for this account.
    Unsupported,
    /// The provider, or the adapter before it, refused the content.
    InvalidInput,
    /// The provider does not know our credentials.
    Unauthenticated,
    /// The provider knows our credentials and they may not do this.
    PermissionDenied,
    /// The account has no quota left for it at the provider. Its credentials are valid.
    QuotaExceeded,
    /// There is no such organization at the provider, or none yet.
    NotFound,
    /// It conflicts with what is there.
    Conflict,
    /// Too many requests: it was not done, and may be sent again later.
    RateLimited,
    /// The provider could not be reached, or could not answer.
    Unavailable,
    /// The provider answered something its documentation does not have.
    Unexpected,
}

impl Kind {
    /// The kind in snake case, for logs, metrics and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::InvalidInput => "invalid_input",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::QuotaExceeded => "quota_exceeded",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Unexpected => "unexpected",
        }
    }
}

/// What the failed call did at the provider, as far as can be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Not a byte of the request was written.
    NotSent,
    /// The provider refused it.
    NotApplied,
    /// It may have been done. Nothing may be concluded from it but that.
    Unknown,
}

impl Effect {
    /// The effect in snake case, for logs, metrics and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
        }
    }
}

/// What the provider answered, scrubbed of our keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The provider's own name for the error.
    pub error_type: Option<String>,
    /// The provider's own words.
    pub message: Option<String>,
    /// The provider's id of the request, for its support.
    pub request_id: Option<String>,
}

/// One fault that the provider found in the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field in our words, where the adapter could tell.
    pub field: Option<Field>,
    /// The place within the field, as the rest of an RFC 6901 pointer: `/1/role` of a member's role. Empty
    /// for the whole field.
    pub leaf: String,
    /// The field in the provider's words.
    pub provider_field: String,
    /// What is wrong with it.
    pub message: String,
}

impl FieldFault {
    /// Returns where the fault is in the request's body, as an RFC 6901 pointer. A field that the adapter
    /// could not translate keeps the provider's name.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self.field {
            Some(field) => format!("{}{}", field.pointer(), self.leaf),
            None => format!("/{}", self.provider_field.replace('~', "~0").replace('/', "~1")),
        }
    }
}

/// A failed call. `kind` says what went wrong and `effect` what it did; both are asked for by the
/// constructor, so that neither is forgotten.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    effect: Effect,
    message: String,
    answer: Option<Box<ProviderAnswer>>,
    field_faults: Vec<FieldFault>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failed call, in one line that may be shown to a caller: no secret, no personal data.
    #[must_use]
    pub fn new(kind: Kind, effect: Effect, message: impl Into<String>) -> Self {
        Self {
            kind,
            effect,
            message: message.into(),
            answer: None,
            field_faults: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    /// The answer to a call that the provider has no operation for. Nothing was sent.
    #[must_use]
    pub fn unsupported(what: &str) -> Self {
        Self::new(Kind::Unsupported, Effect::NotSent, format!("the provider cannot {what}"))
    }

    /// The same error with what the provider answered.
    #[must_use]
    pub fn with_answer(mut self, answer: ProviderAnswer) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }

    /// The same error with the faults that the provider found in the content.
    #[must_use]
    pub fn with_field_faults(mut self, faults: Vec<FieldFault>) -> Self {
        self.field_faults = faults;
        self
    }

    /// The same error with the time the provider asked us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error with another effect, where an adapter knows better than the status tells.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the call did at the provider, as far as can be proven.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The message alone, without kind and effect.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the provider answered, where it did.
    #[must_use]
    pub fn answer(&self) -> Option<&ProviderAnswer> {
        self.answer.as_deref()
    }

    /// The faults that the provider found in the content.
    #[must_use]
    pub fn field_faults(&self) -> &[FieldFault] {
        &self.field_faults
    }

    /// How long the provider asked us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same request may be sent again, later, and can not be done twice by it.
    ///
    /// # Behavior
    /// True for a rate limit and for what was never sent because the provider could not be reached.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match (self.kind, self.effect) {
            (Kind::RateLimited, Effect::NotSent | Effect::NotApplied)
            | (Kind::Unavailable, Effect::NotSent) => true,
            (
                Kind::Unsupported
                | Kind::InvalidInput
                | Kind::Unauthenticated
                | Kind::PermissionDenied
                | Kind::QuotaExceeded
                | Kind::NotFound
                | Kind::Conflict
                | Kind::RateLimited
                | Kind::Unavailable
                | Kind::Unexpected,
                Effect::NotSent | Effect::NotApplied | Effect::Unknown,
            ) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.kind.as_str(), self.effect.as_str())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_points_at_its_leaf_or_keeps_the_providers_name() {
        let fault = |field, leaf: &str| FieldFault {
            field,
            leaf: leaf.to_owned(),
            provider_field: "a/b~c".to_owned(),
            message: String::new(),
        };
        assert_eq!(fault(Some(Field::Members), "/1/role").pointer(), "/members/1/role");
        assert_eq!(fault(Some(Field::OwnerEmail), "").pointer(), "/owner/email");
        assert_eq!(fault(None, "").pointer(), "/a~1b~0c");
    }

    #[test]
    fn only_what_cannot_be_done_twice_is_retryable() {
        let retryable = |kind, effect| Error::new(kind, effect, "x").is_retryable();
        assert!(retryable(Kind::RateLimited, Effect::NotApplied));
        assert!(retryable(Kind::Unavailable, Effect::NotSent));
        assert!(!retryable(Kind::Unavailable, Effect::Unknown));
        assert!(!retryable(Kind::Unavailable, Effect::NotApplied));
        assert!(!retryable(Kind::Unsupported, Effect::NotSent));
        assert!(!retryable(Kind::RateLimited, Effect::Unknown));
    }
}
