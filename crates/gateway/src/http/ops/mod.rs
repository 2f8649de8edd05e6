//! The console: pages at `/ops` for the person on call, who has to see what waits and to settle it.
//!
//! Rendered here, with nothing loaded from elsewhere; a script of ours keeps an open page up to date, and
//! nothing needs it. It shows what the API shows to the
//! same caller and no more, by the same use cases; it must not decide anything of its own, and puts no
//! personal data into an address or a log.

mod assets;
mod cookies;
mod discrepancies;
mod discrepancy_form;
mod filters;
mod foreign;
mod form;
mod live;
mod oidc;
mod operation;
mod operations;
mod organization;
mod organizations;
mod overview;
mod page;
mod providers;
mod refusal;
mod resolve;
mod resolve_form;
mod session;
mod sign_in;
mod sparkline;
#[cfg(test)]
mod tests;
mod timeline;
mod words;

use axum::{
    Router,
    http::{StatusCode, header},
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::{any, get},
};

use super::{extract::Id, problem::Problem, state::ApiState};

/// Where the console begins.
pub(super) const HOME: &str = "/ops";

/// Every page of the console. None is in the API's description.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/ops", get(overview::show))
        .route("/ops/", get(home))
        // Whoever loads the address of a form again is brought to where the form is.
        .route("/ops/sign-in", get(home).post(sign_in::sign_in))
        .route("/ops/sign-in/oidc", get(oidc::begin))
        .route("/ops/sign-in/callback", get(oidc::callback))
        .route("/ops/sign-out", get(home).post(sign_in::sign_out))
        .route("/ops/operations", get(operations::list))
        .route("/ops/operations/{id}", get(operation::show))
        .route("/ops/operations/{id}/resolve", get(back_to_operation).post(resolve::resolve))
        .route("/ops/organizations", get(organizations::list))
        .route("/ops/organizations/{id}", get(organization::show))
        .route("/ops/discrepancies", get(discrepancies::list))
        .route("/ops/discrepancies/{id}", get(discrepancies::show))
        .route(
            "/ops/discrepancies/{id}/resolve",
            get(back_to_discrepancy).post(discrepancy_form::resolve),
        )
        .route(
            "/ops/discrepancies/{id}/assign",
            get(back_to_discrepancy).post(discrepancy_form::assign),
        )
        .route("/ops/providers", get(providers::show))
        .route("/ops/live", get(live::follow))
        .route("/ops/assets/{file}", get(assets::file))
        .route("/ops/{*rest}", any(async || Problem::not_found("the console has no such page")))
        .layer(from_fn(refusal::as_page))
}

/// Sends the browser to another page of the console, by GET.
fn see(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}

async fn home() -> Response {
    see(HOME)
}

async fn back_to_discrepancy(Id(id): Id) -> Response {
    see(&format!("{}/{id}", discrepancies::PATH))
}

async fn back_to_operation(Id(id): Id) -> Response {
    see(&format!("/ops/operations/{id}"))
}
