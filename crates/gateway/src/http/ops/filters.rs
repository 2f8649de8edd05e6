//! The forms by which lists are narrowed, and the links from page to page.

use maud::{Markup, html};
use url::form_urlencoded::Serializer;

/// A choice among words, or none of them, which has words of its own.
pub(super) fn choice(
    name: &str,
    label: &str,
    none: &str,
    words: &[&str],
    chosen: Option<&str>,
) -> Markup {
    let id = format!("filter-{name}");
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) name=(name) {
                option value="" { (none) }
                @for word in words {
                    option value=(word) selected[chosen == Some(*word)] { (word) }
                }
            }
        }
    }
}

/// A text to look for.
pub(super) fn text(name: &str, label: &str, given: Option<&str>) -> Markup {
    let id = format!("filter-{name}");
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) type="search" name=(name) value=(given.unwrap_or_default())
                autocomplete="off" maxlength="256";
        }
    }
}

/// The address of a list with what narrows it.
pub(super) fn address(path: &str, narrowed: &[(&str, Option<&str>)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in narrowed {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The links to the first and the next page of a list, where there are such.
pub(super) fn pages(
    path: &str,
    narrowed: &[(&str, Option<&str>)],
    is_first: bool,
    next: Option<&str>,
) -> Markup {
    let after = |cursor| {
        let mut narrowed = narrowed.to_vec();
        narrowed.push(("cursor", Some(cursor)));
        address(path, &narrowed)
    };
    html! {
        @if !is_first || next.is_some() {
            nav.pages aria-label="Pages" {
                @if !is_first { a href=(address(path, narrowed)) { "First page" } }
                @if let Some(next) = next { a rel="next" href=(after(next)) { "Next page" } }
            }
        }
    }
}
