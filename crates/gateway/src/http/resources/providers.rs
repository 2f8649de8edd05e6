//! `/v1/providers` and `/v1/routes/resolve`.

use axum::{
    Json,
    extract::{Path, State},
};
use chrono::{DateTime, Utc};
use partner_core::Field;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{ListOut, sweeps::AccountSweepOut};
use crate::{
    app::ProviderView,
    http::{
        body::{Faults, Object},
        extract::{Authorized, QueryFields, Write, scope},
        problem::Problem,
        state::ApiState,
    },
    providers::HealthState,
    routing::RouteRequest,
};

/// A partner account at a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
pub(crate) struct ProviderOut {
    /// The account's name.
    name: String,
    /// Which provider it is at: `scaleway` or `archera`.
    kind: String,
    capabilities: CapabilitiesOut,
    /// The fields without which a create is refused.
    required_fields: Vec<String>,
    health: HealthOut,
    sweep: AccountSweepOut,
}

/// What an account can do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Capabilities)]
pub(crate) struct CapabilitiesOut {
    create: bool,
    /// One organization can be read.
    get: bool,
    /// All organizations can be listed.
    list: bool,
    /// The fields that can be changed there.
    update: Vec<String>,
    lock: bool,
    invite: bool,
    admin_role: bool,
    /// What organizations can be found by: of `email`, `customer_id`, `name`.
    find_by: Vec<String>,
    /// The form of the organization ids there: `uuid` is a UUID, shown in lower case with hyphens.
    provider_org_id_format: String,
}

/// How well an account is, by what this process last heard of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderHealth)]
pub(crate) struct HealthOut {
    state: HealthState,
    /// `open`: nothing is sent for now; `closed`: it is.
    circuit: CircuitOut,
    /// Until when nothing is sent.
    #[schema(required)]
    closed_until: Option<DateTime<Utc>>,
    #[schema(required)]
    last_success_at: Option<DateTime<Utc>>,
    #[schema(required)]
    last_error: Option<LastErrorOut>,
    #[schema(required)]
    rate_limit: Option<RateLimitOut>,
}

/// Whether anything is sent to an account, as an electrical circuit has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Circuit)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CircuitOut {
    Closed,
    Open,
}

/// The last failure of an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LastError)]
pub(crate) struct LastErrorOut {
    at: DateTime<Utc>,
    /// What went wrong, in snake case.
    kind: String,
    message: String,
}

/// What the account last said of its rate limit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderRateLimit)]
pub(crate) struct RateLimitOut {
    /// When it said so.
    at: DateTime<Utc>,
    /// Requests a window.
    limit: u64,
    /// Requests left in it; null where the provider does not tell it, and for a token without `admin`.
    #[schema(required)]
    remaining: Option<u64>,
    /// The window in seconds.
    #[schema(required)]
    window_seconds: Option<u64>,
}

impl ProviderOut {
    fn new(view: ProviderView) -> Self {
        let can = view.account.capabilities();
        let names = |fields: &mut dyn Iterator<Item = Field>| {
            fields.map(|field| field.as_str().to_owned()).collect()
        };
        let signals = view.health.signals;
        let sweep = AccountSweepOut::new(view.sweep);
        Self {
            sweep,
            name: view.account.name().as_str().to_owned(),
            kind: view.account.kind.name().to_owned(),
            capabilities: CapabilitiesOut {
                create: can.create,
                get: can.get,
                list: can.list,
                update: names(&mut can.update_fields.iter().map(|rule| rule.field)),
                lock: can.lock,
                invite: can.invite,
                admin_role: can.admin_role,
                find_by: can.find_by.iter().map(|by| find_word(by.field).to_owned()).collect(),
                provider_org_id_format: can.provider_org_id_format.as_str().to_owned(),
            },
            required_fields: names(&mut can.required_fields()),
            health: HealthOut {
                state: view.health.state,
                circuit: if view.gate.is_some() { CircuitOut::Open } else { CircuitOut::Closed },
                closed_until: view.gate.map(|(until, _)| until),
                last_success_at: signals.last_success_at,
                last_error: signals.last_error.map(|error| LastErrorOut {
                    at: error.at,
                    kind: error.kind.as_str().to_owned(),
                    message: error.message,
                }),
                rate_limit: signals.rate_limit.map(|limit| RateLimitOut {
                    at: limit.at,
                    limit: limit.limit,
                    remaining: limit.remaining,
                    window_seconds: limit.window.map(|window| window.as_secs()),
                }),
            },
        }
    }
}

/// A field that organizations are found by, in the API's word for it.
fn find_word(field: Field) -> &'static str {
    if field == Field::OwnerEmail { "email" } else { field.as_str() }
}

/// List the partner accounts
#[utoipa::path(
    get, path = "/v1/providers", tag = "Providers",
    operation_id = "list_providers",
    responses((status = 200, description = "All of them", body = ListOut<ProviderOut>)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    query: QueryFields,
) -> Result<Json<ListOut<ProviderOut>>, Problem> {
    query.finish()?;
    let providers = state.app.providers(&auth.tenant_scope()).await?;
    Ok(Json(ListOut::whole(providers.into_iter().map(ProviderOut::new).collect())))
}

/// Get a partner account
#[utoipa::path(
    get, path = "/v1/providers/{name}", tag = "Providers",
    operation_id = "get_provider",
    params(("name" = String, Path, description = "The account's name")),
    responses((status = 200, description = "The account", body = ProviderOut)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    auth: Authorized<scope::Read>,
    name: Result<Path<String>, axum::extract::rejection::PathRejection>,
    query: QueryFields,
) -> Result<Json<ProviderOut>, Problem> {
    query.finish()?;
    let Ok(Path(name)) = name else {
        return Err(Problem::not_found("there is no such provider"));
    };
    Ok(Json(ProviderOut::new(state.app.provider(&auth.tenant_scope(), &name).await?)))
}

/// What a route is to be found for: the fields of a create, none of them needed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ResolveRoute)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct RouteIn {
    #[schema(min_length = 1, max_length = 256)]
    customer_id: Option<String>,
    /// The partner account that the create would name.
    #[schema(max_length = 63)]
    provider: Option<String>,
    address: Option<CountryIn>,
    labels: Option<std::collections::BTreeMap<String, String>>,
    /// Not looked at.
    name: Option<Value>,
    /// Not looked at.
    owner: Option<Value>,
    /// Not looked at.
    siren_number: Option<Value>,
    /// Not looked at.
    domain: Option<Value>,
    /// Not looked at.
    marketplace_offers: Option<Value>,
    /// Not looked at.
    members: Option<Value>,
    /// Not looked at.
    comment: Option<Value>,
    /// Not looked at.
    provider_options: Option<Value>,
}

/// The part of an address that routes look at.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RouteAddress)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it gives the OpenAPI document its schema; the body is read by hand")]
pub(crate) struct CountryIn {
    #[schema(pattern = "^[A-Z]{2}$")]
    country: Option<String>,
    /// Not looked at.
    line1: Option<Value>,
    /// Not looked at.
    line2: Option<Value>,
    /// Not looked at.
    city: Option<Value>,
    /// Not looked at.
    state: Option<Value>,
    /// Not looked at.
    postal_code: Option<Value>,
}

/// A route, with its reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteOut {
    /// The partner account.
    provider: String,
    /// The rule that chose it; `requested` where the request names the provider.
    rule: String,
    /// Why, in words.
    reason: String,
}

/// Find the route of a create
///
/// Nothing is done. No rule that matches is 422 `no_route`.
#[utoipa::path(
    post, path = "/v1/routes/resolve", tag = "Providers",
    operation_id = "resolve_route",
    request_body = RouteIn,
    responses((status = 200, description = "The route", body = RouteOut)),
    security(("bearer" = ["organizations:read"]))
)]
pub(crate) async fn resolve_route(
    State(state): State<ApiState>,
    query: QueryFields,
    write: Write<scope::Read>,
) -> Result<Json<RouteOut>, Problem> {
    query.finish()?;
    let faults = Faults::default();
    let Some(mut body) = Object::of_body(&write.body, &faults) else {
        return Err(Problem::of_faults(faults.take()));
    };
    let customer_id = body.identifier("customer_id", 256);
    let provider = body.text("provider", 63);
    let country = body.object("address").and_then(|mut address| {
        let country = address.country();
        address.pass_over(&["line1", "line2", "city", "state", "postal_code"]);
        address.finish();
        country
    });
    let labels = body.labels();
    body.pass_over(&[
        "name",
        "owner",
        "siren_number",
        "domain",
        "marketplace_offers",
        "members",
        "comment",
        "provider_options",
    ]);
    body.finish();
    let found = faults.take();
    if !found.is_empty() {
        return Err(Problem::of_faults(found));
    }
    let route = state.app.resolve_route(&RouteRequest {
        tenant: &write.context.tenant,
        customer_id: customer_id.as_deref(),
        provider: provider.as_deref(),
        country: country.as_deref(),
        labels: &labels,
    })?;
    Ok(Json(RouteOut { provider: route.provider, rule: route.rule, reason: route.reason }))
}
