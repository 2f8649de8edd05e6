//! How large and how slow a request may be.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::Problem;
use crate::http::extract::BODY_LIMIT;

/// How long a body may take to arrive, from the moment that it is waited for.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest path and query, in bytes.
const LONGEST_URI: usize = 8 * 1024;
/// All header names and values together, in bytes: a token of 8 KiB and as much again. The server
/// itself cuts off what is beyond twice this, without a document.
const LARGEST_HEADERS: usize = 16 * 1024;

/// Refuses a request whose first line or headers are too large.
pub(super) async fn head(request: Request, next: Next) -> Response {
    let uri = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if uri > LONGEST_URI {
        return Problem::uri_too_long(format!("path and query may have {LONGEST_URI} bytes"))
            .into_response();
    }
    let size = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        name.as_str().len() + value.len()
    };
    let headers: usize = request.headers().iter().map(size).sum();
    if headers > LARGEST_HEADERS {
        return Problem::headers_too_large(format!("headers may have {LARGEST_HEADERS} bytes"))
            .into_response();
    }
    next.run(request).await
}

/// The request with all of its body at hand.
///
/// # Errors
/// The body is too large, by its own word or in fact; it does not come in time, or breaks off.
pub(super) async fn whole(request: Request) -> Result<Request, Problem> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    if request.body().size_hint().lower() > BODY_LIMIT as u64 {
        return Err(too_large());
    }
    let (head, body) = request.into_parts();
    let read = BoundedBody::new(body).collect().await;
    let body = read.map_err(|error| refused_body(error.as_ref()))?.to_bytes();
    Ok(Request::from_parts(head, Body::from(body)))
}

/// The problem of a body that could not be read to its end.
pub(crate) fn refused_body(error: &(dyn std::error::Error + 'static)) -> Problem {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let told = causes.find_map(|cause| {
        if cause.is::<LengthLimitError>() {
            return Some(too_large());
        }
        cause.is::<TooSlow>().then(|| Problem::request_timeout(TooSlow.to_string()))
    });
    told.unwrap_or_else(|| Problem::bad_request("the body broke off"))
}

fn too_large() -> Problem {
    Problem::payload_too_large(format!("a body may have {BODY_LIMIT} bytes"))
}

/// The body did not come in time.
#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body must arrive within {} s", BODY_TIMEOUT.as_secs())
    }
}

impl std::error::Error for TooSlow {}

struct BoundedBody {
    body: http_body_util::Limited<Body>,
    /// Runs from the first time that the reader had to wait.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl BoundedBody {
    fn new(body: Body) -> Self {
        Self { body: http_body_util::Limited::new(body, BODY_LIMIT), deadline: None }
    }
}

impl HttpBody for BoundedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(BODY_TIMEOUT)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Some(Err(Box::new(TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
