//! What Scaleway says when it refuses: typed, untyped or empty documents. A documented code tells more
//! than its status; what is not documented is left to the status.

use partner_core::{AdminSeat, Effect, Field, FieldFault, Kind};
use provider_http::{Answer, Refusal, one_line};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use crate::wire::ArgumentDetail;

/// Reads a refusal of an operation on an organization.
pub(crate) fn read(answer: &Answer) -> Refusal {
    read_with(answer, field_of)
}

/// Reads a refusal of a seat. Its arguments are the seat's, not the organization's, and its password is
/// wiped should it be repeated.
pub(crate) fn read_seat(answer: &Answer, seat: &AdminSeat) -> Refusal {
    let mut refusal = read_with(answer, |_| None);
    let password = seat.password.expose_secret();
    if !password.is_empty() {
        // Who repeats the request repeats it as JSON, where some signs are written otherwise.
        let once = escaped(password);
        let twice = escaped(&once);
        let wipe = |text: &mut String| {
            // As it will be shown: what was written over lines is whole there.
            *text = one_line(text);
            for written in [password, &once, &twice] {
                *text = text.replace(written, "***");
            }
        };
        refusal.error_type.iter_mut().for_each(wipe);
        refusal.message.iter_mut().for_each(wipe);
        for fault in &mut refusal.field_faults {
            wipe(&mut fault.provider_field);
            wipe(&mut fault.message);
        }
    }
    refusal
}

/// A text as it is written within a text of JSON.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or(text).to_owned()
}

fn read_with(answer: &Answer, field_of: fn(&str) -> Option<Field>) -> Refusal {
    let Some(document) = answer.document() else {
        return Refusal::default();
    };
    let text = |name: &str| document.get(name)?.as_str().map(str::to_owned);
    let error_type = text("type").filter(|text| !text.is_empty());
    let verdict = error_type.as_deref().and_then(|error_type| verdict(answer.status(), error_type));
    let field_faults = document
        .get("details")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|detail| ArgumentDetail::deserialize(detail).ok())
        .map(|detail| FieldFault {
            field: field_of(&detail.argument_name),
            leaf: String::new(),
            message: fault_message(&detail),
            provider_field: detail.argument_name,
        })
        .collect();
    Refusal {
        error_type,
        message: join(text("message"), text("help_message")),
        field_faults,
        verdict,
    }
}

/// The documented codes that say more than their status.
fn verdict(status: u16, error_type: &str) -> Option<(Kind, Effect)> {
    match (status, error_type) {
        (410, "expired" | "resource_expired") | (412, "precondition_failed") | (423, "locked") => {
            Some((Kind::Conflict, Effect::NotApplied))
        }
        // The credentials are valid: the partner may have no more of what was asked for.
        (403, "quotas_exceeded") => Some((Kind::QuotaExceeded, Effect::NotApplied)),
        _ => None,
    }
}

fn fault_message(detail: &ArgumentDetail) -> String {
    let reason = match detail.reason.as_deref() {
        Some("required") => "is required",
        Some("format") => "has the wrong format",
        Some("constraint") => "breaks a constraint",
        Some(_) | None => "is not accepted",
    };
    join(Some(reason.to_owned()), detail.help_message.clone()).unwrap_or_default()
}

fn join(first: Option<String>, second: Option<String>) -> Option<String> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    match (filled(first), filled(second)) {
        (Some(first), Some(second)) => Some(format!("{first}: {second}")),
        (first, second) => first.or(second),
    }
}

fn field_of(argument: &str) -> Option<Field> {
    Some(match argument {
        "organization_name" | "name" => Field::Name,
        "customer_id" => Field::CustomerId,
        "email" => Field::OwnerEmail,
        "owner_firstname" => Field::OwnerFirstName,
        "owner_lastname" => Field::OwnerLastName,
        "phone_number" => Field::OwnerPhoneNumber,
        "siren_number" => Field::SirenNumber,
        "comment" => Field::Comment,
        _ => return None,
    })
}
