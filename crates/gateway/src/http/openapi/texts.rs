//! What holds for every text that callers send: no body and no query takes control characters or nothing but
//! white space, and the document says so of each, so that no endpoint can forget it.

use std::collections::BTreeSet;

use utoipa::openapi::{
    OpenApi, RefOr, Schema,
    path::{ParameterIn, PathItem},
    schema::{AdditionalProperties, ArrayItems, Object, SchemaType, Type},
};

use super::refusals::operations;
use crate::http::body::{LONGEST_LABEL, LONGEST_LABEL_NAME, LONGEST_TEXT, MOST_LABELS};

/// A text in a body: it may have lines and tabs, and has something to read.
const TEXT: &str = r"^[^\u0000-\u0008\u000B-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F][^\u0000-\u0008\u000B-\u001F\u007F-\u009F]*$";
/// A customer's id: in one line.
const LINE: &str = r"^[^\u0000-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F][^\u0000-\u001F\u007F-\u009F]*$";
/// A provider's organization id: a UUID with hyphens, without, in braces or as a URN, in any case.
const PROVIDER_ORG_ID: &str = r"^([uU][rR][nN]:[uU][uU][iI][dD]:)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$|^\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}$|^[0-9a-fA-F]{32}$";
/// The lengths of the shortest and of the longest form of such an id.
const PROVIDER_ORG_ID_LENGTHS: (usize, usize) = (32, 45);
/// What the database can hold.
const NO_NUL: &str = r"^[^\u0000]*$";

/// Says of every text in bodies and queries what is taken.
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
        object.pattern = Some(TEXT.to_owned());
        object.min_length.get_or_insert(1);
        object.max_length.get_or_insert(LONGEST_TEXT);
    }
    for (name, property) in &mut object.properties {
        if let ("customer_id", RefOr::T(Schema::Object(id))) = (name.as_str(), &mut *property) {
            id.pattern = Some(LINE.to_owned());
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
        name.pattern = Some(TEXT.to_owned());
        name.min_length = Some(1);
        name.max_length = Some(LONGEST_LABEL_NAME);
    }
    if let Some(AdditionalProperties::RefOr(RefOr::T(Schema::Object(value)))) =
        object.additional_properties.as_deref_mut()
    {
        value.pattern = Some(NO_NUL.to_owned());
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
