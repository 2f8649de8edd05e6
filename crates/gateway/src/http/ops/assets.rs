//! The console's style sheet and script. Their addresses change with their content, so browsers may keep
//! them for ever.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};

use crate::http::problem::Problem;

/// A file that is part of the program.
struct Asset {
    content: &'static str,
    media_type: &'static str,
    name: String,
}

impl Asset {
    fn new(content: &'static str, extension: &str, media_type: &'static str) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes());
        let hash: String =
            digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { content, media_type, name: format!("console-{hash}.{extension}") }
    }

    fn address(&self) -> String {
        format!("/ops/assets/{}", self.name)
    }
}

static STYLES: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_str!("console.css"), "css", "text/css; charset=utf-8"));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(include_str!("console.js"), "js", "text/javascript; charset=utf-8")
});

/// The icon in the browser's tab.
pub(super) const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%231f5fbf'/%3E%3Cpath \
    d='M4 8h8M9 5l3 3-3 3' stroke='white' stroke-width='2' fill='none'/%3E%3C/svg%3E";

/// The address of the style sheet.
pub(super) fn styles_address() -> String {
    STYLES.address()
}

/// The address of the script.
pub(super) fn script_address() -> String {
    SCRIPT.address()
}

/// A file that the pages need. It needs no sign-in: the sign-in page has styles too.
pub(super) async fn file(Path(file): Path<String>) -> Result<Response, Problem> {
    let known = [&*STYLES, &*SCRIPT].into_iter().find(|asset| asset.name == file);
    let Some(asset) = known else {
        return Err(Problem::not_found("the console has no such file"));
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.content).into_response())
}
