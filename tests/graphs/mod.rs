//! What operations sees in graphs: the alert rules and dashboards of `deploy/`, held against a real gateway
//! and real servers.
//!
//! Prometheus and promtool are taken from the machine (Debian's package `prometheus`). Where they are not, the
//! tests that need them say so once and pass, but in CI they fail.

mod dashboards;
mod filled;
mod measured;
mod metrics;
mod names;
mod reporting;
mod rules;
mod tools;
