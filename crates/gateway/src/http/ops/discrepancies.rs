//! Where the providers and the mapping do not agree: the list, each in its own page with the forms that settle
//! it, and the sweep line of an account.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use uuid::Uuid;

use super::{
    discrepancy_form::{self, Tried},
    filters::{choice, pages},
    page::{Here, Page},
    refusal::told,
    session::Session,
    words,
};
use crate::{
    app::SweepView,
    auth::Scope,
    http::{
        extract::{Cursor, Id, ListKind, QueryFields},
        problem::Problem,
        resources::discrepancies::read_filter,
        state::ApiState,
    },
    store::{
        Discrepancy, DiscrepancyFilter, DiscrepancyKind, DiscrepancyState, FieldDifference,
        PageRequest,
    },
};

/// Where the list is.
pub(super) const PATH: &str = "/ops/discrepancies";
const ROWS: i64 = 50;
const KIND: ListKind = ListKind::Discrepancies;

/// The discrepancies that are open, or as the address asks.
pub(super) async fn list(
    State(state): State<ApiState>,
    session: Session,
    query: QueryFields,
) -> Result<Response, Problem> {
    let mut query = query.without_empty();
    let asked = read_filter(&mut query);
    let page = PageRequest { limit: ROWS, include_total: true, ..query.page(KIND) };
    query.finish()?;
    let of = asked.state.unwrap_or(DiscrepancyState::Open);
    let filter = DiscrepancyFilter { state: Some(of), ..asked };
    let found = state.app.discrepancies(&session.scope(), &filter, &page).await?;
    let next = found.next.map(|after| Cursor::encode(KIND, &after));
    let accounts: Vec<&str> =
        state.app.engine().registry().iter().map(|account| account.name().as_str()).collect();
    let organization = filter.organization_id.map(|id| id.to_string());
    let narrowed = [
        ("state", Some(of.as_str())),
        ("kind", filter.kind.map(DiscrepancyKind::as_str)),
        ("provider", filter.provider.as_deref()),
        ("organization_id", organization.as_deref()),
    ];
    let now = Utc::now();
    let main = html! {
        h1 { "Discrepancies" }
        (filters(&narrowed, &accounts))
        section aria-label="Discrepancies" {
            h2 { (words::discrepancy_state(of)) " " small { (found.total_count.unwrap_or_default()) } }
            (table(&found.items, now))
            (pages(PATH, &narrowed, page.after.is_none(), next.as_deref()))
        }
    };
    let here = Here::Discrepancies;
    let page = Page { title: "Discrepancies", here, session: Some(&session), now };
    Ok(page.answer(StatusCode::OK, main))
}

fn filters(narrowed: &[(&'static str, Option<&str>); 4], accounts: &[&str]) -> Markup {
    let states: Vec<&str> = DiscrepancyState::ALL.iter().map(|state| state.as_str()).collect();
    let kinds: Vec<&str> = DiscrepancyKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let [(_, state), (_, kind), (_, provider), (_, organization)] = *narrowed;
    html! {
        form.filters #filters method="get" action=(PATH) role="search" {
            (choice("state", "State", "open", &states, state))
            (choice("kind", "Kind", "any", &kinds, kind))
            (choice("provider", "Provider", "any", accounts, provider))
            @if let Some(id) = organization {
                input type="hidden" name="organization_id" value=(id);
            }
            button type="submit" { "Show" }
        }
    }
}

fn table(rows: &[Discrepancy], now: DateTime<Utc>) -> Markup {
    html! {
        @if rows.is_empty() {
            p.quiet { "None." }
        } @else {
            table.stacks {
                thead {
                    tr {
                        th scope="col" { "Discrepancy" }
                        th scope="col" { "Fields" }
                        th scope="col" { "Id at the provider" }
                        th scope="col" { "First seen" }
                        th scope="col" { "Last seen" }
                    }
                }
                tbody { @for row in rows { (table_row(row, now)) } }
            }
        }
    }
}

fn table_row(row: &Discrepancy, now: DateTime<Utc>) -> Markup {
    let names: Vec<&str> = row.fields.iter().map(|field| field.field.as_str()).collect();
    html! {
        tr data-key=(row.id) {
            th scope="row" data-label="Discrepancy" {
                a href={ (PATH) "/" (row.id) } {
                    (words::discrepancy(row.kind)) " at " (row.provider)
                }
            }
            td data-label="Fields" {
                @if row.kind == DiscrepancyKind::Drifted { (names.join(", ")) }
                @else { (words::nothing()) }
            }
            td data-label="Id at the provider" { code { (row.provider_org_id) } }
            td data-label="First seen" { (words::moment(row.first_seen_at, now)) }
            td data-label="Last seen" { (words::moment(row.last_seen_at, now)) }
        }
    }
}

/// One discrepancy.
pub(super) async fn show(
    State(state): State<ApiState>,
    session: Session,
    Id(id): Id,
) -> Result<Response, Problem> {
    answer(&state, &session, id, None).await
}

/// The page of a discrepancy; after a form that was refused, with what it said and why it was.
pub(super) async fn answer(
    state: &ApiState,
    session: &Session,
    id: Uuid,
    tried: Option<&Tried>,
) -> Result<Response, Problem> {
    let found = state.app.discrepancy(&session.scope(), id).await?;
    let now = Utc::now();
    let title = format!("{} at {}", words::discrepancy(found.kind), found.provider);
    let status = tried.and_then(|tried| StatusCode::from_u16(tried.problem.status).ok());
    let main = html! {
        p.crumbs { a href=(PATH) { "Discrepancies" } }
        h1 { (title) " " (words::discrepancy_state(found.state)) }
        @if let Some(tried) = tried { (told(&tried.problem)) }
        (facts(&found, now))
        (fields(&found.fields))
        @if found.state != DiscrepancyState::Resolved {
            section #settle aria-labelledby="settle-title" {
                h2 #settle-title { "Settle it" }
                @if session.caller.may(Scope::OrganizationsWrite) {
                    (discrepancy_form::forms(&found, session, tried))
                } @else {
                    p.notice {
                        "Your token lacks the scope " code { (Scope::OrganizationsWrite) } "."
                    }
                }
            }
        }
    };
    let page = Page { title: &title, here: Here::Discrepancies, session: Some(session), now };
    Ok(page.answer(status.unwrap_or(StatusCode::OK), main))
}

fn facts(found: &Discrepancy, now: DateTime<Utc>) -> Markup {
    html! {
        section.card aria-labelledby="facts" {
            h2 #facts { "What was seen" }
            dl {
                dt { "Id" } dd { code { (found.id) } }
                dt { "Id at the provider" } dd { code { (found.provider_org_id) } }
                @if let Some(id) = found.organization_id {
                    dt { "Organization" }
                    dd { a href={ "/ops/organizations/" (id) } { code { (id) } } }
                }
                @if let (DiscrepancyKind::Unmapped, Some(tenant)) = (found.kind, &found.tenant) {
                    dt { "Assigned to" }
                    dd {
                        (tenant) " by " (words::or_dash(found.assigned_by.as_deref())) " "
                        (words::moment_or_dash(found.assigned_at, now))
                    }
                }
                dt { "First seen" } dd { (words::moment(found.first_seen_at, now)) }
                dt { "Last seen" } dd { (words::moment(found.last_seen_at, now)) }
                @if let Some(resolution) = found.resolution {
                    dt { "Settled" } dd { (resolution) }
                    dt { "By" } dd { (found.resolved_by.as_deref().map_or_else(words::nothing, words::identifier)) }
                    dt { "At" } dd { (words::moment_or_dash(found.resolved_at, now)) }
                    dt { "Reason" } dd { (words::or_dash(found.reason.as_deref())) }
                }
                @if let Some(id) = found.operation_id {
                    dt { "Operation" } dd { a href={ "/ops/operations/" (id) } { code { (id) } } }
                }
            }
        }
    }
}

fn fields(fields: &[FieldDifference]) -> Markup {
    html! {
        @if !fields.is_empty() {
            section aria-labelledby="fields" {
                h2 #fields { "Fields" }
                table.stacks {
                    thead {
                        tr {
                            th scope="col" { "Field" }
                            th scope="col" { "Ours" }
                            th scope="col" { "Theirs" }
                        }
                    }
                    tbody {
                        @for field in fields {
                            tr {
                                th scope="row" data-label="Field" { code { (field.field) } }
                                td data-label="Ours" { (words::value(&field.ours)) }
                                td data-label="Theirs" { (words::value(&field.theirs)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One line about the sweeps of an account. A tenant sees the counts of its own organizations.
pub(super) fn sweep_line(view: &SweepView, now: DateTime<Utc>) -> Markup {
    let passes = match view {
        SweepView::CannotBeDiscovered => {
            return html! { "cannot be discovered: the account has no list" };
        }
        SweepView::Passes(passes) => passes,
    };
    html! {
        @if let Some(since) = passes.running_since {
            "running since " (words::moment(since, now))
            @if let Some(listed) = passes.running_listed { ", " (listed) " listed" }
        } @else if let Some(last) = &passes.last {
            @if let Some(at) = last.finished_at { (words::moment(at, now)) ": " }
            @if let Some(error) = &last.error {
                "broke off: " (words::text(error))
            } @else {
                @if let Some(listed) = last.listed { (listed) " listed, " }
                @if let Some(unmapped) = last.unmapped { (unmapped) " unmapped, " }
                (last.missing) " missing, " (last.drifted) " drifted"
            }
        } @else {
            span.quiet { "none yet" }
        }
        @if let Some(next) = passes.next_at { "; next " (words::distance(next, now)) }
    }
}
