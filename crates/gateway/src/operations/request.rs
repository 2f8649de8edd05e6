//! What an operation is to send, as the database keeps it until it is done. Never a password.

use std::collections::BTreeMap;

use partner_core::{
    Address, Change, ChildOrgPatch, EmailAddress, MarketplaceOffers, NewChildOrg, NewMember,
};
use serde::{Deserialize, Serialize};

use crate::store::Organization;

/// A create.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateRequest {
    /// The organization.
    pub new: NewChildOrg,
}

/// An update.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpdateRequest {
    /// What changes at the provider.
    pub patch: ChildOrgPatch,
    /// What changes here, once that is done.
    pub local: LocalEdit,
}

/// A lock or an unlock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LockRequest {
    /// Why, in the caller's words. No provider takes a reason.
    pub reason: Option<String>,
}

/// An invitation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteRequest {
    /// Whom.
    pub members: Vec<NewMember>,
}

/// An administrator's seat, without its password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeatRequest {
    /// The seat's user name.
    pub username: String,
    /// The seat's e-mail address.
    pub email: EmailAddress,
}

/// Changes to fields that the provider does not hold.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LocalEdit {
    /// Customer id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The owner's e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_email: Option<Change<EmailAddress>>,
    /// The owner's first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_first_name: Option<Change<String>>,
    /// The owner's last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_last_name: Option<Change<String>>,
    /// The owner's phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_phone_number: Option<Change<String>>,
    /// French company number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub siren_number: Option<Change<String>>,
    /// Internet domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Change<String>>,
    /// Postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Change<Address>>,
    /// Marketplace offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marketplace_offers: Option<Change<MarketplaceOffers>>,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Change<String>>,
    /// Labels, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

impl std::fmt::Debug for LocalEdit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalEdit(***)")
    }
}

impl LocalEdit {
    /// It changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Makes the changes.
    pub fn apply_to(&self, org: &mut Organization) {
        if let Some(customer_id) = &self.customer_id {
            org.customer_id.clone_from(customer_id);
        }
        if let Some(name) = &self.name {
            org.name.clone_from(name);
        }
        put(&mut org.owner.email, self.owner_email.as_ref());
        put(&mut org.owner.first_name, self.owner_first_name.as_ref());
        put(&mut org.owner.last_name, self.owner_last_name.as_ref());
        put(&mut org.owner.phone_number, self.owner_phone_number.as_ref());
        put(&mut org.siren_number, self.siren_number.as_ref());
        put(&mut org.domain, self.domain.as_ref());
        put(&mut org.address, self.address.as_ref());
        put(&mut org.marketplace_offers, self.marketplace_offers.as_ref());
        put(&mut org.comment, self.comment.as_ref());
        if let Some(labels) = &self.labels {
            org.labels.clone_from(labels);
        }
    }
}

impl UpdateRequest {
    /// Makes the changes that the provider made, and those that are ours.
    pub fn apply_to(&self, org: &mut Organization) {
        let patch = &self.patch;
        if let Some(customer_id) = &patch.customer_id {
            org.customer_id.clone_from(customer_id);
        }
        if let Some(name) = &patch.name {
            org.name.clone_from(name);
        }
        let set = |text: &Option<String>| text.clone().map(Change::Set);
        put(&mut org.owner.email, patch.owner_email.clone().map(Change::Set).as_ref());
        put(&mut org.owner.first_name, set(&patch.owner_first_name).as_ref());
        put(&mut org.owner.last_name, set(&patch.owner_last_name).as_ref());
        put(&mut org.owner.phone_number, patch.owner_phone_number.as_ref());
        put(&mut org.comment, patch.comment.as_ref());
        self.local.apply_to(org);
    }
}

fn put<T: Clone>(field: &mut Option<T>, change: Option<&Change<T>>) {
    if let Some(change) = change {
        *field = change.value().cloned();
    }
}
