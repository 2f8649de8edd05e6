//! Why a token was not believed: the whole truth for the log, a safe part of it for the caller.

use partner_core::TextFault;

/// Why a call has no caller. `Display` is for the log; it holds nothing from the token but the
/// names of claims and the code point of a character that a claim may not have.
/// The caller reads [`AuthError::detail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
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
    /// Not three parts of base64url that hold JSON, or a part that says no sense.
    #[error("not a JWT: {0}")]
    Malformed(&'static str),
    /// The header asks for something that must be understood (`crit`), or is of another type.
    #[error("unsupported header: {0}")]
    Header(&'static str),
    /// Signed in a way that the configuration does not allow.
    #[error("a signature of this kind is not believed here")]
    Algorithm,
    /// No key of ours goes by the token's `kid`.
    #[error("no key of this id")]
    UnknownKey,
    /// The signature does not belong to the content.
    #[error("wrong signature")]
    Signature,
    /// `exp` is past.
    #[error("expired")]
    Expired,
    /// `nbf` is to come.
    #[error("not valid yet")]
    NotYetValid,
    /// `iss` is another.
    #[error("wrong issuer")]
    Issuer,
    /// `aud` does not hold ours.
    #[error("wrong audience")]
    Audience,
    /// A claim that must be there is not.
    #[error("missing claim: {0}")]
    MissingClaim(Claim),
    /// A claim is of the wrong type or form.
    #[error("invalid claim: {0}")]
    InvalidClaim(Claim),
    /// A claim that identifies somebody has a character that identifiers may not have.
    #[error("invalid claim: {0} {1}")]
    ClaimText(Claim, TextFault),
    /// The identity provider's keys were never had. The caller is not to blame: 503, not 401.
    #[error("no keys could be fetched")]
    KeysUnavailable,
}

/// A claim that a token must or may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Who issued it.
    Issuer,
    /// Whom it is for.
    Audience,
    /// When it ends.
    Expiry,
    /// When it begins.
    NotBefore,
    /// When it was issued.
    IssuedAt,
    /// Who acts.
    Subject,
    /// On whose behalf, by the configured claim.
    Tenant,
    /// What it allows.
    Scope,
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
            Self::Tenant => "the tenant claim",
            Self::Scope => "scope",
        })
    }
}

impl AuthError {
    /// The kind of refusal in a word, for counting.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotBearer => "not_bearer",
            Self::TooLarge => "too_large",
            Self::Malformed(_) => "malformed",
            Self::Header(_) => "header",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::MissingClaim(_) => "missing_claim",
            Self::InvalidClaim(_) | Self::ClaimText(_, _) => "invalid_claim",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// What the caller may know: enough to mend an honest mistake, nothing about our keys.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Missing => "a bearer token is needed",
            Self::NotBearer => "the Authorization header must be `Bearer <token>`",
            Self::TooLarge => "the token is too long",
            Self::Expired => "the token has expired",
            Self::KeysUnavailable => "tokens cannot be verified at the moment",
            Self::ClaimText(Claim::Subject, _) => {
                "the claim `sub` of the token must be in Unicode normalization form C, without white \
                 space at its edges and without invisible or control characters"
            }
            Self::ClaimText(_, _) => {
                "the tenant claim of the token must be in Unicode normalization form C, without white \
                 space and without invisible or control characters"
            }
            Self::Malformed(_)
            | Self::Header(_)
            | Self::Algorithm
            | Self::UnknownKey
            | Self::Signature
            | Self::NotYetValid
            | Self::Issuer
            | Self::Audience
            | Self::MissingClaim(_)
            | Self::InvalidClaim(_) => "the token is not valid",
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750): no error is named where no token was sent.
    pub fn challenge(&self) -> &'static str {
        match self {
            Self::Missing => "Bearer",
            Self::NotBearer => "Bearer error=\"invalid_request\"",
            Self::TooLarge
            | Self::Expired
            | Self::KeysUnavailable
            | Self::Malformed(_)
            | Self::Header(_)
            | Self::Algorithm
            | Self::UnknownKey
            | Self::Signature
            | Self::NotYetValid
            | Self::Issuer
            | Self::Audience
            | Self::MissingClaim(_)
            | Self::InvalidClaim(_)
            | Self::ClaimText(_, _) => "Bearer error=\"invalid_token\"",
        }
    }

    /// Whether it is we who cannot verify, so that the answer is 503 and not 401.
    pub fn is_unavailable(&self) -> bool {
        *self == Self::KeysUnavailable
    }
}
