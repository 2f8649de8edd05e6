//! `[server]`, `[limits]` and `[operations]`: plain numbers, durations and addresses.

use std::net::SocketAddr;
use std::time::Duration;

use super::layers::Environment;
use super::reader::Reader;
use super::tls::{self, TlsConfig};

/// The HTTP side.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where `/metrics` and `/ops` listen instead, if anywhere.
    pub internal_listen: Option<SocketAddr>,
    /// What the API is served by TLS with, if it is.
    pub tls: Option<TlsConfig>,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Requests worked on at one time, at least 1.
    pub max_in_flight: u32,
    /// Connections open at one time at each listener, at least 1.
    pub max_connections: u32,
    /// How long a drain waits for what has begun.
    pub drain_timeout: Duration,
}

/// What one tenant may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Requests a second for each tenant, at least 1.
    pub requests_per_second: u32,
    /// Requests that may come at once, at least 1.
    pub burst: u32,
    /// Event streams that a tenant may have open at one process, at least 1.
    pub event_streams: u32,
    /// Event streams that all tenants may have open at one process, at least 1.
    pub event_streams_in_all: u32,
}

/// Lease and pace of the operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationsConfig {
    /// How long a process holds an operation that it sends.
    pub lease: Duration,
    /// How soon waiting work is looked at.
    pub poll_every: Duration,
    /// For how long a create whose outcome was lost holds back others at its account.
    pub create_risk_window: Duration,
}

const ANY_COUNT: std::ops::RangeInclusive<u32> = 1..=1_000_000;

pub(super) fn server(reader: &mut Reader, env: &Environment) -> Option<ServerConfig> {
    let listen = reader.needed_string("listen");
    let listen = listen.and_then(|text| address(reader, "listen", &text));
    let internal_listen = reader.string("internal_listen");
    let internal_listen =
        internal_listen.and_then(|text| address(reader, "internal_listen", &text));
    let request_timeout = reader.positive_duration("request_timeout");
    let max_in_flight = reader.integer("max_in_flight", ANY_COUNT);
    let max_connections = reader.integer("max_connections", ANY_COUNT);
    let with_tls = reader.is_set("tls");
    let tls = if with_tls {
        reader.section("tls", |reader| tls::parse(reader, env))
    } else {
        reader.take("tls");
        None
    };
    let drain_timeout = reader.positive_duration("drain_timeout");
    let listen = listen?;
    if internal_listen == Some(listen) && listen.port() != 0 {
        reader.fault("internal_listen", "must differ from server.listen");
    }
    if with_tls && tls.is_none() {
        return None;
    }
    Some(ServerConfig {
        listen,
        internal_listen,
        tls,
        request_timeout: request_timeout?,
        max_in_flight: max_in_flight?,
        max_connections: max_connections?,
        drain_timeout: drain_timeout?,
    })
}

fn address(reader: &Reader, key: &str, text: &str) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        reader.fault(key, format!("`{text}` is not an IP address and port"));
    }
    parsed
}

pub(super) fn limits(reader: &mut Reader) -> Option<LimitsConfig> {
    let requests_per_second = reader.integer("requests_per_second", ANY_COUNT);
    let burst = reader.integer("burst", ANY_COUNT);
    let event_streams = reader.integer("event_streams", ANY_COUNT);
    let event_streams_in_all = reader.integer("event_streams_in_all", ANY_COUNT);
    Some(LimitsConfig {
        requests_per_second: requests_per_second?,
        burst: burst?,
        event_streams: event_streams?,
        event_streams_in_all: event_streams_in_all?,
    })
}

pub(super) fn operations(reader: &mut Reader) -> Option<OperationsConfig> {
    let lease = reader.positive_duration("lease");
    let poll_every = reader.positive_duration("poll_every");
    let create_risk_window = reader.positive_duration("create_risk_window");
    Some(OperationsConfig {
        lease: lease?,
        poll_every: poll_every?,
        create_risk_window: create_risk_window?,
    })
}
