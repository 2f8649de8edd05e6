//! A world for each test: a database, the sandbox, gateways, and clients that call them as the reseller's
//! platforms do. It asserts what holds at the end of every test, and nothing of any behaviour.

mod binary;
mod call;
mod client;
mod reply;
mod settings;
mod state_dir;
mod world;

pub(crate) use binary::{Binary, Running};
pub(crate) use client::Client;
pub(crate) use reply::Reply;
pub(crate) use settings::{ISSUER, Settings, TOKEN_SECRET};
pub(crate) use state_dir::state_dir;
pub(crate) use world::World;

use serde_json::{Value, json};

/// A create that Scaleway takes, for a customer of this id.
pub(crate) fn cloud_customer(customer_id: &str) -> Value {
    json!({
        "customer_id": customer_id,
        "name": "Acme SAS",
        "owner": {
            "email": format!("{customer_id}@acme.test"),
            "first_name": "Ada",
            "last_name": "Martin",
        },
    })
}

/// A create that goes to Archera, for a customer of this id.
pub(crate) fn commitments_customer(customer_id: &str) -> Value {
    json!({
        "customer_id": customer_id,
        "name": "Acme SAS",
        "domain": "acme.test",
        "labels": { "product": "commitments" },
    })
}
