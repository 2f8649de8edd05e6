//! The API's own description: the document, and a page to browse it that loads nothing from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use utoipa_swagger_ui::{Config, SwaggerFile};

use super::{openapi, problem::Problem};

/// The page's scripts and styles are files of ours, and it asks nobody but us. The page writes style
/// attributes into its own elements, and has its icons as `data:` images.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The files of one version never change, and the next version has the same names.
const REVALIDATE: &str = "no-cache";

static DOCUMENT: LazyLock<Option<Bytes>> = LazyLock::new(|| openapi::json().ok().map(Bytes::from));

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // Relative, so that the page works behind a proxy that adds a path. No validator: it would send
    // the document's address to somebody else.
    let config = Config::new(["../openapi.json"]).validator_url("none").display_operation_id(true);
    Arc::new(config.use_base_layout().doc_expansion("none").filter(true).try_it_out_enabled(true))
});

/// `/openapi.json` and `/docs`.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/openapi.json", get(document))
        .route("/docs", get(async || (StatusCode::SEE_OTHER, [(header::LOCATION, "docs/")])))
        .route("/docs/", get(async || page("")))
        .route("/docs/{*file}", get(async |Path(file): Path<String>| page(&file)))
}

async fn document() -> Result<Response, Problem> {
    let document = DOCUMENT.clone();
    let document = document.ok_or_else(|| Problem::internal("there is no document"))?;
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, REVALIDATE)];
    Ok((headers, document).into_response())
}

fn page(file: &str) -> Result<Response, Problem> {
    let found = utoipa_swagger_ui::serve(file, Arc::clone(&CONFIG)).map_err(|error| {
        tracing::error!(error, "the reference could not be made");
        Problem::internal("the log of the gateway has more under the request's id")
    })?;
    found.map(shown).ok_or_else(|| Problem::not_found("the reference has no such file"))
}

fn shown(file: SwaggerFile<'static>) -> Response {
    let media_type = HeaderValue::from_str(&file.content_type);
    let media_type =
        media_type.unwrap_or_else(|_e| HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATE)),
    ];
    let mut response = (headers, file.bytes.into_owned()).into_response();
    if file.gzpipped {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests;
