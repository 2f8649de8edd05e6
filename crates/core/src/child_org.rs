//! A child organization: what is asked for, what is there, what is changed.
//!
//! Texts that tell of people are kept out of `Debug`, so that no log line holds them by accident.

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    Field,
    provider_org_id::ProviderOrgId,
    text::{TextFault, check_identifier},
};

/// An e-mail address: one `@`, a local part and a domain without spaces, at most 254 bytes. Kept as
/// written; compared without regard to ASCII case.
///
/// # Behavior
/// [`EmailAddress::new`] takes an address from a caller and applies the rules of identifiers too.
/// Deserialization and [`EmailAddress::from_existing`] apply the form alone: they read what is stored or what a
/// provider holds, which may be older than those rules and must stay readable.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// The reason why a text is not an e-mail address. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// The text does not have the form of an address.
    #[error("must be an e-mail address")]
    Form,
    /// A character breaks the rules of identifiers.
    #[error(transparent)]
    Text(#[from] TextFault),
}

impl EmailAddress {
    /// Accepts a caller's address: the form of an address and the characters of an identifier.
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidEmail> {
        let text = text.into();
        check_identifier(&text)?;
        Self::from_existing(text)
    }

    /// Accepts an address that exists already: in a stored row, or at a provider.
    ///
    /// # Errors
    /// The text does not have the form of an address.
    pub fn from_existing(text: impl Into<String>) -> Result<Self, InvalidEmail> {
        let text = text.into();
        let well_formed = text.len() <= 254
            && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',' || c == ';')
            && text.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && local.len() <= 64
                    && !domain.contains('@')
                    && !domain.is_empty()
                    && domain.split('.').all(|label| !label.is_empty())
            });
        if well_formed { Ok(Self(text)) } else { Err(InvalidEmail::Form) }
    }

    /// The address as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for EmailAddress {}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(***)")
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        Self::from_existing(text)
    }
}

impl From<EmailAddress> for String {
    fn from(email: EmailAddress) -> Self {
        email.0
    }
}

/// The person who owns an organization at its provider.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// E-mail address.
    pub email: Option<EmailAddress>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Phone number, as written.
    pub phone_number: Option<String>,
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner(***)")
    }
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street and number.
    pub line1: String,
    /// What does not fit on the first line.
    pub line2: Option<String>,
    /// City.
    pub city: String,
    /// State, province or region.
    pub state: String,
    /// Postal code.
    pub postal_code: String,
    /// Country, ISO 3166-1 alpha-2 in capitals.
    pub country: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("country", &self.country).finish_non_exhaustive()
    }
}

/// Links to the customer's private offers at the cloud marketplaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketplaceOffers {
    /// AWS Marketplace.
    pub aws: Option<String>,
    /// Azure Marketplace.
    pub azure: Option<String>,
    /// Google Cloud Marketplace.
    pub gcp: Option<String>,
}

/// What a member may do in the organization, at providers that know members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An ordinary user.
    User,
    /// An administrator.
    Admin,
    /// Support staff.
    Support,
    /// A cloud provider's representative.
    CloudRep,
    /// A user with restricted rights.
    RestrictedUser,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] =
        [Self::User, Self::Admin, Self::Support, Self::CloudRep, Self::RestrictedUser];

    /// The role in snake case, as the API and the providers spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Support => "support",
            Self::CloudRep => "cloud_rep",
            Self::RestrictedUser => "restricted_user",
        }
    }
}

/// Somebody to invite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMember {
    /// E-mail address.
    pub email: EmailAddress,
    /// What they may do; left to the provider where `None`.
    pub role: Option<Role>,
}

/// Somebody who was invited, as the provider answered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// E-mail address.
    pub email: EmailAddress,
    /// What they may do; `None` where the provider did not say.
    pub role: Option<Role>,
}

/// A seat for the partner in a customer's organization. The password is passed on and kept nowhere.
#[derive(Debug, Clone)]
pub struct AdminSeat {
    /// User name of the seat.
    pub username: String,
    /// E-mail address of the seat.
    pub email: EmailAddress,
    /// Its password; may be empty.
    pub password: SecretString,
}

/// An organization to create. What the provider cannot hold is not sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewChildOrg {
    /// The customer's id in the reseller's systems.
    pub customer_id: String,
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: Option<Owner>,
    /// French company number.
    pub siren_number: Option<String>,
    /// Internet domain.
    pub domain: Option<String>,
    /// Postal address.
    pub address: Option<Address>,
    /// Marketplace offers.
    pub marketplace_offers: Option<MarketplaceOffers>,
    /// People to invite with the creation.
    pub members: Vec<NewMember>,
    /// Comment.
    pub comment: Option<String>,
    /// The marketplace purchase at Labra.
    pub labra_subscription_id: Option<String>,
}

impl NewChildOrg {
    /// The fields that have a value.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let owner = self.owner.as_ref();
        let given = [
            (Field::CustomerId, true),
            (Field::Name, true),
            (Field::OwnerEmail, owner.is_some_and(|o| o.email.is_some())),
            (Field::OwnerFirstName, owner.is_some_and(|o| o.first_name.is_some())),
            (Field::OwnerLastName, owner.is_some_and(|o| o.last_name.is_some())),
            (Field::OwnerPhoneNumber, owner.is_some_and(|o| o.phone_number.is_some())),
            (Field::SirenNumber, self.siren_number.is_some()),
            (Field::Domain, self.domain.is_some()),
            (Field::Address, self.address.is_some()),
            (Field::MarketplaceOffers, self.marketplace_offers.is_some()),
            (Field::Members, !self.members.is_empty()),
            (Field::Comment, self.comment.is_some()),
            (Field::LabraSubscriptionId, self.labra_subscription_id.is_some()),
        ];
        given.into_iter().filter_map(|(field, is_given)| is_given.then_some(field)).collect()
    }
}

/// A new value for a field that may also be emptied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change<T> {
    /// The new value.
    Set(T),
    /// Emptied.
    Clear,
}

impl<T> Change<T> {
    /// The value, `None` when emptied.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Clear => None,
        }
    }
}

/// What to change at the provider; what is `None` stays as it is. It has the fields that some provider
/// can change.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChildOrgPatch {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The owner's e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_email: Option<EmailAddress>,
    /// The owner's first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_first_name: Option<String>,
    /// The owner's last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_last_name: Option<String>,
    /// The owner's phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_phone_number: Option<Change<String>>,
    /// The customer's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Change<String>>,
}

impl fmt::Debug for ChildOrgPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildOrgPatch").field(&self.fields()).finish()
    }
}

impl ChildOrgPatch {
    /// The fields that it changes.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let given = [
            (Field::Name, self.name.is_some()),
            (Field::OwnerEmail, self.owner_email.is_some()),
            (Field::OwnerFirstName, self.owner_first_name.is_some()),
            (Field::OwnerLastName, self.owner_last_name.is_some()),
            (Field::OwnerPhoneNumber, self.owner_phone_number.is_some()),
            (Field::CustomerId, self.customer_id.is_some()),
            (Field::Comment, self.comment.is_some()),
        ];
        given.into_iter().filter_map(|(field, is_given)| is_given.then_some(field)).collect()
    }

    /// It changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields().is_empty()
    }

    /// The organization already is as this patch would make it.
    ///
    /// # Behavior
    /// A cleared field matches one that is absent or empty: providers answer both for the same thing.
    #[must_use]
    pub fn is_applied_to(&self, org: &ChildOrg) -> bool {
        let owner = org.owner.clone().unwrap_or_default();
        let same = |wanted: &Option<String>, actual: Option<&str>| {
            wanted.as_deref().is_none_or(|text| actual.unwrap_or_default() == text)
        };
        let same_change = |wanted: &Option<Change<String>>, actual: &Option<String>| {
            wanted.as_ref().is_none_or(|change| {
                change.value().map_or("", String::as_str) == actual.as_deref().unwrap_or_default()
            })
        };
        same(&self.name, Some(&org.name))
            && self.owner_email.as_ref().is_none_or(|email| owner.email.as_ref() == Some(email))
            && same(&self.owner_first_name, owner.first_name.as_deref())
            && same(&self.owner_last_name, owner.last_name.as_deref())
            && same_change(&self.owner_phone_number, &owner.phone_number)
            && same(&self.customer_id, org.customer_id.as_deref())
            && same_change(&self.comment, &org.comment)
    }
}

/// The status of an organization at its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Open for use.
    Active,
    /// Locked by somebody.
    Locked,
    /// Closed for good.
    Closed,
}

/// Who locked an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockOrigin {
    /// The provider itself.
    Provider,
    /// The partner, through the gateway or in the provider's console.
    Partner,
}

/// A lock on an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Who set it.
    pub origin: LockOrigin,
    /// Why, in the provider's or the caller's words.
    pub reason: Option<String>,
    /// Since when, where it is known.
    pub since: Option<DateTime<Utc>>,
}

/// An organization as its provider shows it. A field the provider does not show is `None`; an empty
/// text is `None` too.
#[derive(Clone, PartialEq)]
pub struct ChildOrg {
    /// Its id there.
    pub id: ProviderOrgId,
    /// Name.
    pub name: String,
    /// Status.
    pub status: Status,
    /// The one lock that the provider shows. Locks stack: another may lie under it.
    pub lock: Option<Lock>,
    /// The customer's id, where the provider holds it.
    pub customer_id: Option<String>,
    /// Owner.
    pub owner: Option<Owner>,
    /// French company number.
    pub siren_number: Option<String>,
    /// Internet domain.
    pub domain: Option<String>,
    /// Postal address.
    pub address: Option<Address>,
    /// Marketplace offers.
    pub marketplace_offers: Option<MarketplaceOffers>,
    /// Members, where the provider answered them.
    pub members: Vec<Member>,
    /// Comment.
    pub comment: Option<String>,
    /// When it was made there.
    pub created_at: Option<DateTime<Utc>>,
    /// The provider's own document.
    pub provider_data: serde_json::Value,
}

impl fmt::Debug for ChildOrg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The document tells of people.
        f.debug_struct("ChildOrg")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("lock", &self.lock)
            .field("customer_id", &self.customer_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_is_looked_at_and_never_shown_by_debug() {
        for good in ["owner@acme.test", "a.b+c@x", "é@acme.test"] {
            assert!(EmailAddress::new(good).is_ok(), "{good:?} was refused");
        }
        for bad in ["", "a", "@x", "a@", "a@b@c", "a b@c", "a@b..c", "a@b.", "a\n@b"] {
            assert!(EmailAddress::new(bad).is_err(), "{bad:?} was taken");
        }
        let owner = Owner {
            email: Some(EmailAddress::new("owner@acme.test").unwrap()),
            first_name: Some("Olga".to_owned()),
            ..Owner::default()
        };
        let shown = format!("{owner:?} {:?}", owner.email);
        assert!(!shown.contains("acme") && !shown.contains("Olga"), "{shown}");
    }

    #[test]
    fn an_address_with_an_invisible_character_is_refused_from_a_caller_and_read_where_it_exists() {
        for alike in ["owner@acme.test\u{200b}", "\u{feff}owner@acme.test", "cafe\u{301}@acme.test"]
        {
            assert!(matches!(EmailAddress::new(alike), Err(InvalidEmail::Text(_))), "{alike:?}");
            assert_eq!(EmailAddress::from_existing(alike).unwrap().as_str(), alike);
            let stored: EmailAddress = serde_json::from_value(alike.into()).unwrap();
            assert_eq!(stored.as_str(), alike);
        }
        let fault = EmailAddress::new("owner@acme.test\u{200b}").unwrap_err().to_string();
        assert!(fault.contains("U+200B (position 16)") && !fault.contains("acme"), "{fault}");
        assert!(EmailAddress::from_existing("a b@acme.test").is_err());
    }

    #[test]
    fn addresses_are_equal_whatever_their_case() {
        let a = EmailAddress::new("Owner@Acme.test").unwrap();
        assert_eq!(a, EmailAddress::new("owner@acme.test").unwrap());
        assert_eq!(a.as_str(), "Owner@Acme.test");
    }

    fn bare_org() -> ChildOrg {
        ChildOrg {
            id: ProviderOrgId::from_stored("x").unwrap(),
            name: "Acme".to_owned(),
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
            provider_data: serde_json::Value::Null,
        }
    }

    #[test]
    fn the_providers_document_is_never_shown_by_debug() {
        let org = ChildOrg {
            provider_data: serde_json::json!({"email": "owner@acme.test"}),
            ..bare_org()
        };
        assert!(!format!("{org:?}").contains("owner@acme.test"));
    }

    #[test]
    fn a_cleared_field_is_applied_when_it_is_absent() {
        let patch = ChildOrgPatch { comment: Some(Change::Clear), ..ChildOrgPatch::default() };
        let mut org = bare_org();
        assert!(patch.is_applied_to(&org));
        org.comment = Some("x".to_owned());
        assert!(!patch.is_applied_to(&org));
    }
}
