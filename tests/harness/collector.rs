//! A collector of traces and metrics (OTLP over HTTP, protobuf), as a real one receives them.

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data},
    trace::v1::Span,
};
use prost::Message;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// A collector that takes whatever it is sent.
pub(crate) struct Collector(MockServer);

/// A span that was received.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    span: Span,
}

impl Collector {
    /// One that runs.
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        Self(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        self.0.uri()
    }

    /// The bodies that were sent to a path.
    async fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        let requests = self.0.received_requests().await.unwrap();
        let of_path = requests.into_iter().filter(|request| request.url.path() == path);
        of_path
            .map(|request| {
                assert_eq!(request.headers["content-type"], "application/x-protobuf");
                request.body
            })
            .collect()
    }

    /// Every span, and what the resource of each export was.
    pub(crate) async fn spans(&self) -> (Vec<Seen>, Vec<Vec<(String, String)>>) {
        let (mut spans, mut resources) = (Vec::new(), Vec::new());
        for body in self.bodies("/v1/traces").await {
            let sent = ExportTraceServiceRequest::decode(&body[..]).unwrap();
            for of_resource in sent.resource_spans {
                resources.push(texts(&of_resource.resource.unwrap().attributes));
                for scope in of_resource.scope_spans {
                    spans.extend(scope.spans.into_iter().map(|span| Seen { span }));
                }
            }
        }
        (spans, resources)
    }

    /// Every metric of the last export, as its name, its unit and the attributes of its points.
    pub(crate) async fn metrics(&self) -> Vec<(String, String, Vec<Vec<(String, String)>>)> {
        let Some(body) = self.bodies("/v1/metrics").await.pop() else { return Vec::new() };
        let sent = ExportMetricsServiceRequest::decode(&body[..]).unwrap();
        let of_resource = sent.resource_metrics.into_iter();
        let scopes = of_resource.flat_map(|of_resource| of_resource.scope_metrics);
        scopes
            .flat_map(|scope| scope.metrics)
            .map(|metric| {
                let points = attributes_of(&metric);
                (metric.name, metric.unit, points)
            })
            .collect()
    }
}

fn attributes_of(metric: &Metric) -> Vec<Vec<(String, String)>> {
    match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => gauge.data_points.iter().map(|at| texts(&at.attributes)).collect(),
        Data::Sum(sum) => sum.data_points.iter().map(|at| texts(&at.attributes)).collect(),
        Data::Histogram(of) => of.data_points.iter().map(|at| texts(&at.attributes)).collect(),
        Data::ExponentialHistogram(_) | Data::Summary(_) => Vec::new(),
    }
}

/// Attributes as texts, by name.
fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = attributes
        .iter()
        .map(|attribute| {
            let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
            (attribute.key.clone(), value.map(text).unwrap_or_default())
        })
        .collect();
    texts.sort();
    texts
}

fn text(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is_so) => is_so.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::ArrayValue(_)
        | Value::KvlistValue(_)
        | Value::BytesValue(_)
        | Value::StringValueStrindex(_) => format!("{value:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Seen {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.span.name
    }

    /// `server`, `client` or `internal`.
    pub(crate) fn kind(&self) -> String {
        self.span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_ascii_lowercase()
    }

    /// Its trace, as 32 digits.
    pub(crate) fn trace(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// Its id, as 16 digits.
    pub(crate) fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    /// The id of its parent; empty where it has none.
    pub(crate) fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// The traces and spans that it is linked to.
    pub(crate) fn links(&self) -> Vec<(String, String)> {
        let links = self.span.links.iter();
        links.map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect()
    }

    /// Whether it failed.
    pub(crate) fn is_error(&self) -> bool {
        use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
        self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
    }

    /// An attribute; empty where it is not there.
    pub(crate) fn attribute(&self, name: &str) -> String {
        let found = texts(&self.span.attributes).into_iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value).unwrap_or_default()
    }
}
