//! `[telemetry]`: what is logged, how, and where traces go.

use tracing_subscriber::EnvFilter;
use url::Url;

use super::layers::Environment;
use super::reader::Reader;

/// What is logged, how, and where traces and metrics go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// Filter directives, valid: `RUST_LOG` if it is set, else `log_level`.
    pub log_filter: String,
    /// How a line of the log looks.
    pub log_format: LogFormat,
    /// Base URL of the OTLP collector, without a slash at its end, if there is one.
    pub otlp_endpoint: Option<String>,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    Text,
}

pub(super) fn parse(reader: &mut Reader, env: &Environment) -> Option<TelemetryConfig> {
    let log_filter = log_filter(reader, env);
    let log_format = log_format(reader);
    let otlp_endpoint = otlp_endpoint(reader);
    Some(TelemetryConfig {
        log_filter: log_filter?,
        log_format: log_format?,
        otlp_endpoint: otlp_endpoint?,
    })
}

fn log_filter(reader: &mut Reader, env: &Environment) -> Option<String> {
    let level = reader.needed_string("log_level").and_then(|directives| {
        judge_filter(directives).map_err(|message| reader.fault("log_level", message)).ok()
    });
    match env.get("RUST_LOG").filter(|directives| !directives.is_empty()) {
        Some(directives) => judge_filter(directives.to_owned())
            .map_err(|message| reader.faults().add("RUST_LOG", message))
            .ok(),
        None => level,
    }
}

fn judge_filter(directives: String) -> Result<String, String> {
    // A bare word that is no level would be taken for the name of a module and silence everything.
    let bare = directives.split(',').map(str::trim).filter(|part| is_bare_word(part));
    for word in bare {
        if word.parse::<tracing_subscriber::filter::LevelFilter>().is_err() {
            return Err(format!("`{word}` is not error, warn, info, debug, trace or off"));
        }
    }
    match EnvFilter::try_new(&directives) {
        Ok(_filter) => Ok(directives),
        Err(error) => Err(format!("is not a log filter: {error}")),
    }
}

fn is_bare_word(part: &str) -> bool {
    !part.contains(['=', '[', ':', '_'])
}

fn log_format(reader: &mut Reader) -> Option<LogFormat> {
    match reader.needed_string("log_format")?.as_str() {
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        other => {
            reader.fault("log_format", format!("`{other}` is not \"json\" or \"text\""));
            None
        }
    }
}

/// Outside nothing: a fault.
fn otlp_endpoint(reader: &mut Reader) -> Option<Option<String>> {
    let Some(text) = reader.string("otlp_endpoint") else {
        return Some(None);
    };
    match Url::parse(&text) {
        Ok(url) if is_collector(&url) => Some(Some(url.as_str().trim_end_matches('/').to_owned())),
        Ok(_) | Err(_) => {
            let message = "is not an http or https URL without credentials and query";
            reader.fault("otlp_endpoint", message);
            None
        }
    }
}

fn is_collector(url: &Url) -> bool {
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    bare && matches!(url.scheme(), "http" | "https")
}
