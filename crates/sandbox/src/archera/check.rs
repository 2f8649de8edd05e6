//! Whether a body is as Archera's schemas want it. What is wrong is told in the shape of the body:
//! by field, and in lists by index.

use super::Membership;
use serde_json::{Map, Value, json};
use url::Url;

const ROLES: [&str; 5] = ["user", "admin", "support", "cloud_rep", "restricted_user"];
/// The schemas name no default; this is the least.
const DEFAULT_ROLE: &str = "user";

const REQUIRED: &str = "Missing data for required field.";
const UNKNOWN: &str = "Unknown field.";
const NOT_TEXT: &str = "Not a valid string.";
const NULL: &str = "Field may not be null.";

/// What was found wrong, by field.
pub(super) type Errors = Map<String, Value>;

/// An object's fields, and what was found wrong with them so far.
pub(super) struct Checker<'a> {
    fields: &'a Map<String, Value>,
    pub(super) errors: Errors,
}

impl<'a> Checker<'a> {
    /// Refuses the fields that are not in `known`.
    pub(super) fn new(fields: &'a Map<String, Value>, known: &[&str]) -> Self {
        let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
        Self { fields, errors: unknown.map(|name| (name.clone(), json!([UNKNOWN]))).collect() }
    }

    fn fault(&mut self, name: &str, message: &str) {
        self.errors.insert(name.to_owned(), json!([message]));
    }

    /// A text; `None` when it is left out, or wrong and noted.
    pub(super) fn text(&mut self, name: &str, required: bool) -> Option<&'a str> {
        match self.fields.get(name) {
            Some(Value::String(text)) => return Some(text),
            Some(Value::Null) => self.fault(name, NULL),
            Some(_) => self.fault(name, NOT_TEXT),
            None if required => self.fault(name, REQUIRED),
            None => {}
        }
        None
    }

    /// A text that may be `null`, shown as it was sent.
    pub(super) fn nullable_text(&mut self, name: &str) -> Value {
        match self.fields.get(name) {
            None | Some(Value::Null) => Value::Null,
            Some(_) => self.text(name, false).map_or(Value::Null, |text| json!(text)),
        }
    }

    /// A link that may be `null`.
    pub(super) fn nullable_url(&mut self, name: &str) -> Value {
        let value = self.nullable_text(name);
        let link = value.as_str().map(Url::parse);
        if link.is_some_and(|link| !link.is_ok_and(|link| link.has_host())) {
            self.fault(name, "Not a valid URL.");
        }
        value
    }

    /// An address that may be `null`.
    pub(super) fn nullable_address(&mut self, name: &str) -> Value {
        match self.fields.get(name) {
            None | Some(Value::Null) => Value::Null,
            Some(Value::Object(address)) => {
                let (shown, errors) = check_address(address);
                if !errors.is_empty() {
                    self.errors.insert(name.to_owned(), Value::Object(errors));
                }
                shown
            }
            Some(_) => {
                let wrong = json!({"_schema": ["Invalid input type."]});
                self.errors.insert(name.to_owned(), wrong);
                Value::Null
            }
        }
    }

    /// The people to invite.
    pub(super) fn users(&mut self, name: &str, required: bool) -> Vec<Membership> {
        let users = match self.fields.get(name) {
            Some(Value::Array(users)) => users,
            Some(Value::Null) => {
                self.fault(name, NULL);
                return Vec::new();
            }
            Some(_) => {
                self.fault(name, "Not a valid list.");
                return Vec::new();
            }
            None => {
                if required {
                    self.fault(name, REQUIRED);
                }
                return Vec::new();
            }
        };
        let mut wrong = Errors::new();
        let mut invited = Vec::new();
        for (index, user) in users.iter().enumerate() {
            match check_user(user) {
                Ok(member) => invited.push(member),
                Err(errors) => {
                    wrong.insert(index.to_string(), Value::Object(errors));
                }
            }
        }
        if !wrong.is_empty() {
            self.errors.insert(name.to_owned(), Value::Object(wrong));
        }
        invited
    }
}

fn check_user(user: &Value) -> Result<Membership, Errors> {
    let Value::Object(fields) = user else {
        return Err(Errors::from_iter([("_schema".to_owned(), json!(["Invalid input type."]))]));
    };
    let mut checker = Checker::new(fields, &["email", "role"]);
    let email = checker.text("email", true).unwrap_or_default();
    if !checker.errors.contains_key("email") {
        if email.chars().count() > 255 {
            checker.fault("email", "Longer than maximum length 255.");
        } else if !is_email(email) {
            checker.fault("email", "Not a valid email address.");
        }
    }
    let role = checker.text("role", false).unwrap_or(DEFAULT_ROLE);
    if !ROLES.contains(&role) {
        let message = format!("Must be one of: {}.", ROLES.join(", "));
        checker.fault("role", &message);
    }
    if !checker.errors.is_empty() {
        return Err(checker.errors);
    }
    Ok(Membership { role: role.to_owned(), username: email.to_owned() })
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !text.contains(char::is_whitespace)
            && !domain.contains('@')
            && domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty())
    })
}

fn check_address(address: &Map<String, Value>) -> (Value, Errors) {
    const PARTS: [&str; 6] = ["line1", "line2", "city", "state", "zip", "country"];
    let mut checker = Checker::new(address, &PARTS);
    let mut shown = Map::new();
    for part in PARTS {
        let value = if part == "line2" {
            checker.nullable_text(part)
        } else {
            json!(checker.text(part, true))
        };
        shown.insert(part.to_owned(), value);
    }
    (Value::Object(shown), checker.errors)
}
