//! Scaleway's Partner API, version 1: who may call, where a path leads, and the seven operations.
//! It knows the state and the wire's shapes, nothing of sockets, faults or adapters.

mod check;
mod errors;
mod list;
mod operations;
mod organization;

pub(crate) use errors::{edge_rate_limited, of_status};
pub use organization::{AdminSeat, ProviderLock, ScalewayOrganization};

use crate::{
    operation::{Operation, Provider},
    state::State,
    wire::{Call, Done, Reply, Route, Target, parse_id},
};
use http::Method;

/// Why a new organization is locked at first.
pub(crate) const VALIDATE_EMAIL: &str = "validate_email";

/// Where a request leads.
pub(crate) fn route(call: &Call) -> Route {
    let segments = call.segments();
    let ["partner", "v1", "organizations", rest @ ..] = segments.as_slice() else {
        return Route::Nowhere;
    };
    let to = |operation, id: &str| {
        Route::To(Target { operation, id: id.to_owned(), partner: String::new() })
    };
    match (&call.method, rest) {
        (&Method::GET, []) => to(Operation::ListOrganizations, ""),
        (&Method::POST, []) => to(Operation::CreateOrganization, ""),
        (_, []) => Route::WrongMethod("GET, POST"),
        (&Method::GET, [id]) => to(Operation::GetOrganization, id),
        (&Method::PATCH, [id]) => to(Operation::UpdateOrganization, id),
        (_, [_]) => Route::WrongMethod("GET, PATCH"),
        (method, [id, verb]) => match (*verb, method) {
            ("lock", &Method::POST) => to(Operation::LockOrganization, id),
            ("unlock", &Method::POST) => to(Operation::UnlockOrganization, id),
            ("request-admin-role", &Method::POST) => to(Operation::RequestAdminRole, id),
            ("lock" | "unlock" | "request-admin-role", _) => Route::WrongMethod("POST"),
            _ => Route::Nowhere,
        },
        _ => Route::Nowhere,
    }
}

/// Does what a request asks for.
pub(crate) fn perform(state: &mut State, route: &Route, call: &Call) -> Done {
    if let Err(refusal) = authenticate(state, call) {
        return Done::unchanged(refusal);
    }
    match route {
        Route::To(target) => operate(state, target, call).unwrap_or_else(Done::unchanged),
        Route::WrongMethod(allowed) => Done::unchanged(errors::method_not_allowed(allowed)),
        Route::Nowhere => Done::unchanged(errors::not_found("path", call.uri.path())),
    }
}

fn authenticate(state: &State, call: &Call) -> Result<(), Reply> {
    match call.header("x-auth-token") {
        Some(token) if state.takes(Provider::Scaleway, token) => Ok(()),
        Some(token) if parse_id(token).is_some() => Err(errors::denied_authentication("not_found")),
        _ => Err(errors::denied_authentication("invalid_argument")),
    }
}

fn operate(state: &mut State, target: &Target, call: &Call) -> Result<Done, Reply> {
    match target.operation {
        Operation::CreateOrganization => operations::create(state, call),
        Operation::ListOrganizations => Ok(list::list(state, call)),
        Operation::GetOrganization => operations::get(state, &target.id),
        Operation::UpdateOrganization => operations::update(state, &target.id, call),
        Operation::LockOrganization => operations::lock(state, &target.id, call),
        Operation::UnlockOrganization => operations::unlock(state, &target.id, call),
        Operation::RequestAdminRole => operations::request_admin_role(state, &target.id, call),
        Operation::RegisterOrg | Operation::InviteUsers | Operation::ListOrgs => {
            Err(errors::not_found("path", call.uri.path()))
        }
    }
}
