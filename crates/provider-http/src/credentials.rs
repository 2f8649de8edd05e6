//! Our key at one account: the header that carries it, and the means to wipe it from what is said back.
//! The key may be replaced while requests run; each request sees one key from its start to its end.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// The most characters of a provider's words that are kept.
const MAX_WORDS: usize = 1_000;
/// What stands where a key stood.
const WIPED: &str = "***";

/// The text with a space for each sign that ends a line or is none to be shown.
#[must_use]
pub fn one_line(text: &str) -> String {
    let is_sign = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if is_sign(c) { c } else { ' ' }).collect()
}

/// The key is empty or cannot stand in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's key is empty or holds characters that cannot stand in a header")]
pub struct InvalidSecret;

/// The header of our key, and its present value.
pub(crate) struct Credentials {
    header: HeaderName,
    key: ArcSwap<Key>,
}

impl Credentials {
    pub(crate) fn new(header: HeaderName, secret: SecretString) -> Result<Self, InvalidSecret> {
        Ok(Self { header, key: ArcSwap::from_pointee(Key::new(secret)?) })
    }

    pub(crate) fn replace(&self, secret: SecretString) -> Result<(), InvalidSecret> {
        self.key.store(Arc::new(Key::new(secret)?));
        Ok(())
    }

    pub(crate) fn header(&self) -> &HeaderName {
        &self.header
    }

    pub(crate) fn current(&self) -> Arc<Key> {
        self.key.load_full()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("header", &self.header).finish_non_exhaustive()
    }
}

/// One key.
pub(crate) struct Key {
    secret: SecretString,
    value: HeaderValue,
}

impl Key {
    pub(crate) fn new(secret: SecretString) -> Result<Self, InvalidSecret> {
        let text = secret.expose_secret();
        if text.is_empty() {
            return Err(InvalidSecret);
        }
        let mut value = HeaderValue::from_str(text).or(Err(InvalidSecret))?;
        value.set_sensitive(true);
        Ok(Self { secret, value })
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        self.value.clone()
    }

    /// The text with every occurrence of the key wiped.
    pub(crate) fn scrub(&self, text: &str) -> String {
        text.replace(self.secret.expose_secret(), WIPED)
    }

    /// The provider's words, fit for an error: scrubbed, on one line, of bounded length.
    pub(crate) fn scrub_words(&self, text: &str) -> String {
        // Wiped before it is cut: a cut may leave a piece of a key that no search would find. And once
        // more on one line, where a key that was written over several would be whole again.
        let words = self.scrub(&one_line(&self.scrub(text)));
        match words.char_indices().nth(MAX_WORDS) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        }
    }

    /// The document with every text and every name in it scrubbed.
    pub(crate) fn scrub_document(&self, document: &mut Value) {
        match document {
            Value::String(text) => {
                if text.contains(self.secret.expose_secret()) {
                    *text = self.scrub(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub_document(item)),
            Value::Object(members) => {
                let echoed = |name: &String| name.contains(self.secret.expose_secret());
                if members.keys().any(echoed) {
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(|(name, value)| (self.scrub(&name), value))
                        .collect();
                }
                members.values_mut().for_each(|value| self.scrub_document(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::new(SecretString::from("s3cret-key")).unwrap()
    }

    #[test]
    fn a_key_that_straddles_the_cut_is_wiped_whole() {
        let text = format!("{}s3cret-key", "x".repeat(MAX_WORDS - 3));
        let words = key().scrub_words(&text);
        assert!(!words.contains("s3c"), "a piece of the key is left");
        assert!(words.chars().count() <= MAX_WORDS + 1);
    }

    #[test]
    fn words_stay_on_one_line() {
        assert_eq!(key().scrub_words("a\r\nb"), "a  b");
        assert_eq!(key().scrub_words("a\u{2028}b\u{2029}c\u{85}d"), "a b c d");
    }

    #[test]
    fn a_key_of_words_is_wiped_though_it_is_written_over_lines() {
        let key = Key::new(SecretString::from("my s3cret key")).unwrap();
        assert_eq!(key.scrub_words("not my\ns3cret\u{2028}key"), "not ***");
    }

    #[test]
    fn a_document_is_scrubbed_in_its_names_and_depths() {
        let mut document =
            serde_json::json!({"a": ["s3cret-key"], "s3cret-key": {"b": "x s3cret-key y"}, "n": 1});
        key().scrub_document(&mut document);
        assert_eq!(document, serde_json::json!({"a": ["***"], "***": {"b": "x *** y"}, "n": 1}));
    }

    #[test]
    fn a_key_that_cannot_stand_in_a_header_is_refused() {
        for bad in ["", "a\nb"] {
            assert!(Key::new(SecretString::from(bad)).is_err(), "{bad:?}");
        }
    }
}
