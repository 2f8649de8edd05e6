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
    /// The tenant that owns the organization, or to which an `unmapped` one is assigned; else null.
    #[schema(required)]
    pub tenant: Option<String>,
    /// The actor who assigned an `unmapped` one to its tenant: a token's `sub`.
    #[schema(required)]
    pub assigned_by: Option<String>,
    #[schema(required)]
    pub assigned_at: Option<DateTime<Utc>>,
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
    /// Who settled it: the `sub` of a token, `gateway:sweep`, or `gateway:migration` for a duplicate that an upgrade
    /// closed.
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
            tenant: found.tenant,
            assigned_by: found.assigned_by,
            assigned_at: found.assigned_at,
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
/// What the sweeps found, first seen first. An `unmapped` one belongs to no tenant: only admins see it, and the tenant
/// to which an admin assigned it.
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
    /// With `adopt`: the tenant that is to own the mapping; the assigned one if left out. Another tenant than the
    /// caller's own needs the scope `admin`.
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
/// `adopt` is for `unmapped` ones, by an admin or by the tenant that it is assigned to; `accept` for `drifted` (the customer id too) and for `missing`, which
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
    let scope = write.context.scope.clone();
    let resolved = state.app.resolve_discrepancy(write.context, id, action, reason).await?;
    let response = match resolved.pending {
        Some(operation) => accepted(&state.app, &scope, operation).await?,
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
            (tenant_of(&mut body), body.customer_id())
        } else {
            for name in ["tenant", "customer_id"] {
                if body.text(name, 256).is_some() {
                    body.fault(name, "invalid", "is taken with adopt alone");
                }
            }
            (None, None)
        };
        let action = match word.as_deref() {
            Some("adopt") => {
                customer_id.map(|customer_id| Action::Adopt(Adoption { tenant, customer_id }))
            }
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

fn tenant_of(body: &mut Object<'_>) -> Option<String> {
    let tenant = Tenant::new(body.identifier("tenant", 128)?);
    match tenant {
        Ok(tenant) => Some(tenant.as_str().to_owned()),
        Err(fault) => {
            body.fault("tenant", "invalid", fault.to_string());
            None
        }
    }
}

/// The tenant that an unmapped organization is assigned to.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AssignDiscrepancy)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct AssignIn {
    /// The tenant, which may adopt the organization from now on; null withdraws an assignment.
    #[schema(min_length = 1, max_length = 128, required)]
    tenant: Option<String>,
}

/// Assign a discrepancy
///
/// Assigns an `unmapped` organization to a tenant: the discrepancy is visible to that tenant, which may adopt it.
/// Another kind is 422 `wrong_action`; a resolved one is 409 `discrepancy_not_open`.
#[utoipa::path(
    post, path = "/v1/discrepancies/{id}/assign", tag = "Discrepancies",
    operation_id = "assign_discrepancy",
    params(("id" = Uuid, Path, description = "The discrepancy's id")),
    request_body = AssignIn,
    responses((status = 200, description = "The discrepancy as it is now", body = DiscrepancyOut)),
    security(("bearer" = ["admin"]))
)]
pub(crate) async fn assign(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Admin>,
) -> Result<Response, Problem> {
    query.finish()?;
    let tenant = read_assignment(&write.body)?;
    let (found, replayed) = state.app.assign_discrepancy(write.context, id, tenant).await?;
    Ok(mark_replay(Json(DiscrepancyOut::new(found)).into_response(), replayed))
}

/// Reads the tenant of an assignment; `None` withdraws it.
///
/// # Errors
/// 422 with every fault at once.
pub(crate) fn read_assignment(body: &Value) -> Result<Option<String>, Problem> {
    let faults = Faults::default();
    let tenant = Object::of_body(body, &faults).and_then(|mut object| {
        if body.get("tenant").is_none() {
            object.fault("tenant", "required", "is required; null withdraws the assignment");
        }
        let tenant = tenant_of(&mut object);
        object.finish();
        tenant
    });
    match faults.take() {
        found if found.is_empty() => Ok(tenant),
        found => Err(Problem::of_faults(found)),
    }
}
