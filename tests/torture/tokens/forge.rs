//! Tokens, good and broken, put together by hand: no library would write most of them.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::keys::{Keys, Signing};
use crate::{harness::ISSUER, real::Fault};

/// What a token is put together from.
pub(super) struct Forge<'a> {
    /// The identity provider's keys.
    pub(super) keys: &'a Keys,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// JSON as a part of a token.
pub(super) fn part(json: &Value) -> String {
    raw_part(&json.to_string())
}

/// Any text as a part of a token.
pub(super) fn raw_part(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Signed with a shared secret, whatever the header says.
pub(super) fn by_secret(header: &Value, claims: &Value, secret: &[u8], long: bool) -> String {
    let kind = if long { hmac::HMAC_SHA512 } else { hmac::HMAC_SHA256 };
    let message = format!("{}.{}", part(header), part(claims));
    let tag = hmac::sign(&hmac::Key::new(kind, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

impl Forge<'_> {
    /// Claims that are believed.
    pub(super) fn claims(&self) -> Value {
        json!({
            "iss": ISSUER, "aud": "partner-gateway", "exp": self.now + 3600, "sub": "svc-crm",
            "tenant": "crm", "scope": "organizations:read",
        })
    }

    /// The good claims with one changed; null takes it away.
    pub(super) fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        match (value, claims.as_object_mut()) {
            (Value::Null, Some(claims)) => drop(claims.remove(name)),
            (value, _) => claims[name] = value,
        }
        claims
    }

    /// Two parts and a signature over them.
    pub(super) fn seal(
        &self,
        signing: Signing,
        header: &str,
        claims: &str,
    ) -> Result<String, Fault> {
        let message = format!("{header}.{claims}");
        let signature = self.keys.sign(signing, &message)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// A token with this header and these claims.
    pub(super) fn token(
        &self,
        signing: Signing,
        header: &Value,
        claims: &Value,
    ) -> Result<String, Fault> {
        self.seal(signing, &part(header), &part(claims))
    }

    /// A token by the RSA key that only its claims can make worse.
    pub(super) fn with_claims(&self, claims: &Value) -> Result<String, Fault> {
        self.token(Signing::Rs256, &rs256(), claims)
    }

    /// A token by the RSA key that only its header can make worse.
    pub(super) fn with_header(&self, name: &str, value: Value) -> Result<String, Fault> {
        let mut header = rs256();
        header[name] = value;
        self.token(Signing::Rs256, &header, &self.claims())
    }

    /// A token that is believed.
    pub(super) fn good(&self) -> Result<String, Fault> {
        self.with_claims(&self.claims())
    }
}

/// The header that goes with the RSA key.
pub(super) fn rs256() -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": "idp-rsa" })
}
