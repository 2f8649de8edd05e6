//! The partner gateway: one REST API through which a reseller's platforms provision and look after
//! customers at several providers.
//!
//! Rooms, and who may know whom: `http` and `workers` know `app`; `app` knows `operations` and `routing`;
//! those know `providers` and `store`. `auth`, `actors`, `config` and `telemetry` are leaves.

// First, since a macro is known only below the place where it stands.
#[macro_use]
pub mod crash_points;

pub mod actors;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod http;
pub mod operations;
pub mod providers;
pub mod routing;
pub mod run;
pub mod store;
pub mod telemetry;
pub mod workers;
