//! The rules of characters, by example and by property.

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;

#[track_caller]
fn identifier_breaks(text: &str, rule: TextRule, position: usize) {
    let fault = check_identifier(text).expect_err("the text must be refused");
    assert_eq!((fault.rule, fault.position), (rule, position), "{text:?}");
    let code_point = format!("U+{:04X}", u32::from(fault.character));
    assert!(fault.to_string().contains(&code_point), "{fault}");
}

#[test]
fn identifiers_that_look_alike_are_refused_and_the_code_point_is_named() {
    for (text, rule, position) in [
        ("cust-42 ", TextRule::EdgeWhiteSpace, 8),
        (" cust-42", TextRule::EdgeWhiteSpace, 1),
        ("\u{a0}cust-42", TextRule::EdgeWhiteSpace, 1),
        ("cust-42\u{200b}", TextRule::Invisible, 8),
        ("cust\u{200b}-42", TextRule::Invisible, 5),
        ("\u{feff}cust-42", TextRule::Invisible, 1),
        ("cust-42\u{a0}", TextRule::OtherWhiteSpace, 8),
        ("cust\u{a0}42", TextRule::OtherWhiteSpace, 5),
        ("cust\u{3000}42", TextRule::OtherWhiteSpace, 5),
        ("cust\u{2028}42", TextRule::OtherWhiteSpace, 5),
        ("cust\n42", TextRule::Control, 5),
        ("cust\u{85}42", TextRule::Control, 5),
        ("cust\u{0}", TextRule::Control, 5),
        ("cust\u{202e}42", TextRule::Invisible, 5),
        ("cust\u{2067}42\u{2069}", TextRule::Invisible, 5),
        ("cust\u{ad}42", TextRule::Invisible, 5),
        ("cust\u{34f}42", TextRule::Invisible, 5),
        ("cust\u{115f}", TextRule::Invisible, 5),
        ("cust\u{1160}", TextRule::Invisible, 5),
        ("cust\u{17b4}", TextRule::Invisible, 5),
        ("cust\u{3164}", TextRule::Invisible, 5),
        ("cust\u{ffa0}", TextRule::Invisible, 5),
        ("cust\u{fe0f}", TextRule::Invisible, 5),
        ("cust\u{e0100}", TextRule::Invisible, 5),
        ("cust\u{e0041}", TextRule::Invisible, 5),
        ("cust\u{600}", TextRule::Invisible, 5),
        ("cust\u{e000}", TextRule::PrivateUse, 5),
        ("cust\u{10fffd}", TextRule::PrivateUse, 5),
        ("cust\u{378}", TextRule::Unassigned, 5),
        ("cust\u{fffe}", TextRule::Unassigned, 5),
        ("cust\u{ffff}", TextRule::Unassigned, 5),
        ("cafe\u{301}", TextRule::Composed, 5),
        ("cafe\u{301}s", TextRule::Composed, 5),
        ("\u{212b}ngstrom", TextRule::Composed, 1),
        ("\u{1112}\u{1161}\u{11ab}", TextRule::Composed, 2),
        (" ", TextRule::EdgeWhiteSpace, 1),
    ] {
        identifier_breaks(text, rule, position);
    }
}

#[test]
fn identifiers_of_every_language_pass() {
    for text in [
        "",
        "cust-42",
        "café",
        "Acme 42",
        "a  b",
        "客户-7",
        "고객",
        "عميل",
        "ग्राहक",
        "q\u{323}\u{307}",
        "\u{1f600}",
        "auth0|5f7c8ec7c33c6c004bbafe82",
    ] {
        assert_eq!(check_identifier(text), Ok(()), "{text:?}");
    }
}

#[track_caller]
fn text_breaks(text: &str, lines: Lines, rule: TextRule, position: usize) {
    let fault = check_text(text, lines).expect_err("the text must be refused");
    assert_eq!((fault.rule, fault.position), (rule, position), "{text:?}");
}

#[test]
fn texts_refuse_what_reorders_or_controls_the_text_around_them() {
    for lines in [Lines::Single, Lines::Multiple] {
        text_breaks("Acme \u{202e}SAS", lines, TextRule::BidiControl, 6);
        text_breaks("\u{202a}Acme\u{202c}", lines, TextRule::BidiControl, 1);
        text_breaks("Acme\u{7}", lines, TextRule::Control, 5);
        text_breaks("Acme\u{9f}", lines, TextRule::Control, 5);
        text_breaks("Acme\u{0}", lines, TextRule::Control, 5);
        text_breaks("a\u{2067}b", lines, TextRule::OpenIsolate, 2);
        text_breaks("a\u{2067}b\u{2068}c\u{2069}", lines, TextRule::OpenIsolate, 2);
        text_breaks("a\u{2069}b", lines, TextRule::StrayIsolateEnd, 2);
        text_breaks("\u{2066}a\u{2069}\u{2069}", lines, TextRule::StrayIsolateEnd, 4);
    }
    for line_break in ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'] {
        text_breaks(&format!("a{line_break}b"), Lines::Single, TextRule::LineBreak, 2);
    }
    text_breaks("a\tb", Lines::Single, TextRule::Control, 2);
    text_breaks("a\r\nb", Lines::Multiple, TextRule::Control, 2);
    text_breaks("a\u{2067}\nb\u{2069}", Lines::Multiple, TextRule::OpenIsolate, 2);
}

#[test]
fn texts_of_every_language_pass() {
    for text in [
        "",
        " Acme ",
        "cafe\u{301}",
        "Zo\u{eb}\u{200d}",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{2764}\u{fe0f}",
        "می\u{200c}خواهم",
        "see \u{2067}شركة\u{2069} now",
        "\u{2066}a\u{2068}b\u{2069}\u{2069}",
        "\u{200f}",
    ] {
        assert_eq!(check_text(text, Lines::Single), Ok(()), "{text:?}");
        assert_eq!(check_text(text, Lines::Multiple), Ok(()), "{text:?}");
    }
    assert_eq!(check_text("one\n\ttwo", Lines::Multiple), Ok(()));
}

#[test]
fn a_fault_names_the_rule_the_code_point_its_position_and_the_fix() {
    let message = |text| check_identifier(text).unwrap_err().to_string();
    assert_eq!(
        message("cust-42\u{200b}"),
        "must not contain the invisible character U+200B (position 8); remove it"
    );
    assert_eq!(
        message("cust-42 "),
        "must not begin or end with white space, U+0020 (position 8); remove it"
    );
    assert_eq!(
        message("cafe\u{301}"),
        "must be in Unicode normalization form C, which excludes U+0301 (position 5); normalize it"
    );
    assert_eq!(
        check_text("a\u{202e}", Lines::Single).unwrap_err().to_string(),
        "must not contain the bidirectional control U+202E (position 2); remove it"
    );
}

/// Texts with many of the characters that the rules are about.
fn odd_text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        ' ', '\t', '\n', '\u{a0}', '\u{ad}', '\u{200b}', '\u{200d}', '\u{202e}', '\u{2067}',
        '\u{2069}', '\u{feff}', '\u{fe0f}', '\u{3164}', '\u{301}', '\u{323}', '\u{212b}',
        '\u{1100}', '\u{1161}', '\u{378}', '\u{e000}', 'e', 'é', 'a', '-', '4',
    ]);
    let character = prop_oneof![6 => odd, 1 => any::<char>()];
    prop::collection::vec(character, 0..8).prop_map(|characters| characters.into_iter().collect())
}

/// The text as a reader sees it: composed, without white space at its edges and without what is invisible.
fn seen(text: &str) -> String {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let visible: String = text.chars().filter(|c| !ignorable.contains(*c)).collect();
    visible.nfc().collect::<String>().trim().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn an_accepted_identifier_is_what_a_reader_sees(text in odd_text()) {
        if check_identifier(&text).is_ok() {
            prop_assert_eq!(seen(&text), text);
        }
    }

    #[test]
    fn what_differs_from_what_a_reader_sees_is_refused_at_a_character_of_it(text in odd_text()) {
        if seen(&text) != text {
            let fault = check_identifier(&text).unwrap_err();
            prop_assert_eq!(text.chars().nth(fault.position - 1), Some(fault.character));
        }
    }

    #[test]
    fn the_character_that_breaks_form_c_ends_the_shortest_prefix_that_is_not_composed(text in odd_text()) {
        if let Err(fault) = check_composed(&text) {
            let through = |count: usize| text.chars().take(count).collect::<String>();
            prop_assert!(is_nfc(&through(fault.position - 1)));
            prop_assert!(!is_nfc(&through(fault.position)));
        }
    }

    #[test]
    fn an_accepted_text_ends_every_isolate_that_it_begins(text in odd_text()) {
        if check_text(&text, Lines::Multiple).is_ok() {
            let count = |wanted: &[char]| text.chars().filter(|c| wanted.contains(c)).count();
            prop_assert_eq!(count(&['\u{2066}', '\u{2067}', '\u{2068}']), count(&['\u{2069}']));
            prop_assert_eq!(count(&['\u{202e}', '\0']), 0);
        }
    }
}
