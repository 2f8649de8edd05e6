//! Text that the gateway did not write, shown on a page: callers, providers and earlier versions wrote it.
//!
//! Such a text must not change how the page around it is read. Every text outside ASCII is isolated from its
//! surroundings, and a character that the rules of today refuse is shown as its code point. So two customers that
//! look the same in other programs differ here.

use maud::{Markup, html};
use partner_core::{Lines, check_text, rule_against_in_identifier, rule_against_in_text};

/// A part of a text.
enum Part {
    /// Characters that are shown as they are.
    Shown(String),
    /// A character that is shown as its code point.
    Marked(char),
}

/// A name, a comment, a reason or another text.
pub(super) fn text(text: &str) -> Markup {
    isolated(text, &parts(text, &text_marks(text)))
}

/// A customer id, a tenant, an actor, an e-mail address or a label's key.
pub(super) fn identifier(text: &str) -> Markup {
    isolated(text, &parts(text, &identifier_marks(text)))
}

/// A text where no markup may stand: in a title, or within a sentence.
pub(super) fn plain(text: &str) -> String {
    joined(text, parts(text, &text_marks(text)))
}

/// An identifier where no markup may stand.
pub(super) fn plain_identifier(text: &str) -> String {
    joined(text, parts(text, &identifier_marks(text)))
}

/// Whether each character is marked. Isolates are left alone where the text closes all that it opens.
fn text_marks(text: &str) -> Vec<bool> {
    let is_balanced = check_text(text, Lines::Multiple).is_ok();
    let is_isolate = |character| matches!(character, '\u{2066}'..='\u{2069}');
    let is_marked = |character| {
        rule_against_in_text(character, Lines::Multiple).is_some()
            || (!is_balanced && is_isolate(character))
    };
    text.chars().map(is_marked).collect()
}

fn identifier_marks(text: &str) -> Vec<bool> {
    let inner = text.trim_start_matches(' ');
    let begins = text.chars().count() - inner.chars().count();
    let ends = begins + inner.trim_end_matches(' ').chars().count();
    text.chars()
        .enumerate()
        .map(|(at, character)| {
            !(begins..ends).contains(&at) || rule_against_in_identifier(character).is_some()
        })
        .collect()
}

fn parts(text: &str, marks: &[bool]) -> Vec<Part> {
    let mut parts = Vec::new();
    for (character, is_marked) in text.chars().zip(marks) {
        match parts.last_mut() {
            _ if *is_marked => parts.push(Part::Marked(character)),
            Some(Part::Shown(shown)) => shown.push(character),
            Some(Part::Marked(_)) | None => parts.push(Part::Shown(character.to_string())),
        }
    }
    parts
}

fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// ASCII needs no isolation: it has no character that is read from right to left.
fn isolated(text: &str, parts: &[Part]) -> Markup {
    let content = html! {
        @for part in parts {
            @match part {
                Part::Shown(shown) => (shown),
                Part::Marked(character) => span.code-point { (code_point(*character)) },
            }
        }
    };
    html! { @if text.is_ascii() { (content) } @else { bdi { (content) } } }
}

fn joined(text: &str, parts: Vec<Part>) -> String {
    let content: String = parts
        .into_iter()
        .map(|part| match part {
            Part::Shown(shown) => shown,
            Part::Marked(character) => format!("[{}]", code_point(character)),
        })
        .collect();
    if text.is_ascii() { content } else { format!("\u{2068}{content}\u{2069}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ascii_is_shown_as_it_is_and_escaped() {
        assert_eq!(text("Acme <SAS>").into_string(), "Acme &lt;SAS&gt;");
        assert_eq!(identifier("cust-42").into_string(), "cust-42");
        assert_eq!(plain("Acme"), "Acme");
    }

    #[test]
    fn text_of_other_scripts_is_isolated() {
        assert_eq!(text("شركة").into_string(), "<bdi>شركة</bdi>");
        assert_eq!(plain("شركة"), "\u{2068}شركة\u{2069}");
        let balanced = "a \u{2067}شركة\u{2069} b";
        assert_eq!(text(balanced).into_string(), format!("<bdi>{balanced}</bdi>"));
    }

    #[test]
    fn no_bidirectional_control_reaches_a_page() {
        assert_eq!(
            text("Acme \u{202e}SAS").into_string(),
            "<bdi>Acme <span class=\"code-point\">U+202E</span>SAS</bdi>"
        );
        assert_eq!(plain("Acme \u{202e}SAS"), "\u{2068}Acme [U+202E]SAS\u{2069}");
        let escapes = "a\u{2069}\u{202e}b";
        let shown = text(escapes).into_string();
        assert!(!shown.contains(['\u{2069}', '\u{202e}']), "{shown}");
        assert_eq!(plain(escapes), "\u{2068}a[U+2069][U+202E]b\u{2069}");
    }

    #[test]
    fn identifiers_that_look_alike_are_told_apart() {
        let marked = |text: &str| format!("<span class=\"code-point\">{text}</span>");
        assert_eq!(identifier("c-1 ").into_string(), format!("c-1{}", marked("U+0020")));
        assert_eq!(
            identifier("c-1\u{200b}").into_string(),
            format!("<bdi>c-1{}</bdi>", marked("U+200B"))
        );
        assert_eq!(identifier("c 1").into_string(), "c 1");
        assert_eq!(plain_identifier("c-1\u{a0}"), "\u{2068}c-1[U+00A0]\u{2069}");
        assert_eq!(identifier("  ").into_string(), marked("U+0020").repeat(2));
    }
}
