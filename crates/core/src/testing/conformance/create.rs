//! Creating: what is answered, and what is refused.

use super::{Check, Subject, check, failed, refused};
use crate::{ChildOrg, Effect, Field, Kind, NewChildOrg, NewMember, Owner, Role, Strength};

impl Subject<'_> {
    /// A create answers an organization with what the provider holds, and nothing of what it does not.
    pub(super) async fn creates(&self) -> Check {
        let Some((new, org)) = self.made().await? else {
            return Ok(());
        };
        check(org.name == new.name, || "another name is answered".to_owned())?;
        for field in Field::ALL {
            let answered = texts_of(&org, field);
            let holds = self.provider.capabilities().holds(field);
            check(holds || answered.is_empty(), || format!("{field} is answered and is not held"))?;
            check(answered.is_empty() || answered == new.texts(field), || {
                format!("{field} is answered otherwise than it was sent")
            })?;
        }
        Ok(())
    }

    /// A create without something required, or with something outside the limits, is refused.
    pub(super) async fn refuses_faulty_create(&self) -> Check {
        let claims = self.provider.capabilities();
        if !claims.create {
            return Ok(());
        }
        for rule in &claims.create_fields {
            if let Some(new) = without(self.fixture.new_org(), rule.field).filter(|_| rule.required)
            {
                let what = format!("a create without {}", rule.field);
                refused(&what, self.provider.create_child_org(&new).await)?;
            }
            if rule.max_chars < 100_000 {
                let text = "x".repeat(rule.max_chars + 1);
                if let Some(new) = with_text(self.fixture.new_org(), rule.field, text) {
                    let what = format!("a create with too long a {}", rule.field);
                    refused(&what, self.provider.create_child_org(&new).await)?;
                }
            }
        }
        Ok(())
    }

    /// Where an owner's address is a strong key, a second organization with it is refused.
    pub(super) async fn keeps_email_unique(&self) -> Check {
        let is_strong = self
            .provider
            .capabilities()
            .find_by
            .iter()
            .any(|by| by.field == Field::OwnerEmail && by.strength == Strength::Strong);
        let Some((first, _)) = self.made().await?.filter(|_| is_strong) else {
            return Ok(());
        };
        let second = NewChildOrg { owner: first.owner, ..self.fixture.new_org() };
        let kinds = [Kind::Conflict, Kind::InvalidInput];
        let made = self.provider.create_child_org(&second).await;
        failed("a second create", made, &kinds, &[Effect::NotApplied])
    }

    /// People are invited in every role and in none, at the create and later.
    pub(super) async fn invites(&self) -> Check {
        if !self.provider.capabilities().invite {
            return Ok(());
        }
        let Some((_, org)) = self.made().await? else {
            return Ok(());
        };
        for role in Role::ALL.into_iter().map(Some).chain([None]) {
            let word = role.map_or("anybody", Role::as_str);
            let email = super::refuse::address(&format!("{word}@acme.test"))?;
            let asked = [NewMember { email, role }];
            let invited = self.provider.invite_members(&org.id, &asked).await;
            let members = super::done("an invitation", invited)?;
            check(members.iter().any(|m| m.email == asked[0].email), || {
                format!("{word} was invited and is not answered")
            })?;
            check(role.is_none() || members.iter().any(|m| m.role == role), || {
                format!("{word} is answered in another role")
            })?;
        }
        refused("an invitation of nobody", self.provider.invite_members(&org.id, &[]).await)
    }
}

fn texts_of(org: &ChildOrg, field: Field) -> Vec<&str> {
    let owner = org.owner.as_ref();
    let text = match field {
        Field::Name => Some(org.name.as_str()),
        Field::CustomerId => org.customer_id.as_deref(),
        Field::OwnerEmail => owner.and_then(|o| o.email.as_ref()).map(|e| e.as_str()),
        Field::OwnerFirstName => owner.and_then(|o| o.first_name.as_deref()),
        Field::OwnerLastName => owner.and_then(|o| o.last_name.as_deref()),
        Field::OwnerPhoneNumber => owner.and_then(|o| o.phone_number.as_deref()),
        Field::SirenNumber => org.siren_number.as_deref(),
        Field::Comment => org.comment.as_deref(),
        Field::Domain => org.domain.as_deref(),
        Field::Address => return org.address.iter().flat_map(crate::Address::texts).collect(),
        Field::MarketplaceOffers => {
            let offers = org.marketplace_offers.iter();
            return offers
                .flat_map(|offers| [&offers.aws, &offers.azure, &offers.gcp])
                .flatten()
                .map(String::as_str)
                .collect();
        }
        Field::Members | Field::LabraSubscriptionId => None,
    };
    text.into_iter().collect()
}

/// The request without a field; `None` where a request cannot lack it.
fn without(mut new: NewChildOrg, field: Field) -> Option<NewChildOrg> {
    let owner = new.owner.get_or_insert_with(Owner::default);
    match field {
        Field::OwnerEmail => owner.email = None,
        Field::OwnerFirstName => owner.first_name = None,
        Field::OwnerLastName => owner.last_name = None,
        Field::OwnerPhoneNumber => owner.phone_number = None,
        Field::SirenNumber => new.siren_number = None,
        Field::Comment => new.comment = None,
        Field::Domain => new.domain = None,
        Field::Address => new.address = None,
        Field::MarketplaceOffers => new.marketplace_offers = None,
        Field::LabraSubscriptionId => new.labra_subscription_id = None,
        Field::Name | Field::CustomerId | Field::Members => return None,
    }
    Some(new)
}

/// The request with a text in a field; `None` for fields that are no plain text.
fn with_text(mut new: NewChildOrg, field: Field, text: String) -> Option<NewChildOrg> {
    let owner = new.owner.get_or_insert_with(Owner::default);
    match field {
        Field::Name => new.name = text,
        Field::CustomerId => new.customer_id = text,
        Field::OwnerFirstName => owner.first_name = Some(text),
        Field::OwnerLastName => owner.last_name = Some(text),
        Field::OwnerPhoneNumber => owner.phone_number = Some(text),
        Field::SirenNumber => new.siren_number = Some(text),
        Field::Comment => new.comment = Some(text),
        Field::Domain => new.domain = Some(text),
        Field::LabraSubscriptionId => new.labra_subscription_id = Some(text),
        Field::OwnerEmail | Field::Address | Field::MarketplaceOffers | Field::Members => {
            return None;
        }
    }
    Some(new)
}
