//! The value of `WWW-Authenticate` (RFC 6750, section 3).

use crate::config::Scope;

/// Returns a `Bearer` challenge with an error, its description, and the scopes that the request needs.
#[must_use]
pub fn challenge(error: &'static str, description: &str, needed: &[Scope]) -> String {
    let description = quotable(description);
    let mut value = format!("Bearer error=\"{error}\", error_description=\"{description}\"");
    if !needed.is_empty() {
        let names: Vec<&str> = needed.iter().copied().map(Scope::name).collect();
        value.push_str(&format!(", scope=\"{}\"", names.join(" ")));
    }
    value
}

/// Replaces what RFC 6750 forbids in `error_description`: anything but `%x20-21 / %x23-5B / %x5D-7E`.
fn quotable(text: &str) -> String {
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    text.chars().map(|c| if allowed(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_always_one_quoted_string() {
        let value = challenge("invalid_token", "a \"b\" \\ c\r\nX: y\u{e9}", &[]);
        assert_eq!(value, r#"Bearer error="invalid_token", error_description="a ?b? ? c??X: y?""#);
    }

    #[test]
    fn the_needed_scopes_are_named() {
        let needed = [Scope::OrganizationsWrite, Scope::EventsRead];
        let value = challenge("insufficient_scope", "x", &needed);
        assert!(value.ends_with(", scope=\"organizations:write events:read\""), "{value}");
    }
}
