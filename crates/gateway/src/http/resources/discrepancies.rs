//! `/v1/discrepancies`.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    ListOut,
    operation_out::OperationOut,
    written::{accepted, mark_replay},
};
use crate::{
    app::{Action, Adoption},
    auth::Tenant,
    http::{
        body::{Faults, Object},
        extract::{Authorized, Id, ListKind, QueryFields, Write, scope},
        problem::Problem,
        state::ApiState,
    },
    store::{
        Discrepancy, DiscrepancyFilter, DiscrepancyKind, DiscrepancyResolution, DiscrepancyState,
        FieldDifference,
    },
};

/// Something in which a provider and the mapping do not agree.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Discrepancy)]
pub(crate) struct DiscrepancyOut {
    /// UUIDv7.
    pub id: Uuid,
    pub kind: DiscrepancyKind,
    /// The partner account.
    pub provider: String,
    /// Null for `unmapped`.
    #[schema(required)]
    pub organization_id: Option<Uuid>,
    /// Its id at the provider.
    pub provider_org_id: String,
    /// What differs; for `unmapped`, what the provider shows of it.
    pub fields: Vec<FieldDifference>,
    /// `dismissed`: it is told of again when its values change.
    pub state: DiscrepancyState,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// How it was settled; `gone`: a sweep found that it holds no more.
    #[schema(required)]
    pub resolution: Option<DiscrepancyResolution>,
    /// Who settled it: a token's `sub`, or `sweep`.
    #[schema(required)]
    pub resolved_by: Option<String>,
    #[schema(required)]
    pub resolved_at: Option<DateTime<Utc>>,
    #[schema(required)]
    pub reason: Option<String>,
    /// With `reapplied`: the operation that sends ours.
    #[schema(required)]
    pub operation_id: Option<Uuid>,
}

impl DiscrepancyOut {
    /// A discrepancy as callers see it.
    pub(crate) fn new(found: Discrepancy) -> Self {
        Self {
            id: found.id,
            kind: found.kind,
            provider: found.provider,
            organization_id: found.organization_id,
            provider_org_id: found.provider_org_id,
            fields: found.fields,
            state: found.state,
            first_seen_at: found.first_seen_at,
            last_seen_at: found.last_seen_at,
            resolution: found.resolution,
            resolved_by: found.resolved_by,
            resolved_at: found.resolved_at,
            reason: found.reason,
            operation_id: found.operation_id,
        }
    }
}

/// The parameters of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it gives the OpenAPI document its parameters")]
pub(crate) struct DiscrepancyListParams {
    kind: Option<DiscrepancyKind>,
    state: Option<DiscrepancyState>,
    /// The partner account.
    #[param(min_length = 1)]
    provider: Option<String>,
    organization_id: Option<Uuid>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Answer `total_count` too.
    include_total: Option<bool>,
}

/// List discrepancies
///
/// What the sweeps found, first seen first. `unmapped` ones belong to no tenant and are shown to admins alone.
#[utoipa::path(
    get, path = "/v1/discrepancies", tag = "Discrepancies",
    operation_id = "list_discrepancies",
    params(DiscrepancyListParams),
    responses((status = 200, description = "One page", body = ListOut<DiscrepancyOut>)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    mut query: QueryFields,
) -> Result<Json<ListOut<DiscrepancyOut>>, Problem> {
    let filter = read_filter(&mut query);
    let page = query.page(ListKind::Discrepancies);
    query.finish()?;
    let found = state.app.discrepancies(&auth.tenant_scope(), &filter, &page).await?;
    Ok(Json(ListOut::of_page(ListKind::Discrepancies, found, DiscrepancyOut::new)))
}

/// What a list is to be narrowed by.
pub(crate) fn read_filter(query: &mut QueryFields) -> DiscrepancyFilter {
    let kinds: Vec<_> = DiscrepancyKind::ALL.iter().map(|k| (k.as_str(), *k)).collect();
    let states: Vec<_> = DiscrepancyState::ALL.iter().map(|s| (s.as_str(), *s)).collect();
    DiscrepancyFilter {
        kind: query.word("kind", &kinds),
        state: query.word("state", &states),
        provider: query.text("provider"),
        organization_id: query.uuid("organization_id"),
    }
}

/// Get a discrepancy
#[utoipa::path(
    get, path = "/v1/discrepancies/{id}", tag = "Discrepancies",
    operation_id = "get_discrepancy",
    params(("id" = Uuid, Path, description = "The discrepancy's id")),
    responses((status = 200, description = "The discrepancy", body = DiscrepancyOut)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    Id(id): Id,
    query: QueryFields,
) -> Result<Json<DiscrepancyOut>, Problem> {
    query.finish()?;
    let found = state.app.discrepancy(&auth.tenant_scope(), id).await?;
    Ok(Json(DiscrepancyOut::new(found)))
}

/// What is to be done about a discrepancy.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ResolveDiscrepancy)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct ResolveDiscrepancyIn {
    action: ActionIn,
    /// With `adopt`: whose it is to be.
    #[schema(min_length = 1, max_length = 128)]
    tenant: Option<String>,
    /// With `adopt`: the customer.
    #[schema(min_length = 1, max_length = 256)]
    customer_id: Option<String>,
    /// Why; kept with the discrepancy.
    #[schema(min_length = 1, max_length = 1024)]
    reason: Option<String>,
}

/// `adopt`: map what is not mapped; `accept`: take the provider's word; `reapply`: send ours; `dismiss`: put
/// it aside until its values change.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = DiscrepancyAction)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionIn {
    Adopt,
    Accept,
    Reapply,
    Dismiss,
}

/// Resolve a discrepancy
///
/// `adopt` is for `unmapped` and admins; `accept` for `drifted` (the customer id too) and for `missing`, which
/// closes the organization here; `reapply` for `drifted` fields that the provider can change, and it is an
/// update like any other; `dismiss` for all. Another action is 422 `wrong_action`. `If-Match` is the
/// organization's tag; without one, `accept` takes the version that the sweep compared.
#[utoipa::path(
    post, path = "/v1/discrepancies/{id}/resolve", tag = "Discrepancies",
    operation_id = "resolve_discrepancy",
    params(
        ("id" = Uuid, Path, description = "The discrepancy's id"),
        ("If-Match" = Option<String>, Header, description = "Only if the organization still has this tag"),
    ),
    request_body = ResolveDiscrepancyIn,
    responses(
        (status = 200, description = "The discrepancy as it then is", body = DiscrepancyOut),
        (status = 202, description = "Ours is not sent yet", body = OperationOut),
        (status = 412, description = "`precondition_failed`: the organization has changed"),
    ),
    security(("bearer" = ["organizations:write"]))
)]
pub(crate) async fn resolve(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Write>,
) -> Result<Response, Problem> {
    query.finish()?;
    let (action, reason) = read_action(&write.body)?;
    let resolved = state.app.resolve_discrepancy(write.context, id, action, reason).await?;
    let response = match resolved.pending {
        Some(operation) => accepted(&state.app, operation).await?,
        None => Json(DiscrepancyOut::new(resolved.discrepancy)).into_response(),
    };
    Ok(mark_replay(response, resolved.replayed))
}

/// Reads what a person wants done, and why.
///
/// # Errors
/// 422 with every fault at once.
pub(crate) fn read_action(body: &Value) -> Result<(Action, Option<String>), Problem> {
    let faults = Faults::default();
    let read = Object::of_body(body, &faults).and_then(|mut body| {
        let word = body.needed_text("action", 32);
        let reason = body.text("reason", 1024);
        let is_adoption = word.as_deref() == Some("adopt");
        let (tenant, customer_id) = if is_adoption {
            let tenant = body.needed_identifier("tenant", 128);
            let tenant = tenant.and_then(|name| match Tenant::new(name) {
                Ok(tenant) => Some(tenant.as_str().to_owned()),
                Err(fault) => {
                    body.fault("tenant", "invalid", fault.to_string());
                    None
                }
            });
            (tenant, body.customer_id())
        } else {
            for name in ["tenant", "customer_id"] {
                if body.text(name, 256).is_some() {
                    body.fault(name, "invalid", "is taken with adopt alone");
                }
            }
            (None, None)
        };
        let action = match word.as_deref() {
            Some("adopt") => tenant
                .zip(customer_id)
                .map(|(tenant, customer_id)| Action::Adopt(Adoption { tenant, customer_id })),
            Some("accept") => Some(Action::Accept),
            Some("reapply") => Some(Action::Reapply),
            Some("dismiss") => Some(Action::Dismiss),
            Some(_) => {
                let words = "must be one of adopt, accept, reapply, dismiss";
                body.fault("action", "invalid", words);
                None
            }
            None => None,
        };
        body.finish();
        Some((action?, reason))
    });
    match (read, faults.take()) {
        (Some(read), found) if found.is_empty() => Ok(read),
        (_, found) => Err(Problem::of_faults(found)),
    }
}
