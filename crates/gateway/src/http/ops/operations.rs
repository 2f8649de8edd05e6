//! The queue: what waits for a person, what the gateway is finding out, what is on its way; and lists of
//! operations in any state.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::{
    filters::{address, choice, pages},
    page::{Here, Page},
    session::Session,
    words,
};
use crate::{
    app::QueuedOperation,
    http::{
        extract::{Cursor, ListKind, QueryFields},
        problem::Problem,
        state::ApiState,
    },
    store::{OperationFilter, OperationKind, OperationState, PageOf, PageRequest},
};

const PATH: &str = "/ops/operations";
/// How many rows a page or a section has.
const ROWS: i64 = 50;

/// The sections of the queue, in the order in which they matter.
const QUEUE: [(OperationState, &str); 4] = [
    (OperationState::Quarantined, "For a person to settle"),
    (OperationState::Unknown, "The gateway is finding out"),
    (OperationState::Sending, "On their way"),
    (OperationState::Accepted, "Waiting to be sent"),
];

/// The queue, or the operations in one state.
pub(super) async fn list(
    State(state): State<ApiState>,
    session: Session,
    query: QueryFields,
) -> Result<Response, Problem> {
    let asked = Asked::read(query)?;
    let now = Utc::now();
    let narrowed = asked.narrowed();
    let list = match asked.filter.state {
        Some(of) => one_state(&state, &session, &asked, of, now).await?,
        None => queue(&state, &session, &asked, now).await?,
    };
    let accounts: Vec<&str> =
        state.app.engine().registry().iter().map(|account| account.name().as_str()).collect();
    let main = html! {
        h1 { "Operations" }
        (filters(&asked, &accounts))
        @if let Some(id) = asked.filter.organization_id {
            p.notice {
                "Of one organization alone. "
                a href={ "/ops/organizations/" (id) } { "To the organization" } ", "
                a href=(address(PATH, &narrowed[..3])) { "of all" }
            }
        }
        (list)
    };
    let page = Page { title: "Operations", here: Here::Operations, session: Some(&session), now };
    Ok(page.answer(StatusCode::OK, main))
}

/// What the address asks for.
struct Asked {
    filter: OperationFilter,
    organization: Option<String>,
    page: PageRequest,
}

impl Asked {
    fn read(query: QueryFields) -> Result<Self, Problem> {
        let mut query = query.without_empty();
        let states: Vec<_> = OperationState::ALL.iter().map(|s| (s.as_str(), *s)).collect();
        let kinds: Vec<_> = OperationKind::ALL.iter().map(|k| (k.as_str(), *k)).collect();
        let state = query.word("state", &states);
        let organization_id = query.uuid("organization_id");
        let filter = OperationFilter {
            state,
            kind: query.word("kind", &kinds),
            organization_id,
            provider: query.text("provider"),
            newest_first: state.is_some_and(OperationState::is_final),
        };
        let kind = list_kind(&filter);
        let page = PageRequest { limit: ROWS, ..query.page(kind) };
        query.finish()?;
        let organization = organization_id.map(|id| id.to_string());
        Ok(Self { filter, organization, page })
    }

    fn narrowed(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("state", self.filter.state.map(OperationState::as_str)),
            ("kind", self.filter.kind.map(OperationKind::as_str)),
            ("provider", self.filter.provider.as_deref()),
            ("organization_id", self.organization.as_deref()),
        ]
    }
}

/// What has ended is read from its newest, what waits from its oldest.
fn list_kind(filter: &OperationFilter) -> ListKind {
    if filter.newest_first { ListKind::OperationsDesc } else { ListKind::Operations }
}

async fn one_state(
    state: &ApiState,
    session: &Session,
    asked: &Asked,
    of: OperationState,
    now: DateTime<Utc>,
) -> Result<Markup, Problem> {
    let found = state.app.queue(&session.scope(), &asked.filter, &asked.page).await?;
    let next = found.next.map(|after| Cursor::encode(list_kind(&asked.filter), &after));
    let order = if asked.filter.newest_first { "newest first" } else { "oldest first" };
    Ok(html! {
        section aria-label="Operations" {
            h2 { (words::state(of)) " " small { (order) } }
            (table(&found.items, now))
            (pages(PATH, &asked.narrowed(), asked.page.after.is_none(), next.as_deref()))
        }
    })
}

async fn queue(
    state: &ApiState,
    session: &Session,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<Markup, Problem> {
    let page = PageRequest { limit: ROWS, after: None, include_total: true };
    let mut sections = Vec::with_capacity(QUEUE.len());
    for (of, title) in QUEUE {
        let filter = OperationFilter { state: Some(of), ..asked.filter.clone() };
        let found = state.app.queue(&session.scope(), &filter, &page).await?;
        sections.push(section(asked, of, title, &found, now));
    }
    Ok(html! { @for section in &sections { (section) } })
}

fn section(
    asked: &Asked,
    of: OperationState,
    title: &str,
    found: &PageOf<QueuedOperation>,
    now: DateTime<Utc>,
) -> Markup {
    let mut narrowed = asked.narrowed();
    narrowed[0].1 = Some(of.as_str());
    let total = found.total_count.unwrap_or_default();
    html! {
        section aria-labelledby=(of) {
            h2 id=(of) { (title) " " (words::state(of)) " " small { (total) } }
            (table(&found.items, now))
            @if found.next.is_some() {
                p { a href=(address(PATH, &narrowed)) { "All " (total) } }
            }
        }
    }
}

fn filters(asked: &Asked, accounts: &[&str]) -> Markup {
    let states: Vec<&str> = OperationState::ALL.iter().map(|state| state.as_str()).collect();
    let kinds: Vec<&str> = OperationKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let [(_, state), (_, kind), (_, provider), (_, organization)] = asked.narrowed();
    html! {
        form.filters #filters method="get" action=(PATH) role="search" {
            (choice("state", "State", "all that are open", &states, state))
            (choice("kind", "Kind", "any", &kinds, kind))
            (choice("provider", "Provider", "any", accounts, provider))
            @if let Some(id) = organization {
                input type="hidden" name="organization_id" value=(id);
            }
            button type="submit" { "Show" }
        }
    }
}

/// Operations, one a row.
pub(super) fn table(rows: &[QueuedOperation], now: DateTime<Utc>) -> Markup {
    html! {
        @if rows.is_empty() {
            p.quiet { "None." }
        } @else {
            table.stacks {
                thead {
                    tr {
                        th scope="col" { "Operation" }
                        th scope="col" { "State" }
                        th scope="col" { "Customer" }
                        th scope="col" { "Age" }
                        th scope="col" { "Asked by" }
                    }
                }
                tbody { @for row in rows { (table_row(row, now)) } }
            }
        }
    }
}

fn table_row(row: &QueuedOperation, now: DateTime<Utc>) -> Markup {
    let operation = &row.operation;
    html! {
        tr data-key=(operation.id) {
            th scope="row" data-label="Operation" {
                a href={ "/ops/operations/" (operation.id) } {
                    (words::kind(operation.kind)) " at " (operation.provider)
                }
            }
            td data-label="State" { (words::state(operation.state)) }
            td data-label="Customer" {
                @if let Some(org) = &row.organization {
                    a href={ "/ops/organizations/" (org.id) } { (words::text(&org.name)) }
                    " " code { (words::identifier(&org.customer_id)) }
                } @else { (words::nothing()) }
            }
            td data-label="Age" {
                time datetime=(operation.created_at.to_rfc3339()) title=(operation.created_at.to_rfc3339()) {
                    (words::span(now - operation.created_at))
                }
            }
            td data-label="Asked by" { (words::identifier(&operation.actor)) }
        }
    }
}
