//! The last that is done to an answer: refusals become problem documents that know their request, and
//! every answer gets the headers that all have.

use std::any::Any;

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header, response::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::Problem;
use crate::http::{
    extract::PREFERENCE_APPLIED, notes::RequestNotes, problem::PROBLEM_JSON, request_id::RequestId,
};

/// The longest path that a problem repeats.
const LONGEST_INSTANCE: usize = 1024;
/// The longest text of the framework's own that is taken over as a problem's detail.
const LONGEST_DETAIL: usize = 1024;

/// What every answer has unless its endpoint says otherwise.
const DEFAULTS: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

/// Marks an answer that is whole as it is, such as a page for a person: no refusal is made a problem
/// document of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished;

/// Seals the answer.
pub(super) async fn seal(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let instance = (path.len() <= LONGEST_INSTANCE).then(|| path.to_owned());
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let notes = request.extensions().get::<RequestNotes>().cloned();
    let mut response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        response = as_problem(response, instance, id).await;
    }
    let status = response.status();
    let headers = response.headers_mut();
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
    if let Some(rate_limit) = notes.as_ref().and_then(RequestNotes::rate_limit) {
        rate_limit.write(headers);
    }
    if let Some(preferences) = notes.and_then(|notes| notes.preferences())
        && status.is_success()
        && let Some(applied) = preferences.applied(status == StatusCode::ACCEPTED)
    {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    response
}

/// The answer to a request whose handler panicked. What it said may hold anything, so it is not told.
pub(super) fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request's handler panicked");
    Problem::internal("the log of the gateway has more under the request's id").into_response()
}

async fn as_problem(response: Response, instance: Option<String>, id: Option<String>) -> Response {
    let (mut parts, body) = response.into_parts();
    let problem = match parts.extensions.remove::<Problem>() {
        Some(problem) => problem,
        None if is_whole(&parts) => return Response::from_parts(parts, body),
        None => foreign(&parts, body).await,
    };
    let problem = Problem { instance, request_id: id, ..problem };
    let mut sealed = problem.into_response();
    // What came with the refusal, such as Allow, stays; what described the old body goes.
    let mut headers = parts.headers;
    headers.remove(header::CONTENT_LENGTH);
    for (name, value) in sealed.headers() {
        headers.insert(name, value.clone());
    }
    *sealed.headers_mut() = headers;
    sealed
}

fn is_whole(parts: &Parts) -> bool {
    let media_type = parts.headers.get(header::CONTENT_TYPE);
    parts.extensions.get::<Finished>().is_some() || media_type.is_some_and(|it| it == PROBLEM_JSON)
}

/// The problem of a refusal that is not ours but the framework's.
async fn foreign(parts: &Parts, body: Body) -> Problem {
    let detail = detail(parts, body).await;
    match parts.status {
        StatusCode::UNAUTHORIZED => Problem::unauthenticated(detail),
        StatusCode::FORBIDDEN => Problem::forbidden(detail),
        StatusCode::NOT_FOUND => Problem::not_found(detail),
        StatusCode::METHOD_NOT_ALLOWED => Problem::method_not_allowed(detail),
        StatusCode::NOT_ACCEPTABLE => Problem::not_acceptable(detail),
        StatusCode::REQUEST_TIMEOUT => Problem::request_timeout(detail),
        StatusCode::PRECONDITION_FAILED => Problem::precondition_failed(detail),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::payload_too_large(detail),
        StatusCode::URI_TOO_LONG => Problem::uri_too_long(detail),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::unsupported_media_type(detail),
        StatusCode::UNPROCESSABLE_ENTITY => Problem::validation_failed(detail),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::headers_too_large(detail),
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable(detail),
        other if other.is_client_error() => Problem::bad_request(detail),
        _server_error => Problem::internal(detail),
    }
}

/// What the framework says about the caller's fault. It says nothing of ours that a caller may read.
async fn detail(parts: &Parts, body: Body) -> String {
    let generic = || "the request could not be answered".to_owned();
    let is_text = parts.headers.get(header::CONTENT_TYPE).is_some_and(|media_type| {
        media_type.to_str().is_ok_and(|media_type| media_type.starts_with("text/plain"))
    });
    let is_short = body.size_hint().upper().is_some_and(|size| size <= LONGEST_DETAIL as u64);
    if !(is_text && is_short && parts.status.is_client_error()) {
        return generic();
    }
    let bytes = to_bytes(body, LONGEST_DETAIL).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    if text.is_empty() { generic() } else { text }
}
