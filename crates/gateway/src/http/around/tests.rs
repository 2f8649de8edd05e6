//! What a prober sees.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Router, body::Body, extract::Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::config::{LogFormat, TelemetryConfig};

fn metrics_handle() -> MetricsHandle {
    let config = TelemetryConfig {
        log_filter: "warn".to_owned(),
        log_format: LogFormat::Json,
        otlp_endpoint: None,
    };
    crate::telemetry::init(&config).unwrap().metrics().clone()
}

fn router(ask: Ask, draining: &Draining) -> Router {
    let around = Around::new(ask, draining.clone(), metrics_handle());
    let (router, _) = probes().merge(metrics()).split_for_parts();
    router.with_state(around)
}

fn answering(answer: Result<(), &'static str>) -> Ask {
    Box::new(move || Box::pin(async move { answer.map_err(str::to_owned) }))
}

async fn get(router: &Router, path: &str) -> (u16, String) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn ready_is_who_has_a_database() {
    let router = router(answering(Ok(())), &Draining::default());
    assert_eq!(get(&router, "/readyz").await, (200, r#"{"status":"ready"}"#.to_owned()));
    assert_eq!(get(&router, "/livez").await, (200, r#"{"status":"alive"}"#.to_owned()));
}

#[tokio::test]
async fn whoever_is_not_ready_says_why_and_is_alive() {
    let reason = "the database lacks 1 of 3 migrations";
    let router = router(answering(Err(reason)), &Draining::default());
    let (status, body) = get(&router, "/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains(reason), "{body}");
    assert_eq!(get(&router, "/livez").await.0, 200);
}

#[tokio::test]
async fn whoever_goes_down_is_not_ready_and_does_not_ask() {
    let draining = Draining::default();
    let router = router(Box::new(|| panic!("the database was asked")), &draining);
    draining.begin();
    let (status, body) = get(&router, "/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("going down"), "{body}");
    assert_eq!(get(&router, "/livez").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_does_not_answer_is_given_a_second() {
    let router = router(Box::new(|| Box::pin(std::future::pending())), &Draining::default());
    let begun = Instant::now();
    let (status, body) = get(&router, "/readyz").await;
    assert_eq!((status, begun.elapsed()), (503, READY_WITHIN));
    assert!(body.contains("did not answer"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn many_probes_are_one_question_to_the_database() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let ask: Ask = Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    });
    let router = router(ask, &Draining::default());
    let probes = (0..100).map(|_| get(&router, "/readyz"));
    assert!(futures::future::join_all(probes).await.iter().all(|(status, _)| *status == 200));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(FRESH_FOR).await;
    get(&router, "/readyz").await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn metrics_are_in_the_prometheus_format() {
    let router = router(answering(Ok(())), &Draining::default());
    let request = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let (_, page) = get(&router, "/metrics").await;
    assert!(page.contains("# TYPE gateway_build_info gauge"), "{page}");
}
