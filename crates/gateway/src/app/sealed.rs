//! What a browser keeps for us and must neither read nor change: sealed by a key that all replicas share, so
//! that any of them can open what another gave away.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{App, fingerprint::Fingerprints};

/// What the key is made for, so that no fingerprint is a key.
const PURPOSE: &str = "what a browser keeps sealed";

impl App {
    /// Seals a value for a purpose, in letters that a cookie may hold. `None` where that cannot be done.
    #[must_use]
    pub fn seal<T: Serialize>(&self, purpose: &str, value: &T) -> Option<String> {
        seal(&self.fingerprints, purpose, value)
    }

    /// The value that was sealed for this purpose; `None` of anything else.
    #[must_use]
    pub fn unseal<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Option<T> {
        unseal(&self.fingerprints, purpose, sealed)
    }
}

fn key(fingerprints: &Fingerprints) -> Option<LessSafeKey> {
    let key = fingerprints.of(&[PURPOSE], &Value::Null);
    UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new)
}

fn seal<T: Serialize>(fingerprints: &Fingerprints, purpose: &str, value: &T) -> Option<String> {
    let mut nonce = [0; NONCE_LEN];
    aws_lc_rs::rand::fill(&mut nonce).ok()?;
    let mut content = serde_json::to_vec(value).ok()?;
    key(fingerprints)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose.as_bytes()),
            &mut content,
        )
        .ok()?;
    Some(URL_SAFE_NO_PAD.encode([&nonce[..], &content].concat()))
}

fn unseal<T: DeserializeOwned>(
    fingerprints: &Fingerprints,
    purpose: &str,
    sealed: &str,
) -> Option<T> {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, content) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened =
        key(fingerprints)?.open_in_place(nonce, Aad::from(purpose.as_bytes()), content).ok()?;
    serde_json::from_slice(opened).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_here_for_this_purpose_is_opened() {
        let prints = Fingerprints::new(&[7; 32]);
        let sealed = seal(&prints, "a", &"secret").unwrap();
        assert_eq!(unseal::<String>(&prints, "a", &sealed).unwrap(), "secret");
        assert!(!sealed.contains("secret"));
        assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert_ne!(sealed, seal(&prints, "a", &"secret").unwrap(), "each has a nonce of its own");
        assert!(unseal::<String>(&prints, "b", &sealed).is_none());
        assert!(unseal::<String>(&Fingerprints::new(&[8; 32]), "a", &sealed).is_none());
        for changed in ["", "x", &sealed[1..], &format!("{sealed}AAAA"), &sealed.to_uppercase()] {
            assert!(unseal::<String>(&prints, "a", changed).is_none(), "{changed}");
        }
    }
}
