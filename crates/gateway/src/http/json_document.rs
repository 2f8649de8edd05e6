//! Reading a JSON document strictly: UTF-8, no member twice in an object, bounded in depth.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{body::MOST_FAULTS, problem::Problem};
use crate::operations::FieldProblem;

/// The greatest depth of a document; the deepest that means anything has three levels.
const GREATEST_DEPTH: usize = 32;
/// What some programs write before a text in UTF-8. A reader may ignore it (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a document.
///
/// # Errors
/// 400 `invalid_json` where it is not UTF-8, not JSON or nested too deeply, and 400 `duplicate_member` with all
/// duplicates where an object has a member twice.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, Problem> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let before = bytes.len() - text.len();
    let text = std::str::from_utf8(text).map_err(|error| {
        let at = before + error.valid_up_to() + 1;
        Problem::invalid_json(format!(
            "the body must be UTF-8 (RFC 8259, section 8.1), and byte {at} is not"
        ))
    })?;
    let mut trail = Trail::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Document(&mut trail).deserialize(&mut reader);
    let document = read.and_then(|document| reader.end().map(|()| document)).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::invalid_json(format!("the body is not JSON at line {line}, column {column}"))
    })?;
    if trail.depth > GREATEST_DEPTH {
        return Err(Problem::invalid_json(format!(
            "the body is nested {} levels deep; at most {GREATEST_DEPTH} are allowed",
            trail.depth
        )));
    }
    if trail.duplicates.is_empty() {
        return Ok(document);
    }
    let detail = FieldProblem::sentences(&trail.duplicates);
    Err(Problem { errors: trail.duplicates, ..Problem::duplicate_member(detail) })
}

/// Where the reader is, and what it found on its way.
#[derive(Debug, Default)]
struct Trail {
    /// The names and indexes that lead here.
    steps: Vec<String>,
    /// The greatest depth so far.
    depth: usize,
    duplicates: Vec<FieldProblem>,
}

impl Trail {
    /// Reads a value one step further down.
    fn within<T>(&mut self, step: String, read: impl FnOnce(Document<'_>) -> T) -> T {
        self.steps.push(step);
        let value = read(Document(self));
        self.steps.pop();
        value
    }

    fn enter(&mut self) {
        self.depth = self.depth.max(self.steps.len() + 1);
    }

    fn note_duplicate(&mut self, name: &str) {
        let steps = self.steps.iter().map(String::as_str).chain([name]);
        let pointer: String =
            steps.map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect();
        let is_noted = self.duplicates.iter().any(|known| known.pointer == pointer);
        if self.duplicates.len() < MOST_FAULTS && !is_noted {
            self.duplicates.push(FieldProblem {
                pointer,
                code: "duplicate_member".to_owned(),
                message: "is in its object more than once; send it once".to_owned(),
            });
        }
    }
}

/// Reads one value of the document.
struct Document<'a>(&'a mut Trail);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let trail = self.0;
        trail.enter();
        let mut list = Vec::new();
        loop {
            let step = list.len().to_string();
            match trail.within(step, |document| items.next_element_seed(document))? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let trail = self.0;
        trail.enter();
        let mut object = Map::new();
        // The names are compared as they read, after unescaping.
        while let Some(name) = members.next_key::<String>()? {
            let value = trail.within(name.clone(), |document| members.next_value_seed(document))?;
            if object.contains_key(&name) {
                trail.note_duplicate(&name);
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_document_without_duplicates_is_read_as_it_is(document in value()) {
            let text = document.to_string();
            let plain: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read(text.as_bytes()).unwrap(), plain);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn every_duplicate_is_named_once_and_the_number_is_bounded() {
        let problem =
            read(br#"{"a": 1, "a": 2, "\u0061": 3, "b": [{"c~/": 1, "c~/": 1}]}"#).unwrap_err();
        assert_eq!((problem.status, problem.code.as_str()), (400, "duplicate_member"));
        let pointers: Vec<&str> = problem.errors.iter().map(|it| it.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b/0/c~0~1"]);
        let many: String = (0..500).map(|n| format!("\"{n}\":1,\"{n}\":2,")).collect();
        let many = format!("{{{}\"x\":1}}", many);
        assert_eq!(read(many.as_bytes()).unwrap_err().errors.len(), MOST_FAULTS);
    }

    #[test]
    fn a_document_has_a_greatest_depth() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(GREATEST_DEPTH).as_bytes()).is_ok());
        for depth in [GREATEST_DEPTH + 1, 5_000] {
            assert_eq!(read(nested(depth).as_bytes()).unwrap_err().code, "invalid_json");
        }
    }

    #[test]
    fn what_follows_the_document_is_a_fault() {
        assert_eq!(read(b" {\"a\": 1.5} ").unwrap(), json!({"a": 1.5}));
        assert_eq!(read(b"{} {}").unwrap_err().code, "invalid_json");
        assert_eq!(read(b"").unwrap_err().code, "invalid_json");
    }
}
