//! What Archera says when it refuses: one document for most statuses, another for 422, often no message,
//! and at times nothing at all. Whatever came is shown; the status alone says what it means.

use partner_core::{Field, FieldFault};
use provider_http::{Answer, Refusal};
use serde_json::Value;

/// The most faults that are kept of one answer.
const MAX_FAULTS: usize = 50;

/// Reads a refusal in either shape.
pub(crate) fn read(answer: &Answer) -> Refusal {
    let Some(document) = answer.document() else {
        return Refusal::default();
    };
    let text = |name: &str| document.get(name).and_then(word);
    let mut field_faults = Vec::new();
    if let Some(Value::Object(locations)) = document.get("errors") {
        for (location, errors) in locations {
            collect(&mut field_faults, location, &mut Vec::new(), errors);
        }
    }
    Refusal {
        error_type: text("type").or_else(|| text("status")).or_else(|| text("code")),
        message: match (text("message"), document.get("detail").and_then(detail)) {
            (Some(message), Some(detail)) => Some(format!("{message}: {detail}")),
            (message, detail) => message.or(detail),
        },
        field_faults,
        verdict: None,
    }
}

fn word(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// `detail` may be any document.
fn detail(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(_) => word(value),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    }
}

/// Collects the faults of a 422: nested by location, then by field and list index, with the messages in a
/// list at the end.
fn collect<'a>(
    faults: &mut Vec<FieldFault>,
    location: &str,
    path: &mut Vec<&'a str>,
    errors: &'a Value,
) {
    if faults.len() >= MAX_FAULTS {
        return;
    }
    match errors {
        Value::Object(members) => {
            for (name, errors) in members {
                path.push(name);
                collect(faults, location, path, errors);
                path.pop();
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(faults, location, path, item);
            }
        }
        Value::Null => {}
        Value::String(_) | Value::Bool(_) | Value::Number(_) => {
            let (field, leaf) = place_of(location, path);
            faults.push(FieldFault {
                field,
                leaf,
                provider_field: if path.is_empty() { location.to_owned() } else { path.join(".") },
                message: detail(errors).unwrap_or_default(),
            });
        }
    }
}

/// Translates a path in the body into our field and the place within it. A part that we do not have, such as
/// the `_schema` of a whole object, is left out with what follows it.
fn place_of(location: &str, path: &[&str]) -> (Option<Field>, String) {
    let ("json", [name, within @ ..]) = (location, path) else { return (None, String::new()) };
    let (field, leaf) = match *name {
        "name" => (Field::Name, String::new()),
        "domain" => (Field::Domain, String::new()),
        "primary_address" => (Field::Address, address_leaf(within)),
        "users" => (Field::Members, member_leaf(within)),
        "labra_subscription_id" => (Field::LabraSubscriptionId, String::new()),
        "aws_marketplace_offer_link" => (Field::MarketplaceOffers, "/aws".to_owned()),
        "azure_marketplace_offer_link" => (Field::MarketplaceOffers, "/azure".to_owned()),
        "gcp_marketplace_offer_link" => (Field::MarketplaceOffers, "/gcp".to_owned()),
        _ => return (None, String::new()),
    };
    (Some(field), leaf)
}

fn address_leaf(within: &[&str]) -> String {
    match within.first().copied() {
        Some("zip") => "/postal_code".to_owned(),
        Some(part @ ("line1" | "line2" | "city" | "state" | "country")) => format!("/{part}"),
        Some(_) | None => String::new(),
    }
}

fn member_leaf(within: &[&str]) -> String {
    let Some(index) = within.first().and_then(|index| index.parse::<u16>().ok()) else {
        return String::new();
    };
    match within.get(1).copied() {
        Some(part @ ("email" | "role")) => format!("/{index}/{part}"),
        Some(_) | None => format!("/{index}"),
    }
}
