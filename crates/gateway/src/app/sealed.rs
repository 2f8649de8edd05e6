//! What a browser keeps for us and must neither read nor change: sealed by a key that all replicas share, so
//! that any of them can open what another gave away.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{App, aead::Key, fingerprint::Fingerprints};

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

fn key(fingerprints: &Fingerprints) -> Option<Key> {
    Key::new(&fingerprints.of(&[PURPOSE], &Value::Null))
}

fn seal<T: Serialize>(fingerprints: &Fingerprints, purpose: &str, value: &T) -> Option<String> {
    let content = serde_json::to_vec(value).ok()?;
    let sealed = key(fingerprints)?.seal(purpose.as_bytes(), &content)?;
    Some(URL_SAFE_NO_PAD.encode(sealed))
}

fn unseal<T: DeserializeOwned>(
    fingerprints: &Fingerprints,
    purpose: &str,
    sealed: &str,
) -> Option<T> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let content = key(fingerprints)?.open(purpose.as_bytes(), &sealed)?;
    serde_json::from_slice(&content).ok()
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
