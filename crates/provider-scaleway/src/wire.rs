//! The documents of the Scaleway Partner API, by its names. Nothing is judged here.
//!
//! Requests leave unset optionals out: a `null` is not the same there. Answers are read leniently: a
//! field may be absent, `null` or new.

use partner_core::{Change, ChildOrgPatch, NewChildOrg};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Serialize)]
pub(crate) struct CreateOrganization<'a> {
    partner_id: Uuid,
    email: &'a str,
    organization_name: &'a str,
    owner_firstname: &'a str,
    owner_lastname: &'a str,
    customer_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    siren_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

impl<'a> CreateOrganization<'a> {
    pub(crate) fn new(partner_id: Uuid, new: &'a NewChildOrg) -> Self {
        let owner = new.owner.as_ref();
        let text = |text: Option<&'a String>| text.map_or("", String::as_str);
        Self {
            partner_id,
            email: owner.and_then(|owner| owner.email.as_ref()).map_or("", |email| email.as_str()),
            organization_name: &new.name,
            owner_firstname: text(owner.and_then(|owner| owner.first_name.as_ref())),
            owner_lastname: text(owner.and_then(|owner| owner.last_name.as_ref())),
            customer_id: &new.customer_id,
            phone_number: owner.and_then(|owner| owner.phone_number.as_deref()),
            siren_number: new.siren_number.as_deref(),
            comment: new.comment.as_deref(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct UpdateOrganization<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_firstname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_lastname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

impl<'a> UpdateOrganization<'a> {
    pub(crate) fn new(patch: &'a ChildOrgPatch) -> Self {
        Self {
            email: patch.owner_email.as_ref().map(|email| email.as_str()),
            name: patch.name.as_deref(),
            owner_firstname: patch.owner_first_name.as_deref(),
            owner_lastname: patch.owner_last_name.as_deref(),
            phone_number: emptied_as_text(patch.owner_phone_number.as_ref()),
            customer_id: patch.customer_id.as_deref(),
            comment: emptied_as_text(patch.comment.as_ref()),
        }
    }
}

/// A field is emptied by the empty text; a `null` would leave it as it is.
fn emptied_as_text(change: Option<&Change<String>>) -> Option<&str> {
    change.map(|change| change.value().map_or("", String::as_str))
}

#[derive(Serialize)]
pub(crate) struct RequestAdminRole<'a> {
    pub(crate) username: &'a str,
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
}

/// The body of an operation that has nothing to say: `{}`.
#[derive(Serialize)]
pub(crate) struct Empty {}

#[derive(Deserialize)]
pub(crate) struct Organization {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) owner_firstname: Option<String>,
    pub(crate) owner_lastname: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) phone_number: Option<String>,
    pub(crate) siren_number: Option<String>,
    pub(crate) customer_id: Option<String>,
    pub(crate) lock_reason_message: Option<String>,
    pub(crate) locked_by: Option<String>,
    pub(crate) locked_at: Option<String>,
    pub(crate) comment: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct ListOrganizations {
    pub(crate) organizations: Vec<serde_json::Value>,
    pub(crate) total_count: Option<u64>,
}

#[derive(Deserialize)]
pub(crate) struct ArgumentDetail {
    pub(crate) argument_name: String,
    pub(crate) reason: Option<String>,
    pub(crate) help_message: Option<String>,
}
