//! The REST API: the only room that knows HTTP. It turns requests into use cases and their outcomes into
//! answers, and decides nothing else.

mod api;
mod around;
mod body;
mod docs;
mod extract;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod header_fields;
mod json_document;
mod layers;
pub mod limits;
mod notes;
pub mod openapi;
mod ops;
pub mod problem;
pub mod refused_tokens;
pub mod request_id;
mod resources;
pub mod router;
pub mod server;
pub mod state;
pub mod streams;
pub mod tls;
