//! Answers that a provider did not mean to give.

use crate::{archera, operation::Provider, scaleway, wire::Reply};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{
    HeaderValue, StatusCode, Uri,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
};
use serde_json::{Value, json};

const HUGE: usize = 10 * 1024 * 1024;

pub(crate) fn empty_object() -> Reply {
    Reply::json(StatusCode::OK, &json!({}))
}

pub(crate) fn bad_gateway() -> Reply {
    let page = "<html><head><title>502 Bad Gateway</title></head>\
                <body><h1>502 Bad Gateway</h1></body></html>";
    Reply::html(StatusCode::BAD_GATEWAY, page)
}

pub(crate) fn html_success() -> Reply {
    let page = "<html><body><h1>We will be back soon</h1></body></html>";
    Reply::html(StatusCode::OK, page)
}

pub(crate) fn empty_success() -> Reply {
    Reply::json(StatusCode::OK, &Value::Null).body(Bytes::new())
}

fn of_status(provider: Provider, status: StatusCode, now: DateTime<Utc>) -> Reply {
    match provider {
        Provider::Scaleway => scaleway::of_status(status),
        Provider::Archera => archera::of_status(status, now),
    }
}

pub(crate) fn status(
    provider: Provider,
    status: u16,
    body: Option<&str>,
    now: DateTime<Utc>,
) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reply = of_status(provider, status, now);
    match body {
        Some(body) => reply.body(body.to_owned()),
        None => reply,
    }
}

pub(crate) fn too_many_requests(
    provider: Provider,
    retry_after_seconds: Option<u64>,
    now: DateTime<Utc>,
) -> Reply {
    let reply = of_status(provider, StatusCode::TOO_MANY_REQUESTS, now);
    match retry_after_seconds {
        Some(seconds) => reply.with(RETRY_AFTER, HeaderValue::from(seconds)),
        None => reply,
    }
}

fn parsed(genuine: Option<Reply>) -> Value {
    let parsed = genuine.and_then(|reply| serde_json::from_slice(&reply.body).ok());
    parsed.unwrap_or_else(|| json!({}))
}

pub(crate) fn upper_case_ids(genuine: Option<Reply>) -> Reply {
    let mut body = parsed(genuine);
    raise_ids(&mut body);
    Reply::json(StatusCode::OK, &body)
}

fn raise_ids(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(raise_ids),
        Value::Object(fields) => {
            for (name, field) in fields {
                if let ("id" | "org_id", Value::String(id)) = (name.as_str(), &mut *field) {
                    id.make_ascii_uppercase();
                }
                raise_ids(field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(crate) fn total_count(genuine: Option<Reply>, total_count: u64) -> Reply {
    let mut body = parsed(genuine);
    if let Value::Object(fields) = &mut body {
        fields.insert("total_count".to_owned(), json!(total_count));
    }
    Reply::json(StatusCode::OK, &body)
}

pub(crate) fn without_id(genuine: Option<Reply>) -> Reply {
    let mut body = parsed(genuine);
    if let Value::Object(fields) = &mut body {
        fields.remove("id");
    }
    Reply::json(StatusCode::OK, &body)
}

/// Still good JSON: white space stands before the last byte.
pub(crate) fn huge(genuine: Option<Reply>) -> Reply {
    let body = genuine.map_or_else(|| Bytes::from_static(b"{}"), |reply| reply.body);
    let mut padded = body.to_vec();
    let end = padded.pop();
    padded.resize(padded.len() + HUGE, b' ');
    padded.extend(end);
    Reply::empty(StatusCode::OK)
        .with(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(padded)
}

pub(crate) fn redirect(status: u16, uri: &Uri) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
    let place = uri.path_and_query().map_or("/", |place| place.as_str());
    let reply = Reply::empty(status);
    match HeaderValue::try_from(place) {
        Ok(place) => reply.with(LOCATION, place),
        Err(_) => reply,
    }
}
