//! Makes tokens with the configured shared secret, for development and scripts.
//!
//! Only where the gateway itself holds a key that signs; it never makes or stores one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::caller::{ScopeSet, Tenant};
use super::keys::wire_algorithm;
use super::scopes::ScopeRules;
use crate::actors::{RESERVED_PREFIX, is_reserved};
use crate::config::{AuthConfig, AuthKey, SigningAlgorithm};

/// What a token shall say.
#[derive(Debug, Clone)]
pub struct MintRequest {
    /// Who acts.
    pub subject: String,
    /// On whose behalf.
    pub tenant: Tenant,
    /// What it allows.
    pub scopes: ScopeSet,
    /// How long it is good.
    pub ttl: Duration,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The gateway would refuse the token.
    #[error(
        "`--sub` must not begin with `{RESERVED_PREFIX}`, which names the gateway's own actors"
    )]
    ReservedSubject,
    /// Tokens are signed by somebody else.
    #[error("auth.hmac_secret: is not configured, and only with it can tokens be made here")]
    NoLocalKey,
    /// `auth.scope_map` gives the names of the scopes another meaning.
    #[error(
        "auth.scope_map: gives a requested scope another meaning, so that the token would not grant \
         it; remove the scope's own name from the map"
    )]
    ScopeMap,
    /// The key cannot sign.
    #[error("the token could not be signed: {0}")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// Makes a token that is good from `now` on.
///
/// # Errors
/// [`MintError::NoLocalKey`] where the configuration has no shared secret, [`MintError::ReservedSubject`] where no
/// token may have this subject, and [`MintError::ScopeMap`] where the token would not grant the requested scopes.
pub fn mint(
    config: &AuthConfig,
    request: &MintRequest,
    now: DateTime<Utc>,
) -> Result<SecretString, MintError> {
    if is_reserved(&request.subject) {
        return Err(MintError::ReservedSubject);
    }
    let secret = match &config.key {
        AuthKey::Hmac(secret) => secret,
        AuthKey::Jwks { .. } | AuthKey::Public { .. } => return Err(MintError::NoLocalKey),
    };
    let scope = request.scopes.to_string();
    if ScopeRules::new(config).meaning(scope.split(' ')) != request.scopes {
        return Err(MintError::ScopeMap);
    }
    let issued_at = now.timestamp();
    let ttl = i64::try_from(request.ttl.as_secs()).unwrap_or(i64::MAX);
    let mut claims = json!({
        "iss": config.issuer,
        "aud": config.audience,
        "iat": issued_at,
        "exp": issued_at.saturating_add(ttl),
        "sub": request.subject,
    });
    claims[&config.scope_claim] = json!(scope);
    claims[&config.tenant_claim] = json!(request.tenant.as_str());
    let header = Header::new(wire_algorithm(SigningAlgorithm::Hs256));
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&header, &claims, &key).map_err(MintError::Signing)?;
    Ok(SecretString::from(token))
}
