//! The claims of a token and the rules for them. This module does not verify the signature.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use partner_core::check_identifier;

use super::caller::{Caller, InvalidTenant, Tenant};
use super::error::{AuthError, Claim};
use super::jwt::LEEWAY_SECONDS;
use super::scopes::ScopeRules;
use crate::actors::is_reserved;
use crate::config::AuthConfig;

/// The rules for the claims of a token.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    issuer: String,
    audience: String,
    tenant_claim: Arc<str>,
    scopes: ScopeRules,
}

const MAX_SUBJECT_CHARS: usize = 255;

impl Expected {
    /// The configured rules.
    pub(super) fn new(config: &AuthConfig) -> Self {
        Self {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            tenant_claim: config.tenant_claim.as_str().into(),
            scopes: ScopeRules::new(config),
        }
    }

    /// Returns the caller that the claims name, at `now` (seconds since 1970).
    pub(super) fn judge(&self, claims: &Map<String, Value>, now: u64) -> Result<Caller, AuthError> {
        if needed_text(claims, "iss", Claim::Issuer)? != self.issuer {
            return Err(AuthError::Issuer);
        }
        self.judge_audience(claims)?;
        let expires_at = judge_times(claims, now)?;
        let actor = needed_text(claims, "sub", Claim::Subject)?;
        if actor.chars().count() > MAX_SUBJECT_CHARS || actor.chars().any(char::is_control) {
            return Err(AuthError::InvalidClaim(Claim::Subject));
        }
        if is_reserved(actor) {
            return Err(AuthError::ReservedSubject);
        }
        // The subject is the actor in the audit feed, where two actors must not look the same.
        check_identifier(actor).map_err(|fault| AuthError::ClaimText(Claim::Subject, fault))?;
        let claim = || Claim::Tenant(Arc::clone(&self.tenant_claim));
        let tenant = needed_text(claims, &self.tenant_claim, claim())?;
        let tenant = Tenant::new(tenant).map_err(|invalid| match invalid {
            InvalidTenant::Form => AuthError::InvalidClaim(claim()),
            InvalidTenant::Text(fault) => AuthError::ClaimText(claim(), fault),
        })?;
        let scopes = self.scopes.granted(claims)?;
        Ok(Caller { tenant, actor: actor.to_owned(), scopes, expires_at })
    }

    fn judge_audience(&self, claims: &Map<String, Value>) -> Result<(), AuthError> {
        let is_ours = |value: &Value| value.as_str() == Some(&self.audience);
        let ours = match claims.get("aud") {
            None | Some(Value::Null) => return Err(AuthError::MissingClaim(Claim::Audience)),
            Some(Value::Array(several)) => several.iter().any(is_ours),
            Some(one) => is_ours(one),
        };
        if ours { Ok(()) } else { Err(AuthError::Audience) }
    }
}

/// Returns the time from which the token is refused.
fn judge_times(claims: &Map<String, Value>, now: u64) -> Result<DateTime<Utc>, AuthError> {
    let expiry = time(claims, "exp", Claim::Expiry)?;
    let expiry = expiry.ok_or(AuthError::MissingClaim(Claim::Expiry))?;
    time(claims, "iat", Claim::IssuedAt)?;
    let taken_until = expiry.saturating_add(LEEWAY_SECONDS);
    if taken_until <= now {
        return Err(AuthError::Expired(date(expiry).unwrap_or(DateTime::<Utc>::MIN_UTC)));
    }
    let not_before = time(claims, "nbf", Claim::NotBefore)?.unwrap_or(0);
    if not_before > now.saturating_add(LEEWAY_SECONDS) {
        return Err(AuthError::NotYetValid);
    }
    Ok(date(taken_until).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

fn date(seconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

/// A time in seconds since 1970; fractions are cut off. Only a number will do.
fn time(claims: &Map<String, Value>, name: &str, claim: Claim) -> Result<Option<u64>, AuthError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let whole = value.as_u64();
    let cut = || value.as_f64().filter(|seconds| (0.0..1e15).contains(seconds)).map(|s| s as u64);
    whole.or_else(cut).map(Some).ok_or(AuthError::InvalidClaim(claim))
}

/// A text that is there and not empty.
fn needed_text<'a>(
    claims: &'a Map<String, Value>,
    name: &str,
    claim: Claim,
) -> Result<&'a str, AuthError> {
    let text = text(claims, name, claim.clone())?.filter(|text| !text.is_empty());
    text.ok_or(AuthError::MissingClaim(claim))
}

fn text<'a>(
    claims: &'a Map<String, Value>,
    name: &str,
    claim: Claim,
) -> Result<Option<&'a str>, AuthError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(AuthError::InvalidClaim(claim))
        }
    }
}
