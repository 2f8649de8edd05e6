//! Holding a request against a provider's rules before anything is sent. All faults are found at once.
//! What a rule cannot say, such as whether an address exists, is the provider's to judge.

use crate::{
    Address, Capabilities, Change, ChildOrgPatch, Field, FieldFault, FieldRule, NewChildOrg,
};

impl Capabilities {
    /// What this provider would refuse in a create: required fields that are missing, and texts outside
    /// its limits. Fields it cannot hold are no fault.
    #[must_use]
    pub fn create_faults(&self, new: &NewChildOrg) -> Vec<FieldFault> {
        let given = new.fields();
        self.create_fields
            .iter()
            .flat_map(|rule| {
                if given.contains(&rule.field) {
                    text_faults(rule, &new.texts(rule.field))
                } else if rule.required {
                    vec![fault(rule.field, "is required".to_owned())]
                } else {
                    Vec::new()
                }
            })
            .collect()
    }

    /// What this provider would refuse in an update: texts outside its limits. Fields it
    /// cannot change are no fault here, but unsupported: see [`Self::unsupported_changes`].
    #[must_use]
    pub fn update_faults(&self, patch: &ChildOrgPatch) -> Vec<FieldFault> {
        self.update_fields
            .iter()
            .flat_map(|rule| text_faults(rule, &patch.texts(rule.field)))
            .collect()
    }

    /// What this provider would refuse in a seat; a part that is `None` is not looked at. The password is in no
    /// message.
    #[must_use]
    pub fn seat_faults(&self, username: Option<&str>, password: Option<&str>) -> Vec<FieldFault> {
        let Some(rules) = &self.seat_rules else { return Vec::new() };
        [("username", &rules.username, username), ("password", &rules.password, password)]
            .into_iter()
            .filter_map(|(name, rule, text)| {
                Some(FieldFault {
                    field: None,
                    leaf: String::new(),
                    provider_field: name.to_owned(),
                    message: rule.fault_of(text?)?,
                })
            })
            .collect()
    }

    /// The fields of a patch that this provider cannot change.
    #[must_use]
    pub fn unsupported_changes(&self, patch: &ChildOrgPatch) -> Vec<Field> {
        let mut fields = patch.fields();
        fields.retain(|field| self.update_rule(*field).is_none());
        fields
    }
}

impl NewChildOrg {
    /// The texts that stand in a field: none, one, or several where the field has parts.
    #[must_use]
    pub fn texts(&self, field: Field) -> Vec<&str> {
        let owner = self.owner.as_ref();
        match field {
            Field::CustomerId => vec![&self.customer_id],
            Field::Name => vec![&self.name],
            Field::OwnerEmail => owner
                .and_then(|owner| owner.email.as_ref())
                .map(|email| email.as_str())
                .into_iter()
                .collect(),
            Field::OwnerFirstName => one(owner.and_then(|owner| owner.first_name.as_ref())),
            Field::OwnerLastName => one(owner.and_then(|owner| owner.last_name.as_ref())),
            Field::OwnerPhoneNumber => one(owner.and_then(|owner| owner.phone_number.as_ref())),
            Field::SirenNumber => one(self.siren_number.as_ref()),
            Field::Comment => one(self.comment.as_ref()),
            Field::Domain => one(self.domain.as_ref()),
            Field::Address => self.address.iter().flat_map(Address::texts).collect(),
            Field::MarketplaceOffers => self
                .marketplace_offers
                .iter()
                .flat_map(|offers| [&offers.aws, &offers.azure, &offers.gcp])
                .flatten()
                .map(String::as_str)
                .collect(),
            Field::Members => self.members.iter().map(|member| member.email.as_str()).collect(),
            Field::LabraSubscriptionId => one(self.labra_subscription_id.as_ref()),
        }
    }
}

impl Address {
    pub(crate) fn texts(&self) -> Vec<&str> {
        [
            Some(&self.line1),
            self.line2.as_ref(),
            Some(&self.city),
            Some(&self.state),
            Some(&self.postal_code),
            Some(&self.country),
        ]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
    }
}

impl ChildOrgPatch {
    /// The new text of a field; none where it stays or is emptied.
    fn texts(&self, field: Field) -> Vec<&str> {
        let text = match field {
            Field::Name => self.name.as_deref(),
            Field::CustomerId => self.customer_id.as_deref(),
            Field::OwnerEmail => self.owner_email.as_ref().map(|email| email.as_str()),
            Field::OwnerFirstName => self.owner_first_name.as_deref(),
            Field::OwnerLastName => self.owner_last_name.as_deref(),
            Field::OwnerPhoneNumber => set(&self.owner_phone_number),
            Field::Comment => set(&self.comment),
            Field::SirenNumber
            | Field::Domain
            | Field::Address
            | Field::MarketplaceOffers
            | Field::Members
            | Field::LabraSubscriptionId => None,
        };
        text.into_iter().collect()
    }
}

fn one(text: Option<&String>) -> Vec<&str> {
    text.map(String::as_str).into_iter().collect()
}

fn set(change: &Option<Change<String>>) -> Option<&str> {
    change.as_ref().and_then(Change::value).map(String::as_str)
}

fn text_faults(rule: &FieldRule, texts: &[&str]) -> Vec<FieldFault> {
    texts
        .iter()
        .filter_map(|text| rule.fault_of(text))
        .map(|message| fault(rule.field, message))
        .collect()
}

fn fault(field: Field, message: String) -> FieldFault {
    let provider_field = field.as_str().to_owned();
    FieldFault { field: Some(field), leaf: String::new(), provider_field, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmailAddress, MarketplaceOffers, Owner};

    fn capabilities() -> Capabilities {
        let name = FieldRule::required(Field::Name).chars(2, 5);
        let comment = FieldRule::optional(Field::Comment).chars(1, 3);
        let offers = FieldRule::optional(Field::MarketplaceOffers).format(crate::Format::Url);
        Capabilities {
            create_fields: vec![name, comment, offers, FieldRule::required(Field::OwnerEmail)],
            update_fields: vec![name, comment],
            ..Capabilities::default()
        }
    }

    fn new_org() -> NewChildOrg {
        NewChildOrg {
            customer_id: "cust-1".to_owned(),
            name: "Acme".to_owned(),
            owner: Some(Owner {
                email: EmailAddress::new("owner@acme.test").ok(),
                ..Owner::default()
            }),
            siren_number: Some("not held, so not looked at".to_owned()),
            domain: None,
            address: None,
            marketplace_offers: None,
            members: Vec::new(),
            comment: None,
            labra_subscription_id: None,
        }
    }

    #[test]
    fn a_create_within_the_rules_has_no_fault() {
        assert_eq!(capabilities().create_faults(&new_org()), []);
    }

    #[test]
    fn every_fault_of_a_create_is_named_at_once() {
        let new = NewChildOrg {
            name: "A".to_owned(),
            owner: None,
            comment: Some("four".to_owned()),
            marketplace_offers: Some(MarketplaceOffers {
                aws: Some("https://aws.test/x".to_owned()),
                azure: Some("nowhere".to_owned()),
                gcp: None,
            }),
            ..new_org()
        };
        let faults = capabilities().create_faults(&new);
        let fields: Vec<_> = faults.iter().filter_map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [Field::Name, Field::Comment, Field::MarketplaceOffers, Field::OwnerEmail]
        );
    }

    #[test]
    fn emptying_a_field_is_no_fault_and_an_unknown_one_is_unsupported() {
        let patch = ChildOrgPatch {
            name: Some("Acme and more".to_owned()),
            comment: Some(Change::Clear),
            customer_id: Some("c".to_owned()),
            ..ChildOrgPatch::default()
        };
        let faults = capabilities().update_faults(&patch);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].field, Some(Field::Name));
        assert_eq!(capabilities().unsupported_changes(&patch), [Field::CustomerId]);
    }
}
