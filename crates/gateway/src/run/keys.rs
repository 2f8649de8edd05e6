//! The identity provider's key set, fetched over HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use provider_http::DocumentClient;
use tokio_util::task::TaskTracker;

use super::error::{StartError, with_causes};
use crate::{
    auth::{KeySource, KeySourceError, Verifier},
    config::{AuthConfig, AuthKey, CaBundle},
};

const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

struct HttpKeys {
    client: DocumentClient,
}

#[async_trait]
impl KeySource for HttpKeys {
    async fn fetch(&self) -> Result<Vec<u8>, KeySourceError> {
        let failed = |error: &(dyn std::error::Error + 'static)| KeySourceError(with_causes(error));
        let keys: serde_json::Value =
            self.client.get_json().await.map_err(|error| failed(&error))?;
        serde_json::to_vec(&keys).map_err(|error| failed(&error))
    }
}

/// In place of a source where the key is at hand and none is asked.
struct NoKeys;

#[async_trait]
impl KeySource for NoKeys {
    async fn fetch(&self) -> Result<Vec<u8>, KeySourceError> {
        Err(KeySourceError("there is no key set to fetch".to_owned()))
    }
}

/// What tells who is calling, by the configured key or key set.
pub(crate) fn verifier(config: &AuthConfig, tasks: &TaskTracker) -> Result<Verifier, StartError> {
    let source: Arc<dyn KeySource> = match &config.key {
        AuthKey::Jwks { url, ca, .. } => {
            let ca_pem = ca.as_ref().map(CaBundle::pem);
            let client = DocumentClient::new(url.clone(), TIMEOUT, CONNECT_TIMEOUT, ca_pem);
            Arc::new(HttpKeys { client: client.map_err(|error| unusable("jwks_url", &error))? })
        }
        AuthKey::Public { .. } | AuthKey::Hmac(_) => Arc::new(NoKeys),
    };
    Verifier::new(config, |_url| source, tasks)
        .map_err(|error| StartError::Configuration(with_causes(&error)))
}

fn unusable(key: &str, error: &(dyn std::error::Error + 'static)) -> StartError {
    StartError::Configuration(format!("auth.{key}: cannot be used: {}", with_causes(error)))
}
