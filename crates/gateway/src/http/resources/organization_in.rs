//! What callers send of an organization. The types are for the OpenAPI document; the bodies are read
//! field by field, so that every fault is found at once.

use std::collections::BTreeMap;

use partner_core::{Address, MarketplaceOffers, NewChildOrg, Owner};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{
    app::{AdoptInput, CreateInput, Editable},
    http::body::{Faults, Object},
    operations::{FieldProblem, LocalEdit},
};

/// An organization to create. Which fields a provider needs, `GET /v1/providers` says.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewOrganization)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct OrganizationIn {
    /// The customer in the reseller's own systems: 1–256 characters.
    #[schema(min_length = 1, max_length = 256)]
    customer_id: String,
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    /// The partner account; where it is left out, the routing rules choose.
    provider: Option<String>,
    owner: Option<OwnerIn>,
    /// French company number.
    #[schema(pattern = "^[0-9]{9}$")]
    siren_number: Option<String>,
    /// Internet domain.
    #[schema(max_length = 253)]
    domain: Option<String>,
    address: Option<AddressIn>,
    marketplace_offers: Option<MarketplaceOffersIn>,
    /// People to invite with the creation, where the provider can; at most 100.
    #[schema(max_items = 100)]
    members: Option<Vec<MemberIn>>,
    #[schema(min_length = 1, max_length = 1024)]
    comment: Option<String>,
    /// At most 64, each name of 1–63 and each value of 0–255 characters. Never sent to a provider.
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
    #[schema(min_length = 1, max_length = 256)]
    first_name: Option<String>,
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
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
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
    #[schema(min_length = 1, max_length = 256)]
    customer_id: Option<String>,
    #[schema(min_length = 1, max_length = 256)]
    name: Option<String>,
    owner: Option<OwnerIn>,
    #[schema(pattern = "^[0-9]{9}$")]
    siren_number: Option<String>,
    #[schema(max_length = 253)]
    domain: Option<String>,
    /// Merged into the address that is there; without one it must be whole.
    address: Option<Map<String, Value>>,
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
    provider: String,
    /// Its id there.
    #[schema(min_length = 1, max_length = 128)]
    provider_org_id: String,
    #[schema(min_length = 1, max_length = 256)]
    customer_id: String,
    /// Needed where the provider cannot be read; else the provider's word goes before it.
    #[schema(min_length = 1, max_length = 256)]
    name: Option<String>,
    owner: Option<OwnerIn>,
    #[schema(pattern = "^[0-9]{9}$")]
    siren_number: Option<String>,
    #[schema(max_length = 253)]
    domain: Option<String>,
    address: Option<AddressIn>,
    marketplace_offers: Option<MarketplaceOffersIn>,
    #[schema(min_length = 1, max_length = 1024)]
    comment: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

/// What a create and an adoption have in common.
struct Described {
    customer_id: Option<String>,
    name: Option<String>,
    owner: Option<Owner>,
    siren_number: Option<String>,
    domain: Option<String>,
    address: Option<Address>,
    marketplace_offers: Option<MarketplaceOffers>,
    comment: Option<String>,
    labels: BTreeMap<String, String>,
}

fn described(body: &mut Object<'_>, name_is_needed: bool) -> Described {
    Described {
        customer_id: body.customer_id(),
        name: if name_is_needed { body.needed_text("name", 256) } else { body.text("name", 256) },
        owner: body.owner(),
        siren_number: body.siren_number(),
        domain: body.domain(),
        address: body.address(),
        marketplace_offers: body.marketplace_offers(),
        comment: body.text("comment", 1024),
        labels: body.labels(),
    }
}

/// Reads a create. Faults stand beside what could be read, so that the provider's may join them.
pub(crate) fn read_create(body: &Value) -> CreateInput {
    let faults = Faults::default();
    let Some(mut body) = Object::of_body(body, &faults) else {
        return CreateInput { faults: faults.take(), ..CreateInput::default() };
    };
    let described = described(&mut body, true);
    let members = body.members();
    let provider = body.text("provider", 63);
    let labra_subscription_id = body.object("provider_options").and_then(|mut options| {
        let id = options.text("labra_subscription_id", 256);
        options.finish();
        id
    });
    body.finish();
    CreateInput {
        new: NewChildOrg {
            customer_id: described.customer_id.unwrap_or_default(),
            name: described.name.unwrap_or_default(),
            owner: described.owner.filter(|owner| owner != &Owner::default()),
            siren_number: described.siren_number,
            domain: described.domain,
            address: described.address,
            marketplace_offers: described.marketplace_offers,
            members,
            comment: described.comment,
            labra_subscription_id,
        },
        labels: described.labels,
        provider,
        faults: faults.take(),
    }
}

/// Reads an adoption.
pub(crate) fn read_adopt(body: &Value) -> AdoptInput {
    let faults = Faults::default();
    let mut input = AdoptInput {
        provider: String::new(),
        provider_org_id: String::new(),
        customer_id: String::new(),
        said: LocalEdit::default(),
        faults: Vec::new(),
    };
    if let Some(mut body) = Object::of_body(body, &faults) {
        input.provider = body.needed_text("provider", 63).unwrap_or_default();
        input.provider_org_id = body.needed_text("provider_org_id", 128).unwrap_or_default();
        let described = described(&mut body, false);
        body.finish();
        input.customer_id = described.customer_id.clone().unwrap_or_default();
        input.said = said(described);
    }
    input.faults = faults.take();
    input
}

fn said(described: Described) -> LocalEdit {
    use partner_core::Change::Set;
    let owner = described.owner.unwrap_or_default();
    LocalEdit {
        customer_id: described.customer_id,
        name: described.name,
        owner_email: owner.email.map(Set),
        owner_first_name: owner.first_name.map(Set),
        owner_last_name: owner.last_name.map(Set),
        owner_phone_number: owner.phone_number.map(Set),
        siren_number: described.siren_number.map(Set),
        domain: described.domain.map(Set),
        address: described.address.map(Set),
        marketplace_offers: described.marketplace_offers.map(Set),
        comment: described.comment.map(Set),
        labels: Some(described.labels),
    }
}

/// The fields that a patch may name.
const PATCHABLE: [&str; 9] = [
    "customer_id",
    "name",
    "owner",
    "siren_number",
    "domain",
    "address",
    "marketplace_offers",
    "comment",
    "labels",
];

/// Merges a patch (RFC 7396) into the fields of an organization, and reads the result.
///
/// # Errors
/// Every fault of what the patch names.
pub(crate) fn merge_patch(before: &Editable, patch: &Value) -> Result<Editable, Vec<FieldProblem>> {
    let faults = Faults::default();
    let Value::Object(names) = patch else {
        faults.add("", "invalid_type", "must be a JSON object");
        return Err(faults.take());
    };
    for name in names.keys().filter(|name| !PATCHABLE.contains(&name.as_str())) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        faults.add(&pointer, "unknown_field", "is not a field that can be changed");
    }
    let mut document = document_of(before);
    merge(&mut document, patch);
    let mut after = before.clone();
    if let Some(mut body) = Object::of_body(&document, &faults) {
        let read = described(&mut body, true);
        let owner = read.owner.unwrap_or_default();
        after = Editable {
            customer_id: read.customer_id.unwrap_or_default(),
            name: read.name.unwrap_or_default(),
            owner_email: owner.email,
            owner_first_name: owner.first_name,
            owner_last_name: owner.last_name,
            owner_phone_number: owner.phone_number,
            siren_number: read.siren_number,
            domain: read.domain,
            address: read.address,
            marketplace_offers: read.marketplace_offers,
            comment: read.comment,
            labels: read.labels,
        };
    }
    keep_unnamed(before, &mut after, names);
    // What the patch does not name is none of the caller's doing.
    let mut found = faults.take();
    found.retain(|fault| names.keys().any(|name| fault.pointer.split('/').nth(1) == Some(name.as_str())));
    if found.is_empty() { Ok(after) } else { Err(found) }
}

/// What the patch does not name stays exactly as it is, even where we would not take it from a caller.
fn keep_unnamed(before: &Editable, after: &mut Editable, names: &Map<String, Value>) {
    let named = |name: &str| names.contains_key(name);
    let before = before.clone();
    if !named("customer_id") {
        after.customer_id = before.customer_id;
    }
    if !named("name") {
        after.name = before.name;
    }
    if !named("owner") {
        after.owner_email = before.owner_email;
        after.owner_first_name = before.owner_first_name;
        after.owner_last_name = before.owner_last_name;
        after.owner_phone_number = before.owner_phone_number;
    }
    if !named("siren_number") {
        after.siren_number = before.siren_number;
    }
    if !named("domain") {
        after.domain = before.domain;
    }
    if !named("address") {
        after.address = before.address;
    }
    if !named("marketplace_offers") {
        after.marketplace_offers = before.marketplace_offers;
    }
    if !named("comment") {
        after.comment = before.comment;
    }
    if !named("labels") {
        after.labels = before.labels;
    }
}

fn document_of(org: &Editable) -> Value {
    json!({
        "customer_id": org.customer_id,
        "name": org.name,
        "owner": {
            "email": org.owner_email,
            "first_name": org.owner_first_name,
            "last_name": org.owner_last_name,
            "phone_number": org.owner_phone_number,
        },
        "siren_number": org.siren_number,
        "domain": org.domain,
        "address": org.address,
        "marketplace_offers": org.marketplace_offers,
        "comment": org.comment,
        "labels": org.labels,
    })
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before() -> Editable {
        Editable {
            customer_id: "cust-1".to_owned(),
            name: "Acme".to_owned(),
            owner_first_name: Some("Olga".to_owned()),
            comment: Some("old".to_owned()),
            labels: BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]),
            ..Editable::default()
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_null_empties() {
        let patch = json!({"owner": {"last_name": "Acme"}, "comment": null, "labels": {"a": null, "c": "3"}});
        let after = merge_patch(&before(), &patch).ok().unwrap();
        assert_eq!(after.owner_first_name.as_deref(), Some("Olga"));
        assert_eq!(after.owner_last_name.as_deref(), Some("Acme"));
        assert_eq!(after.comment, None);
        assert_eq!(after.labels.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!((after.customer_id.as_str(), after.name.as_str()), ("cust-1", "Acme"));
    }

    #[test]
    fn a_patch_is_refused_with_every_fault_of_what_it_names() {
        let patch = json!({"name": null, "owner": {"email": "x"}, "address": {"city": "Paris"}, "usable": true});
        let faults = merge_patch(&before(), &patch).err().unwrap();
        let found: Vec<(&str, &str)> =
            faults.iter().map(|f| (f.pointer.as_str(), f.code.as_str())).collect();
        for expected in [
            ("/name", "required"),
            ("/owner/email", "invalid"),
            ("/address/line1", "required"),
            ("/usable", "unknown_field"),
        ] {
            assert!(found.contains(&expected), "{expected:?} is not among {found:?}");
        }
    }

    #[test]
    fn what_is_not_named_stays_even_where_it_would_be_refused() {
        let odd = Editable { siren_number: Some("odd".to_owned()), ..before() };
        let after = merge_patch(&odd, &json!({"name": "Acme 2"})).ok().unwrap();
        assert_eq!(after.siren_number.as_deref(), Some("odd"));
        assert_eq!(after.name, "Acme 2");
    }
}
