//! Reading a JSON body field by field, so that every fault is found at once, each with its place.

mod lists;
mod text;

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use partner_core::{Address, MarketplaceOffers, NewMember, Owner, Role, check_identifier};
use serde_json::{Map, Value};

use crate::operations::FieldProblem;

/// The longest text that is taken where nothing shorter is said, in characters.
pub(crate) const LONGEST_TEXT: usize = 1024;
/// Labels an organization may have.
pub(crate) const MOST_LABELS: usize = 64;
/// The longest name of a label, in characters.
pub(crate) const LONGEST_LABEL_NAME: usize = 63;
/// The longest value of a label, in characters.
pub(crate) const LONGEST_LABEL: usize = 255;
/// The most faults that are reported of one body.
pub(crate) const MOST_FAULTS: usize = 100;
/// People that one request may invite.
const MOST_MEMBERS: usize = 100;

/// The faults found so far, shared by the readers of one body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    found: Rc<RefCell<Vec<FieldProblem>>>,
    stored: Rc<BTreeSet<String>>,
}

impl Faults {
    /// The faults of a body in which the texts at these pointers are stored ones that the caller does not name.
    /// They may be older than the rules of today, and are read as they are.
    pub(crate) fn with_stored(stored: BTreeSet<String>) -> Self {
        Self { found: Rc::default(), stored: Rc::new(stored) }
    }

    /// Adds a fault, unless there are enough: an answer is never larger than its request.
    pub(crate) fn add(&self, pointer: &str, code: &str, message: impl Into<String>) {
        if self.found.borrow().len() >= MOST_FAULTS {
            return;
        }
        self.found.borrow_mut().push(FieldProblem {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            message: message.into(),
        });
    }

    /// All of them.
    pub(crate) fn take(&self) -> Vec<FieldProblem> {
        self.found.take()
    }

    fn is_named(&self, pointer: &str) -> bool {
        let found = self.found.borrow();
        found.iter().any(|fault| {
            let inside = fault.pointer.strip_prefix(pointer);
            inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// A JSON object that is being read. What was not asked for by [`Object::finish`] is an unknown field.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    map: &'a Map<String, Value>,
    at: String,
    known: Vec<&'static str>,
    faults: Faults,
}

impl<'a> Object<'a> {
    /// The body itself, which must be an object.
    pub(crate) fn of_body(body: &'a Value, faults: &Faults) -> Option<Self> {
        Self::of(body, String::new(), faults)
    }

    fn of(value: &'a Value, at: String, faults: &Faults) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { map, at, known: Vec::new(), faults: faults.clone() }),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                faults.add(&at, "invalid_type", "must be a JSON object");
                None
            }
        }
    }

    /// Where a field of this object stands.
    pub(crate) fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }

    /// A fault of a field.
    pub(crate) fn fault(&self, name: &str, code: &str, message: impl Into<String>) {
        self.faults.add(&self.pointer(name), code, message);
    }

    /// The field's value; `None` where it is absent or null.
    fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Names every field that nobody asked for.
    pub(crate) fn finish(self) {
        for name in self.map.keys() {
            if !self.known.contains(&name.as_str()) {
                self.fault(name, "unknown_field", "is not a field of this request");
            }
        }
    }

    fn needed(&mut self, name: &'static str) -> Option<()> {
        if self.value(name).is_none() {
            self.fault(name, "required", "is required");
            return None;
        }
        Some(())
    }

    /// A text that is a `T`.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name, LONGEST_TEXT)?;
        self.or_fault(name, parse(text))
    }

    /// True or false.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let value = self.value(name)?;
        if value.as_bool().is_none() {
            self.fault(name, "invalid_type", "must be true or false");
        }
        value.as_bool()
    }

    /// An object within.
    pub(crate) fn object(&mut self, name: &'static str) -> Option<Object<'a>> {
        let value = self.value(name)?;
        Object::of(value, self.pointer(name), &self.faults)
    }

    /// The owner.
    pub(crate) fn owner(&mut self) -> Option<Owner> {
        let mut owner = self.object("owner")?;
        let read = Owner {
            email: owner.email("email"),
            first_name: owner.text("first_name", 256),
            last_name: owner.text("last_name", 256),
            phone_number: owner.text("phone_number", 64),
        };
        owner.finish();
        Some(read)
    }

    /// A SIREN number: nine digits.
    pub(crate) fn siren_number(&mut self) -> Option<String> {
        self.parsed("siren_number", |text| {
            let digits = text.len() == 9 && text.bytes().all(|b| b.is_ascii_digit());
            if digits { Ok(text) } else { Err("must be 9 digits") }
        })
    }

    /// An internet domain.
    pub(crate) fn domain(&mut self) -> Option<String> {
        self.parsed("domain", |text| {
            let label = |label: &str| {
                (1..=63).contains(&label.len())
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            };
            let fine = text.len() <= 253
                && text.contains('.')
                && text.split('.').all(label)
                && check_identifier(&text).is_ok();
            if fine { Ok(text) } else { Err("must be an internet domain, such as acme.test") }
        })
    }

    /// The postal address, whole.
    pub(crate) fn address(&mut self) -> Option<Address> {
        let mut address = self.object("address")?;
        let line1 = address.needed_text("line1", 256);
        let line2 = address.text("line2", 256);
        let city = address.needed_text("city", 256);
        let state = address.needed_text("state", 256);
        let postal_code = address.needed_text("postal_code", 32);
        address.needed("country");
        let country = address.country();
        address.finish();
        Some(Address {
            line1: line1?,
            line2,
            city: city?,
            state: state?,
            postal_code: postal_code?,
            country: country?,
        })
    }

    /// The country of an address.
    pub(crate) fn country(&mut self) -> Option<String> {
        if self.is_stored("country") {
            return self.text("country", LONGEST_TEXT);
        }
        self.parsed("country", |text| {
            let code = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
            if code { Ok(text) } else { Err("must be two capital letters (ISO 3166-1 alpha-2)") }
        })
    }

    /// A password: any text, also an empty one, that must be there. It is in no fault's message.
    pub(crate) fn password(&mut self, name: &'static str) -> Option<String> {
        self.needed(name)?;
        let password = self.value(name).and_then(Value::as_str).map(str::to_owned);
        if password.is_none() {
            self.fault(name, "invalid_type", "must be a text");
        }
        password
    }

    /// Fields that this request may carry and does not look at.
    pub(crate) fn pass_over(&mut self, names: &[&'static str]) {
        self.known.extend_from_slice(names);
    }

    /// The marketplace offers.
    pub(crate) fn marketplace_offers(&mut self) -> Option<MarketplaceOffers> {
        let mut offers = self.object("marketplace_offers")?;
        let read = MarketplaceOffers {
            aws: offers.link("aws"),
            azure: offers.link("azure"),
            gcp: offers.link("gcp"),
        };
        offers.finish();
        (read != MarketplaceOffers::default()).then_some(read)
    }

    fn link(&mut self, name: &'static str) -> Option<String> {
        if self.is_stored(name) {
            return self.text(name, LONGEST_TEXT);
        }
        self.parsed(name, |text| match url::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text),
            Ok(_) | Err(_) => Err("must be an absolute http or https URL"),
        })
    }

    /// People to invite; empty where the field is absent.
    pub(crate) fn members(&mut self) -> Vec<NewMember> {
        let Some(value) = self.value("members") else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.fault("members", "invalid_type", "must be a list");
            return Vec::new();
        };
        if items.len() > MOST_MEMBERS {
            self.fault("members", "invalid", format!("must be at most {MOST_MEMBERS}"));
            return Vec::new();
        }
        let mut members: Vec<NewMember> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = format!("{}/{index}", self.pointer("members"));
            let Some(member) = Self::of(item, at, &self.faults).and_then(Self::member) else {
                continue;
            };
            if members.iter().any(|known| known.email == member.email) {
                let pointer = format!("{}/{index}/email", self.pointer("members"));
                self.faults.add(&pointer, "duplicate", "is invited twice");
            }
            members.push(member);
        }
        members
    }

    fn member(mut self) -> Option<NewMember> {
        self.needed("email");
        let email = self.email("email");
        let role = self.parsed("role", |text| {
            Role::ALL
                .into_iter()
                .find(|role| role.as_str() == text)
                .ok_or("must be one of user, admin, support, cloud_rep, restricted_user")
        });
        self.finish();
        Some(NewMember { email: email?, role })
    }

    /// A fault names the field or a place inside it.
    pub(crate) fn is_faulty(&self, name: &str) -> bool {
        self.faults.is_named(&self.pointer(name))
    }
}

#[cfg(test)]
mod tests;
