//! Keys that verify signatures, each bound to the one kind of signature it is for.
//!
//! A key is chosen by the token's `kid`, never by anything else in the token's header; `jwk`,
//! `jku`, `x5u` and `x5c` are not so much as read.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::config::SigningAlgorithm;

/// A key and the one kind of signature that it verifies.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    id: Option<String>,
    algorithm: SigningAlgorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    /// The only key there is, whatever `kid` a token names.
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

/// The usable keys of a key set.
#[derive(Clone, Default)]
pub(super) struct KeySet(Vec<VerifyingKey>);

/// A key set as it is published. Keys are read one by one, so that one of a kind we do not know
/// does not spoil the rest.
#[derive(Deserialize)]
struct PublishedSet {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a published key set and keeps the keys that fit one of `allowed`.
    pub(super) fn from_json(
        json: &[u8],
        allowed: &[SigningAlgorithm],
    ) -> Result<Self, serde_json::Error> {
        let published: PublishedSet = serde_json::from_slice(json)?;
        let jwks = published.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Ok(Self(jwks.filter_map(|jwk: Jwk| usable(&jwk, allowed)).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key for a token: the one of its `kid`, or, where it names none, the only one that
    /// verifies its kind of signature.
    pub(super) fn find(
        &self,
        id: Option<&str>,
        algorithm: SigningAlgorithm,
    ) -> Option<&VerifyingKey> {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let first = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then_some(first)
    }
}

fn usable(jwk: &Jwk, allowed: &[SigningAlgorithm]) -> Option<VerifyingKey> {
    let algorithm = algorithm_of(jwk)?;
    let stated = jwk.common.key_algorithm.as_ref().map(ToString::to_string);
    let stated_otherwise = stated.is_some_and(|stated| stated != algorithm.name());
    if stated_otherwise || !for_verifying(jwk) || !allowed.contains(&algorithm) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(VerifyingKey { id: jwk.common.key_id.clone(), algorithm, key })
}

/// The kind of signature that a published key is for. A shared secret (`oct`) is never for any:
/// what is published is no secret.
fn algorithm_of(jwk: &Jwk) -> Option<SigningAlgorithm> {
    if let AlgorithmParameters::RSA(_) = &jwk.algorithm {
        return Some(SigningAlgorithm::Rs256);
    }
    if let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm {
        return (key.curve == EllipticCurve::P256).then_some(SigningAlgorithm::Es256);
    }
    if let AlgorithmParameters::OctetKeyPair(key) = &jwk.algorithm {
        return (key.curve == EllipticCurve::Ed25519).then_some(SigningAlgorithm::EdDsa);
    }
    None
}

fn for_verifying(jwk: &Jwk) -> bool {
    let usage = jwk.common.public_key_use.as_ref();
    let operations = jwk.common.key_operations.as_ref();
    usage.is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}
