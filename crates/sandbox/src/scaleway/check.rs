//! Whether a body is as Scaleway wants it. All that is wrong is told at once, as `invalid_arguments`.

use super::errors::{Detail, Reason, invalid_arguments};
use crate::wire::{Reply, parse_id};
use bytes::Bytes;
use serde_json::{Map, Value};

/// What a text must be.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// So many characters, both ends included.
    Length(usize, usize),
    Email,
    Siren,
    Username,
    Uuid,
    Free,
}

impl Rule {
    fn problem(self, text: &str) -> Option<(Reason, String)> {
        let count = text.chars().count();
        match self {
            Self::Length(least, most) => (!(least..=most).contains(&count)).then(|| {
                let help = format!("must be between {least} and {most} characters long");
                (Reason::Constraint, help)
            }),
            Self::Email => (!is_email(text)).then(|| format_help("must be a valid e-mail address")),
            Self::Siren => (text.len() != 9 || !text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| format_help("must match ^[0-9]{9}$")),
            Self::Username if !(2..=64).contains(&count) => {
                Some((Reason::Constraint, "must be between 2 and 64 characters long".to_owned()))
            }
            Self::Username => (!text.chars().all(is_username_char))
                .then(|| format_help("must match ^[a-zA-Z0-9@._-]+$")),
            Self::Uuid => parse_id(text).is_none().then(|| format_help("must be a valid UUID")),
            Self::Free => None,
        }
    }
}

fn format_help(help: &str) -> (Reason, String) {
    (Reason::Format, help.to_owned())
}

fn is_username_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "@._-".contains(c)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |part: &str| {
        !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@')
    };
    text.len() <= 254
        && plain(local)
        && plain(domain)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
}

/// A body's fields, and what was found wrong with them so far.
pub(super) struct Checker {
    fields: Map<String, Value>,
    details: Vec<Detail>,
}

impl Checker {
    /// Reads a body. A field that is not in `known` is refused; an empty body is `{}`.
    pub(super) fn read(body: &Bytes, known: &[&str]) -> Result<Self, Reply> {
        let parsed = if body.is_empty() {
            Ok(Map::new())
        } else {
            serde_json::from_slice::<Map<String, Value>>(body)
        };
        let Ok(fields) = parsed else {
            let help = "must be a JSON object".to_owned();
            let detail = detail("body", Reason::Format, help);
            return Err(invalid_arguments(&[detail]));
        };
        let details = fields
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| detail(name, Reason::Unknown, "is not a known field".to_owned()))
            .collect();
        Ok(Self { fields, details })
    }

    /// A text that must be there; `""` counts as absent.
    pub(super) fn required(&mut self, name: &str, rule: Rule) -> String {
        match self.text(name) {
            Ok(Some(text)) if !text.is_empty() => {
                self.apply(name, rule, &text);
                text
            }
            Ok(_) => {
                self.fault(name, Reason::Required, "is required".to_owned());
                String::new()
            }
            Err(WrongType) => String::new(),
        }
    }

    /// A text that may be left out or `null`.
    pub(super) fn optional(&mut self, name: &str, rule: Rule) -> Option<String> {
        let text = self.text(name).ok().flatten()?;
        self.apply(name, rule, &text);
        Some(text)
    }

    /// Answers all that was found wrong, if anything was.
    pub(super) fn finish(self) -> Result<(), Reply> {
        if self.details.is_empty() { Ok(()) } else { Err(invalid_arguments(&self.details)) }
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, WrongType> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                self.fault(name, Reason::Format, "must be a string".to_owned());
                Err(WrongType)
            }
        }
    }

    fn apply(&mut self, name: &str, rule: Rule, text: &str) {
        if let Some((reason, help)) = rule.problem(text) {
            self.fault(name, reason, help);
        }
    }

    fn fault(&mut self, name: &str, reason: Reason, help: String) {
        self.details.push(detail(name, reason, help));
    }
}

/// The field is there, but is no text; that has been noted.
struct WrongType;

pub(super) fn detail(name: &str, reason: Reason, help_message: String) -> Detail {
    Detail { argument_name: name.to_owned(), reason, help_message }
}
