//! The events about webhooks: who changed one, and what.
//!
//! An event never holds a secret. It shows the origin of a URL only, because the path and the query of many receivers
//! are secrets too; that a path or a query changed is visible all the same.

use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use url::Url;
use uuid::Uuid;

use super::Webhook;
use crate::store::{
    error::StoreResult,
    event_types::EventType,
    events::{EventContext, MASK, append_webhook_event},
};

/// An action on a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WebhookAction {
    /// It is created.
    Create,
    /// Its fields or its state change.
    Update,
    /// It is deleted.
    Delete,
    /// It gets a new secret.
    RotateSecret,
    /// Its cursor goes back.
    Replay,
    /// A test delivery is requested, with this id.
    Test(Uuid),
    /// The gateway disables it.
    Disable,
}

impl WebhookAction {
    fn event_type(self) -> EventType {
        match self {
            Self::Create => EventType::WebhookCreated,
            Self::Update => EventType::WebhookUpdated,
            Self::Delete => EventType::WebhookDeleted,
            Self::RotateSecret => EventType::WebhookSecretRotated,
            Self::Replay => EventType::WebhookReplayed,
            Self::Test(_) => EventType::WebhookTested,
            Self::Disable => EventType::WebhookDisabled,
        }
    }

    /// The values before and after; `None` where the action changes nothing that an event shows.
    fn values(self, before: &Webhook, after: &Webhook) -> Option<(Option<Values>, Values)> {
        Some(match self {
            Self::Create => (None, all(after)),
            Self::Delete => (Some(all(before)), Values::new()),
            Self::Update | Self::Disable => {
                let (old, new) = differences(before, after);
                if new.is_empty() {
                    return None;
                }
                (Some(old), new)
            }
            Self::RotateSecret => {
                let until = after.old_secret.as_ref().map(|(_, until)| until);
                (None, one("old_secret_until", json!(until)))
            }
            Self::Replay => {
                let cursor = |webhook: &Webhook| one("cursor", json!(webhook.cursor));
                (Some(cursor(before)), cursor(after))
            }
            Self::Test(delivery) => (None, one("delivery_id", json!(delivery))),
        })
    }
}

type Values = Map<String, Value>;

/// Appends the event of an action within the transaction of that action. An update that changes nothing has no event.
pub(super) async fn append_change(
    connection: &mut PgConnection,
    action: WebhookAction,
    by: &EventContext,
    before: &Webhook,
    after: &Webhook,
) -> StoreResult<()> {
    let Some((old, new)) = action.values(before, after) else { return Ok(()) };
    let with_id = |mut values: Values| {
        values.insert("webhook_id".to_owned(), json!(after.id));
        Value::Object(values)
    };
    let changed = (old.map(with_id), with_id(new));
    append_webhook_event(connection, action.event_type(), by, &after.tenant, changed).await
}

fn one(name: &str, value: Value) -> Values {
    Values::from_iter([(name.to_owned(), value)])
}

/// A field: its name, its value, and what an event shows of it.
type Field = (&'static str, Value, Value);

fn fields(webhook: &Webhook) -> [Field; 5] {
    let as_is = |name, value: Value| (name, value.clone(), value);
    let description = webhook.description.as_ref().map(|_| MASK);
    [
        ("url", json!(webhook.url), json!(origin(&webhook.url))),
        as_is("types", json!(webhook.types)),
        ("description", json!(webhook.description), json!(description)),
        as_is("state", json!(webhook.state)),
        as_is("disabled_reason", json!(webhook.disabled_reason)),
    ]
}

fn all(webhook: &Webhook) -> Values {
    fields(webhook).into_iter().map(|(name, _, shown)| (name.to_owned(), shown)).collect()
}

fn differences(before: &Webhook, after: &Webhook) -> (Values, Values) {
    let pairs = fields(before).into_iter().zip(fields(after));
    pairs
        .filter(|((_, old, _), (_, new, _))| old != new)
        .map(|((name, _, old), (_, _, new))| ((name.to_owned(), old), (name.to_owned(), new)))
        .unzip()
}

/// The scheme, host and port of a URL; the rest is masked.
fn origin(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return MASK.to_owned() };
    let origin = url.origin().ascii_serialization();
    let has_more = url.path() != "/" || url.query().is_some();
    if has_more { format!("{origin}/{MASK}") } else { format!("{origin}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_shows_the_origin_of_a_url_alone() {
        for (url, shown) in [
            ("https://hooks.acme.test/", "https://hooks.acme.test/"),
            ("https://hooks.acme.test:8443/T0/secret?token=x", "https://hooks.acme.test:8443/***"),
            ("https://hooks.acme.test/?token=x", "https://hooks.acme.test/***"),
            ("no URL", "***"),
        ] {
            assert_eq!(origin(url), shown);
        }
    }
}
