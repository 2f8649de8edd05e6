//! `/v1/operations`.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{ListOut, operation_out::OperationOut, written::mark_replay};
use crate::{
    http::{
        body::{Faults, Object},
        extract::{Authorized, Id, LONGEST_WAIT, ListKind, QueryFields, Write, scope},
        problem::Problem,
        state::ApiState,
    },
    operations::Resolution,
    store::{OperationFilter, OperationKind, OperationState},
};

/// The parameters of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it gives the OpenAPI document its parameters")]
pub(crate) struct OperationListParams {
    state: Option<OperationState>,
    kind: Option<OperationKind>,
    organization_id: Option<Uuid>,
    /// The partner account.
    #[param(min_length = 1)]
    provider: Option<String>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Answer `total_count` too.
    include_total: Option<bool>,
}

/// List operations
///
/// Oldest first. `state=quarantined` is the operator's queue.
#[utoipa::path(
    get, path = "/v1/operations", tag = "Operations",
    operation_id = "list_operations",
    params(OperationListParams),
    responses((status = 200, description = "One page", body = ListOut<OperationOut>)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    mut query: QueryFields,
) -> Result<Json<ListOut<OperationOut>>, Problem> {
    let states: Vec<_> = OperationState::ALL.iter().map(|s| (s.as_str(), *s)).collect();
    let kinds: Vec<_> = OperationKind::ALL.iter().map(|k| (k.as_str(), *k)).collect();
    let filter = OperationFilter {
        state: query.word("state", &states),
        kind: query.word("kind", &kinds),
        organization_id: query.uuid("organization_id"),
        provider: query.text("provider"),
        newest_first: false,
    };
    let page = query.page(ListKind::Operations);
    query.finish()?;
    let found = state.app.operations(&auth.tenant_scope(), &filter, &page).await?;
    Ok(Json(ListOut::of_page(ListKind::Operations, found, OperationOut::new)))
}

/// Get an operation
///
/// With `wait=N` the response comes once the operation has ended or is `quarantined`, or after N seconds. A
/// quarantined operation is returned at once, because only an operator or a late answer moves it.
#[utoipa::path(
    get, path = "/v1/operations/{id}", tag = "Operations",
    operation_id = "get_operation",
    params(
        ("id" = Uuid, Path, description = "The operation's id"),
        ("wait" = Option<u64>, Query, description = "Wait for its end, up to 60 seconds", minimum = 0, maximum = 60),
    ),
    responses((status = 200, description = "The operation", body = OperationOut)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    Id(id): Id,
    mut query: QueryFields,
) -> Result<Json<OperationOut>, Problem> {
    let wait = query.parsed("wait", |text| match text.parse() {
        Ok(seconds) if seconds <= LONGEST_WAIT.as_secs() => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err("must be a number of seconds from 0 to 60"),
    });
    query.finish()?;
    let scope = auth.tenant_scope();
    let view = match wait {
        Some(limit) => state.app.await_operation(&scope, id, limit).await?,
        None => state.app.operation(&scope, id).await?,
    };
    Ok(Json(OperationOut::new(view)))
}

/// What a person found out about an operation.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ResolveOperation)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct ResolveIn {
    /// `applied`: it was done; `not_applied`: it was not; `abandoned`: nobody will find out.
    outcome: OutcomeIn,
    /// With `applied` of a create: the id of the organization that it made, a UUID in any form and case.
    provider_org_id: Option<String>,
    /// With `applied` of a create, where the provider does not confirm the organization and it is no candidate: the
    /// caller has checked that the create made it.
    confirm_unverified: Option<bool>,
    /// With `not_applied`: send it again.
    retry: Option<bool>,
    /// Why; kept with the operation's evidence.
    #[schema(min_length = 1, max_length = 1024)]
    reason: String,
}

/// What a person found out about an operation.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ResolveOutcome)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutcomeIn {
    Applied,
    NotApplied,
    Abandoned,
}

/// Resolve an operation
///
/// Settles an `unknown` or `quarantined` one as the operator says. Any other state is 409. An `applied` create names
/// what it made: where the provider can be read, the organization must exist there (422 `not_found_at_provider`) and
/// match the create; elsewhere it is one of the candidates, or `confirm_unverified` is true (422
/// `unverified_provider_org_id`). One that another tenant claims is an admin's to decide (409 `claimed_elsewhere`).
#[utoipa::path(
    post, path = "/v1/operations/{id}/resolve", tag = "Operations",
    operation_id = "resolve_operation",
    params(("id" = Uuid, Path, description = "The operation's id")),
    request_body = ResolveIn,
    responses((status = 200, description = "The operation as it then is", body = OperationOut)),
    security(("bearer" = ["operations:resolve"]))
)]
pub(crate) async fn resolve(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Resolve>,
) -> Result<Response, Problem> {
    query.finish()?;
    let (resolution, reason) = read_resolution(&write.body)?;
    let (view, replayed) =
        state.app.resolve_operation(write.context, id, &resolution, reason).await?;
    Ok(mark_replay(Json(OperationOut::new(view)).into_response(), replayed))
}

/// Reads what a person found out, and why.
///
/// # Errors
/// 422 with every fault at once.
pub(crate) fn read_resolution(body: &serde_json::Value) -> Result<(Resolution, String), Problem> {
    let faults = Faults::default();
    let read = Object::of_body(body, &faults).and_then(|mut body| {
        let outcome = body.needed_text("outcome", 32);
        let reason = body.needed_text("reason", 1024);
        let provider_org_id = body.text("provider_org_id", 128);
        let retry = body.boolean("retry");
        let confirmed = body.boolean("confirm_unverified");
        let resolution = match outcome.as_deref() {
            Some("applied") => Some(Resolution::Applied {
                provider_org_id: provider_org_id.clone(),
                confirm_unverified: confirmed.unwrap_or(false),
            }),
            Some("not_applied") => Some(Resolution::NotApplied { retry: retry.unwrap_or(false) }),
            Some("abandoned") => Some(Resolution::Abandoned),
            Some(_) => {
                body.fault("outcome", "invalid", "must be one of applied, not_applied, abandoned");
                None
            }
            None => None,
        };
        let not_taken = "is not taken with this outcome";
        if provider_org_id.is_some() && outcome.as_deref() != Some("applied") {
            body.fault("provider_org_id", "invalid", not_taken);
        }
        if confirmed.is_some() && outcome.as_deref() != Some("applied") {
            body.fault("confirm_unverified", "invalid", not_taken);
        }
        if retry.is_some() && outcome.as_deref() != Some("not_applied") {
            body.fault("retry", "invalid", not_taken);
        }
        body.finish();
        Some((resolution?, reason?))
    });
    match (read, faults.take()) {
        (Some(read), found) if found.is_empty() => Ok(read),
        (_, found) => Err(Problem::of_faults(found)),
    }
}
