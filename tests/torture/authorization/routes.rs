//! The document and the router, held against each other: what the router has, the document has.

use std::{collections::BTreeSet, fs, path::Path};

use reqwest::Method;
use serde_json::Value;

use crate::{harness::Client, real::Fault};

/// An operation of the document.
#[derive(Debug, Clone)]
pub(super) struct Documented {
    pub(super) method: Method,
    pub(super) path: String,
    /// The scopes that it wants, all of them; none where it is for everybody.
    pub(super) scopes: Vec<String>,
    pub(super) has_body: bool,
}

/// What is no part of the API, by how its paths begin: the reference and the console, whose pages have a
/// sign-in and tests of their own.
const OUTSIDE: [&str; 3] = ["/openapi.json", "/docs", "/ops"];
/// Methods that an endpoint may have.
const METHODS: [Method; 6] =
    [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH, Method::TRACE];
/// Where the gateway's routes are written down.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/gateway/src/http");

/// Every operation of the document.
///
/// # Errors
/// One of the API that names no scope.
pub(super) fn documented(document: &Value) -> Result<Vec<Documented>, Fault> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            if !METHODS.contains(&method) {
                continue;
            }
            let wanted = operation["security"][0]["bearer"].as_array();
            let scopes: Vec<String> = wanted
                .into_iter()
                .flatten()
                .filter_map(|scope| scope.as_str().map(str::to_owned))
                .collect();
            if path.starts_with("/v1/") && scopes.is_empty() {
                return Err(Fault(format!("{method} {path} names no scope")));
            }
            let has_body = operation["requestBody"].is_object();
            found.push(Documented { method, path: path.clone(), scopes, has_body });
        }
    }
    if found.is_empty() {
        Err(Fault("the document has no operation".to_owned()))
    } else {
        Ok(found)
    }
}

/// Routes that the router has and the document has not; and how many were looked at.
///
/// # Errors
/// The source cannot be read, or a gateway does not answer.
pub(super) async fn undocumented(
    client: &Client,
    documented: &[Documented],
) -> Result<(u64, Vec<String>), Fault> {
    let paths: BTreeSet<&str> = documented.iter().map(|it| it.path.as_str()).collect();
    let written = written_down(Path::new(SOURCE))?;
    let is_outside = |path: &str| OUTSIDE.iter().any(|outside| path.starts_with(outside));
    let mut found: Vec<String> = written
        .iter()
        .filter(|path| !paths.contains(path.as_str()) && !is_outside(path))
        .map(|path| format!("the router has {path}, and the document has not"))
        .collect();
    let mut looked_at = written.len() as u64;
    for path in paths {
        for method in METHODS {
            let is_known = documented.iter().any(|it| it.path == path && it.method == method);
            if is_known {
                continue;
            }
            looked_at += 1;
            let reply = client.call(method.clone(), &filled(path)).await;
            if reply.status != 405 || !allows(documented, path, reply.header("allow")) {
                found.push(format!(
                    "{method} {path} is not in the document and answers {} (Allow: {})",
                    reply.status,
                    reply.header("allow"),
                ));
            }
        }
    }
    Ok((looked_at, found))
}

/// `Allow` names what the document has, and `HEAD` where there is `GET`.
fn allows(documented: &[Documented], path: &str, allow: &str) -> bool {
    let told: BTreeSet<&str> = allow.split(',').map(str::trim).collect();
    let methods = documented.iter().filter(|it| it.path == path).map(|it| it.method.as_str());
    let mut due: BTreeSet<&str> = methods.collect();
    if due.contains("GET") {
        due.insert("HEAD");
    }
    told == due
}

/// A path with something in place of each parameter.
fn filled(path: &str) -> String {
    let fill = |part: &str| if part.starts_with('{') { "x".to_owned() } else { part.to_owned() };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

/// Every path that a route is written down for, tests left out.
fn written_down(folder: &Path) -> Result<BTreeSet<String>, Fault> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(Fault::of("the gateway's source"))? {
        let path = entry.map_err(Fault::of("the gateway's source"))?.path();
        if path.ends_with("tests") || path.ends_with("tests.rs") {
            continue;
        }
        if path.is_dir() {
            found.extend(written_down(&path)?);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).map_err(Fault::of("the gateway's source"))?;
            found.extend(paths_in(&text));
        }
    }
    Ok(found)
}

fn paths_in(text: &str) -> impl Iterator<Item = String> {
    [".route(\"", ".nest(\"", ".route_service(\"", ".nest_service(\"", "path = \""]
        .into_iter()
        .flat_map(|before| text.split(before).skip(1))
        .filter_map(|after| after.split_once('"'))
        .filter(|(path, _)| path.starts_with('/'))
        .map(|(path, _)| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_routes_are_found() {
        let text =
            r#"#[utoipa::path(get, path = "/v1/a")] .route("/b/{id}", get(x)) let path = "c";"#;
        let found: Vec<String> = paths_in(text).collect();
        assert_eq!(found, ["/b/{id}", "/v1/a"]);
    }

    #[test]
    fn the_routes_of_the_gateway_are_written_where_they_are_looked_for() {
        let found = written_down(Path::new(SOURCE)).ok().unwrap();
        for path in ["/v1/organizations/{id}/lock", "/livez", "/ops", "/docs/{*file}"] {
            assert!(found.contains(path), "{path} is not among {found:?}");
        }
        for path in ["/quick", "/endless"] {
            assert!(!found.contains(path), "{path} is a test's alone");
        }
    }
}
