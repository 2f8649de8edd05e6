//! The documents of the Archera Channel Partner API, by its names. Nothing is judged here.
//!
//! Unknown fields are refused there, so a request holds what is documented and leaves out what is unset.
//! Answers are read leniently.

use partner_core::{Address, NewChildOrg, NewMember};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub(crate) struct RegisterOrg<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    labra_subscription_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<UserInvite<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_address: Option<PrimaryAddress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_marketplace_offer_link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azure_marketplace_offer_link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gcp_marketplace_offer_link: Option<&'a str>,
}

impl<'a> RegisterOrg<'a> {
    pub(crate) fn new(new: &'a NewChildOrg) -> Self {
        let offers = new.marketplace_offers.as_ref();
        Self {
            name: &new.name,
            labra_subscription_id: new.labra_subscription_id.as_deref(),
            users: new.members.iter().map(UserInvite::new).collect(),
            domain: new.domain.as_deref(),
            primary_address: new.address.as_ref().map(PrimaryAddress::new),
            aws_marketplace_offer_link: offers.and_then(|offers| offers.aws.as_deref()),
            azure_marketplace_offer_link: offers.and_then(|offers| offers.azure.as_deref()),
            gcp_marketplace_offer_link: offers.and_then(|offers| offers.gcp.as_deref()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct InviteUsers<'a> {
    users: Vec<UserInvite<'a>>,
}

impl<'a> InviteUsers<'a> {
    pub(crate) fn new(members: &'a [NewMember]) -> Self {
        Self { users: members.iter().map(UserInvite::new).collect() }
    }
}

#[derive(Serialize)]
struct UserInvite<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
}

impl<'a> UserInvite<'a> {
    fn new(member: &'a NewMember) -> Self {
        Self { email: member.email.as_str(), role: member.role.map(|role| role.as_str()) }
    }
}

#[derive(Serialize)]
struct PrimaryAddress<'a> {
    line1: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line2: Option<&'a str>,
    city: &'a str,
    state: &'a str,
    zip: &'a str,
    country: &'a str,
}

impl<'a> PrimaryAddress<'a> {
    fn new(address: &'a Address) -> Self {
        Self {
            line1: &address.line1,
            line2: address.line2.as_deref(),
            city: &address.city,
            state: &address.state,
            zip: &address.postal_code,
            country: &address.country,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct RegisteredOrg {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) memberships: Option<Vec<Membership>>,
    pub(crate) domain: Option<String>,
    pub(crate) primary_address: Option<AnsweredAddress>,
    pub(crate) aws_marketplace_offer_link: Option<String>,
    pub(crate) azure_marketplace_offer_link: Option<String>,
    pub(crate) gcp_marketplace_offer_link: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Membership {
    pub(crate) role: Option<String>,
    pub(crate) username: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct AnsweredAddress {
    pub(crate) line1: Option<String>,
    pub(crate) line2: Option<String>,
    pub(crate) city: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) zip: Option<String>,
    pub(crate) country: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct ListedOrg {
    pub(crate) org_id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<String>,
}
