//! The characters that identifiers and texts of callers may have.
//!
//! An identifier must not look like another one: customers `cust-42` and `cust-42` followed by U+200B are
//! one customer for every reader and two for a database. A text must not change how the text around it is
//! read. The rules apply to what callers send. Stored values and providers' answers may be older than the
//! rules and are never refused for them.

use std::fmt;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};
use unicode_normalization::is_nfc;

/// Whether a text may have several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// One line without tabs.
    Single,
    /// Any number of lines, separated by U+000A; tabs are allowed.
    Multiple,
}

/// A rule about the characters of identifiers and texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextRule {
    /// No white space at the beginning or the end.
    EdgeWhiteSpace,
    /// No white space other than U+0020.
    OtherWhiteSpace,
    /// No line break.
    LineBreak,
    /// No control character (general category Cc).
    Control,
    /// No format character (Cf) and no other character with the property `Default_Ignorable_Code_Point`.
    Invisible,
    /// No private-use character (Co).
    PrivateUse,
    /// No unassigned code point and no noncharacter (Cn).
    Unassigned,
    /// Unicode normalization form C.
    Composed,
    /// No bidirectional embedding or override (U+202A–U+202E).
    BidiControl,
    /// A directional isolate (U+2066–U+2068) must be closed on the same line.
    OpenIsolate,
    /// U+2069 must close a directional isolate.
    StrayIsolateEnd,
}

/// The first character of a text that breaks a rule.
///
/// `Display` names the rule, the code point, its position and the fix, and never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct TextFault {
    /// The rule.
    pub rule: TextRule,
    /// The character.
    pub character: char,
    /// The position of the character, counted in characters from 1.
    pub position: usize,
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = format_args!("U+{:04X} (position {})", u32::from(self.character), self.position);
        match self.rule {
            TextRule::EdgeWhiteSpace => {
                write!(f, "must not begin or end with white space, {at}; remove it")
            }
            TextRule::OtherWhiteSpace => {
                write!(f, "must not contain the white space {at}; use a plain space, U+0020")
            }
            TextRule::LineBreak => {
                write!(f, "must not contain the line break {at}; write one line")
            }
            TextRule::Control => {
                write!(f, "must not contain the control character {at}; remove it")
            }
            TextRule::Invisible => {
                write!(f, "must not contain the invisible character {at}; remove it")
            }
            TextRule::PrivateUse => {
                write!(f, "must not contain the private-use character {at}; remove it")
            }
            TextRule::Unassigned => {
                write!(f, "must not contain the unassigned code point {at}; remove it")
            }
            TextRule::Composed => write!(
                f,
                "must be in Unicode normalization form C, which excludes {at}; normalize it"
            ),
            TextRule::BidiControl => {
                write!(f, "must not contain the bidirectional control {at}; remove it")
            }
            TextRule::OpenIsolate => write!(
                f,
                "must close the directional isolate {at} on the same line; add U+2069 or remove it"
            ),
            TextRule::StrayIsolateEnd => {
                write!(f, "must not contain {at} without a directional isolate to close; remove it")
            }
        }
    }
}

/// Checks an identifier: a customer id, an e-mail address, a tenant, a label key, a token's subject.
///
/// # Behavior
/// An accepted identifier equals its normalization form C, has no white space at its edges, and has no
/// character that [`rule_against_in_identifier`] names. An empty text passes: length is the caller's rule.
///
/// Decisions beyond the general categories, all against look-alikes:
/// - U+0020 is the only white space allowed inside. U+00A0 and its relatives look the same.
/// - Private-use characters are refused: without an agreed font each of them looks like any other.
/// - Variation selectors, Hangul fillers, U+034F and the like are invisible though they are marks or letters;
///   the property `Default_Ignorable_Code_Point` covers them.
/// - Combining marks that remain after composition are allowed: languages need them.
/// - Letters of different scripts that look alike (Latin `a`, Cyrillic `а`) are allowed: which scripts belong
///   together depends on the reseller.
///
/// # Errors
/// The first character that breaks a rule.
pub fn check_identifier(text: &str) -> Result<(), TextFault> {
    let mut last = None;
    for (index, character) in text.chars().enumerate() {
        let position = index + 1;
        let rule = match rule_against_in_identifier(character) {
            None if index == 0 && character == ' ' => Some(TextRule::EdgeWhiteSpace),
            Some(TextRule::OtherWhiteSpace) if index == 0 => Some(TextRule::EdgeWhiteSpace),
            rule => rule,
        };
        if let Some(rule) = rule {
            return Err(TextFault { rule, character, position });
        }
        last = Some((character, position));
    }
    match last {
        Some((character @ ' ', position)) => {
            Err(TextFault { rule: TextRule::EdgeWhiteSpace, character, position })
        }
        Some(_) | None => check_composed(text),
    }
}

/// Checks a text for people: a name, a comment, a reason, the value of a label.
///
/// # Behavior
/// Refuses the characters that [`rule_against_in_text`] names, and directional isolates that are not balanced
/// within their line. An empty text passes.
///
/// # Errors
/// The first character that breaks a rule.
pub fn check_text(text: &str, lines: Lines) -> Result<(), TextFault> {
    let mut open: Vec<(char, usize)> = Vec::new();
    for (index, character) in text.chars().enumerate() {
        let position = index + 1;
        if let Some(rule) = rule_against_in_text(character, lines) {
            return Err(TextFault { rule, character, position });
        }
        match character {
            '\u{2066}'..='\u{2068}' => open.push((character, position)),
            '\u{2069}' if open.pop().is_none() => {
                return Err(TextFault { rule: TextRule::StrayIsolateEnd, character, position });
            }
            // An isolate ends with its paragraph, so a later U+2069 would close nothing.
            '\n' | '\u{2029}' if !open.is_empty() => break,
            _ => {}
        }
    }
    match open.first() {
        None => Ok(()),
        Some((character, position)) => Err(TextFault {
            rule: TextRule::OpenIsolate,
            character: *character,
            position: *position,
        }),
    }
}

/// The rule that keeps a character out of every identifier, wherever it stands; `None` for U+0020, which is
/// refused at the edges alone.
#[must_use]
pub fn rule_against_in_identifier(character: char) -> Option<TextRule> {
    if matches!(character, ' '..='~') {
        return None;
    }
    if character.is_control() {
        return Some(TextRule::Control);
    }
    if character.is_whitespace() {
        return Some(TextRule::OtherWhiteSpace);
    }
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character) {
        return Some(TextRule::Invisible);
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    let refused = [
        (GeneralCategory::Format, TextRule::Invisible),
        (GeneralCategory::PrivateUse, TextRule::PrivateUse),
        (GeneralCategory::Unassigned, TextRule::Unassigned),
    ];
    refused.into_iter().find(|(of, _)| *of == category).map(|(_, rule)| rule)
}

/// The rule that keeps a character out of every text. Isolates are allowed where they are balanced.
#[must_use]
pub fn rule_against_in_text(character: char, lines: Lines) -> Option<TextRule> {
    match (character, lines) {
        ('\n' | '\t', Lines::Multiple) => None,
        ('\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}', Lines::Single) => {
            Some(TextRule::LineBreak)
        }
        ('\u{202a}'..='\u{202e}', _) => Some(TextRule::BidiControl),
        (control, _) if control.is_control() => Some(TextRule::Control),
        (_, _) => None,
    }
}

/// Every prefix of a text in form C is in form C, so the end of the shortest prefix that is not names the fault.
fn check_composed(text: &str) -> Result<(), TextFault> {
    if is_nfc(text) {
        return Ok(());
    }
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let is_composed_through = |&(at, character): &(usize, char)| {
        text.get(..at + character.len_utf8()).is_some_and(is_nfc)
    };
    let index = characters.partition_point(is_composed_through).min(characters.len() - 1);
    let (_, character) = characters[index];
    Err(TextFault { rule: TextRule::Composed, character, position: index + 1 })
}

#[cfg(test)]
mod tests;
