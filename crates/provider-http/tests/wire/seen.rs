//! What is left behind: the account's signals and the metrics.

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

#[tokio::test]
async fn the_signals_tell_success_failure_and_the_rate_limit() {
    let answer = ResponseTemplate::new(200)
        .set_body_string("{}")
        .insert_header("X-Ratelimit-Limit", "50, 50;w=1")
        .insert_header("X-Ratelimit-Remaining", "12")
        .insert_header("X-Ratelimit-Reset", "1");
    let (server, client) = serve(answer).await;
    let signals = client.signals();
    assert_eq!(signals.snapshot().last_success_at, None);
    get(&client).await.unwrap();
    let seen = signals.snapshot();
    assert!(seen.last_success_at.is_some());
    assert_eq!(seen.last_error, None);
    assert_eq!(seen.rate_limit.unwrap().remaining, Some(12));
    server.reset().await;
    let busy = ResponseTemplate::new(429).insert_header("Retry-After", "3");
    Mock::given(any()).respond_with(busy).mount(&server).await;
    get(&client).await.unwrap_err();
    let error = signals.snapshot().last_error.unwrap();
    assert_eq!(error.kind, Kind::RateLimited);
    assert_eq!(error.message, "the provider answered 429");
    assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
}

#[test]
fn each_attempt_is_counted_by_its_outcome() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            for status in [200, 404, 404, 503] {
                let answer = ResponseTemplate::new(status).set_body_string("{}");
                let (_server, client) = serve(answer).await;
                drop(get(&client).await);
            }
            drop(get(&client("http://127.0.0.1:1")).await);
        });
        let held = std::sync::Mutex::new(Vec::new());
        let server = RawServer::start(move |stream| held.lock().unwrap().push(stream));
        let client = client(&server.url());
        runtime.block_on(async {
            let mut call = std::pin::pin!(get(&client));
            let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx)));
            assert!(polled.await.is_pending());
        });
    });
    let text = rendered.render();
    for (outcome, count) in
        [("ok", 1), ("not_found", 2), ("unknown", 1), ("not_sent", 1), ("dropped", 1)]
    {
        let line = format!(
            r#"gateway_provider_attempts_total{{provider="acme",operation="get_it",outcome="{outcome}"}} {count}"#
        );
        assert!(text.lines().any(|seen| seen == line), "no {line} in\n{text}");
    }
    assert!(text.contains(r#"gateway_provider_attempt_duration_seconds_count{provider="acme",operation="get_it"} 6"#), "{text}");
}
