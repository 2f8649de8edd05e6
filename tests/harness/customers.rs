//! The customers that tests create.

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
