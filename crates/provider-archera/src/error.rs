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
            collect(&mut field_faults, location, &mut String::new(), errors);
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

/// Walks the faults of a 422: nested by location, then by field and list index, with the messages in a
/// list at the end.
fn collect(faults: &mut Vec<FieldFault>, location: &str, path: &mut String, errors: &Value) {
    if faults.len() >= MAX_FAULTS {
        return;
    }
    match errors {
        Value::Object(members) => {
            for (name, errors) in members {
                let above = path.len();
                if above > 0 {
                    path.push('.');
                }
                path.push_str(name);
                collect(faults, location, path, errors);
                path.truncate(above);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(faults, location, path, item);
            }
        }
        Value::Null => {}
        Value::String(_) | Value::Bool(_) | Value::Number(_) => {
            faults.push(FieldFault {
                field: field_of(location, path),
                provider_field: if path.is_empty() { location } else { path.as_str() }.to_owned(),
                message: detail(errors).unwrap_or_default(),
            });
        }
    }
}

fn field_of(location: &str, path: &str) -> Option<Field> {
    if location != "json" {
        return None;
    }
    Some(match path.split('.').next()? {
        "name" => Field::Name,
        "domain" => Field::Domain,
        "primary_address" => Field::Address,
        "users" => Field::Members,
        "labra_subscription_id" => Field::LabraSubscriptionId,
        "aws_marketplace_offer_link"
        | "azure_marketplace_offer_link"
        | "gcp_marketplace_offer_link" => Field::MarketplaceOffers,
        _ => return None,
    })
}
