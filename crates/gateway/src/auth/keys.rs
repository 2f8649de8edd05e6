//! Keys that verify signatures, each for one algorithm, and the key set that they come in.
//!
//! A key is chosen by the token's `kid` and `alg`. `jwk`, `jku`, `x5u` and `x5c` of a token are not read.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::error::AuthError;
use super::jwk::{self, Skipped};
use crate::config::SigningAlgorithm;

/// How many keys are tried for one token, so that a large key set does not make a token expensive.
const MOST_TRIED: usize = 16;

/// A key and the one algorithm that it verifies.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    id: Option<String>,
    algorithm: SigningAlgorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    /// The only configured key, whatever `kid` a token names.
    pub(super) fn only(algorithm: SigningAlgorithm, key: DecodingKey) -> Self {
        Self { id: None, algorithm, key }
    }

    pub(super) fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Whether `signature` (base64url) is this key's over `message`.
    pub(super) fn verifies(&self, message: &str, signature: &str) -> bool {
        let algorithm = wire_algorithm(self.algorithm);
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm)
            .unwrap_or(false)
    }
}

pub(super) fn wire_algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Hs256 => Algorithm::HS256,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

/// A published key set: its usable keys, and those that are not used.
#[derive(Clone, Default)]
pub(super) struct KeySet {
    usable: Vec<VerifyingKey>,
    skipped: Vec<SkippedKey>,
}

/// A published key that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SkippedKey {
    /// Its `kid`.
    pub(super) id: Option<String>,
    /// Why it is not used.
    pub(super) why: Skipped,
}

/// The outcome of looking for a token's key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A key verifies the signature.
    Verified,
    /// The key set has the named key, and the token is refused.
    Refused(AuthError),
    /// No key of the set fits; a newer set may have one.
    NoKey,
    /// The token names no key, and none that fits verifies it; a newer set may have one.
    NoneVerifies,
}

impl Verdict {
    /// The outcome for the token, unless a newer set may change it.
    pub(super) fn outcome(&self) -> Option<Result<(), AuthError>> {
        match self {
            Self::Verified => Some(Ok(())),
            Self::Refused(error) => Some(Err(error.clone())),
            Self::NoKey | Self::NoneVerifies => None,
        }
    }
}

#[derive(Deserialize)]
struct PublishedSet {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a published key set key by key, so that a faulty key does not affect the others.
    pub(super) fn from_json(
        json: &[u8],
        allowed: &[SigningAlgorithm],
    ) -> Result<Self, serde_json::Error> {
        let published: PublishedSet = serde_json::from_slice(json)?;
        let mut set = Self::default();
        for key in &published.keys {
            let id = jwk::key_id(key).map(str::to_owned);
            match jwk::read(key, allowed) {
                Ok((algorithm, key)) => set.usable.push(VerifyingKey { id, algorithm, key }),
                Err(why) => set.skipped.push(SkippedKey { id, why }),
            }
        }
        Ok(set)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.usable.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.usable.len()
    }

    /// The published keys that are not used.
    pub(super) fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Looks for a key that `verifies` a token with this `kid` and algorithm. Without a `kid`, it tries
    /// every key of the algorithm; with one, the keys of that id, else keys that were published without id.
    pub(super) fn judge(
        &self,
        id: Option<&str>,
        algorithm: SigningAlgorithm,
        verifies: impl Fn(&VerifyingKey) -> bool,
    ) -> Verdict {
        let fits = |key: &&VerifyingKey| key.algorithm == algorithm;
        let Some(id) = id else {
            let mut fitting = self.usable.iter().filter(fits).take(MOST_TRIED).peekable();
            let missing =
                if fitting.peek().is_some() { Verdict::NoneVerifies } else { Verdict::NoKey };
            return if fitting.any(verifies) { Verdict::Verified } else { missing };
        };
        let mut named = self.usable.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
        if named.peek().is_some() {
            let mut fitting = named.filter(fits).take(MOST_TRIED).peekable();
            let refusal = match fitting.peek() {
                Some(_) => AuthError::Signature,
                None => AuthError::KeyAlgorithm,
            };
            return if fitting.any(verifies) {
                Verdict::Verified
            } else {
                Verdict::Refused(refusal)
            };
        }
        if self.skipped.iter().any(|key| key.id.as_deref() == Some(id)) {
            return Verdict::Refused(AuthError::UnusableKey);
        }
        let mut unnamed = self.usable.iter().filter(|key| key.id.is_none()).filter(fits);
        if unnamed.by_ref().take(MOST_TRIED).any(verifies) {
            Verdict::Verified
        } else {
            Verdict::NoKey
        }
    }
}
