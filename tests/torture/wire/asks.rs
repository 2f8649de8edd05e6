//! What each ask is at the API and at its provider, and what the provider then has of it.

use reqwest::Method;
use sandbox::Control;
use serde_json::{Value, json};

use super::{
    proxy::Call,
    table::{Ask, At},
};
use crate::real::{PASSWORD, Request, commitments_body, create_body};

/// The customer of a cell.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    /// Its id; the name and the e-mails are made of it.
    pub(super) id: String,
    /// Its organization at the gateway; empty before it has one.
    pub(super) organization: String,
}

impl Ask {
    /// Its name in the API; a reading that looks for a create goes by the create's.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Create | Self::ReadBack => "create",
            Self::Update => "update",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Invite => "invite",
            Self::Seat => "admin_role",
            Self::Refresh => "refresh",
        }
    }

    /// It makes the organization.
    pub(super) fn is_create(self) -> bool {
        matches!(self, Self::Create | Self::ReadBack)
    }

    /// The provider's call that is broken.
    pub(super) fn broken_call(self) -> Call {
        match self {
            Self::ReadBack => Call::List,
            Self::Create
            | Self::Update
            | Self::Lock
            | Self::Unlock
            | Self::Invite
            | Self::Seat
            | Self::Refresh => self.counted_call(),
        }
    }

    /// The provider's call that is counted.
    pub(super) fn counted_call(self) -> Call {
        match self {
            Self::Create | Self::ReadBack => Call::Create,
            Self::Update => Call::Update,
            Self::Lock => Call::Lock,
            Self::Unlock => Call::Unlock,
            Self::Invite => Call::Invite,
            Self::Seat => Call::Seat,
            Self::Refresh => Call::Get,
        }
    }

    /// The status of the answer when it was done.
    pub(super) fn done_status(self) -> u16 {
        match self {
            Self::Create | Self::ReadBack => 201,
            Self::Update | Self::Lock | Self::Unlock | Self::Invite | Self::Refresh => 200,
            Self::Seat => 204,
        }
    }

    /// The request.
    pub(super) fn request(self, profile: At, account: &str, customer: &Customer) -> Request {
        let at = |what: &str| format!("/v1/organizations/{}{what}", customer.organization);
        let mail = guest(&customer.id);
        let (method, path, body) = match self {
            Self::Create | Self::ReadBack => {
                let path = "/v1/organizations".to_owned();
                (Method::POST, path, create(profile, account, &customer.id))
            }
            Self::Update => (Method::PATCH, at(""), json!({ "name": renamed(&customer.id) })),
            Self::Lock => (Method::POST, at("/lock"), json!({ "reason": "invoice unpaid" })),
            Self::Unlock => (Method::POST, at("/unlock"), json!({})),
            Self::Invite => {
                (Method::POST, at("/members"), json!({ "members": [{ "email": mail }] }))
            }
            Self::Seat => {
                let seat =
                    json!({ "username": "partner-admin", "email": mail, "password": PASSWORD });
                (Method::POST, at("/admin-role"), seat)
            }
            Self::Refresh => (Method::GET, at("?refresh=true"), Value::Null),
        };
        Request { method, path, body }
    }

    /// What the provider has of it: for a create the ids of what it made, else a mark for each time that it
    /// shows.
    pub(super) fn upstream(self, profile: At, has: &Control, customer: &str) -> Vec<String> {
        let cloud = || {
            let all = has.scaleway_organizations().into_iter();
            all.filter(|org| org.customer_id == customer).collect::<Vec<_>>()
        };
        let registered = || {
            let all = has.archera_orgs().into_iter();
            all.filter(|org| org.name == customer).collect::<Vec<_>>()
        };
        let ids = |fits: &dyn Fn(&sandbox::ScalewayOrganization) -> bool| {
            let all = cloud().into_iter().filter(|org| fits(org));
            all.map(|org| org.id.to_string()).collect()
        };
        match self {
            Self::Create | Self::ReadBack | Self::Refresh if profile == At::Scaleway => {
                ids(&|_| true)
            }
            Self::Create | Self::ReadBack | Self::Refresh => {
                registered().iter().map(|org| org.id.to_string()).collect()
            }
            Self::Update => ids(&|org| org.name == renamed(customer)),
            Self::Lock => ids(&|org| org.partner_locked_at.is_some()),
            Self::Unlock => ids(&|org| org.partner_locked_at.is_none()),
            Self::Invite => registered()
                .into_iter()
                .flat_map(|org| org.memberships)
                .map(|member| member.username)
                .filter(|name| *name == guest(customer))
                .collect(),
            Self::Seat => cloud()
                .into_iter()
                .flat_map(|org| org.admin_seats)
                .map(|seat| seat.email)
                .filter(|email| *email == guest(customer))
                .collect(),
        }
    }
}

/// A create by this account.
pub(super) fn create(profile: At, account: &str, customer: &str) -> Value {
    let mut body = match profile {
        At::Scaleway => create_body(customer),
        At::Archera | At::Listing => commitments_body(customer),
    };
    body["provider"] = json!(account);
    body
}

fn renamed(customer: &str) -> String {
    format!("{customer} renamed")
}

fn guest(customer: &str) -> String {
    format!("guest-{customer}@acme.test")
}
