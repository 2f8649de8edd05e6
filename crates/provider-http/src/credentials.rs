//! Our keys at one account, and the means to wipe them from what is said back.
//!
//! There is the present key and, while it is being replaced, the next one. Either may be refused while the
//! other is taken, so whichever was taken last goes first. Both may be replaced while requests run; each
//! call sees one pair from its start to its end.

use std::{
    fmt, ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use http::HeaderValue;
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

/// The keys of one account, as they now are. To be had of its client, and replaced while it runs.
pub struct AccountKeys {
    pair: ArcSwap<Keys>,
}

impl AccountKeys {
    pub(crate) fn new(
        present: SecretString,
        next: Option<SecretString>,
    ) -> Result<Self, InvalidSecret> {
        Ok(Self { pair: ArcSwap::from_pointee(Keys::new(present, next)?) })
    }

    /// Uses these keys from the next call on. The key that was taken last goes first if it is still one of
    /// them, else the present one.
    ///
    /// # Errors
    /// One of them cannot stand in a header; the old ones stay.
    pub fn replace(
        &self,
        present: SecretString,
        next: Option<SecretString>,
    ) -> Result<(), InvalidSecret> {
        let keys = Keys::new(present, next)?;
        let good = self.pair.load();
        let goes_on = keys.next.as_ref().is_some_and(|next| next.is_same_as(good.in_order().0));
        keys.next_first.store(goes_on, Ordering::Relaxed);
        self.pair.store(Arc::new(keys));
        Ok(())
    }

    pub(crate) fn current(&self) -> Arc<Keys> {
        self.pair.load_full()
    }
}

impl fmt::Debug for AccountKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKeys").finish_non_exhaustive()
    }
}

/// The keys of one call.
pub(crate) struct Keys {
    present: Key,
    next: Option<Key>,
    /// The next key was the last to be taken.
    next_first: AtomicBool,
}

impl Keys {
    fn new(present: SecretString, next: Option<SecretString>) -> Result<Self, InvalidSecret> {
        let present = Key::new(present)?;
        let next = next.map(Key::new).transpose()?;
        // A refused key is not tried again under another name.
        let next = next.filter(|next| !next.is_same_as(&present));
        Ok(Self { present, next, next_first: AtomicBool::new(false) })
    }

    /// The key to try, and the one to try where that is refused.
    pub(crate) fn in_order(&self) -> (&Key, Option<&Key>) {
        match &self.next {
            Some(next) if self.next_first.load(Ordering::Relaxed) => (next, Some(&self.present)),
            next => (&self.present, next.as_ref()),
        }
    }

    /// This key was taken, so it goes first from now on. Answers whether that is new.
    pub(crate) fn prefer(&self, key: &Key) -> bool {
        let is_next = self.next.as_ref().is_some_and(|next| ptr::eq(next, key));
        self.next_first.swap(is_next, Ordering::Relaxed) != is_next
    }

    /// The text with every occurrence of either key wiped.
    pub(crate) fn scrub(&self, text: &str) -> String {
        self.longest_first().fold(text.to_owned(), |text, key| text.replace(key, WIPED))
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
                if self.is_in(text) {
                    *text = self.scrub(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub_document(item)),
            Value::Object(members) => {
                if members.keys().any(|name| self.is_in(name)) {
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

    fn is_in(&self, text: &str) -> bool {
        self.longest_first().any(|key| text.contains(key))
    }

    /// Both keys' text. Where one begins with the other, wiping the short one first would leave a rest.
    fn longest_first(&self) -> impl Iterator<Item = &str> {
        let present = self.present.secret.expose_secret();
        let next = self.next.as_ref().map(|next| next.secret.expose_secret());
        let (longer, shorter) = match next {
            Some(next) if next.len() > present.len() => (next, Some(present)),
            next => (present, next),
        };
        std::iter::once(longer).chain(shorter)
    }
}

/// One key.
pub(crate) struct Key {
    secret: SecretString,
    value: HeaderValue,
}

impl Key {
    fn new(secret: SecretString) -> Result<Self, InvalidSecret> {
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

    fn is_same_as(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(present: &str, next: Option<&str>) -> AccountKeys {
        AccountKeys::new(present.into(), next.map(SecretString::from)).unwrap()
    }

    fn order(keys: &AccountKeys) -> Vec<String> {
        let keys = keys.current();
        let (first, second) = keys.in_order();
        let text = |key: &Key| key.secret.expose_secret().to_owned();
        std::iter::once(first).chain(second).map(text).collect()
    }

    fn take_second(keys: &AccountKeys) {
        let keys = keys.current();
        assert!(keys.prefer(keys.in_order().1.unwrap()));
    }

    #[test]
    fn a_key_that_straddles_the_cut_is_wiped_whole() {
        let text = format!("{}s3cret-key", "x".repeat(MAX_WORDS - 3));
        let words = keys("s3cret-key", None).current().scrub_words(&text);
        assert!(!words.contains("s3c"), "a piece of the key is left");
        assert!(words.chars().count() <= MAX_WORDS + 1);
    }

    #[test]
    fn words_stay_on_one_line() {
        let scrubbed = |text| keys("s3cret-key", None).current().scrub_words(text);
        assert_eq!(scrubbed("a\r\nb"), "a  b");
        assert_eq!(scrubbed("a\u{2028}b\u{2029}c\u{85}d"), "a b c d");
    }

    #[test]
    fn a_key_of_words_is_wiped_though_it_is_written_over_lines() {
        let keys = keys("my s3cret key", None).current();
        assert_eq!(keys.scrub_words("not my\ns3cret\u{2028}key"), "not ***");
    }

    #[test]
    fn a_document_is_scrubbed_in_its_names_and_depths() {
        let mut document = serde_json::json!({"a": ["s3cret-key", "next-key"],
            "s3cret-key": {"b": "x s3cret-key y"}, "next-key!": 2, "n": 1});
        keys("s3cret-key", Some("next-key")).current().scrub_document(&mut document);
        let wiped =
            serde_json::json!({"a": ["***", "***"], "***": {"b": "x *** y"}, "***!": 2, "n": 1});
        assert_eq!(document, wiped);
    }

    #[test]
    fn of_two_keys_that_begin_alike_nothing_is_left() {
        for (present, next) in [("key", "key-and-more"), ("key-and-more", "key")] {
            let keys = keys(present, Some(next)).current();
            assert_eq!(keys.scrub("key-and-more key"), "*** ***");
        }
    }

    #[test]
    fn a_key_that_cannot_stand_in_a_header_is_refused_and_the_old_ones_stay() {
        let kept = keys("a", Some("b"));
        for bad in ["", "a\nb"] {
            assert!(AccountKeys::new(bad.into(), None).is_err(), "{bad:?}");
            assert!(kept.replace("c".into(), Some(bad.into())).is_err(), "{bad:?}");
            assert!(kept.replace(bad.into(), None).is_err(), "{bad:?}");
        }
        assert_eq!(order(&kept), ["a", "b"]);
    }

    #[test]
    fn the_key_that_was_taken_last_goes_first() {
        let keys = keys("a", Some("b"));
        assert_eq!(order(&keys), ["a", "b"]);
        take_second(&keys);
        assert_eq!(order(&keys), ["b", "a"]);
        assert!(!keys.current().prefer(keys.current().in_order().0), "it does already");
        take_second(&keys);
        assert_eq!(order(&keys), ["a", "b"]);
    }

    #[test]
    fn what_was_taken_goes_first_through_a_replacement_too() {
        let keys = keys("a", Some("b"));
        take_second(&keys);
        let replace = |present: &str, next: Option<&str>| {
            keys.replace(present.into(), next.map(SecretString::from)).unwrap();
            order(&keys)
        };
        assert_eq!(replace("a", Some("b")), ["b", "a"], "nothing was changed");
        assert_eq!(replace("b", None), ["b"], "the next one has become the present one");
        assert_eq!(replace("b", Some("c")), ["b", "c"]);
        assert_eq!(replace("c", Some("b")), ["b", "c"]);
        assert_eq!(replace("d", Some("e")), ["d", "e"], "both are new");
    }

    #[test]
    fn one_key_under_both_names_is_tried_once() {
        assert_eq!(order(&keys("a", Some("a"))), ["a"]);
    }
}
