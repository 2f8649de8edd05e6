//! The rules about characters that hold for every text and identifier of a body or a query, added to the document
//! by rule, so that no endpoint can forget them.
//!
//! A pattern says all that every regular expression engine reads alike: the characters of the Basic Multilingual
//! Plane, by ranges. It does not say which code points are unassigned, which characters above U+FFFF are refused,
//! that identifiers are in normalization form C, and that directional isolates are balanced.

use std::{collections::BTreeSet, fmt::Write, sync::LazyLock};

use partner_core::{TextRule, rule_against_in_identifier};

use utoipa::openapi::{
    OpenApi, RefOr, Schema,
    path::{ParameterIn, PathItem},
    schema::{AdditionalProperties, ArrayItems, Object, SchemaType, Type},
};

use super::refusals::operations;
use crate::http::body::{LONGEST_LABEL, LONGEST_LABEL_NAME, LONGEST_TEXT, MOST_LABELS};

/// A provider's organization id: a UUID with hyphens, without, in braces or as a URN, in any case.
const PROVIDER_ORG_ID: &str = r"^([uU][rR][nN]:[uU][uU][iI][dD]:)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$|^\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}$|^[0-9a-fA-F]{32}$";
/// The lengths of the shortest and of the longest form of such an id.
const PROVIDER_ORG_ID_LENGTHS: (usize, usize) = (32, 45);
/// A text of several lines: it may have line feeds and tabs, and has something to read.
const LINES: &str = r"^[^\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E]*[^\s\u0000-\u001F\u007F-\u009F\u202A-\u202E][^\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E]*$";
/// A text of one line that has something to read.
const LINE: &str = r"^[^\u0000-\u001F\u007F-\u009F\u2028-\u202E]*[^\s\u0000-\u001F\u007F-\u009F\u2028-\u202E][^\u0000-\u001F\u007F-\u009F\u2028-\u202E]*$";
/// A text of one line that may be empty.
const LINE_OR_NOTHING: &str = r"^[^\u0000-\u001F\u007F-\u009F\u2028-\u202E]*$";
/// An identifier: no character that is refused everywhere, and no space at the edges.
static IDENTIFIER: LazyLock<String> = LazyLock::new(|| {
    let refused = refused_in_identifiers();
    format!("^[^ {refused}]+( +[^ {refused}]+)*$")
});
/// What the database can hold.
const NO_NUL: &str = r"^[^\u0000]*$";

/// The characters of the Basic Multilingual Plane that no identifier has, as the ranges of a character class.
fn refused_in_identifiers() -> String {
    let is_refused = |character: &char| {
        let rule = rule_against_in_identifier(*character);
        rule.is_some_and(|rule| rule != TextRule::Unassigned)
    };
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for code_point in ('\0'..='\u{ffff}').filter(is_refused).map(u32::from) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == code_point => *last = code_point,
            Some(_) | None => ranges.push((code_point, code_point)),
        }
    }
    ranges.into_iter().fold(String::new(), |mut class, (first, last)| {
        let _infallible = write!(class, "\\u{first:04X}");
        if first < last {
            let _infallible = write!(class, "-\\u{last:04X}");
        }
        class
    })
}

/// Adds to every text in bodies and queries the characters and the lengths that are accepted.
pub(super) fn bound(document: &mut OpenApi) {
    let mut named = BTreeSet::new();
    for item in document.paths.paths.values_mut() {
        bound_queries(item);
        for (_, operation) in operations(item) {
            let bodies = operation.request_body.iter_mut().filter_map(|body| match body {
                RefOr::T(body) => Some(body),
                RefOr::Ref(_) => None,
            });
            for content in bodies.flat_map(|body| body.content.values_mut()) {
                if let RefOr::T(content) = content {
                    content.schema.iter_mut().for_each(|schema| bound_schema(schema, &mut named));
                }
            }
        }
    }
    let Some(components) = &mut document.components else { return };
    let mut seen = BTreeSet::new();
    while let Some(name) = named.pop_first() {
        if seen.insert(name.clone())
            && let Some(schema) = components.schemas.get_mut(&name)
        {
            bound_schema(schema, &mut named);
        }
    }
}

fn bound_queries(item: &mut PathItem) {
    for (_, operation) in operations(item) {
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(parameter) = parameter
                && parameter.parameter_in == ParameterIn::Query
                && let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
                && is_free_text(object)
            {
                if parameter.name == "provider_org_id" {
                    bound_provider_org_id(object);
                }
                object.pattern.get_or_insert_with(|| NO_NUL.to_owned());
                object.min_length.get_or_insert(1);
                object.max_length.get_or_insert(LONGEST_TEXT);
            }
        }
    }
}

/// Bounds the texts within, and adds the schemas that it names to `named`.
fn bound_schema(schema: &mut RefOr<Schema>, named: &mut BTreeSet<String>) {
    match schema {
        RefOr::Ref(reference) => {
            named.extend(reference.ref_location.rsplit('/').next().map(str::to_owned));
        }
        RefOr::T(Schema::Object(object)) => bound_object(object, named),
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                bound_schema(items, named);
            }
        }
        RefOr::T(Schema::OneOf(all)) => {
            all.items.iter_mut().for_each(|item| bound_schema(item, named));
        }
        RefOr::T(Schema::AllOf(all)) => {
            all.items.iter_mut().for_each(|item| bound_schema(item, named));
        }
        RefOr::T(Schema::AnyOf(all)) => {
            all.items.iter_mut().for_each(|item| bound_schema(item, named));
        }
        // The library may learn of more kinds of schemas; we make none of them.
        RefOr::T(_) => {}
    }
}

fn bound_object(object: &mut Object, named: &mut BTreeSet<String>) {
    if is_free_text(object) && object.pattern.is_none() {
        object.pattern = Some(LINE.to_owned());
        object.min_length.get_or_insert(1);
        object.max_length.get_or_insert(LONGEST_TEXT);
    }
    for (name, property) in &mut object.properties {
        if let RefOr::T(Schema::Object(text)) = &mut *property
            && is_free_text(text)
        {
            match name.as_str() {
                "customer_id" | "tenant" => text.pattern = Some(IDENTIFIER.clone()),
                "comment" => text.pattern = Some(LINES.to_owned()),
                _ => {}
            }
        }
        if let ("provider_org_id", RefOr::T(Schema::Object(id))) = (name.as_str(), &mut *property) {
            bound_provider_org_id(id);
        }
        bound_schema(property, named);
    }
    if object.property_names.is_some() {
        bound_labels(object);
    }
}

fn bound_provider_org_id(object: &mut Object) {
    let (shortest, longest) = PROVIDER_ORG_ID_LENGTHS;
    object.pattern = Some(PROVIDER_ORG_ID.to_owned());
    (object.min_length, object.max_length) = (Some(shortest), Some(longest));
}

/// A map of texts to texts: the caller's labels.
fn bound_labels(object: &mut Object) {
    object.max_properties = Some(MOST_LABELS);
    if let Some(Schema::Object(name)) = object.property_names.as_deref_mut() {
        name.pattern = Some(IDENTIFIER.clone());
        name.min_length = Some(1);
        name.max_length = Some(LONGEST_LABEL_NAME);
    }
    if let Some(AdditionalProperties::RefOr(RefOr::T(Schema::Object(value)))) =
        object.additional_properties.as_deref_mut()
    {
        value.pattern = Some(LINE_OR_NOTHING.to_owned());
        value.max_length = Some(LONGEST_LABEL);
    }
}

/// A text of which nothing else is said.
fn is_free_text(object: &Object) -> bool {
    let is_text = match &object.schema_type {
        SchemaType::Type(of_type) => *of_type == Type::String,
        SchemaType::Array(types) => types.contains(&Type::String),
        SchemaType::AnyValue => false,
    };
    is_text && object.format.is_none() && object.enum_values.is_none()
}

#[cfg(test)]
mod tests {
    use partner_core::{Lines, check_identifier, check_text};
    use proptest::{prelude::*, string::string_regex};

    use super::*;

    /// The rules that a pattern does not say.
    fn is_beyond_patterns(rule: TextRule, character: char) -> bool {
        let unsaid = [
            TextRule::Composed,
            TextRule::Unassigned,
            TextRule::OpenIsolate,
            TextRule::StrayIsolateEnd,
        ];
        unsaid.contains(&rule) || character > '\u{ffff}'
    }

    /// Texts that match a pattern, which the generator takes without its anchors.
    fn matching(pattern: &str) -> impl Strategy<Value = String> + use<> {
        string_regex(pattern.trim_start_matches('^').trim_end_matches('$')).unwrap()
    }

    #[test]
    fn the_pattern_of_identifiers_names_ranges_by_short_escapes() {
        assert!(IDENTIFIER.is_ascii());
        for range in [r"\u0000-\u001F", r"\u007F-\u00A0", r"\u2000-\u200F", r"\uFEFF", r"\u3164"] {
            assert!(IDENTIFIER.contains(range), "{range} is not in {}", *IDENTIFIER);
        }
        assert!(IDENTIFIER.len() < 1_000, "{}", *IDENTIFIER);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_reader_accepts_the_identifiers_that_the_document_allows(
            text in matching(&IDENTIFIER)
        ) {
            if let Err(fault) = check_identifier(&text) {
                prop_assert!(is_beyond_patterns(fault.rule, fault.character), "{}", fault);
            }
        }

        #[test]
        fn the_reader_accepts_the_texts_that_the_document_allows(
            (line, lines) in (matching(LINE), matching(LINES))
        ) {
            for (text, of) in [(line, Lines::Single), (lines, Lines::Multiple)] {
                if let Err(fault) = check_text(&text, of) {
                    prop_assert!(is_beyond_patterns(fault.rule, fault.character), "{}", fault);
                }
            }
        }
    }
}
