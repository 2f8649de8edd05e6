//! A write: who asks, the body, the idempotency key, the condition, and how long the caller waits.

use std::{marker::PhantomData, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    authorized::{Authorized, scope},
    conditions::if_match,
    prefer::wait_of,
};
use crate::{
    app::{IdempotencyKey, WriteContext},
    http::{layers::refused_body, problem::Problem, state::ApiState},
};

/// The largest body that is taken, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;
/// How deep a body may be nested; the deepest that means anything has three levels.
const DEEPEST_BODY: usize = 32;

/// A write by a caller whose token has the scope `S`.
#[derive(Debug)]
pub(crate) struct Write<S> {
    /// Who asks, and how.
    pub context: WriteContext,
    /// The JSON body; null where the request has none.
    pub body: Value,
    scope: PhantomData<S>,
}

impl<S: scope::Required> FromRequest<ApiState> for Write<S> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Authorized::<S>::from_request_parts(&mut parts, state).await?;
        let body = read_body(&parts, body).await?;
        let key = idempotency_key(&parts.headers)?.map(|key| IdempotencyKey {
            key,
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            body: body.clone(),
        });
        let context = WriteContext {
            tenant: caller.caller.tenant.as_str().to_owned(),
            scope: caller.tenant_scope(),
            actor: caller.caller.actor,
            request_id: caller.request_id,
            traceparent: caller.traceparent,
            key,
            if_match: if_match(&parts.headers),
            wait: wait_of(&parts.headers),
        };
        Ok(Self { context, body, scope: PhantomData })
    }
}

impl<S> Authorized<S> {
    /// What this caller asks for that writes nothing but what was observed.
    pub(crate) fn into_context(self) -> WriteContext {
        WriteContext {
            tenant: self.caller.tenant.as_str().to_owned(),
            scope: self.tenant_scope(),
            actor: self.caller.actor,
            request_id: self.request_id,
            traceparent: self.traceparent,
            key: None,
            if_match: None,
            wait: Duration::ZERO,
        }
    }
}

async fn read_body(parts: &Parts, body: Body) -> Result<Value, Problem> {
    let bytes =
        axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|error| refused_body(&error))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    if !is_json(&parts.headers) {
        return Err(Problem::unsupported_media_type(
            "the Content-Type must be application/json (or application/merge-patch+json on PATCH)",
        ));
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Problem::invalid_json(format!("line {}, column {}", error.line(), error.column()))
    })?;
    if depth(&value) > DEEPEST_BODY {
        return Err(Problem::invalid_json("the body is nested too deeply"));
    }
    Ok(value)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    media_type.eq_ignore_ascii_case("application/json")
        || media_type.eq_ignore_ascii_case("application/merge-patch+json")
}

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(first) = given.next() else { return Ok(None) };
    let key = first.to_str().unwrap_or_default();
    let printable = key.bytes().all(|b| (0x20..0x7f).contains(&b));
    let is_edged = key.starts_with(' ') || key.ends_with(' ');
    if given.next().is_some() || key.is_empty() || key.len() > 255 || !printable || is_edged {
        return Err(Problem::bad_request(
            "Idempotency-Key must be given once, as 1 to 255 printable ASCII characters without \
             spaces at its edges",
        ));
    }
    Ok(Some(key.to_owned()))
}

/// An id of ours in the path. What is no UUID names nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| Uuid::try_parse(&text).ok());
        id.map(Self).ok_or_else(|| Problem::not_found("the id in the path is not a UUID"))
    }
}
