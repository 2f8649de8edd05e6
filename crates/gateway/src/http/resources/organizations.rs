//! `/v1/organizations`.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use partner_core::LockOrigin;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    ListOut, OrganizationOut,
    operation_out::OperationOut,
    organization_in::{AdoptIn, OrganizationIn, OrganizationPatchIn},
    organization_read::{merge_patch, read_adopt, read_create},
    plan_out::PlanOut,
    written::{answer, organization},
};
use crate::{
    app::AdoptInput,
    auth::Tenant,
    http::{
        body::{Faults, LONGEST_LABEL, LONGEST_LABEL_NAME, Object},
        extract::{Authorized, Id, ListKind, QueryFields, Write, etag, is_not_modified, scope},
        problem::Problem,
        state::ApiState,
    },
    providers::Registry,
    store::{OperationKind, OrgStatus, OrganizationFilter, OrganizationOrder},
};

/// Create an organization
///
/// Routed by the body's `provider` or by the rules, checked whole by the gateway's rules and the
/// provider's, committed, then sent. The same customer at the same provider again: the same content is
/// answered with the organization that is there (200), another one is 409. With `dry_run=true` nothing
/// is done, and the plan is answered.
#[utoipa::path(
    post, path = "/v1/organizations", tag = "Organizations",
    operation_id = "create_organization",
    params(("dry_run" = Option<bool>, Query, description = "Answer the plan and do nothing")),
    request_body = OrganizationIn,
    responses(
        (status = 201, description = "Created", body = OrganizationOut),
        (status = 200, description = "The organization that the same request made before, or with `dry_run` the plan", body = CreateAnswer),
        (status = 202, description = "Not settled yet", body = OperationOut),
    ),
    security(("bearer" = ["organizations:write"]))
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    mut query: QueryFields,
    write: Write<scope::Write>,
) -> Result<Response, Problem> {
    let dry_run = query.boolean("dry_run").unwrap_or(false);
    query.finish()?;
    let input = read_create(&write.body);
    if dry_run {
        let plan = state.app.plan_create(&write.context, input).await?;
        return Ok(Json(PlanOut::new(plan)).into_response());
    }
    let scope = write.context.scope.clone();
    let written = state.app.create_organization(write.context, input).await?;
    answer(&state.app, &scope, written).await
}

/// The answer to a create that made nothing new.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema")]
pub(crate) enum CreateAnswer {
    Organization(Box<OrganizationOut>),
    Plan(Box<PlanOut>),
}

/// The parameters of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it gives the OpenAPI document its parameters")]
pub(crate) struct OrganizationListParams {
    /// The exact customer id.
    #[param(min_length = 1)]
    customer_id: Option<String>,
    /// The partner account.
    #[param(min_length = 1)]
    provider: Option<String>,
    /// The id at the provider: a UUID in any form and case.
    #[param(min_length = 1)]
    provider_org_id: Option<String>,
    status: Option<OrgStatus>,
    usable: Option<bool>,
    /// The owner's address, any case.
    #[param(min_length = 1)]
    email: Option<String>,
    /// Whose lock lies on it.
    #[param(pattern = "^(partner|provider)$")]
    locked_by: Option<String>,
    /// A label and its value: `key:value`. A key may have colons: `a:b:c` finds the label `a` with the value
    /// `b:c`, and the label `a:b` with the value `c`.
    #[param(pattern = r"^[^:\u0000]+:[^\u0000]*$")]
    label: Option<String>,
    /// A prefix of the name, any case.
    #[param(min_length = 1)]
    q: Option<String>,
    /// Changed at this time or later.
    updated_since: Option<DateTime<Utc>>,
    #[param(pattern = "^created_at_(asc|desc)$")]
    order_by: Option<String>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Answer `total_count` too.
    include_total: Option<bool>,
}

/// List organizations
#[utoipa::path(
    get, path = "/v1/organizations", tag = "Organizations",
    operation_id = "list_organizations",
    params(OrganizationListParams),
    responses((status = 200, description = "One page", body = ListOut<OrganizationOut>)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    mut query: QueryFields,
) -> Result<Json<ListOut<OrganizationOut>>, Problem> {
    let filter = read_filter(&mut query, state.app.engine().registry());
    let kind = match filter.order {
        OrganizationOrder::CreatedAtAsc => ListKind::OrganizationsAsc,
        OrganizationOrder::CreatedAtDesc => ListKind::OrganizationsDesc,
    };
    let page = query.page(kind);
    query.finish()?;
    let found = state.app.organizations(&auth.tenant_scope(), &filter, &page).await?;
    Ok(Json(ListOut::of_page(kind, found, |org| OrganizationOut::new(&state.app, org))))
}

fn read_filter(query: &mut QueryFields, registry: &Registry) -> OrganizationFilter {
    let statuses: Vec<_> = OrgStatus::ALL.iter().map(|status| (status.as_str(), *status)).collect();
    OrganizationFilter {
        customer_id: query.text("customer_id"),
        provider: query.text("provider"),
        provider_org_ids: query.parsed("provider_org_id", |text| registry.provider_org_ids(text)),
        status: query.word("status", &statuses),
        usable: query.boolean("usable"),
        email: query.text("email"),
        locked_by: query.word(
            "locked_by",
            &[("partner", LockOrigin::Partner), ("provider", LockOrigin::Provider)],
        ),
        any_label: query.parsed("label", labels_of),
        name_prefix: query.text("q"),
        updated_since: query.time("updated_since"),
        order: query
            .word(
                "order_by",
                &[
                    ("created_at_asc", OrganizationOrder::CreatedAtAsc),
                    ("created_at_desc", OrganizationOrder::CreatedAtDesc),
                ],
            )
            .unwrap_or_default(),
    }
}

/// Returns the labels that `key:value` can mean. A key may have colons, so each colon may be the one after it.
fn labels_of(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let splits: Vec<_> = text
        .match_indices(':')
        .map(|(at, colon)| (&text[..at], &text[at + colon.len()..]))
        .filter(|(key, _)| !key.is_empty())
        .collect();
    if splits.is_empty() {
        return Err("must be key:value");
    }
    let fits = |text: &str, most: usize| text.chars().count() <= most;
    let labels = splits
        .into_iter()
        .filter(|(key, value)| fits(key, LONGEST_LABEL_NAME) && fits(value, LONGEST_LABEL))
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    Ok(labels.collect())
}

/// Get an organization
///
/// From the mapping. With `refresh=true` the provider is read first, where it can be.
#[utoipa::path(
    get, path = "/v1/organizations/{id}", tag = "Organizations",
    operation_id = "get_organization",
    params(
        ("id" = Uuid, Path, description = "The gateway's id"),
        ("refresh" = Option<bool>, Query, description = "Read the provider first; 422 `unsupported_by_provider` where it cannot be read"),
        ("include" = Option<String>, Query, description = "`provider_data`: add the provider's own document", pattern = "^provider_data$"),
        ("If-None-Match" = Option<String>, Header, description = "Answer 304 if the organization still has this tag"),
    ),
    responses(
        (status = 200, description = "The organization", body = OrganizationOut),
        (status = 304, description = "It has not changed"),
    ),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    Id(id): Id,
    mut query: QueryFields,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let refresh = query.boolean("refresh").unwrap_or(false);
    let include = query.word("include", &[("provider_data", ())]).is_some();
    query.finish()?;
    let org = if refresh {
        state.app.refresh_organization(auth.into_context(), id).await?
    } else {
        state.app.organization(&auth.tenant_scope(), id).await?
    };
    // The provider's own document may change without the version.
    if !include && is_not_modified(&headers, org.version) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag(org.version))]).into_response());
    }
    if !include {
        return Ok(organization(&state.app, org, StatusCode::OK));
    }
    let tag = etag(org.version);
    let provider_data = org.provider_data.clone().unwrap_or(Value::Null);
    let mut out = OrganizationOut::new(&state.app, org);
    out.provider_data = Some(provider_data);
    Ok(([(header::ETAG, tag)], Json(out)).into_response())
}

/// Change an organization
///
/// A merge patch (RFC 7396). What the provider holds and can change is changed there first; what it
/// holds and cannot change is 422 `unsupported_by_provider`; what only the gateway holds changes here.
///
/// A `customer_id` that changes too late for this month's invoice (at Scaleway from the 25th on, UTC) is answered
/// with the warning `invoice_not_guaranteed`, in the organization or in the operation, and by every replay.
#[utoipa::path(
    patch, path = "/v1/organizations/{id}", tag = "Organizations",
    operation_id = "update_organization",
    params(("id" = Uuid, Path, description = "The gateway's id")),
    request_body(content((OrganizationPatchIn = "application/json"), (OrganizationPatchIn = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The organization as it then is", body = OrganizationOut),
        (status = 202, description = "Not settled yet", body = OperationOut),
    ),
    security(("bearer" = ["organizations:write"]))
)]
pub(crate) async fn patch(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Write>,
) -> Result<Response, Problem> {
    query.finish()?;
    let (body, scope) = (write.body, write.context.scope.clone());
    let edit = move |before: &_| merge_patch(before, &body);
    let written = state.app.patch_organization(write.context, id, edit).await?;
    answer(&state.app, &scope, written).await
}

/// Why an organization is locked or unlocked.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = LockRequest)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct LockIn {
    /// Kept with the lock and in the events; no provider takes a reason.
    #[schema(min_length = 1, max_length = 1024)]
    reason: Option<String>,
}

/// Reads the optional body of a lock or an unlock.
pub(crate) fn read_reason(body: &Value) -> Result<Option<String>, Problem> {
    if body.is_null() {
        return Ok(None);
    }
    let faults = Faults::default();
    let reason = Object::of_body(body, &faults).and_then(|mut body| {
        let reason = body.text("reason", 1024);
        body.finish();
        reason
    });
    match faults.take() {
        found if found.is_empty() => Ok(reason),
        found => Err(Problem::of_faults(found)),
    }
}

/// Lock an organization
///
/// For the partner. Data and running resources stay, and so does what they cost.
#[utoipa::path(
    post, path = "/v1/organizations/{id}/lock", tag = "Organizations",
    operation_id = "lock_organization",
    params(("id" = Uuid, Path, description = "The gateway's id")),
    request_body = Option<LockIn>,
    responses(
        (status = 200, description = "The organization as it then is", body = OrganizationOut),
        (status = 202, description = "Not settled yet", body = OperationOut),
    ),
    security(("bearer" = ["organizations:lock"]))
)]
pub(crate) async fn lock(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Lock>,
) -> Result<Response, Problem> {
    query.finish()?;
    set_lock(&state, id, write, OperationKind::Lock).await
}

/// Unlock an organization
///
/// Lifts the partner's lock. A lock of the provider's may remain: then `usable` is still false, and
/// `next_action` says why.
#[utoipa::path(
    post, path = "/v1/organizations/{id}/unlock", tag = "Organizations",
    operation_id = "unlock_organization",
    params(("id" = Uuid, Path, description = "The gateway's id")),
    request_body = Option<LockIn>,
    responses(
        (status = 200, description = "The organization as it then is", body = OrganizationOut),
        (status = 202, description = "Not settled yet", body = OperationOut),
    ),
    security(("bearer" = ["organizations:lock"]))
)]
pub(crate) async fn unlock(
    State(state): State<ApiState>,
    Id(id): Id,
    query: QueryFields,
    write: Write<scope::Lock>,
) -> Result<Response, Problem> {
    query.finish()?;
    set_lock(&state, id, write, OperationKind::Unlock).await
}

async fn set_lock(
    state: &ApiState,
    id: Uuid,
    write: Write<scope::Lock>,
    kind: OperationKind,
) -> Result<Response, Problem> {
    let reason = read_reason(&write.body)?;
    let scope = write.context.scope.clone();
    let written = state.app.set_lock(write.context, id, kind, reason).await?;
    answer(&state.app, &scope, written).await
}

/// Adopt an organization
///
/// Maps one that already exists at its provider. An unmapped organization belongs to no tenant: adopting it needs
/// the scope `admin`, or a discrepancy of it that an admin assigned to the caller's tenant; else 403. Where the
/// provider can be read, the organization must exist there (422 `not_found_at_provider`). Elsewhere an admin
/// confirms it with `confirm_unverified` (422 `unverified_provider_org_id`), unless a sweep has listed it. An
/// organization that an open create could have made is 409 `create_open`.
#[utoipa::path(
    post, path = "/v1/organizations/adopt", tag = "Organizations",
    operation_id = "adopt_organization",
    params(("tenant" = Option<String>, Query, description = "The tenant that is to own the mapping, from an admin; else the caller's own", min_length = 1, max_length = 128)),
    request_body = AdoptIn,
    responses((status = 201, description = "Mapped", body = OrganizationOut)),
    security(("bearer" = ["organizations:write"]))
)]
pub(crate) async fn adopt(
    State(state): State<ApiState>,
    mut query: QueryFields,
    write: Write<scope::Write>,
) -> Result<Response, Problem> {
    let tenant = query.parsed("tenant", |text| Tenant::new(text));
    query.finish()?;
    let input = AdoptInput {
        tenant: tenant.map(|tenant| tenant.as_str().to_owned()),
        ..read_adopt(&write.body)
    };
    let scope = write.context.scope.clone();
    let written = state.app.adopt_organization(write.context, input).await?;
    answer(&state.app, &scope, written).await
}
