//! `/v1/webhooks`.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    ListOut,
    webhook_in::{ReplayIn, WebhookIn, WebhookPatchIn, read_new, read_patch, read_replay},
    webhook_out::{DeliveryOut, WebhookOut, WebhookSecretOut},
    written::mark_replay,
};
use crate::{
    http::{
        extract::{Authorized, Id, ListKind, QueryFields, Write, scope},
        problem::Problem,
        state::ApiState,
    },
    store::DeliveryState,
};

/// The parameters of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it gives the OpenAPI document its parameters")]
pub(crate) struct WebhookListParams {
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Answer `total_count` too.
    include_total: Option<bool>,
}

/// The parameters of the list of deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it gives the OpenAPI document its parameters")]
pub(crate) struct DeliveryListParams {
    state: Option<DeliveryState>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Answer `total_count` too.
    include_total: Option<bool>,
}

/// Create a webhook
///
/// The tenant's events are posted to its URL as they come, signed by Standard Webhooks. The answer shows the
/// secret, this once. Events of one organization come in their order, each at least once, with the same
/// `webhook-id` each time. A tenant has 50 webhooks at most; one more is refused with 409 `too_many_webhooks`.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "Webhooks",
    operation_id = "create_webhook",
    request_body = WebhookIn,
    responses(
        (status = 201, description = "Made", body = WebhookSecretOut),
        (status = 200, description = "Made before, with the same idempotency key", body = WebhookSecretOut),
    ),
    security(("bearer" = ["events:read", "organizations:write"]))
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    query: QueryFields,
    write: Write<scope::Webhooks>,
) -> Result<Response, Problem> {
    query.finish()?;
    let shown = state.app.create_webhook(write.context, read_new(&write.body)).await?;
    let status = if shown.replayed { StatusCode::OK } else { StatusCode::CREATED };
    Ok(answer(status, shown.replayed, WebhookSecretOut::new(shown)))
}

/// List webhooks
///
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "Webhooks",
    operation_id = "list_webhooks",
    params(WebhookListParams),
    responses((status = 200, description = "One page", body = ListOut<WebhookOut>)),
    security(("bearer" = ["events:read"]))
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    auth: Authorized<scope::Events>,
    mut query: QueryFields,
) -> Result<Json<ListOut<WebhookOut>>, Problem> {
    let page = query.page(ListKind::Webhooks);
    query.finish()?;
    let found = state.app.list_webhooks(&auth.tenant_scope(), &page).await?;
    Ok(Json(ListOut::of_page(ListKind::Webhooks, found, WebhookOut::new)))
}

/// Get a webhook
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "Webhooks",
    operation_id = "get_webhook",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    responses((status = 200, description = "The webhook", body = WebhookOut)),
    security(("bearer" = ["events:read"]))
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    auth: Authorized<scope::Events>,
    Id(id): Id,
    query: QueryFields,
) -> Result<Json<WebhookOut>, Problem> {
    query.finish()?;
    Ok(Json(WebhookOut::new(state.app.webhook(&auth.tenant_scope(), id).await?)))
}

/// Change a webhook
///
/// Its URL, its kinds of event, its description; or pauses it, or has it told again.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "Webhooks",
    operation_id = "update_webhook",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    request_body = WebhookPatchIn,
    responses((status = 200, description = "The webhook", body = WebhookOut)),
    security(("bearer" = ["events:read", "organizations:write"]))
)]
pub(crate) async fn patch(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Webhooks>,
) -> Result<Response, Problem> {
    query.finish()?;
    let (edit, faults) = read_patch(&write.body);
    let edited = state.app.edit_webhook(write.context, id, edit, faults).await?;
    Ok(answer(StatusCode::OK, edited.replayed, WebhookOut::new(edited.value)))
}

/// Delete a webhook
///
/// With its deliveries. What is being sent may still arrive.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "Webhooks",
    operation_id = "delete_webhook",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = ["events:read", "organizations:write"]))
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Webhooks>,
) -> Result<StatusCode, Problem> {
    query.finish()?;
    state.app.delete_webhook(write.context, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Test a webhook
///
/// Posts an event of the type `webhook.test`, whatever types the webhook names. The answer is the delivery; its
/// outcome is among the deliveries.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", tag = "Webhooks",
    operation_id = "test_webhook",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    responses((status = 202, description = "It is to be sent", body = DeliveryOut)),
    security(("bearer" = ["events:read", "organizations:write"]))
)]
pub(crate) async fn test(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Webhooks>,
) -> Result<Response, Problem> {
    query.finish()?;
    let tested = state.app.test_webhook(write.context, id).await?;
    Ok(answer(StatusCode::ACCEPTED, tested.replayed, DeliveryOut::new(tested.value)))
}

/// Replay a webhook
///
/// Tells it again of what came after an event, under the same ids, in the order of each organization.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "Webhooks",
    operation_id = "replay_webhook",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    request_body = ReplayIn,
    responses((status = 202, description = "It is to be told again", body = WebhookOut)),
    security(("bearer" = ["events:read", "organizations:write"]))
)]
pub(crate) async fn replay(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Webhooks>,
) -> Result<Response, Problem> {
    query.finish()?;
    let after = read_replay(&write.body).map_err(Problem::of_faults)?;
    let replay = state.app.replay_webhook(write.context, id, after).await?;
    Ok(answer(StatusCode::ACCEPTED, replay.replayed, WebhookOut::new(replay.value)))
}

/// Rotate a webhook's secret
///
/// The answer shows the new one, this once. For 24 hours both sign.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate-secret", tag = "Webhooks",
    operation_id = "rotate_webhook_secret",
    params(("id" = Uuid, Path, description = "The webhook's id")),
    responses((status = 200, description = "The new secret", body = WebhookSecretOut)),
    security(("bearer" = ["events:read", "organizations:write"]))
)]
pub(crate) async fn rotate_secret(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Webhooks>,
) -> Result<Response, Problem> {
    query.finish()?;
    let shown = state.app.rotate_webhook_secret(write.context, id).await?;
    Ok(answer(StatusCode::OK, shown.replayed, WebhookSecretOut::new(shown)))
}

/// List a webhook's deliveries
///
/// Oldest first. Those that ended are kept for 31 days.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "Webhooks",
    operation_id = "list_webhook_deliveries",
    params(("id" = Uuid, Path, description = "The webhook's id"), DeliveryListParams),
    responses((status = 200, description = "One page", body = ListOut<DeliveryOut>)),
    security(("bearer" = ["events:read"]))
)]
pub(crate) async fn deliveries(
    State(state): State<ApiState>,
    auth: Authorized<scope::Events>,
    Id(id): Id,
    mut query: QueryFields,
) -> Result<Json<ListOut<DeliveryOut>>, Problem> {
    let states: Vec<_> = DeliveryState::ALL.iter().map(|s| (s.as_str(), *s)).collect();
    let of = query.word("state", &states);
    let page = query.page(ListKind::Deliveries);
    query.finish()?;
    let found = state.app.webhook_deliveries(&auth.tenant_scope(), id, of, &page).await?;
    Ok(Json(ListOut::of_page(ListKind::Deliveries, found, DeliveryOut::new)))
}

fn answer(status: StatusCode, replayed: bool, body: impl serde::Serialize) -> Response {
    mark_replay((status, Json(body)).into_response(), replayed)
}
