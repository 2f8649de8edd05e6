//! The part of the end-to-end tests' harness that runs gateways in this process.

#[path = "../harness/call.rs"]
mod call;
#[path = "../harness/client.rs"]
mod client;
#[path = "../harness/customers.rs"]
mod customers;
#[path = "../harness/reply.rs"]
mod reply;
#[path = "../harness/settings.rs"]
mod settings;
#[path = "../harness/world.rs"]
mod world;

pub(crate) use client::Client;
pub(crate) use customers::{cloud_customer, commitments_customer};
pub(crate) use reply::Reply;
pub(crate) use settings::{ISSUER, Settings, TOKEN_SECRET};
pub(crate) use world::World;
