//! Signing in at the identity provider: the authorization code flow of OpenID Connect, with PKCE.
//!
//! What must be remembered between leaving and coming back is handed out, for the browser to keep sealed:
//! any replica can finish what another began. What comes of it is an access token, to be verified as any
//! other caller's; the id token is looked at for the one thing that it is for, that this answer belongs to
//! this sign-in. Nothing here opens a connection: requests go by an [`IdentityProvider`] that is handed in.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::jwt::LEEWAY_SECONDS;
use crate::config::OidcConfig;

/// How requests reach the identity provider.
#[async_trait]
pub trait IdentityProvider: Send + Sync + 'static {
    /// The JSON document at this address, of bounded size, in bounded time.
    ///
    /// # Errors
    /// Why it could not be had, in words for the log; without secrets.
    async fn get(&self, url: &Url) -> Result<Value, IdentityProviderError>;

    /// What this address answers to a form. `basic`: who sends it, and what proves it.
    ///
    /// # Errors
    /// As [`IdentityProvider::get`].
    async fn post(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
        basic: Option<(&str, &SecretString)>,
    ) -> Result<Value, IdentityProviderError>;
}

/// Why the identity provider gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IdentityProviderError {
    /// In words for the log.
    pub message: String,
    /// It answered, and refused.
    pub is_refusal: bool,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The identity provider cannot be used now: 503.
    #[error("the identity provider cannot be used: {0}")]
    Unavailable(String),
    /// The identity provider did not take the code.
    #[error("the identity provider did not take the code: {0}")]
    Code(String),
    /// What it answered is not the answer to this sign-in.
    #[error("the identity provider's answer is not to this sign-in: {0}")]
    Answer(&'static str),
}

impl OidcError {
    /// What the person may know.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "the identity provider cannot be used at the moment",
            Self::Code(_) => "the identity provider did not take the code",
            Self::Answer(_) => {
                "what the identity provider answered does not belong to this sign-in"
            }
        }
    }

    /// Whether it may work later, as it is.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// A sign-in under way, to be kept by the browser and by nobody else.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignIn {
    state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    /// The page to go on to.
    pub next: String,
    begun_at: DateTime<Utc>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("begun_at", &self.begun_at).finish_non_exhaustive()
    }
}

/// A person may take so long at the identity provider.
pub const SIGN_IN_TIME: TimeDelta = TimeDelta::minutes(10);

impl SignIn {
    fn new(redirect_uri: &Url, next: &str, now: DateTime<Utc>) -> Result<Self, OidcError> {
        Ok(Self {
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            redirect_uri: redirect_uri.to_string(),
            next: next.to_owned(),
            begun_at: now,
        })
    }

    /// Whether an answer with this state is to this sign-in, and came in time.
    #[must_use]
    pub fn is_answered_by(&self, state: &str, now: DateTime<Utc>) -> bool {
        let age = now - self.begun_at;
        let in_time = age <= SIGN_IN_TIME && age >= -SIGN_IN_TIME;
        in_time && verify_slices_are_equal(self.state.as_bytes(), state.as_bytes()).is_ok()
    }
}

/// 256 bits that nobody guesses.
fn random() -> Result<String, OidcError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_unspecified| OidcError::Unavailable("no randomness".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What the provider says of itself (OpenID Connect Discovery), as far as it is needed.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What answers a code.
#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    token_type: String,
    id_token: SecretString,
}

/// What is looked at in an id token.
#[derive(Deserialize)]
struct IdClaims {
    iss: String,
    aud: Value,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    #[serde(default)]
    nonce: Option<String>,
}

/// What was found is good for so long.
const KEPT: TimeDelta = TimeDelta::hours(1);
/// Between two attempts to find it when the last one failed.
const COOLDOWN: TimeDelta = TimeDelta::seconds(5);

/// What came of asking the provider what it is; `None` where it could not be had.
struct Found {
    at: DateTime<Utc>,
    metadata: Option<Arc<Metadata>>,
}

/// The way to sign in at one identity provider.
pub struct Oidc {
    config: OidcConfig,
    provider: Arc<dyn IdentityProvider>,
    found: Mutex<Option<Found>>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("issuer", &self.config.issuer).finish_non_exhaustive()
    }
}

impl Oidc {
    /// At this provider. It is asked nothing before somebody signs in.
    #[must_use]
    pub fn new(config: OidcConfig, provider: Arc<dyn IdentityProvider>) -> Self {
        Self { config, provider, found: Mutex::default() }
    }

    /// As the provider names itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Where browsers come back to, where that is configured.
    #[must_use]
    pub fn redirect_uri(&self) -> Option<&Url> {
        self.config.redirect_uri.as_ref()
    }

    /// Begins a sign-in: where the browser is to go, and what it is to keep.
    ///
    /// # Errors
    /// The provider cannot be found.
    pub async fn begin(
        &self,
        redirect_uri: &Url,
        next: &str,
        now: DateTime<Utc>,
    ) -> Result<(Url, SignIn), OidcError> {
        let metadata = self.metadata(now).await?;
        let sign_in = SignIn::new(redirect_uri, next, now)?;
        let challenge = digest::digest(&digest::SHA256, sign_in.verifier.as_bytes());
        let mut url = metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &sign_in.redirect_uri)
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", &sign_in.state)
            .append_pair("nonce", &sign_in.nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
            .append_pair("code_challenge_method", "S256");
        Ok((url, sign_in))
    }

    /// Ends a sign-in: the access token that the provider gives for the code. It is not verified yet.
    ///
    /// # Errors
    /// The provider cannot be reached, does not take the code, or answers another sign-in.
    pub async fn finish(
        &self,
        sign_in: &SignIn,
        code: &str,
        now: DateTime<Utc>,
    ) -> Result<SecretString, OidcError> {
        let metadata = self.metadata(now).await?;
        let config = &self.config;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &sign_in.redirect_uri),
            ("code_verifier", &sign_in.verifier),
        ];
        let secret = config.client_secret.as_ref();
        let basic =
            secret.filter(|_| metadata.takes_basic()).map(|it| (config.client_id.as_str(), it));
        if basic.is_none() {
            fields.push(("client_id", &config.client_id));
            if let Some(secret) = secret {
                fields.push(("client_secret", secret.expose_secret()));
            }
        }
        let answer = self.provider.post(&metadata.token_endpoint, &fields, basic).await;
        let answer = answer.map_err(|error| match error.is_refusal {
            true => OidcError::Code(error.message),
            false => OidcError::Unavailable(error.message),
        })?;
        let tokens: Tokens = serde_json::from_value(answer).map_err(|_unreadable| {
            OidcError::Answer("it has not an access token and an id token")
        })?;
        if !tokens.token_type.eq_ignore_ascii_case("bearer") {
            return Err(OidcError::Answer("the token is no bearer token"));
        }
        self.judge(tokens.id_token.expose_secret(), &sign_in.nonce, now)?;
        Ok(tokens.access_token)
    }

    /// Whether an id token is for this sign-in. It came from the provider's own endpoint over TLS, which
    /// stands for its signature (OpenID Connect Core, 3.1.3.7).
    fn judge(&self, id_token: &str, nonce: &str, now: DateTime<Utc>) -> Result<(), OidcError> {
        let claims = id_token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims = claims.and_then(|json| serde_json::from_slice::<IdClaims>(&json).ok());
        let claims = claims.ok_or(OidcError::Answer("the id token cannot be read"))?;
        let client = self.config.client_id.as_str();
        let is_ours = match &claims.aud {
            Value::String(one) => one == client,
            Value::Array(all) => all.iter().any(|one| one == client),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        };
        let leeway = i64::try_from(LEEWAY_SECONDS).unwrap_or(0);
        let fault = if claims.iss != self.config.issuer {
            Some("the id token is of another issuer")
        } else if !is_ours || claims.azp.as_deref().is_some_and(|azp| azp != client) {
            Some("the id token is for another client")
        } else if claims.exp.saturating_add(leeway) < now.timestamp() {
            Some("the id token has expired")
        } else if claims.nonce.as_deref() != Some(nonce) {
            Some("the id token has another nonce")
        } else {
            None
        };
        fault.map_or(Ok(()), |fault| Err(OidcError::Answer(fault)))
    }

    async fn metadata(&self, now: DateTime<Utc>) -> Result<Arc<Metadata>, OidcError> {
        let mut found = self.found.lock().await;
        if let Some(Found { at, metadata }) = &*found {
            let age = (now - *at).abs();
            match metadata {
                Some(metadata) if age < KEPT => return Ok(Arc::clone(metadata)),
                None if age < COOLDOWN => {
                    return Err(OidcError::Unavailable("it was not found a moment ago".to_owned()));
                }
                Some(_) | None => {}
            }
        }
        let asked = self.discover().await.map(Arc::new);
        *found = Some(Found { at: now, metadata: asked.as_ref().ok().cloned() });
        asked
    }

    async fn discover(&self) -> Result<Metadata, OidcError> {
        let unusable = |message: &str| OidcError::Unavailable(message.to_owned());
        let issuer = self.config.issuer.trim_end_matches('/');
        let address = format!("{issuer}/.well-known/openid-configuration");
        let address = Url::parse(&address).map_err(|error| unusable(&error.to_string()))?;
        let document = self.provider.get(&address).await;
        let document = document.map_err(|error| OidcError::Unavailable(error.message))?;
        let metadata: Metadata = serde_json::from_value(document)
            .map_err(|_unreadable| unusable("its metadata has not the expected shape"))?;
        if metadata.issuer != self.config.issuer {
            return Err(unusable("its metadata names another issuer"));
        }
        // Browsers are sent there; where codes go is held by what sends them.
        if !matches!(metadata.authorization_endpoint.scheme(), "https" | "http") {
            return Err(unusable("its authorization endpoint is no web address"));
        }
        Ok(metadata)
    }
}

impl Metadata {
    /// Where it says nothing, `client_secret_basic` is what all take (OpenID Connect Discovery).
    fn takes_basic(&self) -> bool {
        let methods = &self.token_endpoint_auth_methods_supported;
        methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic")
    }
}

#[cfg(test)]
mod tests;
