//! One published key (RFC 7517): whether it verifies signatures, and of which algorithm.
//!
//! Reads what large identity providers publish, also where it departs from the RFC without ambiguity:
//! leading zero octets in `n` and `e`, padded base64url, short coordinates, other letter case. A key that
//! cannot be used is skipped with a reason; it does not affect the other keys of its set.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::config::SigningAlgorithm;

/// Why a published key is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skipped {
    /// The key serves another purpose; publishing it is normal.
    OtherPurpose(&'static str),
    /// The key is faulty, or is not one that the gateway accepts.
    Fault(&'static str),
}

impl Skipped {
    /// The reason for the log.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::OtherPurpose(reason) | Self::Fault(reason) => reason,
        }
    }
}

/// The `kid` of a published key.
pub(super) fn key_id(key: &Value) -> Option<&str> {
    key.get("kid")?.as_str()
}

/// Reads a published key, and returns it with the algorithm that it verifies.
pub(super) fn read(
    key: &Value,
    allowed: &[SigningAlgorithm],
) -> Result<(SigningAlgorithm, DecodingKey), Skipped> {
    let key = Members(key.as_object().ok_or(Skipped::Fault("the key is not a JSON object"))?);
    key.check_purpose()?;
    let kind = Kind::of(&key)?;
    let algorithm = kind.algorithm();
    let stated = key.text("alg")?;
    if stated.is_some_and(|stated| !kind.goes_by(stated)) {
        return Err(Skipped::OtherPurpose("`alg` is not an algorithm that the gateway supports"));
    }
    if !allowed.contains(&algorithm) {
        return Err(Skipped::OtherPurpose("auth.algorithms leaves its algorithm out"));
    }
    let read = match kind {
        Kind::Rsa => rsa(&key)?,
        Kind::P256 => p256(&key)?,
        Kind::Ed25519 => ed25519(&key)?,
    };
    Ok((algorithm, read))
}

/// The kinds of keys that the gateway supports.
#[derive(Clone, Copy)]
enum Kind {
    Rsa,
    P256,
    Ed25519,
}

impl Kind {
    fn of(key: &Members<'_>) -> Result<Self, Skipped> {
        let curve = key.text("crv")?.unwrap_or_default();
        let is_curve = |name: &str| curve.eq_ignore_ascii_case(name);
        let kind = key.text("kty")?.ok_or(Skipped::Fault("`kty` is missing"))?;
        match kind.to_ascii_uppercase().as_str() {
            "RSA" => Ok(Self::Rsa),
            "EC" if is_curve("P-256") => Ok(Self::P256),
            "EC" => Err(Skipped::OtherPurpose("`crv` of an EC key must be P-256")),
            "OKP" if is_curve("Ed25519") => Ok(Self::Ed25519),
            "OKP" => Err(Skipped::OtherPurpose("`crv` of an OKP key must be Ed25519")),
            "OCT" => Err(Skipped::Fault("a published shared secret (`oct`) is not secret")),
            _unknown => Err(Skipped::OtherPurpose("`kty` must be RSA, EC or OKP")),
        }
    }

    fn algorithm(self) -> SigningAlgorithm {
        match self {
            Self::Rsa => SigningAlgorithm::Rs256,
            Self::P256 => SigningAlgorithm::Es256,
            Self::Ed25519 => SigningAlgorithm::EdDsa,
        }
    }

    /// Whether `alg` names this kind's algorithm. Ed25519 has two names (RFC 8037, RFC 9864).
    fn goes_by(self, stated: &str) -> bool {
        let other = if matches!(self, Self::Ed25519) { "Ed25519" } else { "" };
        [self.algorithm().name(), other].iter().any(|name| stated.eq_ignore_ascii_case(name))
    }
}

/// The members of a published key.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    /// A member that is a string; null counts as absent.
    fn text(&self, name: &str) -> Result<Option<&'a str>, Skipped> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Skipped::Fault("a member that must be a string is not one"))
            }
        }
    }

    /// The bytes of a member in base64url, with or without padding.
    fn bytes(&self, name: &str, missing: &'static str) -> Result<Vec<u8>, Skipped> {
        let text = self.text(name)?.ok_or(Skipped::Fault(missing))?;
        let bytes = URL_SAFE_NO_PAD.decode(text.trim().trim_end_matches('='));
        bytes.map_err(|_not_base64| Skipped::Fault("a number of the key is not base64url"))
    }

    /// Refuses keys that are not for verifying signatures.
    fn check_purpose(&self) -> Result<(), Skipped> {
        if self.text("use")?.is_some_and(|usage| !usage.eq_ignore_ascii_case("sig")) {
            return Err(Skipped::OtherPurpose("`use` is not `sig`"));
        }
        let verifies = match self.0.get("key_ops") {
            None | Some(Value::Null) => true,
            Some(Value::Array(operations)) => {
                // An empty list states nothing.
                operations.is_empty() || operations.iter().any(|it| it == "verify")
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                return Err(Skipped::Fault("`key_ops` is not a list"));
            }
        };
        if verifies { Ok(()) } else { Err(Skipped::OtherPurpose("`key_ops` lacks `verify`")) }
    }
}

fn rsa(key: &Members<'_>) -> Result<DecodingKey, Skipped> {
    const MISSING: &str = "`n` or `e` is missing (`x5c` alone is not read)";
    const SIZE: &str = "the RSA modulus must have 2048 to 8192 bits";
    let n = without_leading_zeros(key.bytes("n", MISSING)?);
    let e = without_leading_zeros(key.bytes("e", MISSING)?);
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(Skipped::Fault(SIZE));
    }
    let der: Result<PublicKeyX509Der<'_>, _> = RsaPublicKeyComponents { n: &n, e: &e }.as_der();
    let der = der.map_err(|_faulty| Skipped::Fault("`n` and `e` are not an RSA public key"))?;
    check(&RSA_PKCS1_2048_8192_SHA256, der.as_ref(), "`n` and `e` are not an RSA public key")?;
    Ok(DecodingKey::from_rsa_raw_components(&n, &e))
}

fn p256(key: &Members<'_>) -> Result<DecodingKey, Skipped> {
    const MISSING: &str = "`x` or `y` is missing";
    const NO_POINT: &str = "`x` and `y` are not a point on P-256";
    let coordinate = |name| {
        let digits = without_leading_zeros(key.bytes(name, MISSING)?);
        let padding = 32_usize.checked_sub(digits.len()).ok_or(Skipped::Fault(NO_POINT))?;
        Ok([vec![0; padding], digits].concat())
    };
    let (x, y) = (coordinate("x")?, coordinate("y")?);
    check(&ECDSA_P256_SHA256_FIXED, &[&[4], x.as_slice(), y.as_slice()].concat(), NO_POINT)?;
    let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
    DecodingKey::from_ec_components(&x, &y).map_err(|_refused| Skipped::Fault(NO_POINT))
}

fn ed25519(key: &Members<'_>) -> Result<DecodingKey, Skipped> {
    const NO_KEY: &str = "`x` is not an Ed25519 public key of 32 bytes";
    let x = key.bytes("x", "`x` is missing")?;
    if x.len() != 32 {
        return Err(Skipped::Fault(NO_KEY));
    }
    check(&ED25519, &x, NO_KEY)?;
    let x = URL_SAFE_NO_PAD.encode(x);
    DecodingKey::from_ed_components(&x).map_err(|_refused| Skipped::Fault(NO_KEY))
}

/// Refuses a key that the library would refuse at every signature.
fn check<A: VerificationAlgorithm>(
    algorithm: &'static A,
    key: &[u8],
    fault: &'static str,
) -> Result<(), Skipped> {
    let parsed = ParsedPublicKey::new(algorithm, key);
    parsed.map(|_usable| ()).map_err(|_refused| Skipped::Fault(fault))
}

fn without_leading_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests;
