//! What each kind of operation is at the API and at its provider, and what the provider then has of it.

use reqwest::Method;
use sandbox::{Control, Operation};
use serde_json::{Value, json};

use super::{
    Customer, PASSWORD,
    world::{commitments_body, create_body},
};

/// An operation that is tortured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A create at Scaleway, which can be read back.
    ScalewayCreate,
    /// A create at Archera, which cannot.
    ArcheraCreate,
    /// A lock at Scaleway.
    Lock,
    /// A change of the name at Scaleway.
    Update,
    /// An invitation at Archera.
    Invite,
    /// An administrator's seat at Scaleway, with a password.
    Seat,
}

/// A request of the API.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: Method,
    /// The path.
    pub(crate) path: String,
    /// The body.
    pub(crate) body: Value,
}

impl Kind {
    /// It makes an organization.
    pub(crate) fn is_create(self) -> bool {
        matches!(self, Self::ScalewayCreate | Self::ArcheraCreate)
    }

    /// It is Scaleway's.
    pub(crate) fn is_at_scaleway(self) -> bool {
        !matches!(self, Self::ArcheraCreate | Self::Invite)
    }

    /// Whether the gateway can find out by itself what became of it.
    pub(crate) fn can_be_settled(self) -> bool {
        matches!(self, Self::ScalewayCreate | Self::Lock | Self::Update)
    }

    /// Its name in the API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ScalewayCreate | Self::ArcheraCreate => "create",
            Self::Lock => "lock",
            Self::Update => "update",
            Self::Invite => "invite",
            Self::Seat => "admin_role",
        }
    }

    /// The provider's operation.
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::ScalewayCreate => Operation::CreateOrganization,
            Self::ArcheraCreate => Operation::RegisterOrg,
            Self::Lock => Operation::LockOrganization,
            Self::Update => Operation::UpdateOrganization,
            Self::Invite => Operation::InviteUsers,
            Self::Seat => Operation::RequestAdminRole,
        }
    }

    /// The status of its answer when it was done at once.
    pub(crate) fn done_status(self) -> u16 {
        match self {
            Self::ScalewayCreate | Self::ArcheraCreate => 201,
            Self::Lock | Self::Update | Self::Invite => 200,
            Self::Seat => 204,
        }
    }

    /// The request of a round's customer.
    pub(crate) fn request(self, customer: &Customer) -> Request {
        let id = customer.organization_id.as_deref().unwrap_or_default();
        let at = |what: &str| format!("/v1/organizations/{id}{what}");
        let creates = || "/v1/organizations".to_owned();
        let (method, path, body) = match self {
            Self::ScalewayCreate => (Method::POST, creates(), create_body(&customer.id)),
            Self::ArcheraCreate => (Method::POST, creates(), commitments_body(&customer.id)),
            Self::Lock => (Method::POST, at("/lock"), json!({ "reason": "invoice unpaid" })),
            Self::Update => (Method::PATCH, at(""), json!({ "name": renamed(customer) })),
            Self::Invite => {
                (Method::POST, at("/members"), json!({ "members": [{ "email": guest(customer) }] }))
            }
            Self::Seat => {
                let seat = json!({
                    "username": "partner-admin", "email": guest(customer), "password": PASSWORD,
                });
                (Method::POST, at("/admin-role"), seat)
            }
        };
        Request { method, path, body }
    }
}

fn renamed(customer: &Customer) -> String {
    format!("{} renamed", customer.id)
}

fn guest(customer: &Customer) -> String {
    format!("guest-{}@acme.test", customer.id)
}

/// What a provider has of a round's operation: for a create the ids of what it made, else a mark for each
/// time that it shows.
pub(crate) fn upstream(kind: Kind, providers: &Control, customer: &Customer) -> Vec<String> {
    let scaleway = || {
        let all = providers.scaleway_organizations().into_iter();
        all.filter(|org| org.customer_id == customer.id).collect::<Vec<_>>()
    };
    let archera = || {
        let all = providers.archera_orgs().into_iter();
        all.filter(|org| org.name == customer.id).collect::<Vec<_>>()
    };
    match kind {
        Kind::ScalewayCreate => scaleway().iter().map(|org| org.id.to_string()).collect(),
        Kind::ArcheraCreate => archera().iter().map(|org| org.id.to_string()).collect(),
        Kind::Lock => {
            let locked = scaleway().into_iter().filter(|org| org.partner_locked_at.is_some());
            locked.map(|org| org.id.to_string()).collect()
        }
        Kind::Update => {
            let named = scaleway().into_iter().filter(|org| org.name == renamed(customer));
            named.map(|org| org.id.to_string()).collect()
        }
        Kind::Invite => archera()
            .iter()
            .flat_map(|org| &org.memberships)
            .filter(|member| member.username == guest(customer))
            .map(|member| member.username.clone())
            .collect(),
        Kind::Seat => scaleway()
            .iter()
            .flat_map(|org| &org.admin_seats)
            .filter(|seat| seat.email == guest(customer))
            .map(|seat| seat.email.clone())
            .collect(),
    }
}
