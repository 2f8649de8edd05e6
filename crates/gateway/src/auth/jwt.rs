//! Verifies a token: its form, its header, its signature, its claims, in that order.
//!
//! Follows RFC 8725: the kind of signature is pinned by the configuration, a header that must be
//! understood is refused, keys come from our own configuration alone, and each rule that fails is
//! told apart for the log. Never logs a token.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::DecodingKey;
use secrecy::ExposeSecret;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokio_util::task::TaskTracker;
use url::Url;

use super::bearer::bearer_token;
use super::caller::Caller;
use super::claims::Expected;
use super::error::AuthError;
use super::jwks::{Jwks, KeySource};
use super::keys::VerifyingKey;
use crate::config::{AuthConfig, AuthKey, SigningAlgorithm};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of issuer and gateway may differ: a token is taken this long after `exp` and
/// before `nbf`.
pub const LEEWAY_SECONDS: u64 = 30;

/// Verifies the tokens of one issuer. Cheap to share behind an `Arc`.
pub struct Verifier {
    expected: Expected,
    keys: Keys,
}

enum Keys {
    Local(ArcSwap<VerifyingKey>),
    Remote(Jwks),
}

/// The configured key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// It is no key.
    #[error("auth.public_key cannot be used: {0}")]
    PublicKey(#[source] jsonwebtoken::errors::Error),
    /// Keys of a key set are not replaced by hand, nor is a key by a key set.
    #[error("the kind of the key cannot change without a restart")]
    Kind,
}

impl Verifier {
    /// A verifier for the configured issuer. `key_source` makes what fetches a key set from an
    /// address; it is called for `jwks_url` alone. Fetches run on `tasks`, so that a caller who
    /// hangs up does not stop one.
    ///
    /// # Errors
    /// When the configured public key cannot be used; a validated configuration has none such.
    pub fn new(
        config: &AuthConfig,
        key_source: impl FnOnce(&Url) -> Arc<dyn KeySource>,
        tasks: &TaskTracker,
    ) -> Result<Self, VerifierError> {
        let keys = match &config.key {
            AuthKey::Jwks { url, algorithms, max_stale, .. } => {
                let (source, algorithms) = (key_source(url), algorithms.clone());
                Keys::Remote(Jwks::new(source, algorithms, *max_stale, tasks.clone()))
            }
            AuthKey::Public { .. } | AuthKey::Hmac(_) => {
                Keys::Local(ArcSwap::from_pointee(local_key(&config.key)?))
            }
        };
        let expected = Expected::new(config);
        Ok(Self { expected, keys })
    }

    /// Believes this key from now on, and the one before no more.
    ///
    /// # Errors
    /// When it cannot be used, or this verifier has a key set; the old key stays.
    pub fn replace_key(&self, key: &AuthKey) -> Result<(), VerifierError> {
        match &self.keys {
            Keys::Local(current) => {
                current.store(Arc::new(local_key(key)?));
                Ok(())
            }
            Keys::Remote(_) => Err(VerifierError::Kind),
        }
    }

    /// Fetches the key set, if one is configured, so that the first caller need not wait.
    ///
    /// # Errors
    /// [`AuthError::KeysUnavailable`] when it cannot be fetched; later requests try again.
    pub async fn prepare(&self) -> Result<(), AuthError> {
        match &self.keys {
            Keys::Local(_) => Ok(()),
            Keys::Remote(keys) => keys.prepare(Utc::now()).await,
        }
    }

    /// The caller behind an `Authorization` header's value, now.
    ///
    /// # Errors
    /// See [`AuthError`]: 401 with its `detail` and `challenge`, or 503 if `is_unavailable`.
    pub async fn authenticate(&self, authorization: Option<&[u8]>) -> Result<Caller, AuthError> {
        self.authenticate_at(authorization, Utc::now()).await
    }

    /// As [`Verifier::authenticate`], at a given time.
    ///
    /// # Errors
    /// As there.
    pub async fn authenticate_at(
        &self,
        authorization: Option<&[u8]>,
        now: DateTime<Utc>,
    ) -> Result<Caller, AuthError> {
        self.verify_at(bearer_token(authorization)?, now).await
    }

    /// The caller that a token speaks of, at a given time.
    ///
    /// # Errors
    /// As [`Verifier::authenticate`].
    pub async fn verify_at(&self, token: &str, now: DateTime<Utc>) -> Result<Caller, AuthError> {
        let token = Parts::of(token)?;
        self.verify_signature(&token, &token.header()?, now).await?;
        let now = u64::try_from(now.timestamp()).unwrap_or(0);
        self.expected.judge(&token.claims()?, now)
    }

    async fn verify_signature(
        &self,
        token: &Parts<'_>,
        header: &Header,
        now: DateTime<Utc>,
    ) -> Result<(), AuthError> {
        header.judge()?;
        let verifies = |key: &VerifyingKey| key.verifies(token.signed, token.signature);
        match &self.keys {
            Keys::Local(key) => {
                let key = key.load();
                if key.algorithm().name() != header.alg {
                    return Err(AuthError::Algorithm);
                }
                if verifies(&key) { Ok(()) } else { Err(AuthError::Signature) }
            }
            Keys::Remote(keys) => {
                keys.verify(header.kid.as_deref(), &header.alg, verifies, now).await
            }
        }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("expected", &self.expected).finish_non_exhaustive()
    }
}

fn local_key(key: &AuthKey) -> Result<VerifyingKey, VerifierError> {
    match key {
        AuthKey::Hmac(secret) => {
            let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
            Ok(VerifyingKey::only(SigningAlgorithm::Hs256, key))
        }
        AuthKey::Public { pem, algorithm } => {
            let key = public_key(pem, *algorithm).map_err(VerifierError::PublicKey)?;
            Ok(VerifyingKey::only(*algorithm, key))
        }
        AuthKey::Jwks { .. } => Err(VerifierError::Kind),
    }
}

fn public_key(
    pem: &str,
    algorithm: SigningAlgorithm,
) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
    match algorithm {
        SigningAlgorithm::Rs256 => DecodingKey::from_rsa_pem(pem.as_bytes()),
        SigningAlgorithm::Es256 => DecodingKey::from_ec_pem(pem.as_bytes()),
        SigningAlgorithm::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
        SigningAlgorithm::Hs256 => Err(jsonwebtoken::errors::ErrorKind::InvalidAlgorithm.into()),
    }
}

/// The parts of a token, still encoded.
pub(super) struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn of(token: &'a str) -> Result<Self, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::TooLarge);
        }
        let parts = token.rsplit_once('.').and_then(|(signed, signature)| {
            let (header, claims) = signed.split_once('.')?;
            let whole = !claims.contains('.') && !signature.is_empty();
            whole.then_some(Self { header, claims, signed, signature })
        });
        parts.ok_or(AuthError::Malformed("not three parts"))
    }

    fn header(&self) -> Result<Header, AuthError> {
        let members = Value::Object(self.header_members()?);
        serde_json::from_value(members).map_err(|_not_ours| AuthError::Malformed("header"))
    }

    pub(super) fn header_members(&self) -> Result<Map<String, Value>, AuthError> {
        decoded(self.header, "header")
    }

    pub(super) fn claims(&self) -> Result<Map<String, Value>, AuthError> {
        decoded(self.claims, "claims")
    }
}

/// Read to the last member, also where few are acted on: what is no JSON to others is none here.
fn decoded(part: &str, name: &'static str) -> Result<Map<String, Value>, AuthError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64| AuthError::Malformed(name))?;
    let Members(members) =
        serde_json::from_slice(&json).map_err(|_not_json| AuthError::Malformed(name))?;
    Ok(members)
}

/// Members by name. Of one that is given twice, its issuer may have meant the other.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = given.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is given twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Once)
    }
}

/// The parts of a header that we act on. `jwk`, `jku`, `x5c` and `x5u` are left unread: a token
/// does not choose its own key.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_anything| true)
}

impl Header {
    /// Refuses what must be understood and is not, and tokens that were made for something else.
    fn judge(&self) -> Result<(), AuthError> {
        if self.crit {
            return Err(AuthError::Header("crit"));
        }
        let access_token = |typ: &String| {
            let typ = typ.to_ascii_lowercase();
            matches!(typ.trim_start_matches("application/"), "jwt" | "at+jwt")
        };
        match &self.typ {
            Some(typ) if !access_token(typ) => Err(AuthError::Header("typ")),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
