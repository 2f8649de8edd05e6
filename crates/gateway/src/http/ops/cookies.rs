//! The cookies of the console: their names and attributes, and how a request's cookie is found.
//!
//! Over https a cookie has the prefix `__Host-` (RFC 6265bis): browsers then take it from this host alone,
//! so another host of the same site cannot plant one. Over plain http, as `dev` uses, not all browsers keep
//! such a cookie, so the name has no prefix there.

use axum::http::{HeaderMap, HeaderValue, header};

/// The longest cookie that every browser keeps (RFC 6265), with its name and attributes.
const LONGEST: usize = 4096;
const PREFIX: &str = "__Host-";

/// The session: the token of the caller. Strict, so that no other site can have it sent.
pub(super) const SESSION: Cookie =
    Cookie { name: "ops_session", path: "/ops", same_site: "Strict" };
/// A sign-in at the identity provider that has begun. Lax, since the browser returns from another site.
pub(super) const SIGN_IN: Cookie =
    Cookie { name: "ops_sign_in", path: "/ops/sign-in", same_site: "Lax" };

/// One of the console's cookies. Scripts cannot read it.
pub(super) struct Cookie {
    name: &'static str,
    /// The path where the name has no prefix; with the prefix it must be `/`.
    path: &'static str,
    same_site: &'static str,
}

/// A request that has a cookie twice. Its first one may be planted, so none is used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

impl Cookie {
    /// Sets the cookie, until the browser closes or for `max_age` seconds. `None` where a browser would not
    /// keep it.
    pub(super) fn set(
        &self,
        value: &str,
        is_https: bool,
        max_age: Option<i64>,
    ) -> Option<HeaderValue> {
        let is_plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let cookie = self.line(value, is_https, max_age);
        let fits = is_plain && cookie.len() <= LONGEST;
        HeaderValue::from_str(&cookie).ok().filter(|_| fits)
    }

    /// Clears the cookie under both of its names.
    pub(super) fn clear(&self) -> Vec<HeaderValue> {
        let lines = [false, true].map(|is_https| self.line("", is_https, Some(0)));
        lines.iter().filter_map(|line| HeaderValue::from_str(line).ok()).collect()
    }

    fn line(&self, value: &str, is_https: bool, max_age: Option<i64>) -> String {
        let Self { name, path, same_site } = self;
        let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let (prefix, path, secure) =
            if is_https { (PREFIX, "/", "; Secure") } else { ("", *path, "") };
        format!("{prefix}{name}={value}; Path={path}; HttpOnly; SameSite={same_site}{age}{secure}")
    }

    /// Finds the cookie of a request. Over https only the name with the prefix counts.
    ///
    /// # Errors
    /// [`Ambiguous`] where the name comes twice.
    pub(super) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
        is_https: bool,
    ) -> Result<Option<&'a str>, Ambiguous> {
        let prefixed = only(headers, |name| name.strip_prefix(PREFIX) == Some(self.name))?;
        if prefixed.is_some() || is_https {
            return Ok(prefixed);
        }
        only(headers, |name| name == self.name)
    }
}

/// The value of the only cookie whose name matches.
fn only(headers: &HeaderMap, is_wanted: impl Fn(&str) -> bool) -> Result<Option<&str>, Ambiguous> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(name, _)| is_wanted(name.trim()));
    let first = found.next().map(|(_, value)| value.trim());
    if found.next().is_some() { Err(Ambiguous) } else { Ok(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in cookies {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn over_https_the_name_has_the_prefix_that_browsers_guard() {
        let cookie = |is_https| SESSION.set("a.b-c.d_e", is_https, None).unwrap();
        assert_eq!(cookie(false), "ops_session=a.b-c.d_e; Path=/ops; HttpOnly; SameSite=Strict");
        let guarded = "__Host-ops_session=a.b-c.d_e; Path=/; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(cookie(true), guarded);
        let cookie = |is_https| SIGN_IN.set("abc", is_https, Some(600)).unwrap();
        let plain = "ops_sign_in=abc; Path=/ops/sign-in; HttpOnly; SameSite=Lax; Max-Age=600";
        assert_eq!(cookie(false), plain);
        let guarded = "__Host-ops_sign_in=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure";
        assert_eq!(cookie(true), guarded);
    }

    #[test]
    fn a_cookie_is_cleared_under_both_names() {
        let lines = SESSION.clear();
        assert_eq!(lines[0], "ops_session=; Path=/ops; HttpOnly; SameSite=Strict; Max-Age=0");
        let guarded = "__Host-ops_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure";
        assert_eq!(lines[1], guarded);
    }

    #[test]
    fn a_value_that_browsers_would_not_keep_is_not_set() {
        assert!(SESSION.set(&"x".repeat(3_900), true, None).is_some());
        assert!(SESSION.set(&"x".repeat(4_096), true, None).is_none());
        assert!(SESSION.set("a;b", true, None).is_none());
        assert!(SESSION.set("a b", true, None).is_none());
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let headers = given(&["a=1; ops_session=x.y.z;b=2", "c=3"]);
        assert_eq!(SESSION.find(&headers, false), Ok(Some("x.y.z")));
        let other = given(&["my_ops_session=x; ops=y; __Host-ops=z"]);
        assert_eq!(SESSION.find(&other, false), Ok(None));
        assert_eq!(SESSION.find(&given(&[]), false), Ok(None));
    }

    #[test]
    fn a_planted_cookie_does_not_replace_the_session() {
        let both = given(&["ops_session=planted; __Host-ops_session=own"]);
        for is_https in [false, true] {
            assert_eq!(SESSION.find(&both, is_https), Ok(Some("own")));
        }
        let planted = given(&["ops_session=planted"]);
        assert_eq!(SESSION.find(&planted, true), Ok(None), "not over https");
        assert_eq!(SESSION.find(&given(&["ops_session=a; ops_session=b"]), false), Err(Ambiguous));
        assert_eq!(
            SESSION.find(&given(&["ops_session=a", "ops_session=a"]), false),
            Err(Ambiguous)
        );
        let twice = given(&["__Host-ops_session=a; __Host-ops_session=b"]);
        assert_eq!(SESSION.find(&twice, true), Err(Ambiguous));
    }
}
