//! The REST API: the only room that knows HTTP. It turns requests into use cases and their outcomes into
//! answers, and decides nothing else.

pub mod limits;
mod notes;
pub mod problem;
pub mod request_id;
pub mod state;
