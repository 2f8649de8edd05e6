//! The state machine: every write that reaches a provider is an operation, committed before anything is
//! sent, and carried to an end that is known or shown to a person.
//!
//! `transitions` decides, purely. `engine` does: it takes operations up, calls the port, writes down what
//! came back. `read_back` looks at a provider for what an open operation may have done. `observation`
//! says what an answer does to the mapping. No HTTP and no SQL here.

mod attempt;
mod comparison;
mod counters;
mod engine;
mod failure;
mod journal;
mod observation;
mod personal;
mod read_back;
mod recording;
mod request;
mod resolution;
mod send;
mod settle;
pub mod transitions;

pub use comparison::{differences, shown_fields};
pub use engine::{Engine, EngineSettings};
pub use failure::{Failure, FailureCode, FieldProblem, ProviderSaid};
pub use journal::Journal;
pub use observation::{next_action, observe, observe_state};
pub use personal::Personal;
pub use read_back::candidates;
pub use request::{
    CreateRequest, InviteRequest, LocalEdit, LockRequest, SeatRequest, UpdateRequest,
};
pub use resolution::{CannotResolve, Resolution, Resolver};

/// The time, as exact as the database keeps it: what is answered now must equal what is read later.
#[must_use]
pub fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::SubsecRound::trunc_subsecs(chrono::Utc::now(), 6)
}
