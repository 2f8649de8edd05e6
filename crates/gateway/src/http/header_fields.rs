//! The grammar that header fields share (RFC 9110, section 5.6): lists and parameters, with quoted strings.

/// Splits a field's value at a separator, except within quoted strings. Empty parts are left out.
pub(crate) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(move |c: char| {
        let is_literal = std::mem::take(&mut is_escaped);
        match c {
            _ if is_literal => {}
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => return c == separator && !is_quoted,
        }
        false
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// Splits a parameter into its name and its value, without quotes. A name alone has an empty value.
pub(crate) fn parameter(part: &str) -> (&str, String) {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    (name.trim(), unquoted(value.trim()))
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else { return value.to_owned() };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        // A backslash makes the next character literal.
        text.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_split_outside_quotes() {
        let parts = |text| split(text, ',').collect::<Vec<_>>();
        assert_eq!(parts("a, b;c=\"d,e\" ,, f"), ["a", "b;c=\"d,e\"", "f"]);
        assert_eq!(parts(r#"a="\",b", c"#), [r#"a="\",b""#, "c"]);
        assert_eq!(parts(r"a\, b"), [r"a\", "b"]);
        assert_eq!(parts(" , "), [""; 0]);
    }

    #[test]
    fn a_parameter_is_a_name_and_a_value_without_quotes() {
        let read = |text| parameter(text);
        assert_eq!(read("wait"), ("wait", String::new()));
        assert_eq!(read(" wait = 10 "), ("wait", "10".to_owned()));
        assert_eq!(read(r#"charset="UTF\-8""#), ("charset", "UTF-8".to_owned()));
        assert_eq!(read(r#"a="\""#), ("a", String::new()));
        assert_eq!(read("a=b=c"), ("a", "b=c".to_owned()));
    }
}
