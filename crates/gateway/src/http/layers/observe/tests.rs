//! What an operator sees of a request: one line, one count, and nothing of the caller's own.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
use serde_json::Value;
use tokio::sync::Notify;
use tower::ServiceExt;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::config::{LogFormat, TelemetryConfig};

/// The log of one test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture(&self) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
        tracing::subscriber::set_default(subscriber.with_writer(self.clone()).finish())
    }

    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap()
    }

    /// The lines of finished requests.
    fn lines(&self) -> Vec<Value> {
        let lines: Vec<Value> =
            self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.into_iter().filter(|line| !line["duration_ms"].is_null()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn observed(router: Router) -> Router {
    router.layer(from_fn_with_state(Arc::new(RouteMetrics::default()), observe))
}

fn request(method: &str, uri: &str) -> Request {
    let request = Request::builder().method(method).uri(uri).header("x-request-id", "order-7");
    request.header("authorization", "Bearer canary-token").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_request_is_one_line_that_shows_nothing_of_the_callers() {
    let log = Log::default();
    let _guard = log.capture();
    let handler = async |request: Request| {
        let notes = request.extensions().get::<RequestNotes>().unwrap();
        notes.authenticated("crm");
        StatusCode::CREATED
    };
    let router = observed(Router::new().route("/v1/customers/{customer_id}", get(handler)));
    let uri = "/v1/customers/canary-customer?email=canary@acme.test";
    router.oneshot(request("GET", uri)).await.unwrap();

    let lines = log.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((line["level"].as_str(), line["status"].as_u64()), (Some("INFO"), Some(201)));
    let span = &line["span"];
    assert_eq!(span["name"], "http.request");
    assert_eq!(span["http.request.method"], "GET");
    assert_eq!(span["http.route"], "/v1/customers/{customer_id}");
    assert_eq!(span["otel.name"], "GET /v1/customers/{customer_id}");
    assert_eq!(span["request_id"], "order-7");
    assert_eq!(span["tenant"], "crm");
    assert!(!log.text().contains("canary"), "{}", log.text());
}

#[tokio::test]
async fn a_probe_is_logged_only_when_it_fails() {
    let log = Log::default();
    let _guard = log.capture();
    let router = Router::new()
        .route("/livez", get(async || "alive"))
        .route("/readyz", get(async || StatusCode::SERVICE_UNAVAILABLE));
    for uri in ["/livez", "/readyz"] {
        observed(router.clone()).oneshot(request("GET", uri)).await.unwrap();
    }
    let lines = log.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["span"]["http.route"], "/readyz");
}

#[tokio::test]
async fn a_caller_that_hangs_up_is_told_of() {
    let log = Log::default();
    let _guard = log.capture();
    let entered = Arc::new(Notify::new());
    let never = {
        let entered = Arc::clone(&entered);
        async move || {
            entered.notify_one();
            std::future::pending::<()>().await;
        }
    };
    let router = observed(Router::new().route("/v1/never", get(never)));
    tokio::select! {
        _answer = router.oneshot(request("GET", "/v1/never")) => panic!("it never answers"),
        () = entered.notified() => {}
    }
    let lines = log.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["message"], "the caller hung up");
    assert_eq!(line["status"], 499);
}

#[tokio::test]
async fn requests_are_counted_by_template_and_known_words() {
    let config = TelemetryConfig {
        log_filter: "warn".to_owned(),
        log_format: LogFormat::Json,
        otlp_endpoint: None,
    };
    let metrics = crate::telemetry::init(&config).unwrap().metrics().clone();
    let router = observed(Router::new().route("/v1/counted/{id}", get(async || "fine")));
    for (method, uri) in [
        ("GET", "/v1/counted/1"),
        ("GET", "/v1/counted/2"),
        ("BREW", "/v1/counted/3"),
        ("GET", "/v1/observed-nowhere"),
    ] {
        router.clone().oneshot(request(method, uri)).await.unwrap();
    }
    let page = metrics.render();
    for line in [
        "gateway_http_requests_total{method=\"GET\",route=\"/v1/counted/{id}\",status=\"200\"} 2",
        "gateway_http_requests_total{method=\"OTHER\",route=\"/v1/counted/{id}\",status=\"405\"} 1",
        "gateway_http_request_duration_seconds_count{method=\"GET\",route=\"/v1/counted/{id}\",status=\"200\"} 2",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(page.contains("route=\"unmatched\""), "{page}");
    assert!(!page.contains("observed-nowhere") && !page.contains("BREW"), "{page}");
}
