//! What the tests of adapters and of the gateway share: the conformance run, which holds a provider to
//! what it claims, and a provider in memory. Nothing here is for production.

pub mod conformance;
mod memory;
mod memory_port;
mod memory_state;

use std::time::Duration;

pub use memory::{Failure, InMemoryProvider, Operation};

use crate::{Capabilities, Field, FieldRule, FindBy, Format, ProviderOrgIdFormat, Strength};

/// Every capability there is, with limits on some fields, so that there is something to refuse.
#[must_use]
pub fn all_capabilities() -> Capabilities {
    let name = FieldRule::required(Field::Name).chars(2, 256);
    let email = FieldRule::required(Field::OwnerEmail);
    let comment = FieldRule::optional(Field::Comment).chars(1, 1024);
    let updatable = [
        name,
        email,
        comment,
        FieldRule::required(Field::CustomerId).chars(1, 256),
        FieldRule::optional(Field::OwnerFirstName),
        FieldRule::optional(Field::OwnerLastName),
        FieldRule::optional(Field::OwnerPhoneNumber),
    ];
    let create_only = [
        FieldRule::optional(Field::SirenNumber).format(Format::Digits(9)),
        FieldRule::optional(Field::Domain),
        FieldRule::optional(Field::Address),
        FieldRule::optional(Field::MarketplaceOffers).format(Format::Url),
        FieldRule::optional(Field::Members),
        FieldRule::optional(Field::LabraSubscriptionId),
    ];
    let by = |field, strength| FindBy { field, strength };
    Capabilities {
        create: true,
        create_fields: updatable.into_iter().chain(create_only).collect(),
        get: true,
        list: true,
        find_by: vec![
            by(Field::OwnerEmail, Strength::Strong),
            by(Field::CustomerId, Strength::Weak),
            by(Field::Name, Strength::Hint),
        ],
        update_fields: updatable
            .into_iter()
            .map(|rule| FieldRule { required: false, ..rule })
            .collect(),
        lock: true,
        invite: true,
        admin_role: true,
        provider_org_id_format: ProviderOrgIdFormat::Uuid,
        seat_rules: None,
        settle_window: Duration::from_secs(180),
        customer_id_fixed_on: Some(25),
    }
}
