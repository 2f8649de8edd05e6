//! `/v1/customers`.

use axum::{
    Json,
    extract::{Path, State},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    OrganizationOut,
    organizations::{LockIn, read_reason},
    written::mark_replay,
};
use crate::{
    app::{CustomerResult, LockOutcome},
    http::{
        extract::{Authorized, QueryFields, Write, scope},
        problem::Problem,
        state::ApiState,
    },
    store::OperationKind,
};

/// All of a customer's organizations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
pub(crate) struct CustomerOut {
    customer_id: String,
    /// All of them, across providers, but for creates that were refused.
    organizations: Vec<OrganizationOut>,
    /// All of them are.
    usable: bool,
}

/// What became of each of a customer's organizations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CustomerResults)]
pub(crate) struct ResultsOut {
    results: Vec<ResultOut>,
}

/// What became of one organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CustomerResult)]
pub(crate) struct ResultOut {
    organization_id: Uuid,
    provider: String,
    outcome: LockOutcome,
    /// The operation, where one was needed.
    #[schema(required)]
    operation_id: Option<Uuid>,
}

impl ResultOut {
    fn new(result: CustomerResult) -> Self {
        Self {
            organization_id: result.organization_id,
            provider: result.provider,
            outcome: result.outcome,
            operation_id: result.operation_id,
        }
    }
}

/// Get a customer
///
/// All of a customer's organizations, across providers.
#[utoipa::path(
    get, path = "/v1/customers/{customer_id}", tag = "Customers",
    operation_id = "get_customer",
    params(("customer_id" = String, Path, description = "The customer in the reseller's systems")),
    responses((status = 200, description = "The customer", body = CustomerOut)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    CustomerId(customer_id): CustomerId,
    query: QueryFields,
) -> Result<Json<CustomerOut>, Problem> {
    query.finish()?;
    let customer = state.app.customer(&auth.tenant_scope(), &customer_id).await?;
    Ok(Json(CustomerOut {
        usable: customer.organizations.iter().all(crate::store::Organization::is_usable),
        customer_id: customer.customer_id,
        organizations: customer
            .organizations
            .into_iter()
            .map(|org| OrganizationOut::new(&state.app, org))
            .collect(),
    }))
}

/// Lock a customer
///
/// All of its organizations at once; what became of each is told one by one.
#[utoipa::path(
    post, path = "/v1/customers/{customer_id}/lock", tag = "Customers",
    operation_id = "lock_customer",
    params(("customer_id" = String, Path, description = "The customer in the reseller's systems")),
    request_body = Option<LockIn>,
    responses((status = 200, description = "What became of each", body = ResultsOut)),
    security(("bearer" = ["organizations:lock"]))
)]
pub(crate) async fn lock(
    State(state): State<ApiState>,
    CustomerId(customer_id): CustomerId,
    query: QueryFields,
    write: Write<scope::Lock>,
) -> Result<Response, Problem> {
    query.finish()?;
    set_lock(&state, &customer_id, write, OperationKind::Lock).await
}

/// Unlock a customer
///
/// All of its organizations at once; what became of each is told one by one.
#[utoipa::path(
    post, path = "/v1/customers/{customer_id}/unlock", tag = "Customers",
    operation_id = "unlock_customer",
    params(("customer_id" = String, Path, description = "The customer in the reseller's systems")),
    request_body = Option<LockIn>,
    responses((status = 200, description = "What became of each", body = ResultsOut)),
    security(("bearer" = ["organizations:lock"]))
)]
pub(crate) async fn unlock(
    State(state): State<ApiState>,
    CustomerId(customer_id): CustomerId,
    query: QueryFields,
    write: Write<scope::Lock>,
) -> Result<Response, Problem> {
    query.finish()?;
    set_lock(&state, &customer_id, write, OperationKind::Unlock).await
}

async fn set_lock(
    state: &ApiState,
    customer_id: &str,
    write: Write<scope::Lock>,
    kind: OperationKind,
) -> Result<Response, Problem> {
    let reason = read_reason(&write.body)?;
    let (results, replayed) =
        state.app.set_customer_lock(write.context, customer_id, kind, reason).await?;
    let results = results.into_iter().map(ResultOut::new).collect();
    Ok(mark_replay(Json(ResultsOut { results }).into_response(), replayed))
}

/// The customer id in the path. A stored id may be older than the rules of today, so a path may name it; what
/// no row can hold names nobody.
#[derive(Debug)]
pub(crate) struct CustomerId(String);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for CustomerId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = text.and_then(|Path(text)| partner_core::CustomerId::from_existing(text).ok());
        id.map(|id| Self(id.into())).ok_or_else(|| Problem::not_found("there is no such customer"))
    }
}
