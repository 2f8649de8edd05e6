//! The codings of a request's body. The gateway decodes none but `chunked`, which the server has removed already.

use axum::{
    body::HttpBody,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::Problem;

/// The one coding of content that is accepted.
const IDENTITY: &str = "identity";

/// Refuses a body in a coding that the gateway does not decode, before anything reads it as it is.
pub(super) async fn refuse(request: Request, next: Next) -> Response {
    if let Some(coding) = other_than(request.headers(), header::TRANSFER_ENCODING, "chunked") {
        return Problem::unsupported_transfer_coding(format!(
            "the Transfer-Encoding may be `chunked` alone, and names `{coding}`; send the body without it"
        ))
        .into_response();
    }
    let coding = other_than(request.headers(), header::CONTENT_ENCODING, IDENTITY);
    if let Some(coding) = coding.filter(|_| !request.body().is_end_stream()) {
        let problem = Problem::unsupported_media_type(format!(
            "the body must have no Content-Encoding, and has `{coding}`; send it unencoded"
        ));
        // The response names the accepted coding (RFC 9110, section 12.5.3).
        let accepted = [(header::ACCEPT_ENCODING, HeaderValue::from_static(IDENTITY))];
        return (accepted, problem).into_response();
    }
    next.run(request).await
}

/// The first coding of a header that is not the one that is accepted.
fn other_than(headers: &HeaderMap, name: HeaderName, accepted: &str) -> Option<String> {
    let values = headers.get_all(name);
    let texts = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    texts
        .flat_map(|text| text.split(',').map(|coding| coding.trim().to_owned()).collect::<Vec<_>>())
        .find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(accepted))
}
