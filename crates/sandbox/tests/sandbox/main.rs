//! The sandbox as its callers see it: over HTTP, held to the providers' specs.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod archera;
mod control_http;
mod fault_answers;
mod fault_rules;
mod persistence;
mod scaleway;
mod scaleway_list;
mod support;
