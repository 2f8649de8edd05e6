//! Identifiers as newtypes, so that one is never passed where another is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason why a text is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {fault}")]
pub struct InvalidId {
    pub(crate) what: &'static str,
    pub(crate) fault: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes the text if it is well-formed.
            ///
            /// # Errors
            /// Names what is wrong with the text.
            pub fn new(text: impl Into<String>) -> std::result::Result<Self, InvalidId> {
                let text = text.into();
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(&text).map_err(|fault| InvalidId { what: $what, fault })?;
                Ok(Self(text))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> std::result::Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> std::result::Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

text_id!(
    /// The name of one partner account in the gateway's configuration: `[a-z0-9][a-z0-9_-]{0,62}`.
    ProviderName,
    "a provider name",
    check_provider_name
);
text_id!(
    /// The customer's id in the reseller's own systems: 1–256 characters, no control characters.
    CustomerId,
    "a customer id",
    check_customer_id
);

fn check_provider_name(text: &str) -> Result<(), &'static str> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    match text.chars().next() {
        None => return Err("must not be empty"),
        Some(first) if !word(first) => return Err("must begin with a lower-case letter or digit"),
        Some(_) => {}
    }
    if text.len() > 63 {
        return Err("must be at most 63 characters");
    }
    if !text.chars().all(|c| word(c) || c == '-' || c == '_') {
        return Err("may hold lower-case letters, digits, '-' and '_' alone");
    }
    Ok(())
}

fn check_customer_id(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() {
        return Err("must not be empty");
    }
    if text.chars().count() > 256 {
        return Err("must be at most 256 characters");
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_name_is_a_short_lower_case_word() {
        for good in ["scaleway", "archera-eu", "a", "0_x"] {
            assert_eq!(ProviderName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-x", "Scaleway", "a b", "é", &"x".repeat(64)] {
            assert!(ProviderName::new(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_customer_id_is_counted_in_characters() {
        assert!(CustomerId::new("é".repeat(256)).is_ok());
        assert_eq!(
            CustomerId::new("é".repeat(257)).unwrap_err().to_string(),
            "a customer id must be at most 256 characters"
        );
        assert!(CustomerId::new("a\nb").is_err());
        assert!(CustomerId::new("  ").is_err());
    }
}
