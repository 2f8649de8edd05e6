//! The whole product from end to end: the gateway in this process, a PostgreSQL and both providers over
//! real HTTP. One file a behaviour; `harness` starts the world that each needs.

mod harness;

mod commands;
mod dev_command;
mod lock;
mod lost_answers;
