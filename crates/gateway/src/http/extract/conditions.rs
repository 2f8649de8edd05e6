//! Conditional requests (RFC 9110, section 13) on the version of an organization.

use axum::http::{HeaderMap, HeaderName, header};

/// The strong tag of a version.
pub(crate) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The versions that `If-Match` allows; `None` where any is fine. Weak tags never match, nor does what
/// is no tag of ours.
pub(crate) fn if_match(headers: &HeaderMap) -> Option<Vec<i64>> {
    let tags = tags_of(headers, header::IF_MATCH)?;
    if tags.iter().any(|tag| tag == "*") {
        return None;
    }
    Some(tags.iter().filter_map(|tag| version_of(tag)).collect())
}

/// The caller has this version already.
pub(crate) fn is_not_modified(headers: &HeaderMap, version: i64) -> bool {
    tags_of(headers, header::IF_NONE_MATCH).is_some_and(|tags| {
        tags.iter().any(|tag| {
            tag == "*" || version_of(tag.strip_prefix("W/").unwrap_or(tag)) == Some(version)
        })
    })
}

fn tags_of(headers: &HeaderMap, name: HeaderName) -> Option<Vec<String>> {
    // Look at the header first: axum-extra's optional typed header is never `None` here (seen 2026-11).
    if !headers.contains_key(&name) {
        return None;
    }
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    Some(values.flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned()).collect())
}

fn version_of(tag: &str) -> Option<i64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn if_match_allows_the_tags_it_names() {
        assert_eq!(if_match(&HeaderMap::new()), None);
        assert_eq!(if_match(&headers("if-match", "*")), None);
        assert_eq!(if_match(&headers("if-match", "\"3\"")), Some(vec![3]));
        assert_eq!(if_match(&headers("if-match", "\"3\", \"5\"")), Some(vec![3, 5]));
        assert_eq!(if_match(&headers("if-match", "W/\"3\"")), Some(vec![]));
        assert_eq!(if_match(&headers("if-match", "nonsense")), Some(vec![]));
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let same = |value| is_not_modified(&headers("if-none-match", value), 3);
        assert!(same("\"3\"") && same("W/\"3\"") && same("*") && same("\"1\", \"3\""));
        assert!(!same("\"4\"") && !same("3"));
        assert!(!is_not_modified(&HeaderMap::new(), 3));
    }
}
