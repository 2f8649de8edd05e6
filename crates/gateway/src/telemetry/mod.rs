//! Logs, traces and metrics: set up here, named here.
//!
//! Other rooms use `tracing` and `metrics` as they are and need nothing of this one but the names.
//! This room decides nothing: it must not read the environment or change what is logged for whom.

mod lines;
mod logs;
pub mod metrics;
mod otlp_metrics;
mod semantic;
mod traces;

use std::{sync::LazyLock, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::config::TelemetryConfig;

pub use metrics::MetricsHandle;
pub use traces::{current_traceparent, link_to, set_remote_parent};

/// What was set up; to be shut down last, so that nothing that was measured is lost.
#[must_use = "spans that wait to be exported are lost unless this is shut down"]
#[derive(Debug)]
pub struct Telemetry {
    metrics: MetricsHandle,
    traces: Option<SdkTracerProvider>,
    meters: Option<SdkMeterProvider>,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The collector's address or the client for it cannot be used.
    #[error("telemetry.otlp_endpoint: cannot be used: {0}")]
    Otlp(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The metrics of this process belong to somebody else.
    #[error("metrics cannot be recorded: {0}")]
    Metrics(String),
    /// The log filter is not one; a validated configuration has none such.
    #[error("telemetry.log_level: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
}

/// Sets up a log of warnings, to standard error, for a command that reads no telemetry settings.
pub fn log_warnings() {
    logs::install_warnings();
}

/// Sets up logs (to standard error), traces and metrics for this process.
///
/// Trace ids are made and passed on whether or not there is a collector. Called again, as tests in
/// one process do, it leaves what stands and hands out the same metrics.
///
/// # Errors
/// See [`TelemetryError`].
pub fn init(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    if tracing::dispatcher::has_been_set() {
        let metrics = metrics::install(None)?;
        return Ok(Telemetry { metrics, traces: None, meters: None });
    }
    let endpoint = config.otlp_endpoint.as_deref();
    let traces = traces::provider(endpoint)?;
    let meters = endpoint.map(otlp_metrics::provider).transpose()?;
    let metrics = metrics::install(meters.as_ref())?;
    logs::install(config, &traces)?;
    Ok(Telemetry { metrics, traces: Some(traces), meters })
}

impl Telemetry {
    /// The metrics of this process.
    pub fn metrics(&self) -> &MetricsHandle {
        &self.metrics
    }

    /// Sends what waits to be exported and stops, within some seconds: a collector that does not answer
    /// costs what it was not told. To be called on a Tokio runtime, after the last piece of work has ended.
    pub async fn shutdown(self) {
        let Self { traces, meters, .. } = self;
        // The exporters block; on a worker of the runtime they would wait for themselves.
        let traces = tokio::task::spawn_blocking(move || {
            traces.map_or(Ok(()), |traces| traces.shutdown_with_timeout(EXPORT_WITHIN))
        });
        let meters = tokio::task::spawn_blocking(move || {
            meters.map_or(Ok(()), |meters| meters.shutdown_with_timeout(EXPORT_WITHIN))
        });
        let (traces, meters) = tokio::join!(traces, meters);
        for stopped in [traces, meters] {
            match stopped {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "telemetry was not exported to its end"),
                Err(error) => tracing::warn!(%error, "telemetry could not be shut down"),
            }
        }
    }
}

/// The service's name for collectors.
const SERVICE: &str = "partner-gateway";

/// How long the collector may take for what it is sent. Nobody waits for it but the exporters' own threads,
/// and whoever stops the process.
const EXPORT_WITHIN: Duration = Duration::from_secs(3);

/// Who is speaking: the service, and this process of it, so that the processes' metrics are kept apart.
fn resource() -> opentelemetry_sdk::Resource {
    static INSTANCE: LazyLock<String> = LazyLock::new(|| uuid::Uuid::new_v4().to_string());
    opentelemetry_sdk::Resource::builder()
        .with_service_name(SERVICE)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", INSTANCE.as_str()))
        .build()
}

#[cfg(test)]
mod tests;
