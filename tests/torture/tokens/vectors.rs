//! Every token that must not be believed (RFC 8725 and beyond), and those that must.

mod documents;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::{
    forge::{Forge, by_secret, part, raw_part, rs256},
    keys::{Keys, Signing},
};
use crate::{harness::TOKEN_SECRET, real::Fault};

/// Which gateway a token is shown to, by where its keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// A shared secret.
    Secret,
    /// The identity provider's key set, every kind of signature.
    KeySet,
    /// The same, ES256 alone.
    KeySetEs256,
    /// One RSA key in PEM.
    RsaPem,
}

impl Site {
    pub(super) const ALL: [Self; 4] = [Self::Secret, Self::KeySet, Self::KeySetEs256, Self::RsaPem];
}

/// One request with its `Authorization` headers.
#[derive(Debug, Clone)]
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) site: Site,
    pub(super) authorization: Vec<String>,
    /// The start of `WWW-Authenticate`; `None` where the token is good.
    pub(super) challenge: Option<&'static str>,
    /// Whether the token names a key that the key set does not have: within the cooldown it gets 503.
    pub(super) names_unknown_key: bool,
}

impl Vector {
    /// Whether this is the `WWW-Authenticate` that the token must get: with one reason in fixed words, and
    /// nothing that the token brings.
    pub(super) fn is_due(&self, found: Option<&str>) -> bool {
        let (Some(start), Some(found)) = (self.challenge, found) else {
            return self.challenge.is_none() && found.is_none();
        };
        let Some(rest) = found.strip_prefix(start) else { return false };
        if start == NO_TOKEN {
            return rest.is_empty();
        }
        let description = rest.strip_prefix(", error_description=\"");
        let description = description.and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
        let is_plain = |b: u8| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\';
        let brought = ["evil", "attacker", "idp-", "crm", "svc-", "eyJ", "' or 1=1"];
        description.len() > 20
            && description.bytes().all(is_plain)
            && !brought.iter().any(|text| description.contains(text))
    }

    /// Whether a 503 with this `Retry-After` is due.
    pub(super) fn may_wait(&self, seconds: u64) -> bool {
        self.names_unknown_key && (1..=30).contains(&seconds)
    }
}

/// The challenge for a token that is refused.
pub(super) const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\"";
/// The challenge for a header that is not a bearer token.
pub(super) const INVALID_REQUEST: &str = "Bearer error=\"invalid_request\"";
/// The challenge for a request without a token.
pub(super) const NO_TOKEN: &str = "Bearer";

/// Whether a token names a key that the identity provider does not publish, for an algorithm that is accepted.
fn names_unknown_key(token: &str) -> bool {
    let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<Value> = header.and_then(|json| serde_json::from_slice(&json).ok());
    let header = header.unwrap_or_default();
    let is_accepted = ["RS256", "ES256", "EdDSA"].iter().any(|alg| header["alg"] == **alg);
    let published = ["idp-rsa", "idp-ec", "idp-ec384", "idp-ed"];
    is_accepted && header["kid"].as_str().is_some_and(|kid| !published.contains(&kid))
}

/// Collects the vectors.
struct List<'a> {
    forge: Forge<'a>,
    /// Somebody else's keys, of the same kinds.
    attacker: &'a Keys,
    /// Where somebody else publishes them.
    attacker_url: &'a str,
    found: Vec<Vector>,
}

/// All of them.
///
/// # Errors
/// A token cannot be made.
pub(super) fn vectors(
    keys: &Keys,
    attacker: &Keys,
    attacker_url: &str,
    now: i64,
) -> Result<Vec<Vector>, Fault> {
    let forge = Forge { keys, now };
    let mut list = List { forge, attacker, attacker_url, found: Vec::new() };
    list.good()?;
    list.unsigned()?;
    list.public_keys_as_secrets()?;
    list.other_algorithms()?;
    list.key_ids()?;
    list.keys_of_its_own()?;
    list.headers()?;
    list.claims()?;
    list.forms()?;
    list.encodings()?;
    list.authorizations()?;
    Ok(list.found)
}

impl List<'_> {
    fn refused(&mut self, site: Site, name: impl Into<String>, token: &str) {
        let authorization = vec![format!("Bearer {token}")];
        let challenge = Some(INVALID_TOKEN);
        let is_set = matches!(site, Site::KeySet | Site::KeySetEs256);
        let names_unknown_key = is_set && names_unknown_key(token);
        let name = name.into();
        self.found.push(Vector { name, site, authorization, challenge, names_unknown_key });
    }

    fn believed(&mut self, site: Site, name: &str, authorization: String) {
        let authorization = vec![authorization];
        let (name, challenge, names_unknown_key) = (name.to_owned(), None, false);
        self.found.push(Vector { name, site, authorization, challenge, names_unknown_key });
    }

    fn good(&mut self) -> Result<(), Fault> {
        let claims = self.forge.claims();
        for (name, signing, kid) in [
            ("RS256", Signing::Rs256, "idp-rsa"),
            ("ES256", Signing::Es256, "idp-ec"),
            ("EdDSA", Signing::EdDsa, "idp-ed"),
        ] {
            for header in [json!({ "alg": name, "kid": kid }), json!({ "alg": name })] {
                let token = self.forge.token(signing, &header, &claims)?;
                self.believed(Site::KeySet, &format!("{header}"), format!("Bearer {token}"));
            }
        }
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let token = by_secret(&header, &claims, TOKEN_SECRET.as_bytes(), false);
        self.believed(Site::Secret, "HS256", format!("Bearer {token}"));
        let token = self.forge.good()?;
        self.believed(Site::RsaPem, "RS256 by one key", format!("Bearer {token}"));
        self.believed(Site::KeySet, "lower-case scheme", format!("bearer {token}"));
        self.believed(Site::KeySet, "several blanks", format!("BEARER   {token}"));
        let es256 = self.forge.token(Signing::Es256, &json!({ "alg": "ES256" }), &claims)?;
        self.believed(Site::KeySetEs256, "ES256 alone", format!("Bearer {es256}"));
        let now = self.forge.now;
        for (name, value) in [
            ("aud", json!(["other", "partner-gateway"])),
            ("exp", json!(now as f64 + 3600.5)),
            ("nbf", json!(now + 10)),
            ("scope", json!(["openid", "organizations:read"])),
        ] {
            let token = self.forge.with_claims(&self.forge.claims_with(name, value.clone()))?;
            self.believed(Site::KeySet, &format!("{name} = {value}"), format!("Bearer {token}"));
        }
        for typ in ["at+jwt", "application/at+JWT"] {
            let token = self.forge.with_header("typ", json!(typ))?;
            self.believed(Site::KeySet, typ, format!("Bearer {token}"));
        }
        Ok(())
    }

    fn unsigned(&mut self) -> Result<(), Fault> {
        let claims = self.forge.claims();
        for name in ["none", "None", "NONE", "nOnE", "noNE", " none", "none ", ""] {
            let header = json!({ "alg": name, "typ": "JWT" });
            for site in [Site::KeySet, Site::Secret] {
                let bare = format!("{}.{}.", part(&header), part(&claims));
                self.refused(site, format!("alg {name:?}, unsigned"), &bare);
            }
            let signed = self.forge.token(Signing::Rs256, &header, &claims)?;
            self.refused(Site::KeySet, format!("alg {name:?}, signed"), &signed);
            let bare = format!("{}.{}", part(&header), part(&claims));
            self.refused(Site::KeySet, format!("alg {name:?}, two parts"), &bare);
        }
        Ok(())
    }

    fn public_keys_as_secrets(&mut self) -> Result<(), Fault> {
        let claims = self.forge.claims();
        let keys = self.forge.keys;
        let pem = keys.rsa_pem()?;
        let published = keys.published("idp-");
        let rsa = published.first().map(Value::to_string).unwrap_or_default();
        let modulus = published.first().and_then(|key| key["n"].as_str()).unwrap_or_default();
        let secrets: [(&str, Vec<u8>); 6] = [
            ("the PEM", pem.clone().into_bytes()),
            ("the PEM without its last line break", pem.trim_end().as_bytes().to_vec()),
            ("the DER", keys.rsa_der()?),
            ("the published key", rsa.into_bytes()),
            ("the modulus", modulus.as_bytes().to_vec()),
            ("nothing", Vec::new()),
        ];
        for (name, secret) in secrets {
            for alg in ["HS256", "RS256"] {
                let header = json!({ "alg": alg, "kid": "idp-rsa" });
                let token = by_secret(&header, &claims, &secret, false);
                for site in [Site::KeySet, Site::RsaPem] {
                    self.refused(site, format!("{alg} by HMAC with {name}"), &token);
                }
            }
        }
        Ok(())
    }

    fn other_algorithms(&mut self) -> Result<(), Fault> {
        let claims = self.forge.claims();
        for (alg, signing, kid) in [
            ("RS384", Signing::Rs384, "idp-rsa"),
            ("RS512", Signing::Rs512, "idp-rsa"),
            ("PS256", Signing::Ps256, "idp-rsa"),
            ("ES384", Signing::Es384, "idp-ec384"),
            ("ES256", Signing::Es384, "idp-ec384"),
            ("ES256", Signing::Es384, "idp-ec"),
            ("ES256", Signing::Es256Der, "idp-ec"),
            ("RS256", Signing::Ps256, "idp-rsa"),
            ("rs256", Signing::Rs256, "idp-rsa"),
            ("Ed25519", Signing::EdDsa, "idp-ed"),
            ("EdDSA", Signing::Rs256, "idp-ed"),
        ] {
            let token = self.forge.token(signing, &json!({ "alg": alg, "kid": kid }), &claims)?;
            self.refused(Site::KeySet, format!("{alg} by {signing:?} of {kid}"), &token);
        }
        for (alg, signing, kid) in
            [("RS256", Signing::Rs256, "idp-rsa"), ("EdDSA", Signing::EdDsa, "idp-ed")]
        {
            let token = self.forge.token(signing, &json!({ "alg": alg, "kid": kid }), &claims)?;
            self.refused(Site::KeySetEs256, format!("{alg}, which is not believed here"), &token);
        }
        for (name, secret, alg, long) in [
            ("another secret", "another-secret-of-32-bytes-or-more", "HS256", false),
            ("no secret", "", "HS256", false),
            ("HS512 by the right one", TOKEN_SECRET, "HS512", true),
            ("a long tag by the right one", TOKEN_SECRET, "HS256", true),
        ] {
            let token = by_secret(&json!({ "alg": alg }), &claims, secret.as_bytes(), long);
            self.refused(Site::Secret, name, &token);
        }
        let token = self.forge.good()?;
        self.refused(Site::Secret, "RS256 where a secret is shared", &token);
        // Both halves zero verify under any key where nobody looks (CVE-2022-21449).
        let zero = format!("{}.{}", part(&json!({ "alg": "ES256" })), part(&claims));
        let zero = format!("{zero}.{}", "A".repeat(86));
        self.refused(Site::KeySet, "ES256 of zeros", &zero);
        Ok(())
    }

    fn key_ids(&mut self) -> Result<(), Fault> {
        let claims = self.forge.claims();
        let url = self.attacker_url.to_owned();
        let kids = [
            json!("idp-retired"),
            json!("../../../../../../dev/null"),
            json!("/proc/sys/kernel/randomize_va_space"),
            json!("' or 1=1 --"),
            json!("idp-rsa'; drop table operations; --"),
            json!("k".repeat(4_000)),
            json!("idp-rsa\0"),
            json!("idp-RSA"),
            json!(""),
            json!(url),
            json!("idp-ec"),
            json!(7),
            json!(["idp-rsa"]),
            json!({ "$ne": "" }),
            json!("|/usr/bin/id"),
        ];
        for kid in kids {
            let name = format!("kid {:.60}", kid.to_string());
            let header = json!({ "alg": "RS256", "kid": kid });
            let token = self.forge.token(Signing::Rs256, &header, &claims)?;
            self.refused(Site::KeySet, name, &token);
        }
        let other = Forge { keys: self.attacker, now: self.forge.now };
        for header in [json!({ "alg": "RS256" }), rs256()] {
            let token = other.token(Signing::Rs256, &header, &claims)?;
            self.refused(Site::KeySet, format!("another's key under {header}"), &token);
        }
        let token = by_secret(&json!({ "alg": "HS256", "kid": "/dev/null" }), &claims, b"", false);
        self.refused(Site::Secret, "an empty secret by a path", &token);
        Ok(())
    }
}

/// JSON in base64 that is padded.
fn padded(json: &str) -> String {
    let blank = if json.len().is_multiple_of(3) { " " } else { "" };
    URL_SAFE.encode(format!("{json}{blank}"))
}

/// A text in the other base64.
fn other_alphabet(text: &str) -> String {
    STANDARD_NO_PAD.encode(text)
}
