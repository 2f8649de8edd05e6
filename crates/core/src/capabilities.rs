//! What a provider can do, as plain data: shown by the API, read by validation and `dry_run`, and
//! claimed by adapters, whose conformance run holds them to it in both directions.

use std::time::Duration;

use crate::{field::Field, provider_org_id::ProviderOrgIdFormat};

/// What one partner account can do. What is not claimed is refused as `Unsupported`, and nothing is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Child organizations can be created.
    pub create: bool,
    /// The fields the provider takes at a create, with its limits. A field that is not here cannot be
    /// held there: the gateway keeps it and never sends it.
    pub create_fields: Vec<FieldRule>,
    /// One organization can be read by its id.
    pub get: bool,
    /// All organizations can be listed, page by page.
    pub list: bool,
    /// What a listing can be narrowed by, and what a match on it is worth.
    pub find_by: Vec<FindBy>,
    /// The fields that can be changed, with the provider's limits. Empty: nothing can.
    pub update_fields: Vec<FieldRule>,
    /// Organizations can be locked and unlocked.
    pub lock: bool,
    /// People can be invited, at the create and later.
    pub invite: bool,
    /// The partner can ask for an administrator's seat in the customer's organization.
    pub admin_role: bool,
    /// The form of the organization ids.
    pub provider_org_id_format: ProviderOrgIdFormat,
    /// The limits on the user name and the password of that seat; `None` where there are none.
    pub seat_rules: Option<SeatRules>,
    /// How long after a write an absence proves nothing, as known for this kind of provider. Zero where
    /// the provider cannot be read at all.
    pub settle_window: Duration,
    /// The day of the month (UTC) from whose beginning a change of the customer id is not sure to be on that
    /// month's invoice; `None` where the provider puts it on none.
    pub customer_id_fixed_on: Option<u32>,
}

/// One field of a create or an update, and what the provider asks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRule {
    /// The field.
    pub field: Field,
    /// The create fails without it.
    pub required: bool,
    /// The least number of characters (Unicode scalar values), 0 for no limit.
    pub min_chars: usize,
    /// The greatest number of characters, `usize::MAX` for no limit.
    pub max_chars: usize,
    /// The shape of the text.
    pub format: Format,
}

/// The shape that a provider asks of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Any text.
    Any,
    /// Exactly this many decimal digits.
    Digits(usize),
    /// An absolute http or https URL.
    Url,
    /// ASCII letters, digits, `@`, `.`, `_` and `-`.
    Login,
}

/// A provider's limits on one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLimits {
    /// The least number of characters (Unicode scalar values), 0 for no limit.
    pub min_chars: usize,
    /// The greatest number of characters, `usize::MAX` for no limit.
    pub max_chars: usize,
    /// The shape of the text.
    pub format: Format,
}

/// A provider's limits on an administrator's seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatRules {
    /// The user name.
    pub username: TextLimits,
    /// The password.
    pub password: TextLimits,
}

impl FieldRule {
    /// A field that may be left out, with no limits.
    #[must_use]
    pub const fn optional(field: Field) -> Self {
        Self { field, required: false, min_chars: 0, max_chars: usize::MAX, format: Format::Any }
    }

    /// A field that a create must have, with no limits.
    #[must_use]
    pub const fn required(field: Field) -> Self {
        Self { required: true, ..Self::optional(field) }
    }

    /// The same rule with limits on the number of characters.
    #[must_use]
    pub const fn chars(self, min_chars: usize, max_chars: usize) -> Self {
        Self { min_chars, max_chars, ..self }
    }

    /// The same rule with a shape.
    #[must_use]
    pub const fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// What is wrong with `text` for this field, in words; `None` when it is fine.
    #[must_use]
    pub fn fault_of(&self, text: &str) -> Option<String> {
        let Self { min_chars, max_chars, format, .. } = *self;
        TextLimits { min_chars, max_chars, format }.fault_of(text)
    }
}

impl TextLimits {
    /// Returns the limit that `text` breaks, in words that do not repeat it; `None` where it is within all.
    #[must_use]
    pub fn fault_of(&self, text: &str) -> Option<String> {
        let count = text.chars().count();
        if count < self.min_chars || count > self.max_chars {
            return Some(match (self.min_chars, self.max_chars) {
                (min, usize::MAX) => format!("must have at least {min} characters"),
                (0, max) => format!("must have at most {max} characters"),
                (min, max) => format!("must have {min} to {max} characters"),
            });
        }
        match self.format {
            Format::Any => None,
            Format::Digits(n) => (count != n || !text.chars().all(|c| c.is_ascii_digit()))
                .then(|| format!("must be {n} digits")),
            Format::Url => {
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
                let well_formed = rest.is_some_and(|r| {
                    !r.is_empty() && !r.starts_with('/') && !r.contains(char::is_whitespace)
                });
                (!well_formed).then(|| "must be an absolute http or https URL".to_owned())
            }
            Format::Login => {
                let fits = |c: char| c.is_ascii_alphanumeric() || "@._-".contains(c);
                (!text.chars().all(fits)).then(|| {
                    "must have only ASCII letters, digits, '@', '.', '_' and '-'".to_owned()
                })
            }
        }
    }
}

/// Something a listing can be narrowed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindBy {
    /// [`Field::OwnerEmail`], [`Field::CustomerId`] or [`Field::Name`].
    pub field: Field,
    /// What a match is worth.
    pub strength: Strength,
}

/// What it proves when a field of an organization at the provider equals ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Neither unique nor ours alone: for a person's eyes.
    Hint,
    /// Ours, but not unique.
    Weak,
    /// Unique at the provider.
    Strong,
}

/// How a create whose answer was lost can be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateRecovery {
    /// By reading back: an organization can be found by something unique.
    ReadBack,
    /// The listing shows candidates; a person decides.
    Hint,
    /// Not at all: a person must ask the provider.
    Impossible,
}

impl Capabilities {
    /// How a create whose answer was lost can be settled at this provider.
    #[must_use]
    pub fn create_recovery(&self) -> CreateRecovery {
        let best = self.find_by.iter().map(|f| f.strength).max();
        match best {
            Some(Strength::Strong) if self.list => CreateRecovery::ReadBack,
            Some(_) if self.list => CreateRecovery::Hint,
            Some(_) | None => CreateRecovery::Impossible,
        }
    }

    /// The rule for a field at a create; `None` where the provider cannot hold it.
    #[must_use]
    pub fn create_rule(&self, field: Field) -> Option<&FieldRule> {
        self.create_fields.iter().find(|rule| rule.field == field)
    }

    /// The rule for a field in an update; `None` where the provider cannot change it.
    #[must_use]
    pub fn update_rule(&self, field: Field) -> Option<&FieldRule> {
        self.update_fields.iter().find(|rule| rule.field == field)
    }

    /// The provider keeps this field once it was given.
    #[must_use]
    pub fn holds(&self, field: Field) -> bool {
        self.create_rule(field).is_some() || self.update_rule(field).is_some()
    }

    /// The listing can be narrowed by this field.
    #[must_use]
    pub fn finds_by(&self, field: Field) -> bool {
        self.list && self.find_by.iter().any(|by| by.field == field)
    }

    /// The fields without which a create fails.
    pub fn required_fields(&self) -> impl Iterator<Item = Field> + '_ {
        self.create_fields.iter().filter(|rule| rule.required).map(|rule| rule.field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_needs_a_list_and_something_to_find_by() {
        let strong = FindBy { field: Field::OwnerEmail, strength: Strength::Strong };
        let hint = FindBy { field: Field::Name, strength: Strength::Hint };
        let with = |list, find_by: &[FindBy]| Capabilities {
            list,
            find_by: find_by.to_vec(),
            ..Capabilities::default()
        };
        assert_eq!(with(true, &[hint, strong]).create_recovery(), CreateRecovery::ReadBack);
        assert_eq!(with(true, &[hint]).create_recovery(), CreateRecovery::Hint);
        assert_eq!(with(true, &[]).create_recovery(), CreateRecovery::Impossible);
        assert_eq!(with(false, &[strong]).create_recovery(), CreateRecovery::Impossible);
    }

    #[test]
    fn a_rule_counts_characters_and_looks_at_the_shape() {
        let name = FieldRule::required(Field::Name).chars(2, 3);
        assert_eq!(name.fault_of("é"), Some("must have 2 to 3 characters".to_owned()));
        assert_eq!(name.fault_of("éé"), None);
        assert!(name.fault_of("abcd").is_some());
        let siren = FieldRule::optional(Field::SirenNumber).format(Format::Digits(9));
        assert_eq!(siren.fault_of("123456789"), None);
        assert_eq!(siren.fault_of("12345678x"), Some("must be 9 digits".to_owned()));
        let link = FieldRule::optional(Field::MarketplaceOffers).format(Format::Url);
        assert_eq!(link.fault_of("https://aws.amazon.com/marketplace/x"), None);
        assert!(link.fault_of("aws.amazon.com").is_some());
        assert!(link.fault_of("https:///x").is_some());
        let login = TextLimits { min_chars: 0, max_chars: 4, format: Format::Login };
        assert_eq!(login.fault_of("a@b."), None);
        assert!(login.fault_of("a b").is_some() && login.fault_of("é").is_some());
        assert_eq!(login.fault_of("abcde"), Some("must have at most 4 characters".to_owned()));
    }
}
