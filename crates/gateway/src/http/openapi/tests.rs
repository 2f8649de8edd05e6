//! What a reader of the document may rely on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{TAGS, document, json as as_json};

fn written() -> Value {
    serde_json::from_str(&as_json().unwrap()).unwrap()
}

/// Every operation: method, path, and the operation itself.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods
            .filter(|(name, _)| ["get", "put", "post", "delete", "patch"].contains(&name.as_str()))
            .map(|(method, operation)| (method.clone(), path.clone(), operation.clone()))
    });
    all.collect()
}

/// Follows a reference within the document.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

#[test]
fn the_same_code_gives_the_same_document() {
    assert_eq!(as_json().unwrap(), as_json().unwrap());
    assert!(as_json().unwrap().ends_with("}\n"));
}

#[test]
fn it_is_openapi_3_1_and_says_whose_it_is() {
    let written = written();
    assert!(written["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(written["info"]["title"], "Partner gateway");
    assert_eq!(written["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(written["servers"], json!([{"url": "/"}]));
    assert_eq!(written["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[test]
fn every_operation_has_one_described_tag_and_an_id_of_its_own() {
    let written = written();
    let mut ids = BTreeSet::new();
    let mut used = BTreeSet::new();
    for (method, path, operation) in operations(&written) {
        let [tag] = operation["tags"].as_array().unwrap().as_slice() else {
            panic!("{method} {path} has not one tag");
        };
        used.insert(tag.as_str().unwrap().to_owned());
        assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}: id used twice");
        assert!(!operation["summary"].is_null(), "{method} {path} has no summary");
    }
    let described: BTreeSet<String> = TAGS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(used, described);
}

#[test]
fn every_operation_of_the_api_needs_a_token_and_says_how_it_refuses() {
    let written = written();
    let api: Vec<_> =
        operations(&written).into_iter().filter(|(_, path, _)| path.starts_with("/v1/")).collect();
    assert!(!api.is_empty());
    for (method, path, operation) in api {
        let security = operation["security"].as_array().unwrap();
        assert!(
            !security.is_empty() && security.iter().all(|needed| needed["bearer"].is_array()),
            "{method} {path} is open"
        );
        let responses = operation["responses"].as_object().unwrap();
        let mut needed = vec!["400", "401", "403", "414", "422", "429", "431", "500", "503"];
        if path.contains('{') {
            needed.push("404");
        }
        if method != "get" {
            needed.extend(["408", "409", "413", "415", "501", "502"]);
        }
        for status in needed {
            assert!(responses.contains_key(status), "{method} {path} does not tell {status}");
        }
    }
}

#[test]
fn every_refusal_is_a_problem_document() {
    let written = written();
    for (method, path, operation) in operations(&written) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolved(&written, response);
            let at = format!("{method} {path} {status}");
            assert!(!response["headers"]["X-Request-Id"].is_null(), "{at}");
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"];
                assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{at}");
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn follow(document: &Value, value: &Value, followed: &mut usize) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let target = document.pointer(reference.trim_start_matches('#'));
                    assert!(target.is_some(), "{reference} leads nowhere");
                    *followed += 1;
                }
                fields.values().for_each(|value| follow(document, value, followed));
            }
            Value::Array(values) => {
                values.iter().for_each(|value| follow(document, value, followed));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let written = written();
    let mut followed = 0;
    follow(&written, &written, &mut followed);
    assert!(followed > 0);
}

#[test]
fn probes_need_no_token() {
    let document = document();
    for path in ["/livez", "/readyz", "/metrics"] {
        let item = &document.paths.paths[path];
        let security = item.get.as_ref().unwrap().security.clone().unwrap();
        assert_eq!(serde_json::to_value(security).unwrap(), json!([{}]), "{path}");
    }
}

#[test]
fn every_text_of_a_body_says_what_it_may_hold() {
    fn look(document: &Value, schema: &Value, at: &str, seen: &mut BTreeSet<String>) {
        let schema = match schema["$ref"].as_str() {
            Some(reference) if !seen.insert(reference.to_owned()) => return,
            Some(_) | None => resolved(document, schema),
        };
        let of_type = &schema["type"];
        let is_text = *of_type == "string"
            || of_type.as_array().is_some_and(|types| types.contains(&json!("string")));
        if is_text {
            let bounds = ["pattern", "format", "enum"].map(|name| !schema[name].is_null());
            assert!(bounds.contains(&true), "{at} takes any text");
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            look(document, property, &format!("{at}/{name}"), seen);
        }
        for part in ["propertyNames", "additionalProperties", "items"] {
            if let Some(inner) = schema.get(part) {
                look(document, inner, &format!("{at} {part}"), seen);
            }
        }
        for one in ["oneOf", "anyOf", "allOf"].iter().filter_map(|of| schema[of].as_array()) {
            one.iter().for_each(|schema| look(document, schema, at, seen));
        }
    }
    let written = written();
    let mut seen = BTreeSet::new();
    for (method, path, operation) in operations(&written) {
        let content = operation["requestBody"]["content"].as_object();
        for media_type in content.into_iter().flat_map(|content| content.values()) {
            look(&written, &media_type["schema"], &format!("{method} {path}"), &mut seen);
        }
    }
    assert!(seen.len() > 10, "{seen:?}");
}
