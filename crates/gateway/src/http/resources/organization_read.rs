//! Reading what callers send of an organization: field by field, so that every fault is found at once.

use std::collections::{BTreeMap, BTreeSet};

use partner_core::{Address, MarketplaceOffers, NewChildOrg, Owner};
use serde_json::{Map, Value, json};

use crate::{
    app::{AdoptInput, CreateInput, Editable, Edited},
    http::body::{Faults, Object},
    operations::LocalEdit,
};

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
        comment: body.lines("comment", 1024),
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
        tenant: None,
        said: LocalEdit::default(),
        confirm_unverified: false,
        reason: None,
        faults: Vec::new(),
    };
    if let Some(mut body) = Object::of_body(body, &faults) {
        input.provider = body.needed_text("provider", 63).unwrap_or_default();
        input.provider_org_id = body.needed_text("provider_org_id", 128).unwrap_or_default();
        input.confirm_unverified = body.boolean("confirm_unverified").unwrap_or(false);
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

/// Merges a patch (RFC 7396) into the fields of an organization, and reads the result, with every fault of what
/// the patch names.
pub(crate) fn merge_patch(before: &Editable, patch: &Value) -> Edited {
    let mut document = document_of(before);
    let faults = Faults::with_stored(unnamed_texts(&document, patch));
    let Value::Object(names) = patch else {
        faults.add("", "invalid_type", "must be a JSON object");
        return Edited { after: before.clone(), faults: faults.take() };
    };
    for name in names.keys().filter(|name| !PATCHABLE.contains(&name.as_str())) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        faults.add(&pointer, "unknown_field", "is not a field that can be changed");
    }
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
    found.retain(|fault| {
        names.keys().any(|name| fault.pointer.split('/').nth(1) == Some(name.as_str()))
    });
    Edited { after, faults: found }
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

/// The pointers of the stored texts that a patch does not name.
fn unnamed_texts(stored: &Value, patch: &Value) -> BTreeSet<String> {
    fn collect(stored: &Value, patch: Option<&Value>, at: &str, found: &mut BTreeSet<String>) {
        match (stored, patch) {
            (Value::String(_), None) => {
                found.insert(at.to_owned());
            }
            (Value::Object(members), None | Some(Value::Object(_))) => {
                for (name, value) in members {
                    let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    collect(value, patch.and_then(|patch| patch.get(name)), &at, found);
                }
            }
            (_, _) => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(stored, Some(patch), "", &mut found);
    found
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
    use partner_core::EmailAddress;

    use super::*;

    fn before() -> Editable {
        Editable {
            customer_id: "cust-1".to_owned(),
            name: "Acme".to_owned(),
            owner_first_name: Some("Olga".to_owned()),
            comment: Some("old".to_owned()),
            labels: BTreeMap::from([
                ("a".to_owned(), "1".to_owned()),
                ("b".to_owned(), "2".to_owned()),
            ]),
            ..Editable::default()
        }
    }

    /// Merges a patch that has no fault.
    fn taken(before: &Editable, patch: &Value) -> Editable {
        let Edited { after, faults } = merge_patch(before, patch);
        assert_eq!(faults, []);
        after
    }

    #[test]
    fn a_patch_changes_what_it_names_and_null_empties() {
        let patch = json!({"owner": {"last_name": "Acme"}, "comment": null, "labels": {"a": null, "c": "3"}});
        let after = taken(&before(), &patch);
        assert_eq!(after.owner_first_name.as_deref(), Some("Olga"));
        assert_eq!(after.owner_last_name.as_deref(), Some("Acme"));
        assert_eq!(after.comment, None);
        assert_eq!(after.labels.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!((after.customer_id.as_str(), after.name.as_str()), ("cust-1", "Acme"));
    }

    #[test]
    fn a_patch_is_refused_with_every_fault_of_what_it_names() {
        let patch = json!({"name": null, "owner": {"email": "x"}, "address": {"city": "Paris"}, "usable": true});
        let faults = merge_patch(&before(), &patch).faults;
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
    fn stored_texts_that_break_the_rules_stay_until_the_patch_names_them() {
        let email = "owner@acme.test\u{200b}";
        let stored = Editable {
            owner_email: EmailAddress::from_existing(email).ok(),
            labels: BTreeMap::from([("a\u{200b}".to_owned(), "x\ny".to_owned())]),
            address: Some(Address {
                line1: "1 rue \u{202e}X".to_owned(),
                line2: None,
                city: "Paris".to_owned(),
                state: String::new(),
                postal_code: "75001".to_owned(),
                country: "France".to_owned(),
            }),
            marketplace_offers: Some(MarketplaceOffers {
                aws: Some("offer 7".to_owned()),
                ..MarketplaceOffers::default()
            }),
            ..before()
        };
        let patch = json!({
            "owner": {"first_name": "Ada"}, "labels": {"b": "2"}, "address": {"city": "Lyon"},
            "marketplace_offers": {"gcp": "https://gcp.acme.test/1"},
        });
        let after = taken(&stored, &patch);
        assert_eq!(after.owner_email.unwrap().as_str(), email);
        assert_eq!(after.owner_first_name.as_deref(), Some("Ada"));
        assert_eq!(after.labels.keys().collect::<Vec<_>>(), ["a\u{200b}", "b"]);
        let address = after.address.unwrap();
        assert_eq!((address.line1.as_str(), address.city.as_str()), ("1 rue \u{202e}X", "Lyon"));
        assert_eq!(after.marketplace_offers.unwrap().aws.as_deref(), Some("offer 7"));
        let named = json!({"owner": {"email": email}, "labels": {"a\u{200b}": "2"}});
        let faults = merge_patch(&stored, &named).faults;
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/owner/email", "/labels/a\u{200b}"]);
        let corrected =
            json!({"owner": {"email": "owner@acme.test"}, "labels": {"a\u{200b}": null}});
        let after = taken(&stored, &corrected);
        assert_eq!(after.owner_email.unwrap().as_str(), "owner@acme.test");
        assert!(after.labels.is_empty());
    }

    #[test]
    fn what_is_not_named_stays_even_where_it_would_be_refused() {
        let odd = Editable { siren_number: Some("odd".to_owned()), ..before() };
        let after = taken(&odd, &json!({"name": "Acme 2"}));
        assert_eq!(after.siren_number.as_deref(), Some("odd"));
        assert_eq!(after.name, "Acme 2");
    }
}
