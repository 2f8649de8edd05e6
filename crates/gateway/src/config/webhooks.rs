//! `[webhooks]`: where receivers may lie, and what seals their secrets.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretBox};

use super::layers::Environment;
use super::reader::Reader;

/// How webhooks are told.
#[derive(Debug, Clone)]
pub struct WebhooksConfig {
    /// Receivers may lie in private networks, and on this machine without TLS.
    pub allow_private_addresses: bool,
    /// The most that one attempt may take.
    pub timeout: Duration,
    /// What seals secrets in the database, 32 bytes; without it they are kept as they are.
    pub encryption_key: Option<SealingKey>,
}

/// A key of 32 bytes.
#[derive(Debug, Clone)]
pub struct SealingKey(Arc<SecretBox<[u8; 32]>>);

impl SealingKey {
    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

pub(super) fn parse(reader: &mut Reader, env: &Environment) -> Option<WebhooksConfig> {
    let allow_private_addresses = reader.boolean("allow_private_addresses");
    let timeout = reader.positive_duration("timeout");
    let key = reader.secret("encryption_key", env);
    let encryption_key = match key {
        Some(text) => {
            let bytes = STANDARD.decode(text.expose_secret()).ok();
            let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            if key.is_none() {
                reader.fault("encryption_key", "must be 32 bytes in base64");
                return None;
            }
            key.map(|bytes| SealingKey(Arc::new(SecretBox::new(Box::new(bytes)))))
        }
        None => None,
    };
    Some(WebhooksConfig {
        allow_private_addresses: allow_private_addresses?,
        timeout: timeout?,
        encryption_key,
    })
}
