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
    prefer::Preferences,
};
use crate::{
    app::{IdempotencyKey, WriteContext},
    http::{
        header_fields::{parameter, split},
        json_document,
        layers::refused_body,
        notes::RequestNotes,
        problem::Problem,
        state::ApiState,
    },
};

/// The largest body that is taken, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;
/// The media types of JSON that are accepted.
const JSON: [&str; 2] = ["application/json", "application/merge-patch+json"];

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
        let preferences = Preferences::of(&parts.headers);
        if let Some(notes) = parts.extensions.get::<RequestNotes>() {
            notes.prefer(preferences);
        }
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
            wait: preferences.wait(),
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
    check_media_type(&parts.headers)?;
    json_document::read(&bytes)
}

/// Checks that the body is said to be JSON, in the one encoding that JSON has.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = split(value.unwrap_or_default(), ';');
    let media_type = parts.next().unwrap_or_default();
    if !JSON.iter().any(|json| media_type.eq_ignore_ascii_case(json)) {
        return Err(Problem::unsupported_media_type(
            "the Content-Type must be application/json (or application/merge-patch+json on PATCH)",
        ));
    }
    let charset = parts.map(parameter).find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    match charset {
        Some((_, charset)) if !charset.eq_ignore_ascii_case("utf-8") => {
            Err(Problem::unsupported_media_type(format!(
                "the body must be UTF-8, and the Content-Type says charset `{charset}`; encode it as UTF-8 and \
                 leave the charset out"
            )))
        }
        Some(_) | None => Ok(()),
    }
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
