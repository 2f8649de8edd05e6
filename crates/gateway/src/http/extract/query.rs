//! The query of a request, read so that every fault is found at once. A parameter that an endpoint does
//! not know is refused: passed over, a misspelt filter would answer everything.

use axum::{extract::FromRequestParts, http::request::Parts};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    http::{body::LONGEST_TEXT, problem::Problem},
    operations::FieldProblem,
};

/// The query of a request.
#[derive(Debug, Default)]
pub(crate) struct QueryFields {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
    faults: Vec<FieldProblem>,
}

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let given = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { given, ..Self::default() })
    }
}

impl QueryFields {
    fn fault(&mut self, name: &str, code: &str, message: impl Into<String>) {
        self.faults.push(FieldProblem {
            pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            code: code.to_owned(),
            message: message.into(),
        });
    }

    /// Passes over what is empty: a form sends a field that nobody filled in.
    pub(crate) fn without_empty(mut self) -> Self {
        self.given.retain(|(_, value)| !value.is_empty());
        self
    }

    /// A text; an empty one narrows nothing and is a fault.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut values = self.given.iter().filter(|(given, _)| given == name);
        let value = values.next()?.1.clone();
        if values.next().is_some() {
            self.fault(name, "duplicate", "is given more than once");
            return None;
        }
        if value.is_empty() || value.contains('\0') || value.chars().count() > LONGEST_TEXT {
            self.fault(name, "invalid", "must be a text of 1 to 1024 characters");
            return None;
        }
        Some(value)
    }

    /// A text that is a `T`.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, "invalid", message.to_string());
                None
            }
        }
    }

    /// True or false.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.parsed(name, |text| text.parse::<bool>().map_err(|_e| "must be true or false"))
    }

    /// An id of ours.
    pub(crate) fn uuid(&mut self, name: &'static str) -> Option<Uuid> {
        self.parsed(name, |text| Uuid::try_parse(text).map_err(|_e| "must be a UUID"))
    }

    /// A time.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        self.parsed(name, |text| {
            DateTime::parse_from_rfc3339(text)
                .map(|time| time.with_timezone(&Utc))
                .map_err(|_e| "must be a time such as 2026-11-22T10:00:00Z")
        })
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        self.parsed(name, |text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("must be one of {}", words.join(", "))
            })
        })
    }

    /// Answers every fault of the query, unknown parameters among them.
    ///
    /// # Errors
    /// When there is a fault.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        let unknown: Vec<String> = self
            .given
            .iter()
            .filter(|(name, _)| !self.known.contains(&name.as_str()))
            .map(|(name, _)| name.clone())
            .collect();
        for name in unknown {
            self.fault(&name, "unknown_parameter", "is not a parameter of this endpoint");
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::of_faults(self.faults)) }
    }
}
