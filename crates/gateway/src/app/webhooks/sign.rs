//! Signatures by Standard Webhooks: HMAC-SHA256 over id, time and body. By the crypto library that all
//! else here uses; the specification's own library is the tests' oracle.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use super::{DeliveryHeaders, secret::WebhookSecret};

/// The headers of a delivery: id, time, and a signature for each secret.
pub(super) fn headers(
    id: &str,
    at: DateTime<Utc>,
    body: &[u8],
    secrets: &[WebhookSecret],
) -> DeliveryHeaders {
    let seconds = at.timestamp().to_string();
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat();
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| {
            let tag = sign(&Key::new(HMAC_SHA256, secret.bytes()), &signed);
            format!("v1,{}", STANDARD.encode(tag.as_ref()))
        })
        .collect();
    vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds),
        ("webhook-signature", signatures.join(" ")),
        ("content-type", "application/json".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName};
    use standardwebhooks::Webhook;

    use super::*;

    fn map(headers: &[(&'static str, String)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, String)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        headers.iter().map(pair).collect()
    }

    #[test]
    fn the_specifications_own_library_believes_each_of_two_signatures_and_no_other() {
        let secrets = [WebhookSecret::random().unwrap(), WebhookSecret::random().unwrap()];
        let body = br#"{"type":"organization.created","data":{"name":"caf\u00e9"}}"#;
        let signed = map(&headers("msg_1", Utc::now(), body, &secrets));
        for secret in &secrets {
            let oracle = Webhook::new(&secret.show()).unwrap();
            oracle.verify(body, &signed).unwrap();
            assert!(oracle.verify(b"{}", &signed).is_err());
        }
        let stranger = Webhook::new(&WebhookSecret::random().unwrap().show()).unwrap();
        assert!(stranger.verify(body, &signed).is_err());
    }
}
