//! The wire: one careful client for every adapter.
//!
//! It sends one request an attempt and says of every end what it proves: transport errors and statuses
//! become a kind and an effect in one place. It never retries (a refused key is the one exception: see
//! `HttpClient`), never follows a redirect, reads no more than a bounded body, keeps our keys out of errors, logs and stored documents, and passes the trace on.
//! It must not know any provider: paths, documents and error codes are the adapters'.
//!
//! Webhooks' receivers are reached from here too, by a client of its own: see `hook`.

mod addresses;
mod answer;
mod attempt;
mod call;
mod classify;
mod client;
mod credentials;
mod document;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hook;
mod signals;
mod trace;

pub use answer::{Answer, BODY_LIMIT, Unreadable};
pub use call::{Call, Refusal};
pub use client::{ClientConfig, ClientError, HttpClient};
pub use credentials::{AccountKeys, InvalidSecret, one_line};
pub use document::{DocumentClient, DocumentError};
pub use hook::{
    HookAnswer, HookClient, HookConfig, HookFailure, HookFailureKind, HookUrlFault, Lookup,
    read_hook_url, system_lookup,
};
pub use signals::{AccountSignals, LastError, RateLimit, SignalSnapshot};
pub use trace::{InvalidTraceParent, TRACE_CONTEXT, TraceContext, with_trace_context};

/// What every request calls itself.
pub(crate) const USER_AGENT: &str = concat!("partner-gateway/", env!("CARGO_PKG_VERSION"));
