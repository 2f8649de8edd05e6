//! A world for each test: a database, the sandbox, gateways, and clients that call them as the reseller's
//! platforms do. It asserts what holds at the end of every test, and nothing of any behaviour.

mod authority;
mod binary;
mod call;
mod chromium;
mod client;
mod collector;
mod command;
mod customers;
mod event_reader;
mod raw;
mod receiver;
mod reply;
mod settings;
mod state_dir;
mod tab;
mod until;
mod world;

pub(crate) use authority::{Authority, Pair};
pub(crate) use binary::{Binary, Ended, Running};
pub(crate) use chromium::Chromium;
pub(crate) use client::Client;
pub(crate) use collector::{Collector, Seen};
pub(crate) use customers::{cloud_customer, commitments_customer};
pub(crate) use event_reader::EventReader;
pub(crate) use raw::raw_answer;
pub(crate) use receiver::{Post, Receiver};
pub(crate) use reply::Reply;
pub(crate) use settings::{ISSUER, Settings, TOKEN_SECRET};
pub(crate) use state_dir::state_dir;
pub(crate) use tab::{ENTER, SPACE, TAB, Tab};
pub(crate) use until::until;
pub(crate) use world::World;
