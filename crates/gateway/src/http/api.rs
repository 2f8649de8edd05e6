//! Every `/v1` route in one place. A handler that takes no [`Authorized`](super::extract::Authorized)
//! or [`Write`](super::extract::Write) would be open to everybody; a test over the OpenAPI document
//! holds that none is.

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    resources::{
        customers, discrepancies, events, members, operations, organizations, providers, sweeps,
        webhooks,
    },
    state::ApiState,
};

/// The routes of the API, with their part of the OpenAPI document.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(organizations::create, organizations::list))
        .routes(routes!(organizations::adopt))
        .routes(routes!(organizations::get, organizations::patch))
        .routes(routes!(organizations::lock))
        .routes(routes!(organizations::unlock))
        .routes(routes!(members::list, members::invite))
        .routes(routes!(members::admin_role))
        .routes(routes!(customers::get))
        .routes(routes!(customers::lock))
        .routes(routes!(customers::unlock))
        .routes(routes!(operations::list))
        .routes(routes!(operations::get))
        .routes(routes!(operations::resolve))
        .routes(routes!(events::list))
        .routes(routes!(discrepancies::list))
        .routes(routes!(discrepancies::get))
        .routes(routes!(discrepancies::resolve))
        .routes(routes!(discrepancies::assign))
        .routes(routes!(providers::list))
        .routes(routes!(providers::get))
        .routes(routes!(sweeps::sweep))
        .routes(routes!(providers::resolve_route))
        .routes(routes!(webhooks::create, webhooks::list))
        .routes(routes!(webhooks::get, webhooks::patch, webhooks::delete))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::replay))
        .routes(routes!(webhooks::rotate_secret))
        .routes(routes!(webhooks::deliveries))
}
