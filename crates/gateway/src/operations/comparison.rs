//! What a provider shows of an organization, held against the mapping: pure, and the same for every provider.
//!
//! Providers show an unset field as nothing in one answer and as an empty text in another, and drop fields
//! from their answers: what is not shown differs from nothing.

use partner_core::{Capabilities, ChildOrg, EmailAddress, Field, MarketplaceOffers, Owner};
use serde_json::{Value, json};

use crate::store::{FieldDifference, Organization};

/// The fields in which a provider does not agree with the mapping, of those that it holds and shows.
#[must_use]
pub fn differences(
    can: &Capabilities,
    org: &Organization,
    child: &ChildOrg,
) -> Vec<FieldDifference> {
    let ours = Values::of_organization(org);
    let theirs = Values::of_child(child);
    let mut found = Vec::new();
    for field in Field::ALL.into_iter().filter(|field| can.holds(*field)) {
        let (ours, theirs) = (ours.get(field), theirs.get(field));
        if !theirs.is_null() && !is_same(field, &ours, &theirs) {
            found.push(FieldDifference { field: field.as_str().to_owned(), ours, theirs });
        }
    }
    found
}

/// Everything that a provider shows of an organization to which nothing is mapped.
#[must_use]
pub fn shown_fields(child: &ChildOrg) -> Vec<FieldDifference> {
    let theirs = Values::of_child(child);
    let shown = Field::ALL.into_iter().map(|field| (field, theirs.get(field)));
    shown
        .filter(|(_, theirs)| !theirs.is_null())
        .map(|(field, theirs)| {
            let field = field.as_str().to_owned();
            FieldDifference { field, ours: Value::Null, theirs }
        })
        .collect()
}

fn is_same(field: Field, ours: &Value, theirs: &Value) -> bool {
    match (field, ours, theirs) {
        (Field::OwnerEmail, Value::String(ours), Value::String(theirs)) => {
            ours.eq_ignore_ascii_case(theirs)
        }
        // An offer that is not shown differs from nothing.
        (Field::MarketplaceOffers, Value::Object(ours), Value::Object(theirs)) => {
            theirs.iter().all(|(name, theirs)| theirs.is_null() || ours.get(name) == Some(theirs))
        }
        (_, ours, theirs) => ours == theirs,
    }
}

/// The fields of an organization, whoever has it.
struct Values<'a> {
    customer_id: Option<&'a str>,
    name: &'a str,
    owner: Option<&'a Owner>,
    siren_number: Option<&'a str>,
    domain: Option<&'a str>,
    address: Option<Value>,
    marketplace_offers: Option<&'a MarketplaceOffers>,
    comment: Option<&'a str>,
}

impl<'a> Values<'a> {
    fn of_organization(org: &'a Organization) -> Self {
        Self {
            customer_id: Some(&org.customer_id),
            name: &org.name,
            owner: Some(&org.owner),
            siren_number: org.siren_number.as_deref(),
            domain: org.domain.as_deref(),
            address: org.address.as_ref().map(|address| json!(address)),
            marketplace_offers: org.marketplace_offers.as_ref(),
            comment: org.comment.as_deref(),
        }
    }

    fn of_child(child: &'a ChildOrg) -> Self {
        Self {
            customer_id: child.customer_id.as_deref(),
            name: &child.name,
            owner: child.owner.as_ref(),
            siren_number: child.siren_number.as_deref(),
            domain: child.domain.as_deref(),
            address: child.address.as_ref().map(|address| json!(address)),
            marketplace_offers: child.marketplace_offers.as_ref(),
            comment: child.comment.as_deref(),
        }
    }

    fn get(&self, field: Field) -> Value {
        let owner = self.owner;
        match field {
            Field::CustomerId => text(self.customer_id),
            Field::Name => text(Some(self.name)),
            Field::OwnerEmail => {
                text(owner.and_then(|o| o.email.as_ref()).map(EmailAddress::as_str))
            }
            Field::OwnerFirstName => text(owner.and_then(|o| o.first_name.as_deref())),
            Field::OwnerLastName => text(owner.and_then(|o| o.last_name.as_deref())),
            Field::OwnerPhoneNumber => text(owner.and_then(|o| o.phone_number.as_deref())),
            Field::SirenNumber => text(self.siren_number),
            Field::Domain => text(self.domain),
            Field::Address => self.address.clone().unwrap_or_default(),
            Field::MarketplaceOffers => {
                self.marketplace_offers.map(|offers| json!(offers)).unwrap_or_default()
            }
            Field::Comment => text(self.comment),
            // Whom a provider lists as members, and where an organization was bought, no list tells.
            Field::Members | Field::LabraSubscriptionId => Value::Null,
        }
    }
}

/// A text without the blanks around it; an empty one is none.
fn text(text: Option<&str>) -> Value {
    text.map(str::trim).filter(|text| !text.is_empty()).map(|text| json!(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use partner_core::{ProviderOrgIdFormat, Status};

    use super::*;

    fn child() -> ChildOrg {
        ChildOrg {
            id: ProviderOrgIdFormat::Uuid.parse("6170692e-7363-616c-6577-61792e636f6d").unwrap(),
            name: String::new(),
            status: Status::Active,
            lock: None,
            customer_id: None,
            owner: None,
            siren_number: None,
            domain: None,
            address: None,
            marketplace_offers: None,
            members: Vec::new(),
            comment: None,
            created_at: None,
            provider_data: Value::Null,
        }
    }

    #[test]
    fn what_is_shown_of_a_stranger_is_what_has_a_value() {
        let owner = Owner {
            email: Some(EmailAddress::new("a@acme.test").unwrap()),
            first_name: Some("  ".to_owned()),
            ..Owner::default()
        };
        let child = ChildOrg { name: "Acme".to_owned(), owner: Some(owner), ..child() };
        let shown = shown_fields(&child);
        let names: Vec<&str> = shown.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(names, ["name", "owner.email"]);
        assert!(shown.iter().all(|field| field.ours.is_null()));
        assert!(!format!("{shown:?}").contains("acme.test"), "values are not for logs");
    }

    #[test]
    fn values_are_the_same_where_only_their_form_differs() {
        let same = |field, ours: &str, theirs: &str| {
            is_same(field, &text(Some(ours)), &text(Some(theirs)))
        };
        assert!(same(Field::OwnerEmail, "A@acme.test", "a@ACME.test"));
        assert!(same(Field::Name, " Acme ", "Acme"));
        assert!(!same(Field::Name, "Acme", "ACME"));
        let ours = json!({"aws": "https://a", "azure": null, "gcp": "https://g"});
        let shown = json!({"aws": "https://a", "azure": null, "gcp": null});
        assert!(is_same(Field::MarketplaceOffers, &ours, &shown));
        assert!(!is_same(Field::MarketplaceOffers, &shown, &ours));
    }
}
