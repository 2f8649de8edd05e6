//! Looking organizations up. Never by what tells of a person: what is looked for stands in the address.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use partner_core::LockOrigin;

use super::{
    filters::{choice, pages, text},
    page::{Here, Page},
    session::Session,
    words,
};
use crate::{
    http::{
        extract::{Cursor, ListKind, QueryFields},
        problem::Problem,
        state::ApiState,
    },
    store::{OrgStatus, Organization, OrganizationFilter, OrganizationOrder, PageRequest},
};

const PATH: &str = "/ops/organizations";
const ROWS: i64 = 50;
const KIND: ListKind = ListKind::OrganizationsDesc;
const LOCKERS: [(&str, LockOrigin); 2] =
    [("partner", LockOrigin::Partner), ("provider", LockOrigin::Provider)];

/// Organizations, newest first.
pub(super) async fn list(
    State(state): State<ApiState>,
    session: Session,
    query: QueryFields,
) -> Result<Response, Problem> {
    let (filter, page) = read(query)?;
    let found = state.app.organizations(&session.scope(), &filter, &page).await?;
    let next = found.next.map(|after| Cursor::encode(KIND, &after));
    let accounts: Vec<&str> =
        state.app.engine().registry().iter().map(|account| account.name().as_str()).collect();
    let narrowed = narrowed(&filter);
    let now = Utc::now();
    let main = html! {
        h1 { "Organizations" }
        (filters(&narrowed, &accounts))
        section aria-label="Organizations" {
            (table(&found.items, now))
            (pages(PATH, &narrowed, page.after.is_none(), next.as_deref()))
        }
    };
    let page =
        Page { title: "Organizations", here: Here::Organizations, session: Some(&session), now };
    Ok(page.answer(StatusCode::OK, main))
}

fn read(query: QueryFields) -> Result<(OrganizationFilter, PageRequest), Problem> {
    let mut query = query.without_empty();
    let statuses: Vec<_> = OrgStatus::ALL.iter().map(|s| (s.as_str(), *s)).collect();
    let filter = OrganizationFilter {
        customer_id: query.text("customer_id"),
        name_prefix: query.text("q"),
        provider: query.text("provider"),
        status: query.word("status", &statuses),
        usable: query.boolean("usable"),
        locked_by: query.word("locked_by", &LOCKERS),
        order: OrganizationOrder::CreatedAtDesc,
        ..OrganizationFilter::default()
    };
    let page = PageRequest { limit: ROWS, ..query.page(KIND) };
    query.finish()?;
    Ok((filter, page))
}

fn narrowed(filter: &OrganizationFilter) -> [(&'static str, Option<&str>); 6] {
    let locker = |origin| LOCKERS.iter().find(|(_, of)| *of == origin).map(|(word, _)| *word);
    [
        ("customer_id", filter.customer_id.as_deref()),
        ("q", filter.name_prefix.as_deref()),
        ("provider", filter.provider.as_deref()),
        ("status", filter.status.map(OrgStatus::as_str)),
        ("usable", filter.usable.map(|usable| if usable { "true" } else { "false" })),
        ("locked_by", filter.locked_by.and_then(locker)),
    ]
}

fn filters(narrowed: &[(&str, Option<&str>); 6], accounts: &[&str]) -> Markup {
    let statuses: Vec<&str> = OrgStatus::ALL.iter().map(|status| status.as_str()).collect();
    let [customer_id, name, provider, status, usable, locked_by] = narrowed.map(|(_, given)| given);
    let lockers = LOCKERS.map(|(word, _)| word);
    html! {
        form.filters #filters method="get" action=(PATH) role="search" {
            (text("customer_id", "Customer id", customer_id))
            (text("q", "Name begins with", name))
            (choice("provider", "Provider", "any", accounts, provider))
            (choice("status", "Status", "any", &statuses, status))
            (choice("usable", "Usable", "any", &["true", "false"], usable))
            (choice("locked_by", "Locked by", "anybody or nobody", &lockers, locked_by))
            button type="submit" { "Search" }
        }
    }
}

fn table(rows: &[Organization], now: DateTime<Utc>) -> Markup {
    html! {
        @if rows.is_empty() {
            p.quiet { "None." }
        } @else {
            table.stacks {
                thead {
                    tr {
                        th scope="col" { "Name" }
                        th scope="col" { "Customer" }
                        th scope="col" { "Provider" }
                        th scope="col" { "Status" }
                        th scope="col" { "Created" }
                    }
                }
                tbody { @for org in rows { (row(org, now)) } }
            }
        }
    }
}

fn row(org: &Organization, now: DateTime<Utc>) -> Markup {
    html! {
        tr data-key=(org.id) {
            th scope="row" data-label="Name" {
                a href={ "/ops/organizations/" (org.id) } { (words::text(&org.name)) }
            }
            td data-label="Customer" { code { (words::identifier(&org.customer_id)) } }
            td data-label="Provider" { (org.provider) }
            td data-label="Status" {
                (words::status(org.status)) " " (words::usable(org.is_usable()))
            }
            td data-label="Created" { (words::moment(org.created_at, now)) }
        }
    }
}
