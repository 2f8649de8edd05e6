//! The files of the workspace, and the paths that they name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::tokens::{Token, tokens};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Every Rust file below a folder, in order, with its text.
pub(crate) fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// A path that a file names, down to what the house looks at: `crate::store`, `sqlx`, `std::env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// Every path of a file, in `use` trees with their branches, and in place; macros' arguments too.
///
/// `depth` is how many modules deep the file lies in its crate; a chain of `super` that climbs to the
/// crate's root is told as `crate`.
pub(crate) fn named_paths(text: &str, depth: usize) -> Vec<Named> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    // For each open brace, whether it is a module's.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => braces.push(opens_module(&tokens, at)),
            "}" => {
                braces.pop();
            }
            _ if begins_path(&tokens, at) => {
                let depth = depth + braces.iter().filter(|is_module| **is_module).count();
                at = read_tree(&tokens, at, &[], depth, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn opens_module(tokens: &[Token], brace: usize) -> bool {
    brace >= 2 && tokens[brace - 2].text == "mod"
}

fn begins_path(tokens: &[Token], at: usize) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let before = if at == 0 { "" } else { text(at - 1) };
    let is_word = text(at).starts_with(|c: char| c.is_alphabetic() || c == '_');
    let is_next_used = text(at + 1) == "::" || (before == "use" && text(at) != "{");
    is_word && is_next_used && !matches!(before, "::" | "." | "'")
}

/// Reads one path, or a tree of them, and answers where it ends.
fn read_tree(
    tokens: &[Token],
    mut at: usize,
    before: &[String],
    depth: usize,
    found: &mut Vec<Named>,
) -> usize {
    let mut path = before.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    loop {
        match tokens.get(at).map(|token| token.text.as_str()) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    let end = read_tree(tokens, at, &path, depth, found);
                    // What is no path of a tree, such as a comma, is stepped over.
                    at = end.max(at + 1);
                }
                return at + 1;
            }
            Some(word) if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                path.push(word.to_owned());
                at += 1;
            }
            _ => break,
        }
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    if path.len() > before.len() {
        found.push(Named { path: climb(path, depth), line });
    }
    at
}

/// `super::super::x` is `crate::x` where it climbs that far.
fn climb(path: Vec<String>, depth: usize) -> Vec<String> {
    let skipped = usize::from(path.first().is_some_and(|word| word == "self"));
    let supers = path.iter().skip(skipped).take_while(|word| *word == "super").count();
    if supers == 0 || supers < depth {
        return path;
    }
    let rest = path.into_iter().skip(skipped + supers);
    std::iter::once("crate".to_owned()).chain(rest).collect()
}

#[test]
fn every_branch_of_a_tree_is_named() {
    let text = "use crate::{store::{A, b::C}, app}; use super::super::http as h;
        fn f() { crate::routing::x(); y.sqlx::<T>(); }
        mod tests { use super::super::super::auth; use super::inner; }";
    let named: Vec<String> =
        named_paths(text, 2).into_iter().map(|named| named.path.join("::")).collect();
    let expected = [
        "crate::store::A",
        "crate::store::b::C",
        "crate::app",
        "crate::http",
        "crate::routing::x",
        "crate::auth",
        "super::inner",
    ];
    assert_eq!(named, expected);
}
