//! What callers send of an organization, for the OpenAPI document. `organization_read` reads the bodies,
//! field by field, so that every fault is found at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

/// An organization to create. Which fields a provider needs, `GET /v1/providers` says.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewOrganization)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct OrganizationIn {
    /// The customer in the reseller's own systems: 1–256 characters in Unicode normalization form C, without white
    /// space at the edges and without invisible, control, private-use or unassigned characters. E-mail addresses
    /// and the keys of labels follow the same rule.
    #[schema(min_length = 1, max_length = 256)]
    customer_id: String,
    /// One line without control characters and without U+202A–U+202E; directional isolates must be balanced. All
    /// texts follow this rule. Some providers take less: Scaleway 2–256 characters.
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    /// The partner account; where it is left out, the routing rules choose.
    #[schema(max_length = 63)]
    provider: Option<String>,
    owner: Option<OwnerIn>,
    /// French company number.
    #[schema(pattern = "^[0-9]{9}$")]
    siren_number: Option<String>,
    /// Internet domain.
    #[schema(
        max_length = 253,
        pattern = r"^[^\s.\u0000-\u001F\u007F-\u009F\u202A-\u202E]+(\.[^\s.\u0000-\u001F\u007F-\u009F\u202A-\u202E]+)+$"
    )]
    domain: Option<String>,
    address: Option<AddressIn>,
    marketplace_offers: Option<MarketplaceOffersIn>,
    /// People to invite with the creation, where the provider can; at most 100.
    #[schema(max_items = 100)]
    members: Option<Vec<MemberIn>>,
    /// As other texts, but it may have line feeds and tabs.
    #[schema(min_length = 1, max_length = 1024)]
    comment: Option<String>,
    /// At most 64, each key of 1–63 and each value of 0–255 characters. Never sent to a provider.
    labels: Option<BTreeMap<String, String>>,
    provider_options: Option<ProviderOptionsIn>,
}

/// The owner of an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OwnerInput)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct OwnerIn {
    #[schema(format = Email, max_length = 254)]
    email: Option<String>,
    /// Some providers take less: Scaleway 2–256 characters.
    #[schema(min_length = 1, max_length = 256)]
    first_name: Option<String>,
    /// Some providers take less: Scaleway 2–256 characters.
    #[schema(min_length = 1, max_length = 256)]
    last_name: Option<String>,
    #[schema(min_length = 1, max_length = 64)]
    phone_number: Option<String>,
}

/// A postal address.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AddressInput)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct AddressIn {
    #[schema(min_length = 1, max_length = 256)]
    line1: String,
    #[schema(min_length = 1, max_length = 256)]
    line2: Option<String>,
    #[schema(min_length = 1, max_length = 256)]
    city: String,
    #[schema(min_length = 1, max_length = 256)]
    state: String,
    #[schema(min_length = 1, max_length = 32)]
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: String,
}

/// Changes to a postal address.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AddressPatch)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct AddressPatchIn {
    #[schema(max_length = 256)]
    line1: Option<String>,
    #[schema(max_length = 256)]
    line2: Option<String>,
    #[schema(max_length = 256)]
    city: Option<String>,
    #[schema(max_length = 256)]
    state: Option<String>,
    #[schema(max_length = 32)]
    postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: Option<String>,
}

/// Links to the customer's private marketplace offers.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MarketplaceOffersInput)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct MarketplaceOffersIn {
    #[schema(format = "uri", max_length = 1024)]
    aws: Option<String>,
    #[schema(format = "uri", max_length = 1024)]
    azure: Option<String>,
    #[schema(format = "uri", max_length = 1024)]
    gcp: Option<String>,
}

/// Somebody to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewMember)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct MemberIn {
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// Left to the provider where it is left out.
    role: Option<RoleIn>,
}

/// What a member may do.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Role)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleIn {
    User,
    Admin,
    Support,
    CloudRep,
    RestrictedUser,
}

/// What only one kind of provider takes.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ProviderOptions)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct ProviderOptionsIn {
    /// The marketplace purchase at Labra that the organization comes from (Archera).
    #[schema(min_length = 1, max_length = 256)]
    labra_subscription_id: Option<String>,
}

/// A merge patch (RFC 7396): a field that is left out stays, null empties.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OrganizationPatch)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct OrganizationPatchIn {
    /// It cannot be emptied.
    #[schema(min_length = 1, max_length = 256, value_type = String, required = false)]
    customer_id: Option<String>,
    /// It cannot be emptied. Some providers take less: Scaleway 2–256 characters.
    #[schema(min_length = 1, max_length = 256, value_type = String, required = false)]
    name: Option<String>,
    owner: Option<OwnerIn>,
    #[schema(pattern = "^[0-9]{9}$")]
    siren_number: Option<String>,
    #[schema(
        max_length = 253,
        pattern = r"^[^\s.\u0000-\u001F\u007F-\u009F\u202A-\u202E]+(\.[^\s.\u0000-\u001F\u007F-\u009F\u202A-\u202E]+)+$"
    )]
    domain: Option<String>,
    /// Merged into the address that is there; without one it must be whole.
    address: Option<AddressPatchIn>,
    marketplace_offers: Option<MarketplaceOffersIn>,
    #[schema(min_length = 1, max_length = 1024)]
    comment: Option<String>,
    /// Merged into the labels that are there; a null value takes one away.
    labels: Option<BTreeMap<String, Option<String>>>,
}

/// An organization that exists at its provider, to be mapped.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AdoptOrganization)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct AdoptIn {
    /// The partner account.
    #[schema(max_length = 63)]
    provider: String,
    /// Its id there: a UUID in any form and case. It is stored and shown in lower case with hyphens.
    provider_org_id: String,
    #[schema(min_length = 1, max_length = 256)]
    customer_id: String,
    /// True: the caller has checked that the organization exists, where the gateway cannot.
    confirm_unverified: Option<bool>,
    /// Required where the provider cannot be read; else the provider's name takes precedence.
    #[schema(min_length = 1, max_length = 256)]
    name: Option<String>,
    owner: Option<OwnerIn>,
    #[schema(pattern = "^[0-9]{9}$")]
    siren_number: Option<String>,
    #[schema(
        max_length = 253,
        pattern = r"^[^\s.\u0000-\u001F\u007F-\u009F\u202A-\u202E]+(\.[^\s.\u0000-\u001F\u007F-\u009F\u202A-\u202E]+)+$"
    )]
    domain: Option<String>,
    address: Option<AddressIn>,
    marketplace_offers: Option<MarketplaceOffersIn>,
    #[schema(min_length = 1, max_length = 1024)]
    comment: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}
