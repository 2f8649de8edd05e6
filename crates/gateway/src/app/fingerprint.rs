//! Recognising a request without keeping it: keyed hashes, since what is hashed tells of people.

use aws_lc_rs::hmac;
use serde_json::Value;

/// The key under which requests are fingerprinted; the same for all replicas.
#[derive(Clone)]
pub struct Fingerprints(hmac::Key);

impl std::fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprints(***)")
    }
}

impl Fingerprints {
    /// Fingerprints under this key.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The fingerprint of some texts and a JSON value. The order of an object's members does not count.
    #[must_use]
    pub fn of(&self, texts: &[&str], value: &Value) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        for text in texts {
            context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(text.as_bytes());
        }
        context.update(canonical(value).to_string().as_bytes());
        context.sign().as_ref().to_vec()
    }
}

/// The same value with every object's members in order of their names.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort();
            names.into_iter().map(|name| (name.clone(), canonical(&map[name]))).collect()
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_request_has_the_same_fingerprint_whatever_its_order() {
        let prints = Fingerprints::new(&[7; 32]);
        let a = prints.of(&["POST", "/x"], &json!({"a": 1, "b": {"c": [1, 2], "d": null}}));
        assert_eq!(a, prints.of(&["POST", "/x"], &json!({"b": {"d": null, "c": [1, 2]}, "a": 1})));
        assert_ne!(a, prints.of(&["POST", "/x"], &json!({"a": 1, "b": {"c": [2, 1], "d": null}})));
        assert_ne!(a, prints.of(&["POST/", "x"], &json!({"a": 1, "b": {"c": [1, 2], "d": null}})));
        assert_ne!(a, Fingerprints::new(&[8; 32]).of(&["POST", "/x"], &json!({"a": 1})));
    }
}
