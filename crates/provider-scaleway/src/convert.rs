//! From our words to Scaleway's and back. It believes the state that is returned, never the status code
//! alone, and sends nothing.

use chrono::{DateTime, Utc};
use partner_core::{
    AdminSeat, ChildOrg, Effect, EmailAddress, Error, FieldFault, Kind, Lock, LockOrigin, OrgOrder,
    OrgQuery, Owner, Page, PageToken, ProviderOrgId, Result, Status,
};
use provider_http::{Answer, Unreadable};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::wire;

/// The most organizations that the API puts on one page.
const MAX_PAGE_SIZE: u32 = 100;

/// Where a listing goes on: the page, and how many organizations came before it. The count tells the
/// end whatever page size the server really uses; an absence may rest on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    page: u32,
    seen: u64,
}

impl Place {
    pub(crate) fn read(token: Option<&PageToken>) -> Result<Self> {
        let Some(token) = token else {
            return Ok(Self { page: 1, seen: 0 });
        };
        let parts = token.0.split_once('.').and_then(|(page, seen)| {
            let page = page.parse().ok().filter(|page| *page >= 1)?;
            Some(Self { page, seen: seen.parse().ok()? })
        });
        parts.ok_or_else(|| {
            Error::new(
                Kind::InvalidInput,
                Effect::NotSent,
                "the page token is not one of this provider's",
            )
        })
    }

    fn next(self, on_page: usize) -> Self {
        Self { page: self.page.saturating_add(1), seen: self.seen.saturating_add(on_page as u64) }
    }
}

/// The parameters of a listing.
pub(crate) fn query(query: &OrgQuery, place: Place) -> Vec<(&'static str, String)> {
    let size = query.page_size.unwrap_or(MAX_PAGE_SIZE);
    let order = match query.order {
        OrgOrder::CreatedAtAsc => "created_at_asc",
        OrgOrder::CreatedAtDesc => "created_at_desc",
    };
    let status = query.status.map(|status| match status {
        Status::Active => "opened",
        Status::Locked => "locked",
        Status::Closed => "closed",
    });
    let locked_by = query.locked_by.map(|origin| match origin {
        LockOrigin::Provider => "scaleway",
        LockOrigin::Partner => "partner",
    });
    let email = query.email.as_ref().map(|email| email.as_str());
    let given = [
        ("page", Some(place.page.to_string())),
        ("page_size", Some(size.clamp(1, MAX_PAGE_SIZE).to_string())),
        ("order_by", Some(order.to_owned())),
        ("status", status.map(str::to_owned)),
        ("locked_by", locked_by.map(str::to_owned)),
        ("email", email.map(str::to_owned)),
        ("customer_id", query.customer_id.clone()),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Reads an answer that is one organization: the one with id `expected`, where one was asked for.
pub(crate) fn org(
    answer: &Answer,
    expected: Option<&str>,
) -> std::result::Result<ChildOrg, Unreadable> {
    let org = org_of(answer.require_document()?)?;
    if expected.is_some_and(|id| id != org.id.as_str()) {
        return Err(Unreadable("it tells of another organization".to_owned()));
    }
    Ok(org)
}

/// Reads an answer that is one page of a listing.
pub(crate) fn page(
    answer: &Answer,
    place: Place,
) -> std::result::Result<Page<ChildOrg>, Unreadable> {
    let list = wire::ListOrganizations::deserialize(answer.require_document()?)
        .map_err(|error| Unreadable::json(&error))?;
    let items =
        list.organizations.iter().map(org_of).collect::<std::result::Result<Vec<_>, _>>()?;
    let next = place.next(items.len());
    let is_last = items.is_empty() || list.total_count.is_some_and(|total| next.seen >= total);
    Ok(Page {
        next: (!is_last).then(|| PageToken(format!("{}.{}", next.page, next.seen))),
        items,
        total_count: list.total_count,
    })
}

fn org_of(document: &Value) -> std::result::Result<ChildOrg, Unreadable> {
    let org =
        wire::Organization::deserialize(document).map_err(|error| Unreadable::json(&error))?;
    let id = org
        .id
        .as_deref()
        .and_then(canonical_uuid)
        .and_then(|id| ProviderOrgId::new(id).ok())
        .ok_or_else(|| Unreadable("it has no valid id".to_owned()))?;
    let (status, lock) = status_and_lock(&org);
    let owner = Owner {
        email: org.email.and_then(|email| EmailAddress::from_existing(email).ok()),
        first_name: filled(org.owner_firstname),
        last_name: filled(org.owner_lastname),
        phone_number: filled(org.phone_number),
    };
    Ok(ChildOrg {
        id,
        name: org.name.unwrap_or_default(),
        status,
        lock,
        customer_id: filled(org.customer_id),
        owner: (owner != Owner::default()).then_some(owner),
        siren_number: filled(org.siren_number),
        domain: None,
        address: None,
        marketplace_offers: None,
        members: Vec::new(),
        comment: filled(org.comment),
        created_at: org.created_at.as_deref().and_then(time),
        provider_data: document.clone(),
    })
}

/// A status that we do not know is not one to work with: it is shown as a lock of the provider's.
fn status_and_lock(org: &wire::Organization) -> (Status, Option<Lock>) {
    let lock = |reason| Lock {
        // A lock of unknown origin is not ours to lift.
        origin: match org.locked_by.as_deref() {
            Some("partner") => LockOrigin::Partner,
            Some(_) | None => LockOrigin::Provider,
        },
        reason,
        since: org.locked_at.as_deref().and_then(time),
    };
    match org.status.as_deref() {
        Some("opened") => (Status::Active, None),
        Some("closed") => (Status::Closed, None),
        Some("locked") => (Status::Locked, Some(lock(filled(org.lock_reason_message.clone())))),
        Some(_) | None => (Status::Locked, Some(lock(Some("unknown_status".to_owned())))),
    }
}

/// The API shows an unset field as `null` in one answer and as the empty text in another (2026-11-22:
/// `phone_number` in get and list).
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// The id in lower case with hyphens; `None` for what is no UUID in that form.
pub(crate) fn canonical_uuid(text: &str) -> Option<String> {
    // The parser also takes braces, URNs and bare digits, which are no ids there.
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
    Some(id.hyphenated().to_string())
}

/// Looks at a seat's user name and password before they are sent.
pub(crate) fn check_seat(seat: &AdminSeat) -> Result<()> {
    let length = seat.username.chars().count();
    let fits = |c: char| c.is_ascii_alphanumeric() || "@._-".contains(c);
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: &str| {
        faults.push(FieldFault {
            field: None,
            provider_field: field.to_owned(),
            message: message.to_owned(),
        });
    };
    if !(2..=64).contains(&length) || !seat.username.chars().all(fits) {
        fault("username", "must have 2 to 64 letters, digits, '@', '.', '_' or '-'");
    }
    if seat.password.expose_secret().chars().count() > 72 {
        fault("password", "must have at most 72 characters");
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(crate::refused_before_sending().with_field_faults(faults))
}
