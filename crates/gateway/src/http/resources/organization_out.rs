//! An organization as callers see it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use partner_core::{Field, LockOrigin};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::{App, held_locally},
    operations::next_action,
    store::{
        Certainty, INVOICE_NOT_GUARANTEED, Operation, OperationState, OrgStatus, Organization,
    },
};

/// A customer's child organization at a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Organization)]
pub(crate) struct OrganizationOut {
    /// The gateway's id, UUIDv7.
    pub id: Uuid,
    /// The customer in the reseller's own systems.
    pub customer_id: String,
    /// The partner account.
    pub provider: String,
    /// Its id at the provider; null while it is not known to exist.
    #[schema(required)]
    pub provider_org_id: Option<String>,
    pub name: String,
    /// `pending`: the create is not settled; `failed`: it was refused, and the same customer may be
    /// created again.
    pub status: OrgStatus,
    /// Active, and no lock of any origin.
    pub usable: bool,
    /// The locks known to lie on it. They stack.
    pub locks: Vec<LockOut>,
    /// What has to happen before it is usable; null when it is.
    #[schema(required)]
    pub next_action: Option<String>,
    /// Null where no owner is known.
    #[schema(required)]
    pub owner: Option<OwnerOut>,
    #[schema(required)]
    pub siren_number: Option<String>,
    #[schema(required)]
    pub domain: Option<String>,
    #[schema(required)]
    pub address: Option<AddressOut>,
    pub marketplace_offers: MarketplaceOffersOut,
    #[schema(required)]
    pub comment: Option<String>,
    /// The caller's own labels; never sent to a provider.
    pub labels: BTreeMap<String, String>,
    /// Fields that the provider cannot hold: kept here, never sent.
    pub held_locally: Vec<String>,
    /// `observed`: read back at `observed_at`; `asserted`: the provider said so and cannot be read;
    /// `unknown`: an outcome is open.
    pub certainty: Certainty,
    /// When the provider was last read; null where it never was.
    #[schema(required)]
    pub observed_at: Option<DateTime<Utc>>,
    /// The routing rule that chose the provider.
    pub routed_by: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Rises with every change but `observed_at`; the `ETag`.
    pub version: i64,
    /// What the caller should know of what it just did; absent where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<WarningOut>,
    /// The provider's own document, with `include=provider_data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_data: Option<Value>,
}

/// Something that a caller should know, though what it asked for is done.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Warning)]
pub(crate) struct WarningOut {
    /// What it is: stable, in snake case.
    #[schema(example = "invoice_not_guaranteed")]
    pub code: &'static str,
    /// The field that it is about.
    pub pointer: &'static str,
    /// It in words.
    pub message: &'static str,
}

impl WarningOut {
    /// What the caller of an operation should know of it, as of `now`. It is the same each time once the
    /// operation has ended.
    pub(crate) fn of(operation: &Operation, now: DateTime<Utc>) -> Vec<Self> {
        if !operation.is_late(now) || operation.state == OperationState::Rejected {
            return Vec::new();
        }
        vec![Self {
            code: INVOICE_NOT_GUARANTEED,
            pointer: "/customer_id",
            message: "it changes on the provider's invoices from next month on; this month's is not guaranteed",
        }]
    }
}

/// A lock on an organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lock)]
pub(crate) struct LockOut {
    /// Who set it.
    pub origin: LockOriginOut,
    /// Why: `validate_email` is the provider's until the owner has validated the address.
    #[schema(required)]
    pub reason: Option<String>,
    /// Since when, where it is known.
    #[schema(required)]
    pub since: Option<DateTime<Utc>>,
}

/// Who set a lock.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = LockOrigin)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockOriginOut {
    /// The partner.
    Partner,
    /// The provider.
    Provider,
}

impl LockOriginOut {
    /// Its spelling in the API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Provider => "provider",
        }
    }
}

/// The person who owns an organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Owner)]
pub(crate) struct OwnerOut {
    #[schema(required)]
    pub email: Option<String>,
    #[schema(required)]
    pub first_name: Option<String>,
    #[schema(required)]
    pub last_name: Option<String>,
    #[schema(required)]
    pub phone_number: Option<String>,
}

/// A postal address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Address)]
pub(crate) struct AddressOut {
    pub line1: String,
    #[schema(required)]
    pub line2: Option<String>,
    pub city: String,
    pub state: String,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Links to the customer's private marketplace offers.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = MarketplaceOffers)]
pub(crate) struct MarketplaceOffersOut {
    #[schema(required)]
    pub aws: Option<String>,
    #[schema(required)]
    pub azure: Option<String>,
    #[schema(required)]
    pub gcp: Option<String>,
}

impl OrganizationOut {
    /// An organization as callers see it, by what its account can hold.
    pub(crate) fn new(app: &App, org: Organization) -> Self {
        let held = app
            .engine()
            .registry()
            .get(org.provider.as_str())
            .map(|account| held_locally(account, &fields_of(&org)))
            .unwrap_or_default();
        let usable = org.is_usable();
        let next_action = next_action(&org);
        let owner = org.owner;
        let has_owner = owner != partner_core::Owner::default();
        let offers = org.marketplace_offers.unwrap_or_default();
        Self {
            id: org.id,
            customer_id: org.customer_id,
            provider: org.provider.into(),
            provider_org_id: org.provider_org_id.map(String::from),
            name: org.name,
            status: org.status,
            usable,
            locks: org.locks.into_iter().map(LockOut::new).collect(),
            next_action,
            owner: has_owner.then(|| OwnerOut {
                email: owner.email.map(String::from),
                first_name: owner.first_name,
                last_name: owner.last_name,
                phone_number: owner.phone_number,
            }),
            siren_number: org.siren_number,
            domain: org.domain,
            address: org.address.map(AddressOut::new),
            marketplace_offers: MarketplaceOffersOut {
                aws: offers.aws,
                azure: offers.azure,
                gcp: offers.gcp,
            },
            comment: org.comment,
            labels: org.labels,
            held_locally: held.into_iter().map(str::to_owned).collect(),
            certainty: org.certainty,
            observed_at: org.observed_at,
            routed_by: org.route_rule,
            created_at: org.created_at,
            updated_at: org.updated_at,
            version: org.version,
            warnings: Vec::new(),
            provider_data: None,
        }
    }
}

impl LockOut {
    fn new(lock: partner_core::Lock) -> Self {
        let origin = match lock.origin {
            LockOrigin::Partner => LockOriginOut::Partner,
            LockOrigin::Provider => LockOriginOut::Provider,
        };
        Self { origin, reason: lock.reason, since: lock.since }
    }
}

impl AddressOut {
    fn new(address: partner_core::Address) -> Self {
        Self {
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            state: address.state,
            postal_code: address.postal_code,
            country: address.country,
        }
    }
}

/// The fields of the document that have a value.
fn fields_of(org: &Organization) -> Vec<Field> {
    let owner = &org.owner;
    let given = [
        (Field::Name, true),
        (Field::OwnerEmail, owner.email.is_some()),
        (Field::OwnerFirstName, owner.first_name.is_some()),
        (Field::OwnerLastName, owner.last_name.is_some()),
        (Field::OwnerPhoneNumber, owner.phone_number.is_some()),
        (Field::SirenNumber, org.siren_number.is_some()),
        (Field::Domain, org.domain.is_some()),
        (Field::Address, org.address.is_some()),
        (Field::MarketplaceOffers, org.marketplace_offers.is_some()),
        (Field::Comment, org.comment.is_some()),
        (Field::LabraSubscriptionId, org.labra_subscription_id.is_some()),
    ];
    given.into_iter().filter_map(|(field, is_given)| is_given.then_some(field)).collect()
}
