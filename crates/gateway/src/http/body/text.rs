//! Texts, identifiers and labels in a body, and the rules about their characters.

use std::collections::BTreeMap;

use partner_core::{CustomerId, EmailAddress, Lines, TextFault, check_identifier, check_text};

use super::{LONGEST_LABEL, LONGEST_LABEL_NAME, LONGEST_TEXT, MOST_LABELS, Object};

/// A rule about the characters of a text.
type Check = fn(&str) -> Result<(), TextFault>;

impl Object<'_> {
    /// A text of one line and 1 to `max` characters.
    pub(crate) fn text(&mut self, name: &'static str, max: usize) -> Option<String> {
        self.checked(name, max, one_line)
    }

    /// A text of any number of lines and 1 to `max` characters.
    pub(crate) fn lines(&mut self, name: &'static str, max: usize) -> Option<String> {
        self.checked(name, max, |text| check_text(text, Lines::Multiple))
    }

    /// An identifier of 1 to `max` characters.
    pub(crate) fn identifier(&mut self, name: &'static str, max: usize) -> Option<String> {
        self.checked(name, max, check_identifier)
    }

    /// A text of one line that must be there.
    pub(crate) fn needed_text(&mut self, name: &'static str, max: usize) -> Option<String> {
        self.needed(name)?;
        self.text(name, max)
    }

    /// An identifier that must be there.
    pub(crate) fn needed_identifier(&mut self, name: &'static str, max: usize) -> Option<String> {
        self.needed(name)?;
        self.identifier(name, max)
    }

    /// The customer's id.
    pub(crate) fn customer_id(&mut self) -> Option<String> {
        let text = self.needed_identifier("customer_id", LONGEST_TEXT)?;
        self.or_fault("customer_id", CustomerId::new(text)).map(String::from)
    }

    /// An e-mail address.
    pub(crate) fn email(&mut self, name: &'static str) -> Option<EmailAddress> {
        let is_stored = self.is_stored(name);
        let text = self.identifier(name, LONGEST_TEXT)?;
        let read =
            if is_stored { EmailAddress::from_existing(text) } else { EmailAddress::new(text) };
        self.or_fault(name, read)
    }

    /// An e-mail address that must be there.
    pub(crate) fn needed_email(&mut self, name: &'static str) -> Option<EmailAddress> {
        self.needed(name)?;
        self.email(name)
    }

    /// The caller's labels; empty where the field is absent.
    pub(crate) fn labels(&mut self) -> BTreeMap<String, String> {
        let Some(object) = self.object("labels") else { return BTreeMap::new() };
        if object.map.len() > MOST_LABELS {
            self.fault("labels", "invalid", format!("must be at most {MOST_LABELS}"));
        }
        let mut labels = BTreeMap::new();
        for (key, value) in object.map {
            let fault = match value.as_str() {
                Some(_) if object.is_stored(key) => None,
                value => object.label_fault(key, value),
            };
            match (fault, value.as_str()) {
                (Some((code, message)), _) => object.fault(key, code, message),
                (None, text) => {
                    labels.insert(key.clone(), text.unwrap_or_default().to_owned());
                }
            }
        }
        labels
    }

    /// The code and the message of what is wrong with a label.
    fn label_fault(&self, key: &str, value: Option<&str>) -> Option<(&'static str, String)> {
        if let Some(fault) = length_fault(key, LONGEST_LABEL_NAME) {
            return Some(("invalid", format!("its key {fault}")));
        }
        if let Err(fault) = check_identifier(key) {
            return Some(("invalid", format!("its key {fault}")));
        }
        let Some(value) = value else {
            return Some(("invalid_type", "must be a text".to_owned()));
        };
        if value.chars().count() > LONGEST_LABEL {
            return Some(("invalid", format!("must be at most {LONGEST_LABEL} characters")));
        }
        let fault = one_line(value).err()?;
        Some(("invalid", self.named(key, fault)))
    }

    /// The field holds a stored text that the caller does not name.
    pub(super) fn is_stored(&self, name: &str) -> bool {
        self.faults.stored.contains(&self.pointer(name))
    }

    fn checked(&mut self, name: &'static str, max: usize, check: Check) -> Option<String> {
        let value = self.value(name)?;
        let Some(text) = value.as_str() else {
            self.fault(name, "invalid_type", "must be a text");
            return None;
        };
        if self.is_stored(name) {
            return Some(text.to_owned());
        }
        let fault = length_fault(text, max)
            .or_else(|| check(text).err().map(|fault| self.named(name, fault)));
        match fault {
            None => Some(text.to_owned()),
            Some(fault) => {
                self.fault(name, "invalid", fault);
                None
            }
        }
    }

    /// A fault that names its field with dots: `owner.email`.
    fn named(&self, name: &str, fault: TextFault) -> String {
        let place = format!("{}/{name}", self.at);
        format!("`{}` {fault}", place.trim_start_matches('/').replace('/', "."))
    }

    pub(super) fn or_fault<T, E: std::fmt::Display>(
        &self,
        name: &str,
        read: Result<T, E>,
    ) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(name, "invalid", fault.to_string());
                None
            }
        }
    }
}

fn one_line(text: &str) -> Result<(), TextFault> {
    check_text(text, Lines::Single)
}

/// The rule about its length that a text breaks.
fn length_fault(text: &str, max: usize) -> Option<String> {
    let count = text.chars().count();
    if count == 0 || text.trim().is_empty() {
        return Some("must not be empty".to_owned());
    }
    (count > max).then(|| format!("must be at most {max} characters"))
}
