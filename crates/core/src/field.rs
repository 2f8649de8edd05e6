//! The fields of a child organization, by name.

use std::fmt;

use serde::Serialize;

/// A field that a provider may require, hold or change.
///
/// The key of an organization in the gateway (`customer_id`) is a field here too, since some providers
/// hold it; `labels` is not, since it is always the gateway's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The organization's name.
    Name,
    /// The customer's id in the reseller's systems.
    CustomerId,
    /// The owner's e-mail address.
    OwnerEmail,
    /// The owner's first name.
    OwnerFirstName,
    /// The owner's last name.
    OwnerLastName,
    /// The owner's phone number.
    OwnerPhoneNumber,
    /// The French company number.
    SirenNumber,
    /// A comment of the partner's.
    Comment,
    /// The organization's internet domain.
    Domain,
    /// The postal address.
    Address,
    /// Links to the customer's private marketplace offers.
    MarketplaceOffers,
    /// People invited with the creation.
    Members,
    /// The marketplace purchase at Labra that the organization comes from; opaque.
    LabraSubscriptionId,
}

impl Field {
    /// Every field, in the order in which the API documents them.
    pub const ALL: [Self; 13] = [
        Self::CustomerId,
        Self::Name,
        Self::OwnerEmail,
        Self::OwnerFirstName,
        Self::OwnerLastName,
        Self::OwnerPhoneNumber,
        Self::SirenNumber,
        Self::Domain,
        Self::Address,
        Self::MarketplaceOffers,
        Self::Members,
        Self::Comment,
        Self::LabraSubscriptionId,
    ];

    /// The name in the API's words, with a dot before a nested one: `owner.email`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.pointer_and_name().1
    }

    /// Where the field stands in a create's body, as an RFC 6901 pointer: `/owner/email`.
    #[must_use]
    pub fn pointer(self) -> &'static str {
        self.pointer_and_name().0
    }

    /// The member of the organization document that holds the field: `owner` for `owner.email`.
    #[must_use]
    pub fn top_level(self) -> &'static str {
        let name = self.as_str();
        name.split_once('.').map_or(name, |(top, _)| top)
    }

    fn pointer_and_name(self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("/name", "name"),
            Self::CustomerId => ("/customer_id", "customer_id"),
            Self::OwnerEmail => ("/owner/email", "owner.email"),
            Self::OwnerFirstName => ("/owner/first_name", "owner.first_name"),
            Self::OwnerLastName => ("/owner/last_name", "owner.last_name"),
            Self::OwnerPhoneNumber => ("/owner/phone_number", "owner.phone_number"),
            Self::SirenNumber => ("/siren_number", "siren_number"),
            Self::Comment => ("/comment", "comment"),
            Self::Domain => ("/domain", "domain"),
            Self::Address => ("/address", "address"),
            Self::MarketplaceOffers => ("/marketplace_offers", "marketplace_offers"),
            Self::Members => ("/members", "members"),
            Self::LabraSubscriptionId => (
                "/provider_options/labra_subscription_id",
                "provider_options.labra_subscription_id",
            ),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Field {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_pointer_with_dots() {
        for field in Field::ALL {
            assert_eq!(format!("/{}", field.as_str().replace('.', "/")), field.pointer());
            assert!(field.as_str().starts_with(field.top_level()));
        }
    }
}
