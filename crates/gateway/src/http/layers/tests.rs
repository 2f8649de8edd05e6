//! The layers over handlers that need no database: what a caller sees of each.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Builder},
    response::Response,
    routing::{get, post},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::Notify;
use tower::ServiceExt;

use super::*;
use crate::{auth::Tenant, config::LimitsConfig, http::limits::TenantLimits};

fn config(request_timeout: Duration, max_in_flight: u32) -> ServerConfig {
    ServerConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        internal_listen: None,
        tls: None,
        max_connections: 100,
        request_timeout,
        max_in_flight,
        drain_timeout: Duration::from_secs(20),
    }
}

fn wrapped(bounded: Router) -> Router {
    wrap(Router::new(), bounded, &config(Duration::from_secs(30), 512))
}

/// An endpoint that reads a body as the API's do.
async fn read_body(body: Body) -> Result<String, Problem> {
    let bytes = axum::body::to_bytes(body, usize::MAX).await;
    bytes.map(|bytes| bytes.len().to_string()).map_err(|error| refused_body(&error))
}

fn echo() -> Router {
    wrapped(Router::new().route("/v1/echo", post(read_body)))
}

async fn call(router: Router, request: Builder, body: Body) -> Response {
    router.oneshot(request.body(body).unwrap()).await.unwrap()
}

async fn get_of(router: Router, uri: &str) -> Response {
    call(router, Request::builder().uri(uri), Body::empty()).await
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// The problem that the answer is, which must be whole.
async fn problem(response: Response) -> (u16, String, Value) {
    let status = response.status().as_u16();
    let id = response.headers()["x-request-id"].clone();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let length = response.headers().get(header::CONTENT_LENGTH).cloned();
    let body = text(response).await;
    assert!(length.is_none_or(|length| length.to_str().unwrap() == body.len().to_string()));
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], id.to_str().unwrap());
    (status, problem["code"].as_str().unwrap().to_owned(), problem)
}

#[tokio::test]
async fn every_answer_has_the_requests_id_and_the_common_headers() {
    let router = wrapped(Router::new().route("/v1/fine", get(async || "fine")));
    let given = Request::builder().uri("/v1/fine").header("x-request-id", "order-7");
    let response = call(router, given, Body::empty()).await;
    assert_eq!(response.headers()["x-request-id"], "order-7");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(text(response).await, "fine");
}

#[tokio::test]
async fn an_endpoint_may_say_otherwise_about_caching() {
    let cached = async || ([(header::CACHE_CONTROL, "no-cache")], "fine");
    let response = get_of(wrapped(Router::new().route("/docs", get(cached))), "/docs").await;
    let values: Vec<_> = response.headers().get_all(header::CACHE_CONTROL).iter().collect();
    assert_eq!(values, ["no-cache"]);
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let (status, code, problem) = problem(get_of(echo(), "/v1/nothing").await).await;
    assert_eq!((status, code.as_str()), (404, "no_such_endpoint"));
    assert_eq!(problem["instance"], "/v1/nothing");
}

#[tokio::test]
async fn an_unknown_method_is_a_problem_that_names_the_known_ones() {
    for router in [echo(), wrap(echo_routes(), Router::new(), &config(Duration::MAX, 1))] {
        let response = get_of(router, "/v1/echo").await;
        assert_eq!(response.headers()[header::ALLOW], "POST");
        assert_eq!(problem(response).await.1, "method_not_allowed");
    }
}

fn echo_routes() -> Router {
    Router::new().route("/v1/echo", post(read_body))
}

#[tokio::test]
async fn options_and_head_are_answered() {
    let options = Request::builder().method("OPTIONS").uri("/v1/echo");
    let response = call(echo(), options, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()[header::ALLOW], "POST");
    let router = wrapped(Router::new().route("/v1/fine", get(async || "fine")));
    let head = Request::builder().method("HEAD").uri("/v1/fine");
    let response = call(router, head, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn what_the_framework_refuses_is_a_problem_too() {
    async fn number(Path(_number): Path<u32>) {}
    async fn query(Query(_fields): Query<std::collections::HashMap<String, u32>>) {}
    async fn json(Json(_body): Json<Value>) {}
    async fn broken() -> (StatusCode, &'static str) {
        (StatusCode::INTERNAL_SERVER_ERROR, "the password is hunter2")
    }
    let router = wrapped(
        Router::new()
            .route("/v1/number/{number}", get(number))
            .route("/v1/query", get(query))
            .route("/v1/json", post(json))
            .route("/v1/broken", get(broken)),
    );
    for uri in ["/v1/number/x", "/v1/number/%ff", "/v1/query?a=b"] {
        assert_eq!(problem(get_of(router.clone(), uri).await).await.1, "bad_request", "{uri}");
    }
    let untyped = Request::builder().method("POST").uri("/v1/json");
    let untyped = problem(call(router.clone(), untyped, Body::from("{}")).await).await;
    assert_eq!((untyped.0, untyped.1.as_str()), (415, "unsupported_media_type"));
    let broken = problem(get_of(router, "/v1/broken").await).await;
    assert_eq!((broken.0, broken.1.as_str()), (500, "internal"));
    assert!(!broken.2.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_path_that_is_not_utf_8_is_a_problem() {
    assert_eq!(problem(get_of(echo(), "/v1/%ff%fe").await).await.1, "no_such_endpoint");
}

#[tokio::test]
async fn a_panic_is_a_problem_that_does_not_tell_what_it_said() {
    async fn panics() {
        panic!("canary-7f3a");
    }
    let router = wrapped(Router::new().route("/v1/panics", get(panics)));
    let (status, code, problem) = problem(get_of(router, "/v1/panics").await).await;
    assert_eq!((status, code.as_str()), (500, "internal"));
    assert!(!problem.to_string().contains("canary"));
}

#[tokio::test]
async fn a_long_uri_and_large_headers_are_refused() {
    let uri = |length: usize| format!("/v1/{}", "x".repeat(length - 4));
    assert_eq!(problem(get_of(echo(), &uri(8 * 1024)).await).await.1, "no_such_endpoint");
    let (status, code, _) = problem(get_of(echo(), &uri(8 * 1024 + 1)).await).await;
    assert_eq!((status, code.as_str()), (414, "uri_too_long"));
    let large = Request::builder().uri("/v1/echo").header("x-large", "x".repeat(16 * 1024));
    let (status, code, _) = problem(call(echo(), large, Body::empty()).await).await;
    assert_eq!((status, code.as_str()), (431, "headers_too_large"));
}

/// A body without a Content-Length.
fn streamed(length: usize) -> Body {
    let chunk = Bytes::from(vec![b'x'; 1024]);
    let chunks = (0..length / 1024).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
    Body::from_stream(futures::stream::iter(chunks))
}

#[tokio::test]
async fn a_body_of_64_kib_is_taken_and_no_more() {
    let post = || Request::builder().method("POST").uri("/v1/echo");
    for (name, make) in
        [("whole", (|n| Body::from(vec![b'x'; n])) as fn(usize) -> Body), ("streamed", streamed)]
    {
        let fits = call(echo(), post(), make(64 * 1024)).await;
        assert_eq!(text(fits).await, "65536", "{name}");
        let (status, code, _) = problem(call(echo(), post(), make(65 * 1024)).await).await;
        assert_eq!((status, code.as_str()), (413, "payload_too_large"), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_a_problem() {
    let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
    let post = Request::builder().method("POST").uri("/v1/echo");
    let response = call(echo(), post, Body::from_stream(never)).await;
    let (status, code, _) = problem(response).await;
    assert_eq!((status, code.as_str()), (408, "request_timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_takes_nobodys_place() {
    let router = wrap(Router::new(), echo_routes(), &config(Duration::from_secs(30), 1));
    let post = || Request::builder().method("POST").uri("/v1/echo");
    let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
    let slow = call(router.clone(), post(), Body::from_stream(never));
    let tasks = tokio_util::task::TaskTracker::new();
    let slow = tasks.spawn(slow);
    tokio::task::yield_now().await;
    assert_eq!(text(call(router, post(), Body::from("quick")).await).await, "5");
    assert!(!slow.is_finished());
    assert_eq!(problem(slow.await.unwrap()).await.0, 408);
}

fn never_answers() -> Router {
    let never = get(async || std::future::pending::<()>().await);
    wrapped(Router::new().route("/v1/never", never))
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_at_its_time() {
    let begun = tokio::time::Instant::now();
    let response = get_of(never_answers(), "/v1/never").await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    let (status, code, _) = problem(response).await;
    assert_eq!((status, code.as_str()), (503, "unavailable"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_asks_to_wait_longer_may() {
    let begun = tokio::time::Instant::now();
    get_of(never_answers(), "/v1/never?wait=60").await;
    assert_eq!(begun.elapsed().as_secs(), 65);
    let begun = tokio::time::Instant::now();
    let prefers = Request::builder().uri("/v1/never").header("prefer", "wait=40");
    call(never_answers(), prefers, Body::empty()).await;
    assert_eq!(begun.elapsed().as_secs(), 45);
}

#[tokio::test]
async fn what_is_above_max_in_flight_is_shed_at_once_and_probes_are_not() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waits = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        async move || {
            entered.notify_one();
            leave.notified().await;
            "done"
        }
    };
    let exempt = Router::new().route("/livez", get(async || "alive"));
    let bounded = Router::new().route("/v1/waits", get(waits));
    let router = wrap(exempt, bounded, &config(Duration::from_secs(30), 1));

    let tasks = tokio_util::task::TaskTracker::new();
    let first = tasks.spawn(get_of(router.clone(), "/v1/waits"));
    entered.notified().await;
    let response = get_of(router.clone(), "/v1/waits").await;
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    let (status, code, _) = problem(response).await;
    assert_eq!((status, code.as_str()), (503, "overloaded"));
    assert_eq!(get_of(router.clone(), "/livez").await.status(), StatusCode::OK);

    leave.notify_one();
    assert_eq!(text(first.await.unwrap()).await, "done");
    leave.notify_one();
    assert_eq!(get_of(router, "/v1/waits").await.status(), StatusCode::OK, "its place is free");
}

#[tokio::test]
async fn the_answer_says_how_the_tenant_stands_with_its_limit() {
    let limits = TenantLimits::new(&LimitsConfig {
        requests_per_second: 1,
        burst: 2,
        event_streams: 1,
        event_streams_in_all: 1,
    });
    let limits = Arc::new(limits);
    let limited = async move |request: Request| {
        let verdict = limits.check(&Tenant::new("crm").unwrap());
        let notes = request.extensions().get::<crate::http::notes::RequestNotes>().unwrap();
        notes.counted(verdict.rate_limit.clone());
        verdict.into_result().map(|()| "fine")
    };
    let router = wrapped(Router::new().route("/v1/limited", get(limited)));
    let stand = |headers: &HeaderMap| headers["ratelimit"].to_str().unwrap().to_owned();

    let first = get_of(router.clone(), "/v1/limited").await;
    assert_eq!(first.headers()["ratelimit-policy"], "\"tenant\";q=2;w=2");
    assert_eq!(stand(first.headers()), "\"tenant\";r=1;t=1");
    get_of(router.clone(), "/v1/limited").await;
    let third = get_of(router, "/v1/limited").await;
    assert_eq!(stand(third.headers()), "\"tenant\";r=0;t=2");
    assert_eq!(third.headers()[header::RETRY_AFTER], "1");
    let (status, code, _) = problem(third).await;
    assert_eq!((status, code.as_str()), (429, "rate_limited"));
}
