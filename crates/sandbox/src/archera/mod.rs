//! Archera's Channel Partner API, version 2, and the public list of orgs where the key may use it.
//! It knows the state and the wire's shapes, nothing of sockets, faults or adapters.

mod check;
mod errors;
mod org;

pub(crate) use errors::of_status;
pub use org::{ArcheraOrg, Membership};

use crate::{
    operation::{Operation, Provider},
    state::{Entry, State},
    wire::{Call, Done, Reply, Route, Target, parse_id},
};
use check::Checker;
use chrono::{DateTime, Utc};
use errors::{api_error, unprocessable};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const REGISTER_FIELDS: [&str; 8] = [
    "name",
    "labra_subscription_id",
    "users",
    "domain",
    "primary_address",
    "aws_marketplace_offer_link",
    "azure_marketplace_offer_link",
    "gcp_marketplace_offer_link",
];

/// Where a request leads.
pub(crate) fn route(call: &Call) -> Route {
    let to = |operation, partner: &str, id: &str| {
        Route::To(Target { operation, id: id.to_owned(), partner: partner.to_owned() })
    };
    match (call.segments().as_slice(), &call.method) {
        (["v2", "partners", partner, "orgs"], &Method::POST) => {
            to(Operation::RegisterOrg, partner, "")
        }
        (["v2", "partners", partner, "orgs", id, "invites"], &Method::POST) => {
            to(Operation::InviteUsers, partner, id)
        }
        (["v2", "partners", _, "orgs"] | ["v2", "partners", _, "orgs", _, "invites"], _) => {
            Route::WrongMethod("POST")
        }
        (["v1", "orgs"], &Method::GET) => to(Operation::ListOrgs, "", ""),
        (["v1", "orgs"], _) => Route::WrongMethod("GET"),
        _ => Route::Nowhere,
    }
}

/// What the partner's key may do beyond the partner API.
#[derive(Clone, Copy)]
pub(crate) struct Rights {
    pub(crate) list_orgs: bool,
}

/// Does what a request asks for.
pub(crate) fn perform(state: &mut State, route: &Route, call: &Call, rights: Rights) -> Done {
    let now = state.stamp();
    if !call.header("x-api-key").is_some_and(|key| state.takes(Provider::Archera, key)) {
        let message = "The API key is missing or not valid.";
        return Done::unchanged(api_error(StatusCode::UNAUTHORIZED, message, now));
    }
    match route {
        Route::To(target) => {
            operate(state, target, call, rights, now).unwrap_or_else(Done::unchanged)
        }
        Route::WrongMethod(allowed) => Done::unchanged(errors::method_not_allowed(allowed, now)),
        Route::Nowhere => Done::unchanged(not_found(now)),
    }
}

fn not_found(now: DateTime<Utc>) -> Reply {
    let message = "The requested URL was not found.";
    api_error(StatusCode::NOT_FOUND, message, now)
}

fn operate(
    state: &mut State,
    target: &Target,
    call: &Call,
    rights: Rights,
    now: DateTime<Utc>,
) -> Result<Done, Reply> {
    match target.operation {
        Operation::RegisterOrg => {
            check_partner(state, &target.partner, now)?;
            register(state, call, now)
        }
        Operation::InviteUsers => {
            check_partner(state, &target.partner, now)?;
            invite(state, &target.id, call, now)
        }
        Operation::ListOrgs if rights.list_orgs => Ok(list(state)),
        Operation::ListOrgs => {
            let message = "This key may not list organizations.";
            Err(api_error(StatusCode::FORBIDDEN, message, now))
        }
        Operation::CreateOrganization
        | Operation::ListOrganizations
        | Operation::GetOrganization
        | Operation::UpdateOrganization
        | Operation::LockOrganization
        | Operation::UnlockOrganization
        | Operation::RequestAdminRole => Err(not_found(now)),
    }
}

fn check_partner(state: &State, partner: &str, now: DateTime<Utc>) -> Result<(), Reply> {
    match parse_id(partner) {
        Some(id) if id == state.identity.archera_partner_org_id => Ok(()),
        Some(_) => {
            let message = "This key does not belong to that partner.";
            Err(api_error(StatusCode::FORBIDDEN, message, now))
        }
        None => {
            let message = "The partner was not found.";
            Err(api_error(StatusCode::NOT_FOUND, message, now))
        }
    }
}

fn read_fields(call: &Call, now: DateTime<Utc>) -> Result<Map<String, Value>, Reply> {
    match serde_json::from_slice::<Value>(&call.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => {
            let wrong = ("_schema".to_owned(), json!(["Invalid input type."]));
            Err(unprocessable(Map::from_iter([wrong])))
        }
        Err(_) => {
            let message = "The body is not valid JSON.";
            Err(api_error(StatusCode::BAD_REQUEST, message, now))
        }
    }
}

fn register(state: &mut State, call: &Call, now: DateTime<Utc>) -> Result<Done, Reply> {
    let fields = read_fields(call, now)?;
    let mut given = Checker::new(&fields, &REGISTER_FIELDS);
    let name = given.text("name", true).unwrap_or_default().to_owned();
    let labra_subscription_id = given.text("labra_subscription_id", false).map(str::to_owned);
    let users = given.users("users", false);
    let mut profile = Map::new();
    profile.insert("domain".to_owned(), given.nullable_text("domain"));
    let address = given.nullable_address("primary_address");
    profile.insert("primary_address".to_owned(), address);
    for cloud in ["aws", "azure", "gcp"] {
        let link = format!("{cloud}_marketplace_offer_link");
        let value = given.nullable_url(&link);
        profile.insert(link, value);
    }
    if !given.errors.is_empty() {
        return Err(unprocessable(given.errors));
    }
    let mut org = ArcheraOrg {
        id: Uuid::new_v4(),
        name,
        created_at: now,
        labra_subscription_id,
        memberships: Vec::new(),
        profile,
    };
    users.iter().for_each(|user| org.invite(user));
    let (id, reply) = (org.id, Reply::json(StatusCode::OK, &org.to_json()));
    keep(state, org, now)?;
    Ok(Done::created(reply, id))
}

fn invite(state: &mut State, id: &str, call: &Call, now: DateTime<Utc>) -> Result<Done, Reply> {
    let known = parse_id(id).and_then(|id| state.archera().get(id).cloned());
    let seen = known.filter(|org| state.look_up(org.id));
    let Some(mut org) = seen else {
        let message = "The organization was not found.";
        return Err(api_error(StatusCode::NOT_FOUND, message, now));
    };
    let fields = read_fields(call, now)?;
    let mut given = Checker::new(&fields, &["users"]);
    let users = given.users("users", true);
    if !given.errors.is_empty() {
        return Err(unprocessable(given.errors));
    }
    users.iter().for_each(|user| org.invite(user));
    keep(state, org, now)?;
    Ok(Done::changed(Reply::json(StatusCode::OK, &json!(users))))
}

fn list(state: &mut State) -> Done {
    let mut ids: Vec<Uuid> = state.archera().all().iter().map(|org| org.id).collect();
    ids.retain(|id| state.look_up(*id));
    let shown: Vec<Value> = ids
        .iter()
        .filter_map(|id| state.archera().get(*id))
        .map(ArcheraOrg::to_list_json)
        .collect();
    Done::unchanged(Reply::json(StatusCode::OK, &Value::Array(shown)))
}

fn keep(state: &mut State, org: ArcheraOrg, now: DateTime<Utc>) -> Result<(), Reply> {
    state.commit(vec![Entry::Archera(Box::new(org))]).map_err(|error| {
        tracing::error!(%error, "the sandbox cannot keep its state");
        let message = "An internal error occurred.";
        api_error(StatusCode::INTERNAL_SERVER_ERROR, message, now)
    })
}
