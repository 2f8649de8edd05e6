//! Archera's two kinds of error answer.

use crate::wire::Reply;
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderValue, StatusCode, header::ALLOW};
use serde_json::{Map, Value, json};

/// The usual error.
pub(crate) fn api_error(status: StatusCode, message: &str, now: DateTime<Utc>) -> Reply {
    let body = json!({
        "message": message,
        "timestamp": now.to_rfc3339_opts(SecondsFormat::Micros, true),
        "type": status.canonical_reason().unwrap_or("Error").replace(' ', ""),
        "code": null,
        "url": null,
    });
    Reply::json(status, &body)
}

/// The error for a body that does not fit, nested as the body is.
pub(super) fn unprocessable(errors: Map<String, Value>) -> Reply {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let body = json!({
        "code": status.as_u16(),
        "status": "Unprocessable Content",
        "errors": {"json": errors},
    });
    Reply::json(status, &body)
}

pub(super) fn method_not_allowed(allowed: &'static str, now: DateTime<Utc>) -> Reply {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    api_error(status, "The method is not allowed for the requested URL.", now)
        .with(ALLOW, HeaderValue::from_static(allowed))
}

/// The error that goes with a status.
pub(crate) fn of_status(status: StatusCode, now: DateTime<Utc>) -> Reply {
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        return unprocessable(Map::new());
    }
    api_error(status, status.canonical_reason().unwrap_or("Error"), now)
}
