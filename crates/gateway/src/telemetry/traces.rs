//! Traces: who called whom, continued from the caller and passed on to the provider (W3C).

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes trace ids; sends spans to the collector where there is one.
pub(super) fn provider(endpoint: Option<&str>) -> Result<SdkTracerProvider, ExporterBuildError> {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let mut builder = SdkTracerProvider::builder().with_resource(super::resource());
    if let Some(endpoint) = endpoint {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()?;
        builder = builder.with_batch_exporter(exporter);
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

/// The `traceparent` of the current span, to be sent along; none outside of a trace.
pub fn current_traceparent() -> Option<String> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut headers);
    headers.remove("traceparent")
}
