//! Who may know whom. An arrow runs from a room to those that it may name; all others are broken.

use std::{collections::BTreeSet, path::Path};

use super::source::{Named, named_paths, root, rust_files};

/// What puts the rooms together, and so may know them all.
const COMPOSITION: [&str; 4] = ["main", "lib", "cli", "run"];

/// Told to by everybody; they know nobody.
const LEAVES: [&str; 3] = ["actors", "config", "telemetry"];

/// The arrows of docs/ARCHITECTURE.md. They run downwards only, and a room may reach past the one below
/// it: what a floor answers is told in the words of the store.
const ARROWS: [(&str, &[&str]); 12] = [
    ("http", &["auth", "app", "operations", "routing", "providers", "store"]),
    ("workers", &["app", "operations", "store"]),
    ("app", &["operations", "routing", "providers", "store"]),
    ("operations", &["providers", "store"]),
    ("routing", &[]),
    ("providers", &[]),
    ("store", &[]),
    ("auth", &[]),
    ("actors", &[]),
    ("config", &[]),
    ("telemetry", &[]),
    ("crash_points", &[]),
];

/// What crosses an arrow, and why that is right.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("telemetry", "config", "takes its own section of the settings")];

/// Crates, and other paths, that few rooms may name.
const KEPT: [(&str, &[&str], &str); 10] = [
    ("sqlx", &["store"], "only the store has SQL"),
    ("axum", &["http"], "only http knows HTTP's server"),
    ("axum_extra", &["http"], "only http knows HTTP's server"),
    ("reqwest", &[], "requests are sent by provider-http"),
    ("provider_scaleway", &["providers"], "an adapter is reached through the port"),
    ("provider_archera", &["providers"], "an adapter is reached through the port"),
    (
        "provider_http",
        &["providers", "operations", "run"],
        "only the accounts' signals, an attempt's trace and the fetching of key sets are had of it",
    ),
    ("sandbox", &["cli/dev"], "simulated providers are for `dev` alone"),
    ("std::env", &["config", "main"], "only config reads the environment"),
    ("embedded_postgres", &["run", "cli"], "the rooms know a database by its URL"),
];

/// One file's place in the crate.
struct Place {
    /// As the messages show it.
    shown: String,
    /// The first folder or file below `src`, without its ending.
    room: String,
    /// Without `src/` and the ending: `cli/dev/print`.
    module: String,
    depth: usize,
}

impl Place {
    fn of(path: &Path, source: &Path) -> Self {
        let below = path.strip_prefix(source).unwrap().with_extension("");
        let words: Vec<&str> = below.iter().map(|word| word.to_str().unwrap()).collect();
        let is_folder = words.last() == Some(&"mod");
        let depth = words.len() - usize::from(is_folder);
        Self {
            shown: format!("crates/gateway/src/{}.rs", below.display()),
            room: words[0].to_owned(),
            module: words[..depth].join("/"),
            depth: if matches!(words[0], "main" | "lib") { 0 } else { depth },
        }
    }

    fn is_in(&self, keeper: &str) -> bool {
        self.module == keeper || self.module.starts_with(&format!("{keeper}/"))
    }
}

/// The arrow that a path breaks, if it does.
fn broken_arrow(place: &Place, named: &Named, used: &mut BTreeSet<&str>) -> Option<String> {
    let room = place.room.as_str();
    let [first, other, ..] = named.path.as_slice() else {
        return None;
    };
    let is_room =
        ARROWS.iter().any(|(name, _)| name == other) || COMPOSITION[2..].contains(&other.as_str());
    if first != "crate" || !is_room || COMPOSITION.contains(&room) || room == other {
        return None;
    }
    let may = ARROWS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, may)| *may);
    let is_leaf = LEAVES.contains(&other.as_str()) && !LEAVES.contains(&room);
    if may.contains(&other.as_str()) || is_leaf {
        return None;
    }
    if let Some((_, _, reason)) = EXCEPTIONS.iter().find(|(a, b, _)| *a == room && b == other) {
        used.insert(reason);
        return None;
    }
    Some(format!("{}:{}: {room} → {other} is no arrow of the house", place.shown, named.line))
}

/// The rule about a kept path that is broken, if one is.
fn broken_keeping(place: &Place, named: &Named) -> Option<String> {
    let (path, _, reason) = KEPT.iter().find(|(path, keepers, _)| {
        let words: Vec<&str> = path.split("::").collect();
        let is_named = named.path.iter().take(words.len()).eq(words.iter());
        is_named && !keepers.iter().any(|keeper| place.is_in(keeper))
    })?;
    Some(format!("{}:{}: names {path}, but {reason}", place.shown, named.line))
}

#[test]
fn rooms_know_only_those_that_they_may() {
    let source = root().join("crates/gateway/src");
    let (mut broken, mut used, mut looked_at) = (Vec::new(), BTreeSet::new(), 0);
    for (path, text) in rust_files(&source) {
        let place = Place::of(&path, &source);
        let is_known = ARROWS.iter().any(|(room, _)| *room == place.room);
        if !is_known && !COMPOSITION.contains(&place.room.as_str()) {
            broken.push(format!("{}: {} is no room of the house", place.shown, place.room));
        }
        for named in named_paths(&text, place.depth) {
            looked_at += 1;
            broken.extend(broken_arrow(&place, &named, &mut used));
            broken.extend(broken_keeping(&place, &named));
        }
    }
    assert!(looked_at > 500, "only {looked_at} paths were read");
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
    for (room, other, reason) in EXCEPTIONS {
        assert!(
            used.contains(reason),
            "{room} → {other} is used no more: take it off the exceptions"
        );
    }
}

#[test]
fn a_broken_arrow_is_told_with_its_file_and_line() {
    let broken = |module: &str, text: &str| -> Vec<String> {
        let path = format!("/src/{module}.rs");
        let place = Place::of(Path::new(&path), Path::new("/src"));
        let arrows = |named: &Named| broken_arrow(&place, named, &mut BTreeSet::new());
        let named = named_paths(text, place.depth);
        named.iter().filter_map(|n| arrows(n).or_else(|| broken_keeping(&place, n))).collect()
    };
    let told = broken("store/claims", "\nuse crate::{\n    operations::Engine,\n    config::X};");
    assert_eq!(
        told,
        ["crates/gateway/src/store/claims.rs:3: store → operations is no arrow of the house"]
    );
    assert_eq!(broken("app/create", "use super::super::http::Problem;").len(), 1);
    assert_eq!(broken("auth/mod", "use super::store::Store;").len(), 1);
    assert_eq!(broken("app/create", "use crate::run::Gateway;").len(), 1);
    assert_eq!(broken("config/layers", "use crate::telemetry::Metrics;").len(), 1);
    assert_eq!(broken("app/create", "fn f() { sqlx::query!(\"select 1\"); }").len(), 1);
    assert_eq!(broken("auth/keys", "use std::{env::var, fmt};").len(), 1);
    assert_eq!(broken("cli/serve", "use sandbox::Sandbox;").len(), 1);
    assert_eq!(broken("cli/dev/mod", "use sandbox::Sandbox;").len(), 0);
    assert_eq!(broken("app/write", "use super::create::CreateInput;").len(), 0);
    assert_eq!(
        broken("http/around", "use crate::{app::App, telemetry::X}; use axum::Router;").len(),
        0
    );
}
