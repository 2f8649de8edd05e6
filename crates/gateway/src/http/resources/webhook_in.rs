//! What callers send of a webhook, read field by field, so that every fault is found at once.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::NewWebhook,
    http::body::{Faults, Object},
    operations::FieldProblem,
    store::{EventType, WebhookEdit, WebhookState},
};

/// Types of events that one webhook may name.
const MOST_TYPES: usize = 32;

/// A webhook to make.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewWebhook)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct WebhookIn {
    /// The URL that events are posted to: https, on the public internet, without white space, control characters,
    /// backslashes, a user, a password, a fragment and port 0.
    #[schema(format = "uri", min_length = 1, max_length = 1024)]
    url: String,
    /// The types of events to send. Without this field or with an empty list the webhook gets every event of
    /// an organization; the events about webhooks (`webhook.*`) are sent only where they are named.
    #[schema(max_items = 32)]
    types: Option<Vec<EventType>>,
    #[schema(min_length = 1, max_length = 256)]
    description: Option<String>,
}

/// What is to change of a webhook; a field that is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = WebhookPatch)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct WebhookPatchIn {
    #[schema(
        value_type = String,
        required = false,
        format = "uri",
        min_length = 1,
        max_length = 1024
    )]
    url: Option<String>,
    /// Null or an empty list selects every event of an organization.
    #[schema(max_items = 32)]
    types: Option<Vec<EventType>>,
    /// Null empties.
    #[schema(min_length = 1, max_length = 256)]
    description: Option<String>,
    /// `paused`: what happens meanwhile is told later. `active`: it is told again, also one that was disabled.
    #[schema(value_type = WantedStateIn, required = false)]
    state: Option<WantedStateIn>,
}

/// What a tenant may make of a webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = WantedWebhookState)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WantedStateIn {
    Active,
    Paused,
}

/// From where a webhook is told again.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ReplayWebhook)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct ReplayIn {
    /// What came after the event of this number is told again; 0 for everything.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    after: i64,
}

/// Reads a webhook to make.
pub(crate) fn read_new(body: &Value) -> NewWebhook {
    let faults = Faults::default();
    let mut new = NewWebhook::default();
    if let Some(mut body) = Object::of_body(body, &faults) {
        new.url = body.needed_text("url", 1024).unwrap_or_default();
        new.types = types(&mut body).unwrap_or_default();
        new.description = body.text("description", 256);
        body.finish();
    }
    new.faults = faults.take();
    new
}

/// Reads what is to change, and what is wrong with it.
pub(crate) fn read_patch(body: &Value) -> (WebhookEdit, Vec<FieldProblem>) {
    let faults = Faults::default();
    let mut edit = WebhookEdit::default();
    let is_given = |name: &str| body.get(name).is_some();
    if let Some(mut fields) = Object::of_body(body, &faults) {
        edit.url = fields.text("url", 1024);
        let types = types(&mut fields);
        edit.types = is_given("types").then(|| types.unwrap_or_default());
        let description = fields.text("description", 256);
        edit.description = is_given("description").then_some(description);
        edit.state = fields.parsed("state", |text| match text.as_str() {
            "active" => Ok(WebhookState::Active),
            "paused" => Ok(WebhookState::Paused),
            _ => Err("must be one of active, paused"),
        });
        for name in ["url", "state"] {
            if body.get(name).is_some_and(Value::is_null) {
                fields.fault(name, "required", "cannot be emptied");
            }
        }
        fields.finish();
    }
    (edit, faults.take())
}

/// Reads from where to tell again.
pub(crate) fn read_replay(body: &Value) -> Result<i64, Vec<FieldProblem>> {
    let faults = Faults::default();
    let mut after = None;
    if let Some(mut fields) = Object::of_body(body, &faults) {
        after = fields.number("after");
        fields.finish();
    }
    let found = faults.take();
    match after {
        Some(after) if found.is_empty() => Ok(after),
        Some(_) | None => Err(found),
    }
}

fn types(body: &mut Object<'_>) -> Option<Vec<EventType>> {
    body.list_of("types", MOST_TYPES, EventType::of_name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(faults: &[FieldProblem]) -> Vec<&str> {
        faults.iter().map(|fault| fault.pointer.as_str()).collect()
    }

    #[test]
    fn every_fault_of_a_new_webhook_is_found() {
        let new = read_new(&json!({"types": ["organization.created", "x", 7], "secret": "mine"}));
        assert_eq!(pointers(&new.faults), ["/url", "/types/1", "/types/2", "/secret"]);
        let new = read_new(
            &json!({"url": "https://a.test/", "types": ["webhook.created", "webhook.created"]}),
        );
        assert_eq!((new.types, new.faults), (vec![EventType::WebhookCreated], vec![]));
    }

    #[test]
    fn a_patch_names_what_changes_and_null_empties_what_may_be_empty() {
        let (edit, faults) = read_patch(&json!({"types": null, "description": null}));
        assert!(faults.is_empty());
        assert_eq!((edit.types, edit.description), (Some(vec![]), Some(None)));
        assert_eq!(read_patch(&json!({})).0, WebhookEdit::default());
        let (_, faults) = read_patch(&json!({"url": null, "state": "disabled"}));
        assert_eq!(pointers(&faults), ["/state", "/url"]);
    }

    #[test]
    fn a_replay_begins_after_a_number() {
        let read = |body: &str| read_replay(&serde_json::from_str(body).unwrap());
        for (written, number) in [
            ("0", 0),
            ("-0.0", 0),
            ("2.0", 2),
            ("1e3", 1000),
            ("9007199254740992.0", 9_007_199_254_740_992),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(read(&format!(r#"{{"after": {written}}}"#)).unwrap(), number, "{written}");
        }
        for wrong in ["-1", "-1.0", r#""1""#, "1.5", "9223372036854775808", "9223372036854775808.0"]
        {
            let faults = read(&format!(r#"{{"after": {wrong}}}"#)).unwrap_err();
            assert_eq!(pointers(&faults), ["/after"], "{wrong}");
        }
        assert_eq!(pointers(&read("{}").unwrap_err()), ["/after"]);
    }
}
