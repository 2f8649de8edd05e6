//! `[[routes]]`: which provider a create goes to.

use std::collections::{BTreeMap, BTreeSet};

use partner_core::{Lines, check_identifier, check_text};

use super::faults::Faults;
use super::providers::ProviderConfig;
use super::reader::Reader;

/// One routing rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteConfig {
    /// What the rule is called when a route is explained; unique.
    pub name: String,
    /// When it matches.
    pub when: RouteWhen,
    /// The name of the partner account that it chooses; there is one.
    pub provider: String,
    /// Whether a body may name another provider.
    pub overridable: bool,
}

/// The conditions of a rule; all that are given must hold, and none holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteWhen {
    /// How the customer's id begins.
    pub customer_id_prefix: Option<String>,
    /// The tenant that asks.
    pub tenant: Option<String>,
    /// The country of the address: two capital letters.
    pub country: Option<String>,
    /// Labels that must be there, each with its value.
    pub labels: BTreeMap<String, String>,
}

pub(super) fn parse_all(root: &mut Reader) -> Option<Vec<RouteConfig>> {
    let mut names = BTreeSet::new();
    let parsed: Vec<_> = root
        .tables("routes")?
        .into_iter()
        .map(|mut reader| {
            let route = parse(&mut reader, &mut names);
            reader.finish();
            route
        })
        .collect();
    parsed.into_iter().collect()
}

fn parse(reader: &mut Reader, names: &mut BTreeSet<String>) -> Option<RouteConfig> {
    let name = reader.needed_string("name");
    if let Some(name) = &name
        && !names.insert(name.clone())
    {
        reader.fault("name", format!("`{name}` is taken by another route"));
    }
    let when = if reader.is_set("when") {
        reader.section("when", |when| Some(conditions(when)))
    } else {
        reader.take("when");
        Some(RouteWhen::default())
    };
    let provider = reader.needed_string("provider");
    let overridable = reader.boolean("overridable").unwrap_or(true);
    Some(RouteConfig { name: name?, when: when?, provider: provider?, overridable })
}

fn conditions(reader: &mut Reader) -> RouteWhen {
    RouteWhen {
        customer_id_prefix: prefix(reader),
        tenant: identifier(reader, "tenant"),
        country: country(reader),
        labels: labels(reader),
    }
}

/// A condition. An empty one would hold always, which nobody means.
fn given(reader: &mut Reader, key: &'static str) -> Option<String> {
    let there = reader.has(key);
    let empty = there && !reader.is_set(key);
    if empty {
        reader.fault(key, "must not be empty");
    }
    reader.string(key)
}

/// An identifier. One that no request may have would make a rule that never matches.
fn identifier(reader: &mut Reader, key: &'static str) -> Option<String> {
    let text = given(reader, key)?;
    if let Err(fault) = check_identifier(&text) {
        reader.fault(key, fault.to_string());
    }
    Some(text)
}

/// The beginning of an identifier: it may end with a space.
fn prefix(reader: &mut Reader) -> Option<String> {
    let key = "customer_id_prefix";
    let text = given(reader, key)?;
    let words = text.trim_end_matches(' ');
    // A prefix of spaces alone begins with one.
    let checked = if words.is_empty() { &text } else { words };
    if let Err(fault) = check_identifier(checked) {
        reader.fault(key, fault.to_string());
    }
    Some(text)
}

fn country(reader: &mut Reader) -> Option<String> {
    let text = given(reader, "country")?;
    if text.len() != 2 || !text.chars().all(|c| c.is_ascii_alphabetic()) {
        reader.fault("country", format!("`{text}` is not a country code of two letters"));
    }
    Some(text.to_ascii_uppercase())
}

fn labels(reader: &mut Reader) -> BTreeMap<String, String> {
    let pairs = reader.table("labels").and_then(Reader::into_strings);
    let pairs = pairs.unwrap_or_default();
    for (key, value) in &pairs {
        if let Err(fault) = check_identifier(key) {
            reader.fault("labels", format!("a key {fault}"));
        } else if let Err(fault) = check_text(value, Lines::Single) {
            reader.fault("labels", format!("the value of `{key}` {fault}"));
        }
    }
    pairs.into_iter().collect()
}

/// Every rule must lead to an account that exists.
pub(super) fn check_providers(
    routes: &[RouteConfig],
    providers: &[ProviderConfig],
    faults: &Faults,
) {
    for (index, route) in routes.iter().enumerate() {
        if !providers.iter().any(|provider| provider.name == route.provider) {
            let message = format!("there is no provider named `{}`", route.provider);
            faults.add(format!("routes[{index}].provider"), message);
        }
    }
}

/// A rule after one that always matches is never reached.
pub(super) fn warnings(routes: &[RouteConfig]) -> Vec<String> {
    let Some(last) = routes.iter().position(|route| route.when == RouteWhen::default()) else {
        return Vec::new();
    };
    routes
        .iter()
        .enumerate()
        .skip(last + 1)
        .map(|(index, _)| {
            format!("routes[{index}]: never reached, since routes[{last}] always matches")
        })
        .collect()
}
