//! The REST API: the only room that knows HTTP. It turns requests into use cases and their outcomes into
//! answers, and decides nothing else.

pub mod problem;
