//! The one rule that decides whether a create could have made an organization.
//!
//! No provider takes an idempotency key, so the gateway recognizes the result of a create whose answer was
//! lost by what both have in common. Read-back, adoption, sweeps and imports all ask this question, and all
//! of them ask it here.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{ChildOrg, EmailAddress, Field};

/// The largest difference between the provider's clock and the gateway's that the rule tolerates.
pub const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// The properties of a create by which its organization can be recognized.
#[derive(Clone, Copy)]
pub struct CreateTraits<'a> {
    /// The customer id that the create sent.
    pub customer_id: &'a str,
    /// The owner's e-mail address that the create sent.
    pub owner_email: Option<&'a str>,
    /// The name that the create sent.
    pub name: &'a str,
    /// The time before which nothing of the create can have left: its first attempt, or its commit. `None`
    /// where that is not known.
    pub not_before: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for CreateTraits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateTraits").field("not_before", &self.not_before).finish_non_exhaustive()
    }
}

/// The properties of an organization at the provider that the rule compares.
#[derive(Clone, Copy, Default)]
pub struct OrgTraits<'a> {
    /// The customer id that the provider shows.
    pub customer_id: Option<&'a str>,
    /// The owner's e-mail address that the provider shows.
    pub owner_email: Option<&'a str>,
    /// The name.
    pub name: &'a str,
    /// When the provider created it, where it says so.
    pub created_at: Option<DateTime<Utc>>,
}

impl<'a> From<&'a ChildOrg> for OrgTraits<'a> {
    fn from(child: &'a ChildOrg) -> Self {
        let email = child.owner.as_ref().and_then(|owner| owner.email.as_ref());
        Self {
            customer_id: child.customer_id.as_deref(),
            owner_email: email.map(EmailAddress::as_str),
            name: &child.name,
            created_at: child.created_at,
        }
    }
}

impl std::fmt::Debug for OrgTraits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrgTraits").field("created_at", &self.created_at).finish_non_exhaustive()
    }
}

impl OrgTraits<'_> {
    /// Whether the provider shows a key of the organization: its e-mail address or its customer id.
    #[must_use]
    pub fn shows_key(&self) -> bool {
        self.owner_email.is_some() || self.customer_id.is_some()
    }
}

/// The time at which an organization was created, relative to a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// It was created after the create began, within the tolerance for clocks.
    New,
    /// It existed before the create began.
    Older,
    /// The provider does not show when it was created.
    Unknown,
}

/// The evidence that a create made an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    matched_on: Vec<Field>,
    age: Age,
    shows_no_key: bool,
}

impl Likeness {
    /// Compares a create with an organization at the provider.
    #[must_use]
    pub fn of<'a>(create: &CreateTraits<'_>, org: impl Into<OrgTraits<'a>>) -> Self {
        let org = org.into();
        let is_same_email = matches!((create.owner_email, org.owner_email), (Some(ours), Some(theirs))
            if ours.eq_ignore_ascii_case(theirs));
        let is_same_customer = org.customer_id == Some(create.customer_id);
        let is_same_name = !create.name.is_empty() && org.name == create.name;
        let compared = [
            (is_same_email, Field::OwnerEmail),
            (is_same_customer, Field::CustomerId),
            (is_same_name, Field::Name),
        ];
        let matched_on = compared.into_iter().filter_map(|(is, field)| is.then_some(field));
        let age = match (org.created_at, create.not_before) {
            (Some(created), Some(begun)) if created >= begun - CLOCK_SKEW => Age::New,
            (Some(_), Some(_)) => Age::Older,
            (None, _) | (_, None) => Age::Unknown,
        };
        Self { matched_on: matched_on.collect(), age, shows_no_key: !org.shows_key() }
    }

    /// The fields that are equal: the owner's e-mail address, the customer id, the name.
    #[must_use]
    pub fn matched_on(&self) -> &[Field] {
        &self.matched_on
    }

    fn has(&self, field: Field) -> bool {
        self.matched_on.contains(&field)
    }

    /// Whether the two have a key in common: the e-mail address or the customer id.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.has(Field::OwnerEmail) || self.has(Field::CustomerId)
    }

    /// Whether the organization existed before the create began, so that the create did not make it.
    #[must_use]
    pub fn is_older(&self) -> bool {
        self.age == Age::Older
    }

    /// Whether the create could have made the organization.
    ///
    /// # Behavior
    /// The two share the e-mail address or the customer id; or, where the provider shows neither, the name.
    /// An organization that is older than the create never qualifies.
    #[must_use]
    pub fn could_be(&self) -> bool {
        !self.is_older() && (self.has_key() || (self.shows_no_key && self.has(Field::Name)))
    }

    /// Whether only the create itself, or another create of the same customer and owner, can have made the
    /// organization: e-mail address and customer id are equal, and it is known to be new.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        self.has(Field::OwnerEmail) && self.has(Field::CustomerId) && self.age == Age::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Owner, ProviderOrgIdFormat, Status};

    fn at(seconds: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(1_000_000 + seconds, 0)
    }

    fn create() -> CreateTraits<'static> {
        CreateTraits {
            customer_id: "c-1",
            owner_email: Some("Owner@acme.test"),
            name: "Acme",
            not_before: at(0),
        }
    }

    fn child(email: Option<&str>, customer_id: Option<&str>, created: Option<i64>) -> ChildOrg {
        ChildOrg {
            id: ProviderOrgIdFormat::Uuid.parse("6170692e-7363-616c-6577-61792e636f6d").unwrap(),
            name: "Acme".to_owned(),
            status: Status::Active,
            lock: None,
            customer_id: customer_id.map(str::to_owned),
            owner: email
                .map(|text| Owner { email: EmailAddress::new(text).ok(), ..Owner::default() }),
            siren_number: None,
            domain: None,
            address: None,
            marketplace_offers: None,
            members: Vec::new(),
            comment: None,
            created_at: created.and_then(at),
            provider_data: serde_json::Value::Null,
        }
    }

    #[test]
    fn e_mail_and_customer_of_a_new_organization_are_a_strong_match() {
        let found = Likeness::of(&create(), &child(Some("owner@ACME.test"), Some("c-1"), Some(1)));
        assert_eq!(found.matched_on(), [Field::OwnerEmail, Field::CustomerId, Field::Name]);
        assert!(found.is_strong() && found.could_be());
    }

    #[test]
    fn one_key_alone_is_possible_and_not_strong() {
        for (email, customer) in [
            (Some("owner@acme.test"), Some("c-2")),
            (Some("other@acme.test"), Some("c-1")),
            (None, Some("c-1")),
        ] {
            let found = Likeness::of(&create(), &child(email, customer, Some(1)));
            assert!(found.could_be() && !found.is_strong(), "{email:?} {customer:?}");
        }
    }

    #[test]
    fn the_name_counts_only_where_the_provider_shows_no_key() {
        assert!(Likeness::of(&create(), &child(None, None, None)).could_be());
        let other = child(Some("other@acme.test"), Some("c-2"), Some(1));
        assert!(!Likeness::of(&create(), &other).could_be());
        let unnamed = CreateTraits { name: "", ..create() };
        let blank = ChildOrg { name: String::new(), ..child(None, None, None) };
        assert!(!Likeness::of(&unnamed, &blank).could_be());
    }

    #[test]
    fn an_organization_from_before_the_create_is_never_its() {
        let skew = CLOCK_SKEW.num_seconds();
        let all = |created| child(Some("owner@acme.test"), Some("c-1"), created);
        assert!(Likeness::of(&create(), &all(Some(-skew))).is_strong());
        let older = Likeness::of(&create(), &all(Some(-skew - 1)));
        assert!(older.is_older() && older.has_key() && !older.could_be() && !older.is_strong());
        let undated = Likeness::of(&create(), &all(None));
        assert!(undated.could_be() && !undated.is_strong());
    }
}
