//! The layers around every request, in one list, from the caller's side to the handler's.
//!
//! A layer knows no resource. What only one endpoint needs belongs to the endpoint.

mod bounds;
mod codings;
mod observe;
mod overload;
mod route_metrics;
mod seal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    http::{Method, StatusCode},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::Problem;
use crate::config::ServerConfig;
use route_metrics::RouteMetrics;

pub(crate) use bounds::refused_body;
pub(crate) use seal::Finished;

/// Puts the layers around the endpoints. `exempt` are those that must answer however busy the gateway
/// is: they are neither shed nor timed, and must bound themselves.
pub(crate) fn wrap(exempt: Router, bounded: Router, config: &ServerConfig) -> Router {
    let in_flight = usize::try_from(config.max_in_flight).unwrap_or(Semaphore::MAX_PERMITS);
    let in_flight = Arc::new(Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS)));
    let bounded = bounded.layer(
        ServiceBuilder::new()
            // Sheds at once what comes above `max_in_flight`: waiting in line would only make it late. What
            // comes must be whole before it takes a place: bodies that are too large or too slow take none.
            .layer(from_fn_with_state(in_flight, overload::shed))
            // Ends what takes too long; inside of shedding, so that it gives its place back.
            .layer(from_fn_with_state(config.request_timeout, overload::deadline)),
    );
    let all = exempt
        .merge(bounded)
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed);
    all.layer(
        ServiceBuilder::new()
            // Names the request, opens its span, counts and logs it: first, so that it sees them all.
            .layer(from_fn_with_state(Arc::new(RouteMetrics::default()), observe::observe))
            // Makes every refusal a problem document that knows its request, and adds the headers that
            // every answer has: outside of all that may refuse.
            .layer(from_fn(seal::seal))
            // A panic is one failed request and not a dropped connection.
            .layer(CatchPanicLayer::custom(seal::panicked))
            // Refuses a head that is too large before anything looks into it.
            .layer(from_fn(bounds::head))
            // Refuses a body in a coding that nobody here decodes.
            .layer(from_fn(codings::refuse)),
    )
}

async fn no_such_route() -> Problem {
    Problem::no_such_route("no endpoint has this path")
}

/// The router adds `Allow` to both answers.
async fn method_not_allowed(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Problem::method_not_allowed("the header Allow names the methods that this endpoint has")
        .into_response()
}
