//! Rust cut into words, with their lines: enough to see which paths a file names, imported or in place.
//! Comments, texts and characters are left out.

/// A word or one sign of punctuation; `::` is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// The tokens of a file.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let length = length_of(rest, first);
        let (text, after) = rest.split_at(length);
        if is_kept(text, first) {
            found.push(Token { text: text.to_owned(), line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    found
}

fn is_kept(text: &str, first: char) -> bool {
    let is_comment = text.starts_with("//") || text.starts_with("/*");
    let is_text = text.len() > 1 && text.ends_with(['"', '\'', '#']);
    !first.is_whitespace() && !is_comment && !is_text
}

/// How many bytes the next token has.
fn length_of(rest: &str, first: char) -> usize {
    let until = |end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/");
    }
    if rest.starts_with("::") {
        return 2;
    }
    if let Some(hashes) = raw_text(rest) {
        let opened = rest.find('"').unwrap_or(0) + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        return rest[opened..].find(&end).map_or(rest.len(), |at| opened + at + end.len());
    }
    if first == '"' {
        return text_length(rest, '"');
    }
    if first == '\'' {
        return character_length(rest);
    }
    if is_word(first) {
        return rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    }
    first.len_utf8()
}

/// How many `#` a raw text that begins here has; `None` where none begins.
fn raw_text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn text_length(rest: &str, end: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == end => return at + end.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime and goes as a lone quote and a word.
fn character_length(rest: &str) -> usize {
    let mut after = rest.chars().skip(1);
    match (after.next(), after.next()) {
        (Some('\\'), _) => text_length(rest, '\''),
        (Some(c), Some('\'')) => c.len_utf8() + 2,
        (_, _) => 1,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn words_and_signs_are_kept_and_the_rest_is_not() {
    let source = r##"use crate::a::{b, c}; // crate::no
/* crate::no
 */ let x = "crate::no \" crate::no"; let y = r#"crate::no " "#; let z: &'static str = '"'; d"##;
    let found = tokens(source);
    let text: Vec<&str> = found.iter().map(|token| token.text.as_str()).collect();
    let expected = "use crate :: a :: { b , c } ; let x = ; let y = ; let z : & ' static str = ; d";
    assert_eq!(text.join(" "), expected);
    assert_eq!(found.last().map(|token| token.line), Some(3));
}
