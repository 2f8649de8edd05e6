//! What a browser gets: a whole page, and nothing that leads elsewhere.

use axum::{body::Body, extract::Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

async fn fetch(path: &str) -> Response {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    routes().oneshot(request).await.unwrap()
}

async fn body(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}

/// The values of `src` and `href` in a page.
fn links(page: &str) -> Vec<String> {
    let after = |mark: &str| {
        let parts: Vec<_> = page.split(mark).skip(1).collect();
        parts.into_iter().filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    let (sources, references): (Vec<String>, Vec<String>) = (after("src=\""), after("href=\""));
    sources.into_iter().chain(references).collect()
}

#[tokio::test]
async fn the_document_is_the_codes() {
    let response = fetch("/openapi.json").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(body(response).await, openapi::json().unwrap());
}

#[tokio::test]
async fn the_page_has_all_it_needs_with_us() {
    let redirect = fetch("/docs").await;
    assert_eq!(redirect.status(), StatusCode::SEE_OTHER);
    assert_eq!(redirect.headers()[header::LOCATION], "docs/");
    let page = body(fetch("/docs/").await).await;
    let links = links(&page);
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        let name = link.strip_prefix("./").unwrap_or(&link);
        assert!(!name.contains([':', '/']), "{link} leads elsewhere");
        let file = fetch(&format!("/docs/{name}")).await;
        assert_eq!(file.status(), StatusCode::OK, "{link}");
        assert!(!body(file).await.is_empty(), "{link}");
    }
}

#[tokio::test]
async fn the_page_may_load_nothing_from_elsewhere_and_runs_no_script_of_its_own() {
    let response = fetch("/docs/").await;
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    for weakness in ["unsafe", "http", "*"] {
        assert!(!policy.contains(weakness), "{policy}");
    }
    let page = body(response).await;
    let scripts = page.matches("<script").count();
    assert_eq!(scripts, page.matches("<script src=").count(), "a script stands in the page");
    assert!(!page.contains("<style"), "a style stands in the page");
}

#[tokio::test]
async fn the_page_shows_our_document_and_asks_no_validator() {
    let script = body(fetch("/docs/swagger-initializer.js").await).await;
    assert!(script.contains("\"../openapi.json\""), "{script}");
    assert!(script.contains("\"validatorUrl\": \"none\""), "{script}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_found() {
    for path in ["/docs/nothing.js", "/docs/../Cargo.toml", "/docs/%2e%2e/Cargo.toml"] {
        assert_eq!(fetch(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
