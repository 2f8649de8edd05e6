//! What guards the console, and what its pages have in common.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use maud::html;

use super::{
    form::{came_by_https, is_ours},
    page::{Here, Page},
    sign_in::page_of_ours,
    words,
};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

#[test]
fn a_form_of_a_page_of_ours_is_taken() {
    for ours in [
        &[("host", "ops.acme.test")][..],
        &[("host", "ops.acme.test"), ("origin", "https://ops.acme.test")],
        &[("host", "OPS.acme.test:443"), ("origin", "https://ops.acme.test")],
        &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")],
        &[("host", "ops.acme.test"), ("sec-fetch-site", "same-origin")],
        &[
            ("host", "gw:80"),
            ("x-forwarded-host", "ops.acme.test"),
            ("origin", "https://ops.acme.test"),
        ],
    ] {
        assert!(is_ours(&headers(ours)), "{ours:?}");
    }
}

#[test]
fn a_form_of_another_site_is_refused() {
    for theirs in [
        &[("host", "ops.acme.test"), ("origin", "https://evil.test")][..],
        &[("host", "ops.acme.test"), ("origin", "https://ops.acme.test.evil.test")],
        &[("host", "ops.acme.test"), ("origin", "https://ops.acme.test:8443")],
        &[("host", "ops.acme.test"), ("origin", "null")],
        &[("host", "ops.acme.test"), ("origin", "ftp://ops.acme.test")],
        &[("host", "ops.acme.test"), ("sec-fetch-site", "cross-site")],
        &[("host", "ops.acme.test"), ("sec-fetch-site", "same-site")],
        &[("origin", "https://ops.acme.test")],
        &[
            ("host", "ops.acme.test"),
            ("origin", "https://ops.acme.test"),
            ("origin", "https://evil.test"),
        ],
        &[
            ("host", "ops.acme.test"),
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://evil.test"),
        ],
    ] {
        assert!(!is_ours(&headers(theirs)), "{theirs:?}");
    }
}

#[test]
fn the_cookie_is_secure_where_the_browser_came_by_https() {
    assert!(came_by_https(&headers(&[("x-forwarded-proto", "https, http")])));
    assert!(came_by_https(&headers(&[("origin", "https://ops.acme.test")])));
    assert!(!came_by_https(&headers(&[("origin", "http://127.0.0.1:8080")])));
    assert!(!came_by_https(&headers(&[])));
}

#[test]
fn after_a_sign_in_nobody_is_led_away() {
    for ours in ["/ops", "/ops/operations/1?x=y", "/ops?x"] {
        assert_eq!(page_of_ours(ours), ours);
    }
    for theirs in ["", "https://evil.test", "//evil.test", "/opsx", "/ops/\\evil", "/ops/\r\nx: y"]
    {
        assert_eq!(page_of_ours(theirs), "/ops", "{theirs:?}");
    }
}

#[tokio::test]
async fn a_page_lets_a_browser_do_nothing_but_show_it() {
    let page = Page { title: "<b>", here: Here::Nowhere, session: None, now: now() };
    let response = page.answer(StatusCode::OK, html! { p { "<script>" } });
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    for part in [
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(response.headers()[header::REFERRER_POLICY], "same-origin");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(!text.contains("<script") && !text.contains("<style") && !text.contains(" style="));
    assert!(text.contains("<title>&lt;b&gt; "), "{text}");
}

#[test]
fn times_are_told_in_their_two_largest_units() {
    for (seconds, told) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h 0 min"),
        (100_000, "27 h 46 min"),
        (200_000, "2 d 7 h"),
    ] {
        assert_eq!(words::span(TimeDelta::seconds(seconds)), told);
    }
    assert_eq!(words::distance(now() - TimeDelta::minutes(3), now()), "3 min ago");
    assert_eq!(words::distance(now() + TimeDelta::seconds(20), now()), "in 20 s");
    let shown = words::moment(now(), now()).into_string();
    assert!(shown.contains("2026-11-18 11:06:40 UTC"), "{shown}");
}
