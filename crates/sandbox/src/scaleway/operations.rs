//! The operations on one organization: create, get, update, lock, unlock, request-admin-role.

use super::{
    AdminSeat, ProviderLock, ScalewayOrganization, VALIDATE_EMAIL,
    check::{Checker, Rule, detail},
    errors::{self, Reason},
};
use crate::{
    state::{Entry, State},
    wire::{Call, Done, Reply, parse_id},
};
use http::StatusCode;
use uuid::Uuid;

const NAME: Rule = Rule::Length(2, 256);
const CUSTOMER_ID: Rule = Rule::Length(1, 256);
const COMMENT: Rule = Rule::Length(1, 1024);
/// An update may empty it.
const NEW_COMMENT: Rule = Rule::Length(0, 1024);

const CREATE_FIELDS: [&str; 9] = [
    "partner_id",
    "email",
    "organization_name",
    "owner_firstname",
    "owner_lastname",
    "customer_id",
    "phone_number",
    "siren_number",
    "comment",
];
const UPDATE_FIELDS: [&str; 7] = [
    "email",
    "name",
    "owner_firstname",
    "owner_lastname",
    "phone_number",
    "customer_id",
    "comment",
];
const ADMIN_FIELDS: [&str; 3] = ["username", "email", "password"];

pub(super) fn create(state: &mut State, call: &Call) -> Result<Done, Reply> {
    let mut given = Checker::read(&call.body, &CREATE_FIELDS)?;
    let partner_id = given.required("partner_id", Rule::Uuid);
    let now = state.stamp();
    let organization = ScalewayOrganization {
        id: Uuid::new_v4(),
        name: given.required("organization_name", NAME),
        email: given.required("email", Rule::Email),
        owner_firstname: given.required("owner_firstname", NAME),
        owner_lastname: given.required("owner_lastname", NAME),
        phone_number: set(given.optional("phone_number", Rule::Free)),
        siren_number: given.optional("siren_number", Rule::Siren),
        customer_id: given.required("customer_id", CUSTOMER_ID),
        comment: given.optional("comment", COMMENT).unwrap_or_default(),
        created_at: now,
        closed: false,
        provider_lock: Some(ProviderLock { reason: VALIDATE_EMAIL.to_owned(), since: now }),
        partner_locked_at: None,
        admin_seats: Vec::new(),
    };
    given.finish()?;
    if parse_id(&partner_id) != Some(state.identity.scaleway_partner_id) {
        return Err(errors::permissions_denied("create"));
    }
    refuse_taken_email(state, &organization)?;
    let id = organization.id;
    let done = keep(state, organization)?;
    Ok(Done::created(done.reply, id))
}

pub(super) fn get(state: &mut State, id: &str) -> Result<Done, Reply> {
    let organization = find(state, id)?;
    let body = organization.to_json();
    Ok(Done::unchanged(Reply::json(StatusCode::OK, &body)))
}

pub(super) fn update(state: &mut State, id: &str, call: &Call) -> Result<Done, Reply> {
    let mut organization = find_usable(state, id)?;
    let mut given = Checker::read(&call.body, &UPDATE_FIELDS)?;
    let mut change = |name: &str, rule: Rule, field: &mut String| {
        if let Some(text) = given.optional(name, rule) {
            *field = text;
        }
    };
    change("email", Rule::Email, &mut organization.email);
    change("name", NAME, &mut organization.name);
    change("owner_firstname", NAME, &mut organization.owner_firstname);
    change("owner_lastname", NAME, &mut organization.owner_lastname);
    change("customer_id", CUSTOMER_ID, &mut organization.customer_id);
    change("comment", NEW_COMMENT, &mut organization.comment);
    if let Some(phone_number) = given.optional("phone_number", Rule::Free) {
        organization.phone_number = set(Some(phone_number));
    }
    given.finish()?;
    refuse_taken_email(state, &organization)?;
    keep(state, organization)
}

pub(super) fn lock(state: &mut State, id: &str, call: &Call) -> Result<Done, Reply> {
    let mut organization = find_usable(state, id)?;
    Checker::read(&call.body, &[])?.finish()?;
    organization.partner_locked_at = Some(state.stamp());
    keep(state, organization)
}

pub(super) fn unlock(state: &mut State, id: &str, call: &Call) -> Result<Done, Reply> {
    let mut organization = find_usable(state, id)?;
    Checker::read(&call.body, &[])?.finish()?;
    organization.partner_locked_at = None;
    keep(state, organization)
}

pub(super) fn request_admin_role(state: &mut State, id: &str, call: &Call) -> Result<Done, Reply> {
    let mut organization = find_usable(state, id)?;
    let mut given = Checker::read(&call.body, &ADMIN_FIELDS)?;
    let seat = AdminSeat {
        username: given.required("username", Rule::Username),
        email: given.required("email", Rule::Email),
    };
    let _ = given.optional("password", Rule::Length(0, 72));
    given.finish()?;
    organization.admin_seats.push(seat);
    keep(state, organization)?;
    Ok(Done::changed(Reply::no_content_as_json()))
}

/// Text that is set; `""` unsets it.
fn set(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn find(state: &mut State, id: &str) -> Result<ScalewayOrganization, Reply> {
    let Some(uuid) = parse_id(id) else {
        let help = "must be a valid UUID".to_owned();
        let wrong = detail("organization_id", Reason::Format, help);
        return Err(errors::invalid_arguments(&[wrong]));
    };
    let known = state.scaleway().get(uuid).cloned();
    known.filter(|_| state.look_up(uuid)).ok_or_else(|| errors::not_found("organization", id))
}

fn find_usable(state: &mut State, id: &str) -> Result<ScalewayOrganization, Reply> {
    let organization = find(state, id)?;
    if organization.closed {
        let help = "the organization is closed";
        return Err(errors::precondition_failed("resource_not_usable", help));
    }
    Ok(organization)
}

fn refuse_taken_email(state: &State, organization: &ScalewayOrganization) -> Result<(), Reply> {
    let word = organization.email.to_lowercase();
    if state.scaleway().is_taken(&word, Some(organization.id)) {
        return Err(errors::already_exists("the owner's email is already used"));
    }
    Ok(())
}

fn keep(state: &mut State, organization: ScalewayOrganization) -> Result<Done, Reply> {
    let reply = Reply::json(StatusCode::OK, &organization.to_json());
    state.commit(vec![Entry::Scaleway(Box::new(organization))]).map_err(|error| {
        tracing::error!(%error, "the sandbox cannot keep its state");
        errors::internal()
    })?;
    Ok(Done::changed(reply))
}
