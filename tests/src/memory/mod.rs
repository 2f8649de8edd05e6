//! The gateway's store in memory: every rule of the database that decides anything, and nothing else.
//! `Tables` is the rows and the rules, one call a transaction. `MemoryJournal` is a connection to them,
//! with a clock of its own, over a line that may fail. What it decides is held against PostgreSQL, call
//! by call, by the layer `same-histories`.

mod claims;
mod gates;
mod intents;
mod journal;
mod outcomes;
mod tables;

pub use gates::Gate;
pub use journal::{Clock, Fate, Line, MemoryJournal, SoundLine};
pub use tables::{Tables, Witness};
