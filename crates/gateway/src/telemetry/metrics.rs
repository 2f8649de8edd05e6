//! The names of the metrics, what each means, and how they are read.
//!
//! Labels are few and bounded: routes as templates, accounts, kinds. Never an id, a tenant's
//! customer, or anything personal.

use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tokio_util::sync::CancellationToken;

use super::TelemetryError;
use super::otlp_metrics::Doubled;

/// Counter `{method, route, status}`: requests answered.
pub const HTTP_REQUESTS: &str = "gateway_http_requests_total";
/// Histogram `{method, route, status}`: seconds from a request's head to its answer's.
pub const HTTP_REQUEST_DURATION: &str = "gateway_http_request_duration_seconds";
/// Gauge: requests being worked on.
pub const HTTP_IN_FLIGHT: &str = "gateway_http_requests_in_flight";
/// Counter `{reason}`: tokens refused.
pub const AUTH_REFUSALS: &str = "gateway_auth_refusals_total";
/// Gauge: when the identity provider's key set was last fetched, in seconds since 1970. Absent where none is
/// configured.
pub const AUTH_KEYS_FETCHED: &str = "gateway_auth_key_set_fetched_timestamp_seconds";
/// Counter `{provider, operation, outcome}`: attempts at a provider.
pub const PROVIDER_ATTEMPTS: &str = "gateway_provider_attempts_total";
/// Histogram `{provider, operation, outcome}`: seconds that an attempt took.
pub const PROVIDER_ATTEMPT_DURATION: &str = "gateway_provider_attempt_duration_seconds";
/// Gauge `{provider, state}`: 1 for the word that says how well an account is, 0 for the others. By what
/// this process last heard of it.
pub const PROVIDER_HEALTH: &str = "gateway_provider_health";
/// Gauge `{provider}`: 1 while an account's gate is shut, so that nothing is sent to it; else 0.
pub const PROVIDER_GATE_SHUT: &str = "gateway_provider_gate_shut";
/// Gauge `{state}`: operations that have not ended.
pub const OPERATIONS: &str = "gateway_operations";
/// Gauge: seconds since the oldest operation of unknown outcome began; 0 when there is none.
pub const OPERATIONS_OLDEST_UNKNOWN: &str = "gateway_operations_oldest_unknown_age_seconds";
/// Gauge: operations that wait for a person.
pub const OPERATIONS_QUARANTINED: &str = "gateway_operations_quarantined";
/// Counter: writes refused because their worker had lost its lease.
pub const FENCED_WRITES: &str = "gateway_operations_fenced_writes_total";
/// Counter: evidence that the database refused, and that was written in a reduced form or left out. Must stay 0.
pub const EVIDENCE_REFUSED: &str = "gateway_evidence_refused_total";
/// Counter `{provider}`: a second organization of one customer seen at a provider. Must stay 0.
pub const DUPLICATE_UPSTREAM: &str = "gateway_duplicate_upstream_total";
/// Counter `{provider, result}`: read-backs that settle an unknown outcome, or do not.
pub const READBACKS: &str = "gateway_readbacks_total";
/// Counter: events that were given their number in the feed.
pub const EVENTS_SEALED: &str = "gateway_events_sealed_total";
/// Gauge: events that were committed and have no number in the feed yet. Falls to 0 within a second.
pub const EVENTS_UNSEALED: &str = "gateway_events_unsealed";
/// Gauge: streams of events that are open.
pub const EVENT_STREAMS: &str = "gateway_event_streams";
/// Histogram `{provider, state}`: seconds that a pass over a provider's list took, by how it ended.
pub const SWEEP_DURATION: &str = "gateway_sweep_duration_seconds";
/// Gauge `{provider}`: seconds since a pass last saw the whole list of an account.
pub const SWEEP_LAST_SUCCESS_AGE: &str = "gateway_sweep_last_success_age_seconds";
/// Gauge `{provider}`: seconds from one pass over an account's list to the next, as configured.
pub const SWEEP_INTERVAL: &str = "gateway_sweep_interval_seconds";
/// Gauge `{kind}`: discrepancies that are open.
pub const DISCREPANCIES_OPEN: &str = "gateway_discrepancies_open";
/// Gauge `{pool, state}`: connections of a pool, `idle` or `used`.
pub const DB_CONNECTIONS: &str = "gateway_db_pool_connections";
/// Gauge `{pool}`: the most connections that a pool may have.
pub const DB_MAX_CONNECTIONS: &str = "gateway_db_pool_max_connections";
/// Counter: sessions at the database that were ended, since nobody goes on with them.
pub const DB_SESSIONS_ENDED: &str = "gateway_db_sessions_ended_total";
/// Counter `{outcome}`: deliveries to webhooks that were sent: `delivered`, `retried`, `failed`.
pub const WEBHOOK_ATTEMPTS: &str = "gateway_webhook_attempts_total";
/// Counter: webhooks that the gateway disabled.
pub const WEBHOOKS_DISABLED: &str = "gateway_webhooks_disabled_total";
/// Gauge: deliveries to webhooks that have not ended.
pub const WEBHOOKS_PENDING: &str = "gateway_webhook_deliveries_pending";
/// Gauge: seconds since the oldest of them was first to be sent; 0 when there is none.
pub const WEBHOOKS_OLDEST_PENDING: &str = "gateway_webhook_deliveries_oldest_age_seconds";
/// Gauge: 1 while the database answers and is migrated, else 0: what `/readyz` says, but for draining.
pub const READY: &str = "gateway_ready";
/// Counter `{what, outcome}`: secrets in files that had changed and were read again: `taken`, or `refused`
/// where the last good one stays. `what` is `provider_keys`, `token_key` or `certificate`.
pub const RELOADS: &str = "gateway_reloads_total";
/// Counter: handshakes of callers that failed or took too long.
pub const TLS_HANDSHAKES_FAILED: &str = "gateway_tls_handshakes_failed_total";
/// Counter: connections that were closed unread, since `server.max_connections` were open.
pub const HTTP_CONNECTIONS_REFUSED: &str = "gateway_http_connections_refused_total";
/// Gauge `{version}`: always 1.
pub const BUILD_INFO: &str = "gateway_build_info";

/// Begins the counters whose first step up must not be missed: a count that appears at 1 has not risen.
pub fn begin_counters<'a>(providers: impl Iterator<Item = &'a str>) {
    for provider in providers {
        for name in [FENCED_WRITES, DUPLICATE_UPSTREAM] {
            counter!(name, "provider" => provider.to_owned()).increment(0);
        }
    }
    for outcome in ["delivered", "retried", "failed"] {
        counter!(WEBHOOK_ATTEMPTS, "outcome" => outcome).increment(0);
    }
    counter!(WEBHOOKS_DISABLED).increment(0);
    for name in [
        EVENTS_SEALED,
        EVIDENCE_REFUSED,
        DB_SESSIONS_ENDED,
        TLS_HANDSHAKES_FAILED,
        HTTP_CONNECTIONS_REFUSED,
    ] {
        counter!(name).increment(0);
    }
    for what in ["provider_keys", "token_key", "certificate"] {
        for outcome in ["taken", "refused"] {
            counter!(RELOADS, "what" => what, "outcome" => outcome).increment(0);
        }
    }
}

/// Upper bounds in seconds: a local answer takes milliseconds, a provider's create one or two
/// seconds, and 20 s is where an attempt ends.
const BUCKETS: [f64; 13] =
    [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];

const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Reads the metrics of this process.
#[derive(Debug, Clone)]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    /// All metrics in the Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps the memory of histograms bounded, until `stop`. To be run for the process's life.
    pub async fn run_upkeep(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            self.0.run_upkeep();
        }
    }
}

/// Records the metrics of this process, and hands them to `meters` too. Only the first call
/// installs; every call answers the same handle.
pub(super) fn install(meters: Option<&SdkMeterProvider>) -> Result<MetricsHandle, TelemetryError> {
    static INSTALLED: OnceLock<Result<MetricsHandle, String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| install_once(meters));
    installed.clone().map_err(TelemetryError::Metrics)
}

fn install_once(meters: Option<&SdkMeterProvider>) -> Result<MetricsHandle, String> {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
    let recorder = builder.map_err(|error| error.to_string())?.build_recorder();
    let handle = recorder.handle();
    let installed = match meters {
        Some(meters) => ::metrics::set_global_recorder(Doubled::new(recorder, meters, &BUCKETS))
            .map_err(|error| error.to_string()),
        None => ::metrics::set_global_recorder(recorder).map_err(|error| error.to_string()),
    };
    installed?;
    describe_all();
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(MetricsHandle(handle))
}

fn describe_all() {
    describe_counter!(HTTP_REQUESTS, "Requests answered.");
    describe_histogram!(HTTP_REQUEST_DURATION, Unit::Seconds, "Time to an answer.");
    describe_gauge!(HTTP_IN_FLIGHT, "Requests being worked on.");
    describe_counter!(AUTH_REFUSALS, "Tokens refused.");
    describe_gauge!(AUTH_KEYS_FETCHED, Unit::Seconds, "Time of the key set's last fetch.");
    describe_counter!(PROVIDER_ATTEMPTS, "Attempts at a provider.");
    describe_histogram!(PROVIDER_ATTEMPT_DURATION, Unit::Seconds, "Time that an attempt took.");
    describe_gauge!(PROVIDER_HEALTH, "1 for the state that an account is in, 0 for the others.");
    describe_gauge!(PROVIDER_GATE_SHUT, "1 while nothing is sent to an account.");
    describe_gauge!(OPERATIONS, "Operations that have not ended, by state.");
    describe_gauge!(
        OPERATIONS_OLDEST_UNKNOWN,
        Unit::Seconds,
        "Age of the oldest operation of unknown outcome."
    );
    describe_gauge!(OPERATIONS_QUARANTINED, "Operations that wait for a person.");
    describe_counter!(FENCED_WRITES, "Writes refused because their worker had lost its lease.");
    describe_counter!(DUPLICATE_UPSTREAM, "Second organizations of one customer. Must stay 0.");
    describe_counter!(READBACKS, "Read-backs after an unknown outcome, by result.");
    describe_counter!(EVENTS_SEALED, "Events given their number in the feed.");
    describe_gauge!(EVENTS_UNSEALED, "Events without a number in the feed.");
    describe_gauge!(EVENT_STREAMS, "Streams of events that are open.");
    describe_histogram!(SWEEP_DURATION, Unit::Seconds, "Time that a pass over a list took.");
    describe_gauge!(
        SWEEP_LAST_SUCCESS_AGE,
        Unit::Seconds,
        "Age of the last pass that saw the whole list."
    );
    describe_gauge!(SWEEP_INTERVAL, Unit::Seconds, "From one pass over a list to the next.");
    describe_gauge!(DISCREPANCIES_OPEN, "Discrepancies that are open, by kind.");
    describe_gauge!(DB_CONNECTIONS, "Connections of a pool, by state.");
    describe_gauge!(DB_MAX_CONNECTIONS, "The most connections that a pool may have.");
    describe_counter!(
        DB_SESSIONS_ENDED,
        "Sessions at the database that were ended: nobody went on."
    );
    describe_counter!(WEBHOOK_ATTEMPTS, "Deliveries to webhooks that were sent, by outcome.");
    describe_counter!(WEBHOOKS_DISABLED, "Webhooks that the gateway disabled.");
    describe_gauge!(WEBHOOKS_PENDING, "Deliveries to webhooks that have not ended.");
    describe_gauge!(
        WEBHOOKS_OLDEST_PENDING,
        Unit::Seconds,
        "How long the oldest of them has waited; 0 when there is none."
    );
    describe_gauge!(READY, "1 while the database answers and is migrated.");
    describe_counter!(RELOADS, "Secrets in files that had changed, by whether they were taken.");
    describe_counter!(TLS_HANDSHAKES_FAILED, "Handshakes of callers that failed.");
    describe_counter!(HTTP_CONNECTIONS_REFUSED, "Connections closed unread: too many were open.");
    describe_gauge!(BUILD_INFO, "The running version.");
}
