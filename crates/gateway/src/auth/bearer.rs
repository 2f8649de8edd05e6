//! The `Authorization` header's form (RFC 6750). It does not look into the token.

use super::error::AuthError;
use super::jwt::MAX_TOKEN_BYTES;

/// The token of an `Authorization` header's value. The scheme's case does not matter.
///
/// # Errors
/// [`AuthError::Missing`] without a header, [`AuthError::NotBearer`] for any other form, and
/// [`AuthError::TooLarge`] for a token that is not worth reading.
pub fn bearer_token(authorization: Option<&[u8]>) -> Result<&str, AuthError> {
    let value = authorization.ok_or(AuthError::Missing)?;
    let value = value.trim_ascii();
    let (scheme, token) = value.split_at_checked("Bearer".len()).ok_or(AuthError::NotBearer)?;
    if !scheme.eq_ignore_ascii_case(b"Bearer") || token.first() != Some(&b' ') {
        return Err(AuthError::NotBearer);
    }
    let token = token.trim_ascii_start();
    if token.len() > MAX_TOKEN_BYTES {
        return Err(AuthError::TooLarge);
    }
    let is_token = !token.is_empty() && token.iter().all(u8::is_ascii_graphic);
    let token = std::str::from_utf8(token).ok().filter(|_| is_token);
    token.ok_or(AuthError::NotBearer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_token_whatever_the_schemes_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c", " Bearer a.b.c "] {
            assert_eq!(bearer_token(Some(value.as_bytes())), Ok("a.b.c"), "{value}");
        }
    }

    #[test]
    fn refuses_every_other_form() {
        assert_eq!(bearer_token(None), Err(AuthError::Missing));
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Basic dTpw",
            "Bearera.b.c",
            "a.b.c",
            "Bearer a b",
            "Bearer\ta",
        ] {
            assert_eq!(bearer_token(Some(value.as_bytes())), Err(AuthError::NotBearer), "{value}");
        }
        assert_eq!(bearer_token(Some(b"Bearer \xff")), Err(AuthError::NotBearer));
    }

    #[test]
    fn a_token_may_have_8_kilobytes_and_no_more() {
        let of = |length| format!("Bearer {}", "x".repeat(length));
        assert!(bearer_token(Some(of(8192).as_bytes())).is_ok());
        assert_eq!(bearer_token(Some(of(8193).as_bytes())), Err(AuthError::TooLarge));
    }
}
