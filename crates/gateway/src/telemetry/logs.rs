//! The log: lines on standard error, as JSON or for people.
//!
//! Standard output belongs to the commands' results.

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{DynFilterFn, FilterExt, LevelFilter, dynamic_filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::lines::WithTrace;
use super::{SERVICE, TelemetryError};
use crate::config::{LogFormat, TelemetryConfig};

/// Installs the log and the recording of spans for the whole process. Where somebody has installed
/// another at the same moment, that one stays.
pub(super) fn install(
    config: &TelemetryConfig,
    traces: &SdkTracerProvider,
) -> Result<(), TelemetryError> {
    let asked = EnvFilter::try_new(&config.log_filter)?;
    let lines = lines(config.log_format).with_filter(asked.and(each_time(may_be_logged)));
    let spans = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer(SERVICE))
        .with_location(false)
        .with_threads(false)
        .with_filter(each_time(may_be_traced));
    let installed = tracing_subscriber::registry().with(lines).with(spans).try_init();
    if let Err(error) = installed {
        tracing::debug!(%error, "the log was set up already");
    }
    Ok(())
}

/// Installs a log of warnings alone, the database's notices among them, for a command without telemetry settings.
/// An installed log stays.
pub(super) fn install_warnings() {
    // A migration may take long, and its text is no news.
    let asked = EnvFilter::new("warn,sqlx::query=off");
    let lines = lines(LogFormat::Text).with_filter(asked.and(each_time(may_be_logged)));
    if let Err(error) = tracing_subscriber::registry().with(lines).try_init() {
        tracing::debug!(%error, "log already installed");
    }
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Json => {
            let objects = lines.json().flatten_event(true).with_span_list(false);
            objects.map_event_format(WithTrace).boxed()
        }
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
    }
}

/// A filter that is asked anew for every event, though its answer never changes.
///
/// Where every answer is known beforehand, what was last asked stays in force for the thread: after the
/// log crate's `log_enabled!`, which sqlx asks before each query, the next event would be lost (seen in
/// tracing-subscriber 0.3, 2026-11).
pub(super) fn each_time<S>(
    passes: fn(&Metadata<'_>) -> bool,
) -> DynFilterFn<S, impl Fn(&Metadata<'_>, &Context<'_, S>) -> bool> {
    dynamic_filter_fn(move |metadata: &Metadata<'_>, _: &Context<'_, S>| passes(metadata))
        .with_max_level_hint(LevelFilter::TRACE)
}

/// Other people's code at TRACE shows what goes over the wire, secrets included: never, whatever
/// the filter says.
pub(super) fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    *metadata.level() < Level::TRACE || is_ours(metadata.target())
}

/// Our own spans and events, down to INFO. The exporter's own doings must not be among them, or
/// each export would make the next one.
pub(super) fn may_be_traced(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata.target()) && *metadata.level() <= Level::INFO
}

fn is_ours(target: &str) -> bool {
    let crate_of = |path: &'static str| path.split("::").next().unwrap_or(path);
    let name = target.split("::").next().unwrap_or(target);
    let known = ["partner_core", "embedded_postgres", "sandbox", crate_of(module_path!())];
    known.contains(&name) || name.starts_with("provider_")
}
