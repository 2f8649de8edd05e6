//! The identity provider at which people sign in, reached over HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use provider_http::{DocumentClient, DocumentError};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::error::with_causes;
use crate::{
    auth::{IdentityProvider, IdentityProviderError, Oidc},
    config::{CaBundle, ConsoleConfig},
};

const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

struct HttpProvider {
    ca: Option<CaBundle>,
}

#[async_trait]
impl IdentityProvider for HttpProvider {
    async fn get(&self, url: &Url) -> Result<Value, IdentityProviderError> {
        self.client(url)?.get_json().await.map_err(|error| told(&error))
    }

    async fn post(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
        basic: Option<(&str, &SecretString)>,
    ) -> Result<Value, IdentityProviderError> {
        self.client(url)?.post_form(fields, basic).await.map_err(|error| told(&error))
    }
}

impl HttpProvider {
    /// Signing in is rare: a client is made for each request, whose address is what the provider said.
    fn client(&self, url: &Url) -> Result<DocumentClient, IdentityProviderError> {
        let ca_pem = self.ca.as_ref().map(CaBundle::pem);
        DocumentClient::new(url.clone(), TIMEOUT, CONNECT_TIMEOUT, ca_pem).map_err(|error| {
            IdentityProviderError { message: with_causes(&error), is_refusal: false }
        })
    }
}

fn told(error: &DocumentError) -> IdentityProviderError {
    let is_refusal = matches!(error, DocumentError::Status(400..=499));
    IdentityProviderError { message: with_causes(error), is_refusal }
}

/// The way to sign in, where one is configured.
pub(super) fn oidc(config: &ConsoleConfig) -> Option<Arc<Oidc>> {
    let config = config.oidc.clone()?;
    let ca = config.ca.clone();
    Some(Arc::new(Oidc::new(config, Arc::new(HttpProvider { ca }))))
}
