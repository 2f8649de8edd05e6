//! Why a request has no caller: the reason for the log, the caller and `WWW-Authenticate`.
//!
//! Every text is fixed, except for times and for the names of configured claims. None repeats a value
//! from a token.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};

use partner_core::TextFault;

use super::challenge::challenge;
use super::jwt::{LEEWAY_SECONDS, MAX_TOKEN_BYTES};

/// Why a request has no caller. `Display` is a short text for the log, [`AuthError::detail`] is for the
/// caller. Neither repeats a value from the token, but for the code point of a character that a claim may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no `Authorization`.
    #[error("no token")]
    Missing,
    /// `Authorization` is not of the form `Bearer <token>`.
    #[error("not a bearer token")]
    NotBearer,
    /// The token is longer than [`super::MAX_TOKEN_BYTES`].
    #[error("the token is too long")]
    TooLarge,
    /// Not three parts of base64url, or a part is not the expected JSON.
    #[error("not a JWT: {0}")]
    Malformed(&'static str),
    /// The header has a `crit`, or a `typ` that is not an access token's.
    #[error("unsupported header: {0}")]
    Header(&'static str),
    /// The configuration does not accept the algorithm.
    #[error("algorithm not accepted")]
    Algorithm,
    /// The key that `kid` names is for another algorithm.
    #[error("the key is for another algorithm")]
    KeyAlgorithm,
    /// A key set that was fetched after the token arrived has no key for it.
    #[error("unknown key")]
    UnknownKey,
    /// The key set has a key of this `kid` that cannot be used.
    #[error("unusable key")]
    UnusableKey,
    /// The signature does not belong to the content.
    #[error("wrong signature")]
    Signature,
    /// `exp` is past.
    #[error("expired since {}", rfc3339(.0))]
    Expired(DateTime<Utc>),
    /// `nbf` is in the future.
    #[error("not valid yet")]
    NotYetValid,
    /// `iss` is not the configured issuer.
    #[error("wrong issuer")]
    Issuer,
    /// `aud` does not contain the configured audience.
    #[error("wrong audience")]
    Audience,
    /// A required claim is missing.
    #[error("missing claim: {0}")]
    MissingClaim(Claim),
    /// A claim has the wrong type or form.
    #[error("invalid claim: {0}")]
    InvalidClaim(Claim),
    /// No key set was ever fetched: 503 instead of 401.
    #[error("no key set could be fetched")]
    KeysUnavailable {
        /// Seconds until the next fetch is allowed.
        retry_after: u64,
    },
    /// The last key set is older than `auth.jwks_max_stale`: 503 instead of 401.
    #[error("the key set is older than auth.jwks_max_stale")]
    KeysStale {
        /// Seconds until the next fetch is allowed.
        retry_after: u64,
    },
    /// The key set has no key of this `kid`, and may not be fetched again yet: 503 instead of 401.
    #[error("unknown key, and the key set may not be fetched again yet")]
    KeyPending {
        /// Seconds until the next fetch is allowed.
        retry_after: u64,
    },
    /// `sub` is a name of the gateway's own actors.
    #[error("reserved subject")]
    ReservedSubject,
    /// A claim that identifies somebody has a character that identifiers may not have.
    #[error("invalid claim: {0} {1}")]
    ClaimText(Claim, TextFault),
}

/// A claim that a token must or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The issuer.
    Issuer,
    /// The audience.
    Audience,
    /// The time of expiry.
    Expiry,
    /// The time before which the token is not valid.
    NotBefore,
    /// The time of issue.
    IssuedAt,
    /// The actor.
    Subject,
    /// The tenant, with the name of `auth.tenant_claim`.
    Tenant(Arc<str>),
    /// The scopes, with the name of `auth.scope_claim`.
    Scope(Arc<str>),
}

impl Claim {
    /// The form that the claim must have.
    fn rule(&self) -> &'static str {
        match self {
            Self::Issuer | Self::Audience => "must be a string",
            Self::Expiry | Self::NotBefore | Self::IssuedAt => {
                "must be a number of seconds since 1970-01-01"
            }
            Self::Subject => "must be a string of 1 to 255 characters without control characters",
            Self::Tenant(_) => {
                "must be a string of 1 to 128 characters without white space and control characters"
            }
            Self::Scope(_) => "must be a string or an array of strings",
        }
    }
}

impl std::fmt::Display for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Issuer => "iss",
            Self::Audience => "aud",
            Self::Expiry => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt => "iat",
            Self::Subject => "sub",
            Self::Tenant(name) | Self::Scope(name) => name,
        })
    }
}

impl AuthError {
    /// The kind of refusal as one word, for metrics and the log.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotBearer => "not_bearer",
            Self::TooLarge => "too_large",
            Self::Malformed(_) => "malformed",
            Self::Header(_) => "header",
            Self::Algorithm => "algorithm",
            Self::KeyAlgorithm => "key_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::UnusableKey => "unusable_key",
            Self::Signature => "signature",
            Self::Expired(_) => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::MissingClaim(_) => "missing_claim",
            Self::InvalidClaim(_) | Self::ClaimText(_, _) => "invalid_claim",
            Self::KeysUnavailable { .. } => "keys_unavailable",
            Self::KeysStale { .. } => "keys_stale",
            Self::KeyPending { .. } => "key_pending",
            Self::ReservedSubject => "reserved_subject",
        }
    }

    /// The reason for the caller. It repeats no value from the token, except the time of expiry once the
    /// signature is verified.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table with one text for each kind")]
    pub fn detail(&self) -> String {
        let fixed = match self {
            Self::Missing => "a bearer token is needed",
            Self::NotBearer => "the Authorization header must be `Bearer <token>`, once",
            Self::Malformed(_) => {
                "the token is not valid: it must be a JWT, three parts of base64url with dots between \
                 them, of which the first two are JSON objects"
            }
            Self::Header("crit") => "the token is not valid: no `crit` header is supported",
            Self::Header(_) => "the token is not valid: its `typ` header must be `JWT` or `at+jwt`",
            Self::Algorithm => {
                "the token is not valid: the algorithm of its `alg` header is not accepted here"
            }
            Self::KeyAlgorithm => {
                "the token is not valid: the key that its `kid` header names is for another algorithm \
                 than its `alg` header"
            }
            Self::UnknownKey => {
                "the token is not valid: the issuer's key set has no key for its `kid` and `alg` headers"
            }
            Self::UnusableKey => {
                "the token is not valid: the key that its `kid` header names is in the issuer's key set, \
                 but not usable; the gateway's log has the reason"
            }
            Self::Signature => {
                "the token is not valid: its signature does not match its content and the key"
            }
            Self::Issuer => {
                "the token is not valid: `iss` is not the issuer that this gateway is configured for"
            }
            Self::Audience => {
                "the token is not valid: `aud` does not contain the audience of this gateway; request a \
                 token for it"
            }
            Self::KeysUnavailable { .. } => {
                "tokens cannot be verified at the moment: the issuer's key set could not be fetched"
            }
            Self::KeysStale { .. } => {
                "tokens cannot be verified at the moment: the issuer's key set could not be fetched for \
                 too long"
            }
            Self::KeyPending { .. } => {
                "the token cannot be verified at the moment: its key is not in the key set that was \
                 fetched last; try again after the time in Retry-After"
            }
            Self::ReservedSubject => {
                "the token is not valid: `sub` must not begin with `gateway:`, which names the gateway's own \
                 actors"
            }
            Self::TooLarge => {
                return format!("the token is too long: it may have {MAX_TOKEN_BYTES} bytes");
            }
            Self::NotYetValid => {
                return format!(
                    "the token is not valid yet: `nbf` is more than {LEEWAY_SECONDS} seconds in the \
                     future; compare the clocks of the issuer and the gateway"
                );
            }
            Self::Expired(at) => {
                return format!(
                    "the token has expired: `exp` was {}; request a new one",
                    rfc3339(at)
                );
            }
            Self::MissingClaim(claim) => {
                return format!("the token is not valid: it lacks the claim `{claim}`");
            }
            Self::ClaimText(claim, fault) => {
                return format!("the token is not valid: `{claim}` {fault}");
            }
            Self::InvalidClaim(claim) => {
                return format!("the token is not valid: `{claim}` {}", claim.rule());
            }
        };
        fixed.to_owned()
    }

    /// The value of `WWW-Authenticate` (RFC 6750) for a 401, and `None` for a 503. Without a token it
    /// names no error.
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        if self.is_unavailable() {
            return None;
        }
        if *self == Self::Missing {
            return Some("Bearer".to_owned());
        }
        let is_token = *self != Self::NotBearer;
        let error = if is_token { "invalid_token" } else { "invalid_request" };
        Some(challenge(error, &self.detail(), &[]))
    }

    /// Seconds after which to try again, where the gateway cannot verify: then the response is 503.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::KeysUnavailable { retry_after }
            | Self::KeysStale { retry_after }
            | Self::KeyPending { retry_after } => Some(*retry_after),
            Self::Missing
            | Self::NotBearer
            | Self::TooLarge
            | Self::Malformed(_)
            | Self::Header(_)
            | Self::Algorithm
            | Self::KeyAlgorithm
            | Self::UnknownKey
            | Self::UnusableKey
            | Self::Signature
            | Self::Expired(_)
            | Self::NotYetValid
            | Self::Issuer
            | Self::Audience
            | Self::MissingClaim(_)
            | Self::InvalidClaim(_)
            | Self::ClaimText(_, _)
            | Self::ReservedSubject => None,
        }
    }

    /// Whether the gateway cannot verify, so that the response is 503 and not 401.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.retry_after().is_some()
    }
}

fn rfc3339(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
