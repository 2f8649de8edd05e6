//! The whole product from end to end: the gateway in this process, a PostgreSQL and both providers over
//! real HTTP. One file a behaviour; `harness` starts the world that each needs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

mod harness;

mod adopt;
mod audit;
mod bad_input;
mod browser;
mod commands;
mod console;
mod create;
mod customers;
mod database;
mod dev_command;
mod event_stream;
mod events;
mod feed;
mod graphs;
mod idempotency;
mod identity_providers;
mod import;
mod late_change;
mod list;
mod lock;
mod look_alikes;
mod lost_answers;
mod members;
mod outages;
mod ownership;
mod patch;
mod prefer;
mod provider_ids;
mod read;
mod reporting;
mod request_bodies;
mod roles;
mod rotation;
mod stored_ids;
mod sweep;
mod tenants;
mod tls;
mod tls_upstream;
mod total_count;
mod traces;
mod unexpected_databases;
mod webhooks;
mod workers;
