//! From our words to Scaleway's and back. It believes the state that is returned, never the status code
//! alone, and sends nothing.

use chrono::{DateTime, Utc};
use partner_core::{
    ChildOrg, CountMismatch, Effect, EmailAddress, Error, Kind, Lock, LockOrigin, OrgOrder,
    OrgQuery, Owner, Page, PageToken, ProviderOrgId, Result, Status,
};
use provider_http::{Answer, Unreadable};
use serde::Deserialize;
use serde_json::Value;

use crate::{config::ID_FORMAT, wire};

/// The most organizations that the API puts on one page.
const MAX_PAGE_SIZE: u32 = 100;

/// Where a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    page: u32,
    /// The organizations on the pages before.
    listed: u64,
    /// The last `total_count` on the pages before.
    counted: Option<u64>,
    /// The first organization of the page before.
    first: Option<ProviderOrgId>,
}

impl Place {
    const BEGIN: Self = Self { page: 1, listed: 0, counted: None, first: None };

    pub(crate) fn read(token: Option<&PageToken>) -> Result<Self> {
        let Some(token) = token else {
            return Ok(Self::BEGIN);
        };
        Self::of_text(&token.0).ok_or_else(|| {
            Error::new(
                Kind::InvalidInput,
                Effect::NotSent,
                "the page token is not one of this provider's",
            )
        })
    }

    /// `page.listed.counted.first`. A token of an earlier version, `page.listed`, is still valid: a sweep may go on
    /// with it after an upgrade.
    fn of_text(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let page = parts.next()?.parse().ok().filter(|page| *page >= 1)?;
        let listed = parts.next()?.parse().ok()?;
        let (counted, first) = match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) => (None, None),
            (Some(counted), Some(first), None) => (
                given(counted).map(str::parse).transpose().ok()?,
                given(first).map(|id| ID_FORMAT.parse(id)).transpose().ok()?,
            ),
            (_, _, _) => return None,
        };
        Some(Self { page, listed, counted, first })
    }

    fn to_token(&self) -> PageToken {
        let counted = self.counted.map(|counted| counted.to_string()).unwrap_or_default();
        let first = self.first.as_ref().map_or("", ProviderOrgId::as_str);
        PageToken(format!("{}.{}.{counted}.{first}", self.page, self.listed))
    }
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// How many organizations a listing asks for at a time.
pub(crate) fn page_size(query: &OrgQuery) -> u32 {
    query.page_size.unwrap_or(MAX_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE)
}

/// The parameters of a listing.
pub(crate) fn query(query: &OrgQuery, place: &Place) -> Vec<(&'static str, String)> {
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
        ("page_size", Some(page_size(query).to_string())),
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
    expected: Option<&ProviderOrgId>,
) -> std::result::Result<ChildOrg, Unreadable> {
    let org = org_of(answer.require_document()?)?;
    if expected.is_some_and(|id| *id != org.id) {
        return Err(Unreadable("it tells of another organization".to_owned()));
    }
    Ok(org)
}

/// Reads an answer that is one page of a listing of `size` organizations a page.
///
/// # Behavior
/// A full page always has a next one, whatever `total_count` says. The listing ends with a page that is not full;
/// if `total_count` promises more, with an empty one. Its end is compared with the last `total_count`.
pub(crate) fn page(
    answer: &Answer,
    place: &Place,
    size: u32,
) -> std::result::Result<Page<ChildOrg>, Unreadable> {
    let list = wire::ListOrganizations::deserialize(answer.require_document()?)
        .map_err(|error| Unreadable::json(&error))?;
    let items =
        list.organizations.iter().map(org_of).collect::<std::result::Result<Vec<_>, _>>()?;
    let on_page = list.organizations.len() as u64;
    let listed = place.listed.saturating_add(on_page);
    let counted = list.total_count.or(place.counted);
    let is_full = on_page >= u64::from(size);
    let first = items.first().map(|org| org.id.clone());
    if is_full && first == place.first {
        return Err(Unreadable("the page repeats the one before it".to_owned()));
    }
    let goes_on = is_full || (on_page > 0 && counted.is_some_and(|counted| listed < counted));
    let next = Place { page: place.page.saturating_add(1), listed, counted, first };
    Ok(Page {
        items,
        next: goes_on.then(|| next.to_token()),
        total_count: counted,
        mismatch: CountMismatch::of(listed, counted).filter(|_| !goes_on),
    })
}

fn org_of(document: &Value) -> std::result::Result<ChildOrg, Unreadable> {
    let org =
        wire::Organization::deserialize(document).map_err(|error| Unreadable::json(&error))?;
    let id = org
        .id
        .as_deref()
        .and_then(|id| ID_FORMAT.parse(id).ok())
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
