//! Scaleway's error answers, typed as its clients read them. No decisions here.

use crate::wire::Reply;
use http::{HeaderName, HeaderValue, StatusCode, header::ALLOW};
use serde::Serialize;
use serde_json::{Value, json};

/// One argument that is not as it should be.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    pub(super) argument_name: String,
    pub(super) reason: Reason,
    pub(super) help_message: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    Unknown,
    Required,
    Format,
    Constraint,
}

fn typed(status: StatusCode, kind: &str, message: &str, more: Value) -> Reply {
    let mut body = json!({"type": kind, "message": message});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    Reply::json(status, &body)
}

pub(super) fn invalid_arguments(details: &[Detail]) -> Reply {
    typed(
        StatusCode::BAD_REQUEST,
        "invalid_arguments",
        "invalid argument(s)",
        json!({"details": details}),
    )
}

pub(super) fn denied_authentication(reason: &str) -> Reply {
    typed(
        StatusCode::UNAUTHORIZED,
        "denied_authentication",
        "authentication is denied",
        json!({"method": "api_key", "reason": reason}),
    )
}

pub(super) fn permissions_denied(action: &str) -> Reply {
    typed(
        StatusCode::FORBIDDEN,
        "permissions_denied",
        "insufficient permissions",
        json!({"details": [{"resource": "organization", "action": action}]}),
    )
}

pub(super) fn not_found(resource: &str, id: &str) -> Reply {
    typed(
        StatusCode::NOT_FOUND,
        "not_found",
        "resource is not found",
        json!({"resource": resource, "resource_id": id}),
    )
}

pub(super) fn already_exists(help: &str) -> Reply {
    typed(
        StatusCode::CONFLICT,
        "already_exists",
        "resource already exists",
        json!({"help_message": help}),
    )
}

pub(super) fn precondition_failed(precondition: &str, help: &str) -> Reply {
    typed(
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
        "precondition is not respected",
        json!({"precondition": precondition, "help_message": help}),
    )
}

pub(super) fn method_not_allowed(allowed: &'static str) -> Reply {
    let body = json!({"message": "method not allowed"});
    Reply::json(StatusCode::METHOD_NOT_ALLOWED, &body)
        .with(ALLOW, HeaderValue::from_static(allowed))
}

pub(super) fn internal() -> Reply {
    let body = json!({"message": "internal error"});
    Reply::json(StatusCode::INTERNAL_SERVER_ERROR, &body)
}

/// The error that goes with a status, in the most usual of its shapes.
pub(crate) fn of_status(status: StatusCode) -> Reply {
    let kind = match status.as_u16() {
        400 => return invalid_arguments(&[]),
        401 => return denied_authentication("not_found"),
        403 => return permissions_denied("write"),
        404 => return not_found("organization", ""),
        409 => {
            let more = json!({"resource": "organization", "current_state": "unknown"});
            return typed(status, "transient_state", "resource is in a transient state", more);
        }
        410 => "resource_expired",
        412 => return precondition_failed("unknown", ""),
        423 => "locked",
        429 => "too_many_requests",
        503 => "out_of_stock",
        _ => {
            let message = status.canonical_reason().unwrap_or("error").to_lowercase();
            return Reply::json(status, &json!({"message": message}));
        }
    };
    typed(status, kind, &kind.replace('_', " "), json!({}))
}

/// The 429 that the edge in front of the API gives.
pub(crate) fn edge_rate_limited() -> Reply {
    Reply::empty(StatusCode::TOO_MANY_REQUESTS)
        .with(HeaderName::from_static("x-envoy-ratelimited"), HeaderValue::from_static("true"))
}
