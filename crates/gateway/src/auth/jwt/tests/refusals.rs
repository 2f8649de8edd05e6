//! Every refusal: its reason for the caller, its header, and when to try again.

use super::*;

/// One error of each kind, with configured names that hold what a header must not.
fn every_error() -> Vec<AuthError> {
    let odd = || "https://example.test/\"x\"\\\r\n\u{e9}".into();
    vec![
        AuthError::NotBearer,
        AuthError::TooLarge,
        AuthError::Malformed("claims"),
        AuthError::Header("crit"),
        AuthError::Header("typ"),
        AuthError::Algorithm,
        AuthError::KeyAlgorithm,
        AuthError::UnknownKey,
        AuthError::UnusableKey,
        AuthError::Signature,
        AuthError::Expired(now()),
        AuthError::NotYetValid,
        AuthError::Issuer,
        AuthError::Audience,
        AuthError::MissingClaim(Claim::Tenant(odd())),
        AuthError::InvalidClaim(Claim::Scope(odd())),
        AuthError::ClaimText(
            Claim::Tenant(odd()),
            partner_core::check_identifier("crm\u{200b}").unwrap_err(),
        ),
        AuthError::ReservedSubject,
    ]
}

#[test]
fn every_refusal_has_its_reason_in_a_header_that_is_well_formed() {
    let mut seen = std::collections::BTreeSet::new();
    for error in every_error() {
        let challenge = error.challenge().unwrap();
        let kind = if error == AuthError::NotBearer { "invalid_request" } else { "invalid_token" };
        let start = format!("Bearer error=\"{kind}\", error_description=\"");
        let description = challenge.strip_prefix(&start).and_then(|rest| rest.strip_suffix('"'));
        let description = description.unwrap_or_else(|| panic!("{challenge}"));
        let allowed = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        assert!(description.chars().all(allowed), "{description}");
        assert!(description.len() > 20, "{description}");
        assert!(seen.insert(description.to_owned()), "two kinds say {description}");
        assert!(!error.is_unavailable());
    }
    assert_eq!(AuthError::Missing.challenge().as_deref(), Some("Bearer"));
    let expired = AuthError::Expired(now()).challenge().unwrap();
    assert!(expired.contains("`exp` was 2027-01-15T08:00:00Z"), "{expired}");
    let missing = AuthError::MissingClaim(Claim::Tenant("platform".into()));
    assert_eq!(missing.detail(), "the token is not valid: it lacks the claim `platform`");
}

#[test]
fn a_gateway_that_cannot_verify_says_503_and_when_to_try_again() {
    for error in [
        AuthError::KeysUnavailable { retry_after: 5 },
        AuthError::KeysStale { retry_after: 5 },
        AuthError::KeyPending { retry_after: 5 },
    ] {
        assert!(error.is_unavailable());
        assert_eq!((error.retry_after(), error.challenge()), (Some(5), None));
    }
}
