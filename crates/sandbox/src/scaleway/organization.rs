//! What Scaleway keeps of an organization, and how it shows it on the wire.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use uuid::Uuid;

/// An organization as Scaleway keeps it: both locks at once, and what its answers leave out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalewayOrganization {
    pub id: Uuid,
    pub name: String,
    /// The owner's e-mail; no two organizations share one.
    pub email: String,
    pub owner_firstname: String,
    pub owner_lastname: String,
    pub phone_number: Option<String>,
    /// Kept, though answers no longer show it.
    pub siren_number: Option<String>,
    /// The partner's own id for the customer; two organizations may share one.
    pub customer_id: String,
    pub comment: String,
    pub created_at: DateTime<Utc>,
    pub closed: bool,
    /// The lock that Scaleway holds.
    pub provider_lock: Option<ProviderLock>,
    /// Since when the partner's own lock stands; while it does, it hides the provider's.
    pub partner_locked_at: Option<DateTime<Utc>>,
    /// Who was asked in by request-admin-role, oldest first. Passwords are not kept.
    pub admin_seats: Vec<AdminSeat>,
}

/// A lock of Scaleway's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderLock {
    /// Such as `validate_email`.
    pub reason: String,
    pub since: DateTime<Utc>,
}

/// A seat that the partner asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminSeat {
    pub username: String,
    pub email: String,
}

impl fmt::Debug for ScalewayOrganization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScalewayOrganization")
            .field("id", &self.id)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AdminSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminSeat").finish_non_exhaustive()
    }
}

/// The reason that a partner's own lock shows.
const LOCKED_BY_RESELLER: &str = "locked_by_reseller";

impl ScalewayOrganization {
    /// `opened`, `locked` or `closed`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.closed {
            "closed"
        } else if self.partner_locked_at.is_some() || self.provider_lock.is_some() {
            "locked"
        } else {
            "opened"
        }
    }

    /// `partner`, `scaleway` or `unknown_locked_by`; the partner's lock hides Scaleway's.
    #[must_use]
    pub fn locked_by(&self) -> &'static str {
        if self.partner_locked_at.is_some() {
            "partner"
        } else if self.provider_lock.is_some() {
            "scaleway"
        } else {
            "unknown_locked_by"
        }
    }

    fn shown_lock(&self) -> (&str, Option<DateTime<Utc>>) {
        match (&self.partner_locked_at, &self.provider_lock) {
            (Some(since), _) => (LOCKED_BY_RESELLER, Some(*since)),
            (None, Some(lock)) => (&lock.reason, Some(lock.since)),
            (None, None) => ("", None),
        }
    }

    /// The organization by itself, as create, get and the other verbs answer it.
    pub(crate) fn to_json(&self) -> Value {
        self.shown_with(json!(self.phone_number))
    }

    /// The organization in a list, where a phone number that is not set is `""`.
    pub(crate) fn to_list_json(&self) -> Value {
        self.shown_with(json!(self.phone_number.as_deref().unwrap_or_default()))
    }

    fn shown_with(&self, phone_number: Value) -> Value {
        let (reason, since) = self.shown_lock();
        json!({
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "status": self.status(),
            "owner_firstname": self.owner_firstname,
            "owner_lastname": self.owner_lastname,
            "created_at": time(self.created_at),
            "phone_number": phone_number,
            "customer_id": self.customer_id,
            "lock_reason_message": reason,
            "locked_by": self.locked_by(),
            "locked_at": since.map(time),
            "picture_link": null,
            "comment": self.comment,
        })
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
