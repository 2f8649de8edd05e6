//! Identifiers as newtypes, so that one is never passed where another is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::{TextFault, check_identifier};

/// The reason why a text is not an identifier of some kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {fault}")]
pub struct InvalidId {
    pub(crate) what: &'static str,
    pub(crate) fault: IdFault,
}

/// The rule that an identifier breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdFault {
    /// A rule about the form of this kind of identifier.
    #[error("{0}")]
    Form(&'static str),
    /// A rule about the characters of every identifier.
    #[error(transparent)]
    Text(#[from] TextFault),
}

impl From<&'static str> for IdFault {
    fn from(rule: &'static str) -> Self {
        Self::Form(rule)
    }
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
                let check: fn(&str) -> Result<(), IdFault> = $check;
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
    /// The customer's id in the reseller's own systems: 1–256 characters that [`check_identifier`] accepts.
    CustomerId,
    "a customer id",
    check_customer_id
);

impl CustomerId {
    /// Accepts an id that exists already, in a stored row or at a provider: 1–256 characters without control
    /// characters. It may be older than the rules of [`CustomerId::new`].
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn from_existing(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let rule = check_length(&text).err().or_else(|| {
            text.chars().any(char::is_control).then_some("must not contain control characters")
        });
        match rule {
            None => Ok(Self(text)),
            Some(rule) => Err(InvalidId { what: "a customer id", fault: rule.into() }),
        }
    }
}

fn check_provider_name(text: &str) -> Result<(), IdFault> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    match text.chars().next() {
        None => return Err("must not be empty".into()),
        Some(first) if !word(first) => {
            return Err("must begin with a lower-case letter or digit".into());
        }
        Some(_) => {}
    }
    if text.len() > 63 {
        return Err("must be at most 63 characters".into());
    }
    if !text.chars().all(|c| word(c) || c == '-' || c == '_') {
        return Err("may hold lower-case letters, digits, '-' and '_' alone".into());
    }
    Ok(())
}

fn check_customer_id(text: &str) -> Result<(), IdFault> {
    check_length(text)?;
    Ok(check_identifier(text)?)
}

fn check_length(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() {
        return Err("must not be empty");
    }
    if text.chars().count() > 256 {
        return Err("must be at most 256 characters");
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

    #[test]
    fn a_customer_id_that_looks_like_another_is_refused_with_the_code_point() {
        assert_eq!(
            CustomerId::new("cust-42\u{200b}").unwrap_err().to_string(),
            "a customer id must not contain the invisible character U+200B (position 8); remove it"
        );
        for alike in [" cust-42", "cust-42 ", "\u{feff}cust-42", "cust-42\u{a0}", "cafe\u{301}"] {
            assert!(CustomerId::new(alike).is_err(), "{alike:?} was accepted");
        }
        assert_eq!(CustomerId::new("café 7").unwrap().as_str(), "café 7");
    }

    #[test]
    fn a_customer_id_that_exists_is_read_though_it_breaks_the_rules_of_today() {
        for existing in ["cust-42 ", "cust-42\u{200b}", "cafe\u{301}"] {
            assert_eq!(CustomerId::from_existing(existing).unwrap().as_str(), existing);
        }
        for bad in ["", " ", "a\0", &"x".repeat(257)] {
            assert!(CustomerId::from_existing(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
