//! What an operator sees: a page of metrics, spans that hang together, and no wire dumps.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use ::metrics::{counter, gauge, histogram};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::config::LogFormat;

fn config() -> TelemetryConfig {
    TelemetryConfig {
        log_filter: "warn".to_owned(),
        log_format: LogFormat::Json,
        otlp_endpoint: None,
    }
}

#[test]
fn a_process_may_set_up_again_and_keeps_its_metrics() {
    let first = init(&config()).unwrap();
    counter!(metrics::READBACKS, "provider" => "scaleway", "result" => "found").increment(2);
    histogram!(metrics::HTTP_REQUEST_DURATION, "route" => "/livez").record(0.003);
    let second = init(&config()).unwrap();
    for telemetry in [&first, &second] {
        let page = telemetry.metrics().render();
        for line in [
            "# HELP gateway_readbacks_total Read-backs after an unknown outcome, by result.",
            "# TYPE gateway_readbacks_total counter",
            "gateway_readbacks_total{provider=\"scaleway\",result=\"found\"} 2",
            "gateway_http_request_duration_seconds_bucket{route=\"/livez\",le=\"0.005\"} 1",
            "gateway_http_request_duration_seconds_bucket{route=\"/livez\",le=\"0.002\"} 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        let version = concat!("gateway_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1");
        assert!(page.contains(version), "{page}");
    }
}

#[tokio::test]
async fn upkeep_ends_when_it_is_told_to() {
    let stop = tokio_util::sync::CancellationToken::new();
    let upkeep = metrics::install(None).unwrap().run_upkeep(stop.clone());
    stop.cancel();
    upkeep.await;
}

#[test]
fn a_trace_is_continued_and_passed_on() {
    let provider = traces::provider(None).unwrap();
    let tracer = opentelemetry::trace::TracerProvider::tracer(&provider, "test");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(current_traceparent(), None);
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let sent = format!("00-{trace}-00f067aa0ba902b7-01");
        let span = tracing::info_span!("request");
        set_remote_parent(&span, Some(&sent), None);
        let passed_on = span.in_scope(current_traceparent).unwrap();
        assert!(passed_on.starts_with(&format!("00-{trace}-")), "{passed_on}");
        assert_ne!(passed_on, sent, "the provider's parent is our span, not our caller's");
        let fresh = tracing::info_span!("request");
        set_remote_parent(&fresh, Some("nonsense"), Some("nonsense"));
        let own = fresh.in_scope(current_traceparent).unwrap();
        assert!(!own.contains(trace), "{own}");
    });
}

/// Remembers whether an event came through.
#[derive(Clone, Default)]
struct Flag(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl<S: tracing::Subscriber> Layer<S> for Flag {
    fn on_event(
        &self,
        _event: &tracing::Event<'_>,
        _context: tracing_subscriber::layer::Context<'_, S>,
    ) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Whether a filter lets something through.
fn passes(filter: fn(&tracing::Metadata<'_>) -> bool, emit: impl FnOnce()) -> bool {
    let seen = Flag::default();
    let layer = seen.clone().with_filter(logs::each_time(filter));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), emit);
    seen.0.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn a_line_is_not_lost_to_a_question_before_it() {
    let seen = Flag::default();
    let asked = tracing_subscriber::EnvFilter::new("info");
    let lines = seen.clone().with_filter(asked.and(logs::each_time(logs::may_be_logged)));
    let spans = Flag::default().with_filter(logs::each_time(logs::may_be_traced));
    let subscriber = tracing_subscriber::registry().with(lines).with(spans);
    tracing::subscriber::with_default(subscriber, || {
        // As the log crate's `log_enabled!` asks, and sqlx by it before each query.
        let asked = tracing::callsite! {
            name: "query",
            kind: tracing::metadata::Kind::EVENT,
            target: "sqlx::query",
            level: tracing::Level::DEBUG,
            fields: message
        };
        let metadata = tracing::Callsite::metadata(asked);
        tracing::dispatcher::get_default(|dispatch| dispatch.enabled(metadata));
        tracing::info!("ours");
    });
    assert!(seen.0.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn the_wire_is_never_logged() {
    let logged = logs::may_be_logged;
    assert!(!passes(logged, || tracing::trace!(target: "hyper::proto", "bytes")));
    assert!(!passes(logged, || tracing::trace!(target: "provider", "bytes")));
    assert!(passes(logged, || tracing::debug!(target: "hyper::proto", "connected")));
    assert!(passes(logged, || tracing::trace!(target: "provider_http", "attempt")));
    assert!(passes(logged, || tracing::trace!("ours")));
}

#[test]
fn only_our_own_doings_are_traced() {
    let traced = logs::may_be_traced;
    assert!(passes(traced, || tracing::info!("ours")));
    assert!(!passes(traced, || tracing::debug!("ours")));
    assert!(!passes(traced, || tracing::error!(target: "hyper::proto", "theirs")));
}

/// One request as a collector gets it: its path and its body.
fn received(listener: &TcpListener) -> (String, Vec<u8>) {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    let path = head.split_whitespace().nth(1).unwrap().to_owned();
    (path, body)
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_collector_gets_traces_and_metrics_before_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = std::thread::spawn(move || [received(&listener), received(&listener)]);

    let traces = traces::provider(Some(&endpoint)).unwrap();
    let tracer = opentelemetry::trace::TracerProvider::tracer(&traces, "test");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info_span!("a-span-of-ours").in_scope(|| ());
    });
    let meters = otlp_metrics::provider(&endpoint).unwrap();
    let prometheus = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let page = prometheus.handle();
    let doubled = otlp_metrics::Doubled::new(prometheus, &meters, &[1.0]);
    ::metrics::with_local_recorder(&doubled, || {
        counter!("test_counter", "kind" => "a-label").increment(1);
        gauge!("test_gauge").set(7.0);
        gauge!("test_gauge").increment(2.0);
        gauge!("test_gauge").decrement(1.0);
        histogram!("test_histogram").record(0.5);
    });
    let metrics = metrics::install(None).unwrap();
    Telemetry { metrics, traces: Some(traces), meters: Some(meters) }.shutdown().await;

    let mut received = collector.join().unwrap();
    // Both are told at once, in any order.
    received.sort();
    let [(metrics_path, points), (traces_path, spans)] = received;
    assert_eq!(traces_path, "/v1/traces");
    assert!(holds(&spans, "a-span-of-ours") && holds(&spans, "partner-gateway"));
    assert_eq!(metrics_path, "/v1/metrics");
    for text in ["test_counter", "a-label", "test_gauge", "test_histogram", "partner-gateway"] {
        assert!(holds(&points, text), "{text}");
    }
    let eight = 8f64.to_le_bytes();
    assert!(points.windows(8).any(|window| window == eight), "the gauge's last value");
    assert!(page.render().contains("test_gauge 8"));
}
