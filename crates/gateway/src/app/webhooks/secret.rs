//! A webhook's secret: made here, shown once, and kept sealed where a key is configured.

use base64::{Engine, engine::general_purpose::STANDARD};
use uuid::Uuid;

use crate::app::aead::Key;

/// What begins the text of a secret, by Standard Webhooks.
const PREFIX: &str = "whsec_";
/// As long as the hash that it keys; Standard Webhooks asks for 24 to 64.
const LENGTH: usize = 32;

/// The first byte of what is kept says how.
const PLAIN: u8 = 0;
const AES_GCM: u8 = 1;

/// A secret that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the webhook's secret cannot be {0}")]
pub struct SecretFault(&'static str);

/// What signs deliveries. Never shown but by [`WebhookSecret::show`].
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret([u8; LENGTH]);

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(***)")
    }
}

impl WebhookSecret {
    /// A new one.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn random() -> Result<Self, SecretFault> {
        let mut bytes = [0; LENGTH];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_unspecified| SecretFault("made"))?;
        Ok(Self(bytes))
    }

    /// The secret as its receiver gets it, once.
    #[must_use]
    pub fn show(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Seals secrets for the database, and opens them again.
pub struct Sealer(Option<Key>);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Sealer(with a key)" } else { "Sealer(without a key)" })
    }
}

impl Sealer {
    /// With this key of 32 bytes, or without one: then secrets are kept as they are.
    ///
    /// # Errors
    /// The key has another length.
    pub fn new(key: Option<&[u8]>) -> Result<Self, SecretFault> {
        let key = key.map(|key| Key::new(key).ok_or(SecretFault("sealed by such a key")));
        Ok(Self(key.transpose()?))
    }

    /// The secret as the database keeps it, for this webhook and no other.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn seal(&self, webhook: Uuid, secret: &WebhookSecret) -> Result<Vec<u8>, SecretFault> {
        let Some(key) = &self.0 else {
            return Ok([&[PLAIN], secret.bytes()].concat());
        };
        let sealed = key.seal(webhook.as_bytes(), secret.bytes()).ok_or(SecretFault("sealed"))?;
        Ok([&[AES_GCM], &sealed[..]].concat())
    }

    /// The secret that the database keeps. What was kept before there was a key is still read.
    ///
    /// # Errors
    /// It was sealed by another key, for another webhook, or was changed.
    pub fn open(&self, webhook: Uuid, kept: &[u8]) -> Result<WebhookSecret, SecretFault> {
        let unreadable = || SecretFault("read");
        let (how, rest) = kept.split_first().ok_or_else(unreadable)?;
        let bytes = match (*how, &self.0) {
            (PLAIN, _) => rest.to_vec(),
            (AES_GCM, Some(key)) => key.open(webhook.as_bytes(), rest).ok_or_else(unreadable)?,
            (_, _) => return Err(unreadable()),
        };
        bytes.try_into().map(WebhookSecret).map_err(|_other_length| unreadable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_its_key_for_its_webhook_alone() {
        let (sealer, other) = (Sealer::new(Some(&[7; 32])), Sealer::new(Some(&[8; 32])));
        let (sealer, other) = (sealer.unwrap(), other.unwrap());
        let (webhook, secret) = (Uuid::from_u128(1), WebhookSecret::random().unwrap());
        let kept = sealer.seal(webhook, &secret).unwrap();
        assert_eq!(sealer.open(webhook, &kept).unwrap(), secret);
        assert!(!kept.windows(LENGTH).any(|window| window == secret.bytes()));
        assert!(sealer.open(Uuid::from_u128(2), &kept).is_err());
        assert!(other.open(webhook, &kept).is_err());
        assert!(Sealer::new(None).unwrap().open(webhook, &kept).is_err());
        for at in 0..kept.len() {
            let mut changed = kept.clone();
            changed[at] ^= 1;
            assert!(sealer.open(webhook, &changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_key_that_comes_later_does_not_lose_what_was_kept_before() {
        let (webhook, secret) = (Uuid::from_u128(1), WebhookSecret::random().unwrap());
        let kept = Sealer::new(None).unwrap().seal(webhook, &secret).unwrap();
        let sealer = Sealer::new(Some(&[7; 32])).unwrap();
        assert_eq!(sealer.open(webhook, &kept).unwrap(), secret);
        assert!(Sealer::new(Some(&[7; 16])).is_err());
    }

    #[test]
    fn no_debug_output_holds_a_secret() {
        let secret = WebhookSecret::random().unwrap();
        assert_eq!(format!("{secret:?}"), "WebhookSecret(***)");
        assert!(secret.show().starts_with("whsec_"));
    }
}
