//! The way to webhooks' receivers, over HTTP.

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use provider_http::{HookClient, HookConfig, HookFailureKind, read_hook_url, system_lookup};
use url::Url;

use crate::{
    app::{Courier, DeliveryHeaders, Posted, Unanswered},
    config::WebhooksConfig,
};

/// The longest URL that is taken, in bytes.
const LONGEST_URL: usize = 2048;

/// Posts by HTTP.
#[derive(Debug)]
pub(super) struct HttpCourier {
    client: HookClient,
    allow_private: bool,
}

impl HttpCourier {
    pub(super) fn new(config: &WebhooksConfig) -> Self {
        let allow_private = config.allow_private_addresses;
        let lookup = system_lookup();
        let client = HookClient::new(HookConfig { timeout: config.timeout, allow_private, lookup });
        Self { client, allow_private }
    }

    fn read(&self, url: &str) -> Result<Url, String> {
        if url.len() > LONGEST_URL {
            return Err(format!("must have at most {LONGEST_URL} bytes"));
        }
        read_hook_url(url, self.allow_private).map_err(|fault| fault.to_string())
    }
}

/// A failure that is the same for the tenant and for the log.
fn plain(shown: String) -> Unanswered {
    Unanswered { reason: shown.clone(), shown, is_reached: false }
}

#[async_trait]
impl Courier for HttpCourier {
    fn fault_of(&self, url: &str) -> Option<String> {
        self.read(url).err()
    }

    async fn post(
        &self,
        url: &str,
        headers: DeliveryHeaders,
        body: Vec<u8>,
    ) -> Result<Posted, Unanswered> {
        let url = self.read(url).map_err(|fault| plain(format!("the URL {fault}")))?;
        let mut map = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let value = HeaderValue::try_from(value);
            let value =
                value.map_err(|_error| plain(format!("the header {name} cannot be sent")))?;
            map.insert(HeaderName::from_static(name), value);
        }
        let answer = self.client.post(&url, map, body).await.map_err(|failure| Unanswered {
            shown: failure.kind.to_string(),
            is_reached: failure.kind != HookFailureKind::Unreachable,
            reason: failure.reason,
        })?;
        Ok(Posted {
            status: answer.status,
            retry_after: answer.retry_after,
            excerpt: answer.excerpt,
        })
    }
}
