//! Traces: who called whom, continued from the caller and passed on to the provider (W3C).

use std::{collections::HashMap, time::Duration};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Spans that wait for the collector at most. What comes above it is dropped: nobody waits for a collector.
const MOST_WAITING: usize = 4096;
/// Spans that the collector is sent at a time, and how often.
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_secs(5);

/// Makes trace ids; sends spans to the collector where there is one.
pub(super) fn provider(endpoint: Option<&str>) -> Result<SdkTracerProvider, ExporterBuildError> {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let mut builder = SdkTracerProvider::builder().with_resource(super::resource());
    if let Some(endpoint) = endpoint {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(super::EXPORT_WITHIN)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MOST_WAITING)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(EVERY)
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        builder = builder.with_span_processor(processor);
    }
    Ok(builder.build())
}

/// Makes `span` a part of the trace that a request's `traceparent` and `tracestate` headers speak
/// of. Without a valid `traceparent` the span begins a trace.
pub fn set_remote_parent(span: &Span, traceparent: Option<&str>, tracestate: Option<&str>) {
    let given = [("traceparent", traceparent), ("tracestate", tracestate)];
    let headers: HashMap<String, String> = given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    if let Err(error) = span.set_parent(TraceContextPropagator::new().extract(&headers)) {
        tracing::debug!(%error, "the trace was not continued");
    }
}

/// Links `span` to the trace that a `traceparent` speaks of: what it does goes on with work that was begun
/// there, and has a trace of its own since that one may be over.
pub fn link_to(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let begun = TraceContextPropagator::new().extract(&headers);
    span.add_link(begun.span().span_context().clone());
}

/// The `traceparent` of the current span, to be sent along; none outside of a trace.
pub fn current_traceparent() -> Option<String> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut headers);
    headers.remove("traceparent")
}
