//! Words that are found nowhere else, and where each of them may be found.

use serde_json::{Value, json};

/// What a canary stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nowhere, whoever asks.
    Secret,
    /// In columns of its own, and in answers to its owner that are no refusals.
    Personal,
}

/// A word to be looked for.
#[derive(Debug, Clone)]
pub(super) struct Canary {
    pub(super) name: &'static str,
    pub(super) word: String,
    pub(super) kind: Kind,
}

/// The columns in which what tells of a person belongs.
pub(super) const COLUMNS: [&str; 3] = ["organizations.", "members.email", "operations.request"];

/// The beginning of the password of a seat; what follows is written otherwise in JSON.
const PASSWORD: &str = "cnry-passw0rd";

/// Each is a part of what is sent, so that it is found whatever surrounds it.
pub(super) const PERSONAL: [(&str, &str); 9] = [
    ("an owner's e-mail", "cnry-owner"),
    ("a first name", "Cnryadeline"),
    ("a last name", "Cnrymartineau"),
    ("a phone number", "+33199887766"),
    ("an address", "Cnrystreet"),
    ("a comment", "cnry-remark"),
    ("a guest's e-mail", "cnry-guest"),
    ("a seat's e-mail", "cnry-seat"),
    ("an owner's e-mail that is refused", "cnry-refused"),
];

/// The password of a seat, with signs that JSON writes otherwise.
pub(super) fn password() -> String {
    format!("{PASSWORD}\"7\\x")
}

/// All of them.
pub(super) fn canaries(secrets: Vec<(&'static str, String)>) -> Vec<Canary> {
    let secret = |(name, word)| Canary { name, word, kind: Kind::Secret };
    let personal = |(name, word): (&'static str, &str)| Canary {
        name,
        word: word.to_owned(),
        kind: Kind::Personal,
    };
    let password = ("a seat's password", PASSWORD.to_owned());
    let secrets = secrets.into_iter().chain([password]).map(secret);
    secrets.chain(PERSONAL.into_iter().map(personal)).collect()
}

/// A create at Scaleway.
pub(super) fn cloud(customer: &str) -> Value {
    json!({
        "customer_id": customer,
        "name": format!("Acme {customer}"),
        "owner": {
            "email": format!("cnry-owner-{customer}@acme.test"),
            "first_name": "Cnryadeline",
            "last_name": "Cnrymartineau",
            "phone_number": "+33199887766",
        },
        "address": {
            "line1": "7 Cnrystreet", "city": "Paris", "state": "IDF", "postal_code": "75002",
            "country": "FR",
        },
        "comment": "cnry-remark, \"quoted\"",
    })
}

/// A create at Archera.
pub(super) fn commitments(customer: &str) -> Value {
    let mut body = cloud(customer);
    body["labels"] = json!({ "product": "commitments" });
    body["members"] = json!([{ "email": format!("cnry-guest-{customer}@acme.test") }]);
    body
}

/// A seat.
pub(super) fn seat(customer: &str) -> Value {
    json!({
        "username": "partner",
        "email": format!("cnry-seat-{customer}@acme.test"),
        "password": password(),
    })
}

/// People to invite.
pub(super) fn guests(customer: &str) -> Value {
    json!({ "members": [{ "email": format!("cnry-guest-more-{customer}@acme.test") }] })
}
