//! One request as an operator sees it: an id, a span, a line in the log, a count.
//!
//! Nothing here shows a path, a query or a header of the caller's: routes are templates. The trace that
//! the caller speaks of is continued.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, Span, field::Empty};

use super::route_metrics::{RouteMetrics, UNKNOWN_METHOD, method_label};
use crate::{
    http::{
        notes::RequestNotes,
        request_id::{RequestId, X_REQUEST_ID},
    },
    telemetry::{metrics::HTTP_IN_FLIGHT, set_remote_parent},
};

/// The route of a request that no route is for.
const UNMATCHED: &str = "unmatched";
/// The status under which a request is counted whose caller hung up before the answer.
const HUNG_UP: u16 = 499;
/// Routes that are asked for every few seconds: told at `debug` while all is well.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// Names, times, counts and logs a request. The answer carries its id.
pub(super) async fn observe(
    State(metrics): State<Arc<RouteMetrics>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::of(request.headers());
    let watch = Watch::start(metrics, &request, &id);
    request.extensions_mut().insert(RequestNotes::new(watch.span.clone()));
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(watch.span.clone()).await;
    if let Some(id) = id.header_value() {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    watch.answered(response.status());
    response
}

/// A request under way. Dropped before its answer, it counts as one whose caller hung up.
struct Watch {
    metrics: Arc<RouteMetrics>,
    span: Span,
    started: Instant,
    method: &'static str,
    route: Option<MatchedPath>,
    is_answered: bool,
}

impl Watch {
    fn start(metrics: Arc<RouteMetrics>, request: &Request, id: &RequestId) -> Self {
        let method = method_label(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let span = span(method, route.as_ref(), id);
        continue_trace(&span, request.headers());
        metrics::gauge!(HTTP_IN_FLIGHT).increment(1.0);
        let started = Instant::now();
        Self { metrics, span, started, method, route, is_answered: false }
    }

    fn answered(mut self, status: StatusCode) {
        self.is_answered = true;
        self.end(status.as_u16());
    }

    fn end(&self, status: u16) {
        let route = template(self.route.as_ref());
        let took = self.started.elapsed();
        metrics::gauge!(HTTP_IN_FLIGHT).decrement(1.0);
        self.metrics.record(self.method, route, status, took);
        self.span.record("http.response.status_code", status);
        if status >= 500 {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", status);
        }
        self.span.in_scope(|| log(route, status, took));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_answered {
            self.end(HUNG_UP);
        }
    }
}

/// The span of a request, in the words of OpenTelemetry's conventions for HTTP. Of these `url.path` is left
/// out: it holds ids of customers.
fn span(method: &'static str, route: Option<&MatchedPath>, id: &RequestId) -> Span {
    let known = method != UNKNOWN_METHOD;
    let (method, in_name) = if known { (method, method) } else { ("_OTHER", "HTTP") };
    let route = route.map(MatchedPath::as_str);
    let space = if route.is_some() { " " } else { "" };
    tracing::info_span!(
        "http.request",
        otel.kind = "server",
        otel.name = %format_args!("{in_name}{space}{}", route.unwrap_or_default()),
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        url.scheme = "http",
        "error.type" = Empty,
        request_id = id.0,
        tenant = Empty,
    )
}

fn template(route: Option<&MatchedPath>) -> &str {
    route.map_or(UNMATCHED, MatchedPath::as_str)
}

fn continue_trace(span: &Span, headers: &HeaderMap) {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(parent) = text("traceparent") {
        set_remote_parent(span, Some(parent), text("tracestate"));
    }
}

/// The line of the log; the span that it stands in has method, route, request id and tenant.
fn log(route: &str, status: u16, took: Duration) {
    let duration_ms = took.as_secs_f64() * 1_000.0;
    if status == HUNG_UP {
        tracing::info!(status, duration_ms, "the caller hung up");
    } else if status < 400 && PROBES.contains(&route) {
        tracing::debug!(status, duration_ms, "answered");
    } else {
        tracing::info!(status, duration_ms, "answered");
    }
}

#[cfg(test)]
mod tests;
