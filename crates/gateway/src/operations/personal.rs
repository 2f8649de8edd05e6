//! A provider that repeats what it was sent: its words are kept, and what tells of a person is taken out of
//! them first. Pure.

use partner_core::{Error, ProviderAnswer};
use serde_json::{Value, json};

use super::failure::Failure;
use crate::store::Organization;

/// What stands where personal data stood.
const MASK: &str = "***";
/// Parts of the names under which a stored request holds what tells of a person.
const PERSONAL: [&str; 7] =
    ["email", "first_name", "last_name", "phone_number", "address", "comment", "username"];
/// Shorter texts, such as a country's two letters, would be found in any sentence.
const SHORTEST: usize = 3;
/// How often JSON may be within JSON.
const DEEPEST: usize = 2;
/// How an emptied field is written in a stored request.
const EMPTIED: &str = "clear";

/// What tells of a person in what a provider was sent, or knows already.
pub struct Personal(Vec<String>);

impl std::fmt::Debug for Personal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Personal").field(&self.0.len()).finish()
    }
}

impl Personal {
    /// Of a stored request, and of the organization that it is for.
    #[must_use]
    pub fn of(request: &Value, org: &Organization) -> Self {
        let known = json!({ "owner": org.owner, "address": org.address, "comment": org.comment });
        Self::within(&[request, &known])
    }

    fn within(documents: &[&Value]) -> Self {
        let mut found = Vec::new();
        documents.iter().for_each(|document| collect(document, false, &mut found));
        // An address before the name that is a part of it.
        found.sort_by_key(|text| std::cmp::Reverse(text.len()));
        found.dedup();
        Self(found)
    }

    /// The failure, without it.
    #[must_use]
    pub fn out_of(&self, mut failure: Failure) -> Failure {
        self.mask(&mut failure.detail);
        for fault in &mut failure.errors {
            self.mask(&mut fault.pointer);
            self.mask(&mut fault.message);
        }
        if let Some(said) = &mut failure.provider {
            said.error_type.iter_mut().for_each(|text| self.mask(text));
            said.message.iter_mut().for_each(|text| self.mask(text));
        }
        failure
    }

    /// The provider's own name for the error, without it.
    pub(super) fn out_of_type(&self, error: &Error) -> Option<String> {
        let mut name =
            error.answer().and_then(|ProviderAnswer { error_type, .. }| error_type.clone());
        name.iter_mut().for_each(|text| self.mask(text));
        name
    }

    fn mask(&self, text: &mut String) {
        for word in &self.0 {
            // Who repeats the request repeats it as JSON, at times as JSON within JSON, where some signs are
            // written otherwise.
            let mut written = word.clone();
            for _ in 0..=DEEPEST {
                replace_words(text, &written);
                written = escaped(&written);
            }
        }
    }
}

fn collect(value: &Value, is_personal: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            if is_personal && text.chars().count() >= SHORTEST && text != EMPTIED {
                found.push(text.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, is_personal, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_named = PERSONAL.iter().any(|part| name.contains(part));
                collect(value, is_personal || is_named, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text as it is written within a text of JSON.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or(text).to_owned()
}

/// Masks a text wherever it stands for itself, in any case, and not within a longer word.
fn replace_words(text: &mut String, word: &str) {
    let (plain, sought) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let mut masked = String::with_capacity(text.len());
    let mut kept = 0;
    for (at, _) in plain.match_indices(&sought) {
        let end = at + sought.len();
        let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if joins(plain[..at].chars().next_back()) || joins(plain[end..].chars().next()) {
            continue;
        }
        masked.push_str(&text[kept..at]);
        masked.push_str(MASK);
        kept = end;
    }
    masked.push_str(&text[kept..]);
    *text = masked;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operations::{FailureCode, FieldProblem, ProviderSaid};

    fn request() -> Value {
        json!({ "new": {
            "name": "Acme SAS",
            "customer_id": "cust-1",
            "owner": { "email": "ada@acme.test", "first_name": "Ada", "last_name": "Martin" },
            "address": { "line1": "1 rue \"Basse\"", "country": "FR" },
            "members": [{ "email": "guest@acme.test", "role": "admin" }],
        } })
    }

    fn masked(text: &str) -> String {
        let mut text = text.to_owned();
        Personal::within(&[&request()]).mask(&mut text);
        text
    }

    #[test]
    fn what_was_sent_of_a_person_is_masked_wherever_it_is_repeated() {
        assert_eq!(masked("ADA@acme.test of Acme SAS is taken"), "*** of Acme SAS is taken");
        assert_eq!(masked("Ada Martin, adamant"), "*** ***, adamant");
        assert_eq!(masked(r#"{"line1": "1 rue \"Basse\""}"#), r#"{"line1": "***"}"#);
        assert_eq!(
            masked(r#""{\"line1\": \"1 rue \\\"Basse\\\"\"}""#),
            r#""{\"line1\": \"***\"}""#
        );
        assert_eq!(masked("admin in FR: cust-1"), "admin in FR: cust-1");
        assert_eq!(masked("guest@acme.test"), MASK);
    }

    #[test]
    fn every_word_of_the_provider_is_looked_at() {
        let echo = || Some("ada@acme.test".to_owned());
        let failure = Failure {
            provider: Some(ProviderSaid {
                name: "scaleway".to_owned(),
                status: 400,
                error_type: echo(),
                message: echo(),
                request_id: None,
            }),
            errors: vec![FieldProblem {
                pointer: "/ada@acme.test".to_owned(),
                code: "rejected_by_provider".to_owned(),
                message: "ada@acme.test".to_owned(),
            }],
            ..Failure::new(FailureCode::RejectedByProvider, "ada@acme.test")
        };
        let kept = Personal::within(&[&request()]).out_of(failure).to_value().to_string();
        assert!(!kept.contains("acme.test"), "{kept}");
    }

    #[test]
    fn an_emptied_field_is_no_word() {
        let patch =
            json!({ "patch": { "comment": "clear", "owner_email": { "set": "b@acme.test" } } });
        assert_eq!(Personal::within(&[&patch]).0, ["b@acme.test"]);
    }
}
