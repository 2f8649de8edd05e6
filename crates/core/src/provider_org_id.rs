//! Organization ids of providers, and the canonical form that each kind of provider gives them.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::ids::InvalidId;

/// The name of the identifier in error messages.
const WHAT: &str = "a provider organization id";

/// The id of a child organization at its provider.
///
/// # Behavior
/// Text from outside becomes an id only by [`ProviderOrgIdFormat::parse`], which yields the canonical form. Two ids
/// of one account are therefore equal exactly when they identify the same organization.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ProviderOrgId(String);

impl ProviderOrgId {
    /// Restores an id that the gateway stored itself. For the store alone: it does not canonicalize.
    ///
    /// # Behavior
    /// Earlier versions stored 1 to 128 printable ASCII characters in any form. A row with such an id must stay
    /// readable; [`ProviderOrgIdFormat::is_canonical`] tells whether a provider may be asked for it.
    ///
    /// # Errors
    /// The text is not one that any version stored.
    pub fn from_stored(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let is_storable =
            (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        if is_storable {
            Ok(Self(text))
        } else {
            let fault = "must have 1 to 128 printable ASCII characters without spaces";
            Err(InvalidId { what: WHAT, fault: fault.into() })
        }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderOrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ProviderOrgId> for String {
    fn from(id: ProviderOrgId) -> Self {
        id.0
    }
}

/// The form of the organization ids of a kind of provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderOrgIdFormat {
    /// A UUID. Canonical form: lower case with hyphens.
    #[default]
    Uuid,
}

impl ProviderOrgIdFormat {
    /// The name of the format, as the API shows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
        }
    }

    /// Reads an id from outside text and returns it in its canonical form.
    ///
    /// # Behavior
    /// `uuid` accepts a UUID with hyphens, without hyphens, in braces or as a URN, in any case. It refuses the nil
    /// and the max UUID, which identify nothing, and white space.
    ///
    /// # Errors
    /// The text has no canonical form; the message names the rule and the fix.
    pub fn parse(self, text: &str) -> Result<ProviderOrgId, InvalidId> {
        match self {
            Self::Uuid => canonical_uuid(text),
        }
    }

    /// Returns whether the id has the canonical form. An adapter sends no other id.
    #[must_use]
    pub fn is_canonical(self, id: &ProviderOrgId) -> bool {
        self.parse(id.as_str()).as_ref() == Ok(id)
    }
}

impl fmt::Display for ProviderOrgIdFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn canonical_uuid(text: &str) -> Result<ProviderOrgId, InvalidId> {
    let invalid = |fault: &'static str| InvalidId { what: WHAT, fault: fault.into() };
    // The parser knows `urn:uuid:` in lower case alone; RFC 8141 allows any case.
    let id = Uuid::try_parse(&text.to_ascii_lowercase()).map_err(|_not_a_uuid| {
        invalid("must be a UUID without white space, such as 6170692e-7363-616c-6577-61792e636f6d")
    })?;
    if id.is_nil() || id.is_max() {
        return Err(invalid(
            "must not be the nil or the max UUID; use the id that the provider shows",
        ));
    }
    Ok(ProviderOrgId(id.hyphenated().to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: ProviderOrgIdFormat = ProviderOrgIdFormat::Uuid;

    fn some_uuid() -> impl Strategy<Value = Uuid> {
        (1..u128::MAX).prop_map(Uuid::from_u128)
    }

    /// Every form of a UUID, each in lower and in upper case.
    fn forms(id: Uuid) -> Vec<String> {
        let lower = [
            id.hyphenated().to_string(),
            id.simple().to_string(),
            id.braced().to_string(),
            id.urn().to_string(),
        ];
        lower.iter().cloned().chain(lower.iter().map(|form| form.to_uppercase())).collect()
    }

    /// Returns the hexadecimal digits, which all forms of a UUID share.
    fn digits(text: &str) -> String {
        let text = text.to_ascii_lowercase();
        let text = text.strip_prefix("urn:uuid:").unwrap_or(&text);
        text.chars().filter(char::is_ascii_hexdigit).collect()
    }

    proptest! {
        #[test]
        fn every_form_of_a_uuid_yields_one_id(id in some_uuid()) {
            for form in forms(id) {
                let parsed = UUID.parse(&form).unwrap();
                prop_assert_eq!(parsed.as_str(), id.hyphenated().to_string(), "{}", form);
            }
        }

        #[test]
        fn mixed_case_yields_the_same_id(id in some_uuid(), upper in any::<u64>()) {
            let mixed: String = id.hyphenated().to_string().chars().enumerate()
                .map(|(at, c)| if upper >> at & 1 == 1 { c.to_ascii_uppercase() } else { c })
                .collect();
            prop_assert_eq!(UUID.parse(&mixed), UUID.parse(&id.to_string()));
        }

        #[test]
        fn parsing_is_idempotent(id in some_uuid()) {
            let once = UUID.parse(&id.braced().to_string()).unwrap();
            prop_assert!(UUID.is_canonical(&once));
            prop_assert_eq!(UUID.parse(once.as_str()), Ok(once));
        }

        #[test]
        fn distinct_uuids_yield_distinct_ids(one in some_uuid(), other in some_uuid()) {
            let (one_id, other_id) = (UUID.parse(&one.to_string()), UUID.parse(&other.to_string()));
            prop_assert_eq!(one_id == other_id, one == other);
        }

        #[test]
        fn other_text_is_refused(text in any::<String>()) {
            if let Ok(id) = UUID.parse(&text) {
                prop_assert_eq!(digits(&text), digits(id.as_str()));
            }
        }

        /// Text that is close to a UUID: one character more, less or other.
        #[test]
        fn damaged_forms_are_refused(id in some_uuid(), at in any::<prop::sample::Index>(), c in any::<char>()) {
            prop_assume!(!c.is_ascii_hexdigit());
            for form in forms(id) {
                let at = at.index(form.len());
                let mut longer = form.clone();
                longer.insert(at, c);
                let mut shorter = form.clone();
                shorter.remove(at);
                let mut other = form.clone();
                if other.remove(at).eq_ignore_ascii_case(&c) {
                    continue;
                }
                other.insert(at, c);
                for damaged in [longer, shorter, other] {
                    prop_assert!(UUID.parse(&damaged).is_err(), "{:?} was accepted", damaged);
                }
            }
        }
    }

    #[test]
    fn text_without_a_canonical_form_is_refused_with_rule_and_fix() {
        let id = "6170692e-7363-616c-6577-61792e636f6d";
        for text in [
            "",
            " ",
            "x",
            "org-77",
            "../x",
            "a/b",
            "{}",
            "urn:uuid:",
            "{6170692e7363616c657761792e636f6d}",
            &format!(" {id}"),
            &format!("{id}\n"),
            &format!("\u{a0}{id}"),
            &format!("{id}\0"),
            &format!("{{{id}"),
            &format!("{id}}}"),
            &format!("urn:{id}"),
            &format!("uuid:{id}"),
        ] {
            let refusal = UUID.parse(text).expect_err(text).to_string();
            assert!(
                refusal.contains("must be a UUID") && refusal.contains(id),
                "{text:?}: {refusal}"
            );
        }
        for text in [Uuid::nil(), Uuid::max()].into_iter().flat_map(forms) {
            let refusal = UUID.parse(&text).expect_err(&text).to_string();
            assert!(refusal.contains("nil or the max UUID"), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn a_stored_id_is_restored_as_it_is() {
        for stored in ["6170692E-7363-616C-6577-61792E636F6D", "org-77", "../x"] {
            let id = ProviderOrgId::from_stored(stored).unwrap();
            assert_eq!(id.as_str(), stored);
            assert!(!UUID.is_canonical(&id), "{stored}");
        }
        for bad in ["", "a b", "a\u{0}", "é", &"x".repeat(129)] {
            assert!(ProviderOrgId::from_stored(bad).is_err(), "{bad:?} was restored");
        }
    }
}
