//! The parts of a refused token that help to find its issuer, in a form that is safe to log.

use super::jwt::Parts;

/// The longest text that is taken from a token.
const LONGEST: usize = 64;

/// `kid` and `iss` of a token that may be forged. They are cut to 64 characters and hold only characters
/// that cannot break a log line; nothing else of the token is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clues {
    /// The `kid` of the header.
    pub key_id: Option<String>,
    /// The `iss` of the claims.
    pub issuer: Option<String>,
}

impl Clues {
    /// Reads the clues of a token; parts that cannot be read have none.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let Ok(token) = Parts::of(token) else {
            return Self::default();
        };
        let text = |part: Option<serde_json::Map<String, serde_json::Value>>, name: &str| {
            part?.get(name)?.as_str().map(safe_to_log)
        };
        Self {
            key_id: text(token.header_members().ok(), "kid"),
            issuer: text(token.claims().ok(), "iss"),
        }
    }
}

/// Cuts a text to 64 characters, and replaces quotes, backslashes and all but printable ASCII characters by
/// `?`.
pub(super) fn safe_to_log(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\' | '`');
    let plain = text.chars().map(|c| if is_plain(&c) { c } else { '?' });
    let mut cut: String = plain.take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        cut.push_str("...");
    }
    cut
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    fn token(header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    #[test]
    fn key_id_and_issuer_are_cut_and_cleaned() {
        let found = Clues::of(&token(
            &json!({ "kid": "key-1\r\nlevel=ERROR \"x\"" }),
            &json!({ "iss": format!("https://{}", "x".repeat(99)), "sub": "ada", "scope": "admin" }),
        ));
        assert_eq!(found.key_id.as_deref(), Some("key-1??level=ERROR??x?"));
        let issuer = found.issuer.unwrap();
        assert_eq!(issuer, format!("https://{}...", "x".repeat(56)));
    }

    #[test]
    fn a_token_without_them_has_no_clues() {
        for token in ["", "a.b", "a.b.c", &token(&json!([]), &json!({ "iss": 7 }))] {
            assert_eq!(Clues::of(token), Clues::default(), "{token}");
        }
    }
}
