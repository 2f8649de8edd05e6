//! `[auth]`: whose tokens are believed, and by which key.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::layers::Environment;
use super::reader::Reader;
use super::scope::Scope;
use super::secret::Named;
use super::tls::CaBundle;

/// Whose tokens are believed, and by which key.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// The `iss` that a token must carry.
    pub issuer: String,
    /// The `aud` that a token must carry, alone or among others.
    pub audience: String,
    /// The claim that names the tenant.
    pub tenant_claim: String,
    /// The claim that names the scopes: its name, or a path such as `realm_access.roles`.
    pub scope_claim: String,
    /// The scopes that a name of the issuer grants. A name in this map has no other meaning.
    pub scope_map: BTreeMap<String, Vec<Scope>>,
    /// Where the key or keys come from, with the signatures that are believed.
    pub key: AuthKey,
    /// Where that is read from again, if it can be.
    pub key_file: Option<AuthKeyFile>,
}

/// The file of a key, and what the key in it must be.
#[derive(Debug, Clone)]
pub struct AuthKeyFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it held.
    pub content: SecretString,
    /// The signatures that the key may be for.
    algorithms: Vec<SigningAlgorithm>,
}

impl AuthKeyFile {
    /// The setting that names it.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        if self.is_shared_secret() { "auth.hmac_secret" } else { "auth.public_key" }
    }

    /// The key, now that the file holds this.
    ///
    /// # Errors
    /// A sentence without any of the content.
    pub fn key_in(&self, content: SecretString) -> Result<AuthKey, String> {
        if self.is_shared_secret() { hmac(content) } else { public(&content, &self.algorithms) }
    }

    fn is_shared_secret(&self) -> bool {
        self.algorithms.contains(&SigningAlgorithm::Hs256)
    }
}

/// Where the keys of tokens come from.
#[derive(Debug, Clone)]
pub enum AuthKey {
    /// The identity provider's key set.
    Jwks {
        /// Its address: https, or http of this machine.
        url: Url,
        /// The signatures that are believed; never HS256, never empty.
        algorithms: Vec<SigningAlgorithm>,
        /// The certificates that its server's must lead to, in place of the machine's.
        ca: Option<CaBundle>,
        /// How long after its last fetch a key set is used while its endpoint fails.
        max_stale: Duration,
    },
    /// One public key.
    Public {
        /// In PEM, of the kind that `algorithm` says.
        pem: String,
        /// The one signature that is believed.
        algorithm: SigningAlgorithm,
    },
    /// A shared secret of at least 32 bytes, for HS256.
    Hmac(SecretString),
}

/// A kind of signature. No others are ever believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSA PKCS #1 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl SigningAlgorithm {
    /// Those with a public key.
    pub const ASYMMETRIC: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in a token's header (RFC 7518, RFC 8037).
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const MIN_HMAC_BYTES: usize = 32;
/// The longest name of a claim or path to one.
const LONGEST_CLAIM: usize = 255;
const DEFAULT_MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// Claims that RFC 7519 defines. They name neither a tenant nor scopes.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
const ONE_KEY: &str = "exactly one of jwks_url, public_key and hmac_secret is needed";

pub(super) fn parse(reader: &mut Reader, env: &Environment) -> Option<AuthConfig> {
    let issuer = reader.needed_string("issuer");
    let audience = reader.needed_string("audience");
    let tenant_claim = tenant_claim(reader);
    let scope_claim = scope_claim(reader, tenant_claim.as_deref());
    let scope_map = scope_map(reader);
    let (key, key_file) = key(reader, env).unzip();
    Some(AuthConfig {
        issuer: issuer?,
        audience: audience?,
        tenant_claim: tenant_claim?,
        scope_claim: scope_claim?,
        scope_map: scope_map?,
        key: key?,
        key_file: key_file?,
    })
}

fn tenant_claim(reader: &mut Reader) -> Option<String> {
    let claim = reader.needed_string("tenant_claim")?;
    if REGISTERED.contains(&claim.as_str()) || claim == "scope" {
        reader.fault("tenant_claim", format!("`{claim}` already has a meaning of its own"));
        return None;
    }
    Some(claim)
}

fn scope_claim(reader: &mut Reader, tenant_claim: Option<&str>) -> Option<String> {
    const KEY: &str = "scope_claim";
    let claim = reader.needed_string(KEY)?;
    let fault = if REGISTERED.contains(&claim.as_str()) {
        format!("`{claim}` already has a meaning of its own; name the claim that holds the scopes")
    } else if tenant_claim == Some(claim.as_str()) {
        format!("`{claim}` is already auth.tenant_claim; the scopes need another claim")
    } else if claim.len() > LONGEST_CLAIM {
        format!("must have at most {LONGEST_CLAIM} bytes")
    } else {
        return Some(claim);
    };
    reader.fault(KEY, fault);
    None
}

/// Reads `auth.scope_map`. Every unknown scope is a fault of its own.
fn scope_map(reader: &mut Reader) -> Option<BTreeMap<String, Vec<Scope>>> {
    const KEY: &str = "scope_map";
    if !reader.is_set(KEY) {
        reader.take(KEY);
        return Some(BTreeMap::new());
    }
    let map = reader.table(KEY)?;
    let mut parsed = Some(BTreeMap::new());
    for (name, words) in map.to_word_lists()? {
        let mut scopes = Vec::with_capacity(words.len());
        for word in words {
            match word.parse::<Scope>() {
                Ok(scope) => scopes.push(scope),
                Err(unknown) => {
                    map.fault(&name, unknown.to_string());
                    parsed = None;
                }
            }
        }
        if let Some(parsed) = &mut parsed {
            parsed.insert(name, scopes);
        }
    }
    parsed
}

fn key(reader: &mut Reader, env: &Environment) -> Option<(AuthKey, Option<AuthKeyFile>)> {
    let given = ["jwks_url", "public_key", "hmac_secret"].map(|key| reader.is_set(key));
    let jwks_url = reader.secure_url("jwks_url");
    let with_ca = reader.is_set("jwks_ca_file");
    let ca = reader.ca_file("jwks_ca_file", jwks_url.as_ref());
    if with_ca && !given[0] {
        reader.fault("jwks_ca_file", "is for jwks_url alone");
    }
    let with_max_stale = reader.is_set("jwks_max_stale");
    let max_stale = if with_max_stale {
        reader.positive_duration("jwks_max_stale")
    } else {
        reader.take("jwks_max_stale");
        Some(DEFAULT_MAX_STALE)
    };
    if with_max_stale && !given[0] {
        reader.fault("jwks_max_stale", "is for jwks_url alone");
    }
    let public_key = reader.named_secret("public_key", env);
    let hmac_secret = reader.named_secret("hmac_secret", env);
    let algorithms = algorithms(reader, given[2]);
    match given {
        [true, false, false] => {
            let (url, algorithms, max_stale) = (jwks_url?, algorithms?, max_stale?);
            let has_its_ca = !with_ca || ca.is_some();
            has_its_ca.then_some((AuthKey::Jwks { url, algorithms, ca, max_stale }, None))
        }
        [false, true, false] => named_key(reader, "public_key", public_key?, algorithms?),
        [false, false, true] => named_key(reader, "hmac_secret", hmac_secret?, algorithms?),
        _none_or_several => {
            reader.fault_here(ONE_KEY);
            None
        }
    }
}

fn named_key(
    reader: &Reader,
    setting: &str,
    named: Named,
    algorithms: Vec<SigningAlgorithm>,
) -> Option<(AuthKey, Option<AuthKeyFile>)> {
    let Named { value, file } = named;
    let path = file.clone().unwrap_or_default();
    let key_file = AuthKeyFile { path, content: value.clone(), algorithms };
    match key_file.key_in(value) {
        Ok(key) => Some((key, file.is_some().then_some(key_file))),
        Err(message) => {
            reader.fault(setting, message);
            None
        }
    }
}

/// The signatures to believe. They must fit the kind of key, or a public key could be used as a
/// shared secret.
fn algorithms(reader: &mut Reader, shared_secret: bool) -> Option<Vec<SigningAlgorithm>> {
    const KEY: &str = "algorithms";
    let fitting: &[_] =
        if shared_secret { &[SigningAlgorithm::Hs256] } else { &SigningAlgorithm::ASYMMETRIC };
    if !reader.is_set(KEY) {
        reader.take(KEY);
        return Some(fitting.to_vec());
    }
    let names = reader.strings(KEY)?;
    if names.is_empty() {
        reader.fault(KEY, "must name at least one");
        return None;
    }
    let mut algorithms = Vec::with_capacity(names.len());
    for name in &names {
        match SigningAlgorithm::from_name(name) {
            Some(algorithm) if fitting.contains(&algorithm) => algorithms.push(algorithm),
            Some(SigningAlgorithm::Hs256) => {
                reader.fault(KEY, "HS256 is for hmac_secret alone");
            }
            Some(other) => {
                reader.fault(KEY, format!("{other} does not fit hmac_secret; HS256 alone does"));
            }
            None => reader.fault(KEY, format!("`{name}` is not known here")),
        }
    }
    (algorithms.len() == names.len()).then_some(algorithms)
}

fn hmac(secret: SecretString) -> Result<AuthKey, String> {
    if secret.expose_secret().len() < MIN_HMAC_BYTES {
        return Err(format!("must be at least {MIN_HMAC_BYTES} bytes long"));
    }
    Ok(AuthKey::Hmac(secret))
}

fn public(pem: &SecretString, algorithms: &[SigningAlgorithm]) -> Result<AuthKey, String> {
    let algorithm = judge_pem(pem.expose_secret())?;
    if !algorithms.contains(&algorithm) {
        return Err(format!("is a key for {algorithm}, which auth.algorithms leaves out"));
    }
    Ok(AuthKey::Public { pem: pem.expose_secret().to_owned(), algorithm })
}

/// Which signature a public key is for.
fn judge_pem(pem: &str) -> Result<SigningAlgorithm, String> {
    if pem.contains("PRIVATE KEY") {
        return Err("is a private key; give the public one".to_owned());
    }
    let bytes = pem.as_bytes();
    if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
        return if is_p256(&key) {
            Ok(SigningAlgorithm::Es256)
        } else {
            Err("is not on the curve P-256, which ES256 needs".to_owned())
        };
    }
    if DecodingKey::from_ed_pem(bytes).is_ok() {
        return Ok(SigningAlgorithm::EdDsa);
    }
    match DecodingKey::from_rsa_pem(bytes) {
        Ok(key) if is_strong_rsa(&key) => Ok(SigningAlgorithm::Rs256),
        Ok(_) => Err("is not an RSA public key of at least 2048 bits".to_owned()),
        Err(_) => Err("is not a public key in PEM".to_owned()),
    }
}

fn is_p256(key: &DecodingKey) -> bool {
    const UNCOMPRESSED_POINT: usize = 65;
    key.try_get_as_bytes().is_ok_and(|point| point.len() == UNCOMPRESSED_POINT)
}

fn is_strong_rsa(key: &DecodingKey) -> bool {
    const MIN_MODULUS_BITS: usize = 2048;
    let parsed = key.try_get_as_bytes().map(aws_lc_rs::rsa::PublicKey::from_der);
    match parsed {
        Ok(Ok(public)) => {
            let modulus = public.modulus();
            modulus.big_endian_without_leading_zero().len() * 8 >= MIN_MODULUS_BITS
        }
        Ok(Err(_)) | Err(_) => false,
    }
}
