//! The console's one style sheet. Its address changes with its content, so browsers may keep it for ever.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};

use crate::http::problem::Problem;

const STYLES: &str = include_str!("console.css");

static STYLES_NAME: LazyLock<String> = LazyLock::new(|| {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLES.as_bytes());
    let hash: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("console-{hash}.css")
});

/// The icon in the browser's tab.
pub(super) const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%231f5fbf'/%3E%3Cpath \
    d='M4 8h8M9 5l3 3-3 3' stroke='white' stroke-width='2' fill='none'/%3E%3C/svg%3E";

/// The address of the style sheet.
pub(super) fn styles_address() -> String {
    format!("/ops/assets/{}", *STYLES_NAME)
}

/// A file that the pages need. It needs no sign-in: the sign-in page has styles too.
pub(super) async fn file(Path(file): Path<String>) -> Result<Response, Problem> {
    if file != *STYLES_NAME {
        return Err(Problem::not_found("the console has no such file"));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, STYLES).into_response())
}
