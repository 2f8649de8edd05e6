//! One organization: whether it can be used and what it needs, who is in it, what was asked for it with the
//! evidence, and what happened to it.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::{
    operations,
    page::{Here, Page},
    session::Session,
    timeline::timeline,
    words,
};
use crate::{
    app::Moment,
    auth::Scope,
    http::{extract::Id, problem::Problem, resources::OrganizationOut, state::ApiState},
    store::{InvitedMember, Operation, OperationFilter, PageRequest, PastEvent},
};

/// How many of its operations and events are shown.
const LATEST: i64 = 50;
/// Of how many of its operations is shown what was seen.
const WITH_EVIDENCE: usize = 10;

/// One organization.
pub(super) async fn show(
    State(state): State<ApiState>,
    session: Session,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (app, scope) = (&state.app, session.scope());
    let org = app.organization(&scope, id).await?;
    let tenant = session.caller.is_admin().then(|| org.tenant.clone());
    let org = OrganizationOut::new(app, org);
    let members = app.members(&scope, id).await?;
    let filter = OperationFilter {
        organization_id: Some(id),
        newest_first: true,
        ..OperationFilter::default()
    };
    let page = PageRequest { limit: LATEST, after: None, include_total: false };
    let queued = app.queue(&scope, &filter, &page).await?;
    let mut seen = Vec::new();
    for queued in queued.items.iter().take(WITH_EVIDENCE) {
        let moments = app.operation_history(&scope, queued.operation.id).await?;
        seen.push((&queued.operation, moments));
    }
    let events = if session.caller.may(Scope::EventsRead) {
        Some(app.organization_history(&scope, id, LATEST).await?)
    } else {
        None
    };
    let now = Utc::now();
    let main = html! {
        p.crumbs { a href="/ops/organizations" { "Organizations" } }
        h1 { (words::text(&org.name)) " " (words::status(org.status)) " " (words::usable(org.usable)) }
        @if let Some(action) = &org.next_action { div.banner.warn { p { "Next: " (action) "." } } }
        div.columns {
            (mapping(&org, tenant.as_deref(), now))
            (details(&org))
        }
        (locks(&org, now))
        (people(&members, now))
        section aria-labelledby="operations" {
            h2 #operations { "Operations " small { "newest first" } }
            (operations::table(&queued.items, now))
            (evidence(&seen, now))
        }
        (history(events.as_deref(), now))
    };
    let page = Page { title: &org.name, here: Here::Organizations, session: Some(&session), now };
    Ok(page.answer(StatusCode::OK, main))
}

fn mapping(org: &OrganizationOut, tenant: Option<&str>, now: DateTime<Utc>) -> Markup {
    html! {
        section.card aria-labelledby="mapping" {
            h2 #mapping { "Mapping" }
            dl {
                dt { "Id" } dd { code { (org.id) } }
                dt { "Customer" } dd { code { (words::identifier(&org.customer_id)) } }
                @if let Some(tenant) = tenant { dt { "Tenant" } dd { (words::identifier(tenant)) } }
                dt { "Provider" } dd { (org.provider) }
                dt { "Id at the provider" }
                dd {
                    @match &org.provider_org_id {
                        Some(id) => code { (id) },
                        None => span.quiet { "not known to exist" },
                    }
                }
                dt { "Routed by" } dd { (words::text(&org.routed_by)) }
                dt { "Certainty" } dd { (org.certainty) }
                dt { "Read at the provider" } dd { (words::moment_or_dash(org.observed_at, now)) }
                dt { "Created" } dd { (words::moment(org.created_at, now)) }
                dt { "Updated" } dd { (words::moment(org.updated_at, now)) }
                dt { "Version" } dd { (org.version) }
            }
        }
    }
}

fn details(org: &OrganizationOut) -> Markup {
    let local = |field: &str| org.held_locally.iter().any(|held| held == field);
    let kept = |field: &str| html! { @if local(field) { " " span.quiet { "kept here alone" } } };
    let offers = &org.marketplace_offers;
    html! {
        section.card aria-labelledby="details" {
            h2 #details { "Details" }
            dl {
                (owner(org))
                dt { "Company number" } dd { (words::or_dash(org.siren_number.as_deref())) (kept("siren_number")) }
                dt { "Domain" } dd { (words::or_dash(org.domain.as_deref())) (kept("domain")) }
                dt { "Address" } dd { (address(org)) (kept("address")) }
                @for (name, offer) in [("AWS", &offers.aws), ("Azure", &offers.azure), ("GCP", &offers.gcp)] {
                    @if let Some(offer) = offer { dt { (name) " offer" } dd { (words::text(offer)) } }
                }
                dt { "Comment" } dd { (words::or_dash(org.comment.as_deref())) (kept("comment")) }
                dt { "Labels" }
                dd {
                    @if org.labels.is_empty() { (words::nothing()) }
                    @for (key, value) in &org.labels { code.label { (words::identifier(key)) "=" (words::text(value)) } " " }
                }
            }
        }
    }
}

fn owner(org: &OrganizationOut) -> Markup {
    let Some(owner) = &org.owner else {
        return html! { dt { "Owner" } dd { (words::nothing()) } };
    };
    let name = [owner.first_name.as_deref(), owner.last_name.as_deref()];
    let name = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
    html! {
        dt { "Owner" } dd { @if name.is_empty() { (words::nothing()) } @else { (words::text(&name)) } }
        dt { "Owner's e-mail" } dd { (owner.email.as_deref().map_or_else(words::nothing, words::identifier)) }
        @if let Some(phone) = &owner.phone_number { dt { "Owner's phone" } dd { (words::text(phone)) } }
    }
}

fn address(org: &OrganizationOut) -> Markup {
    let Some(address) = &org.address else { return words::nothing() };
    let lines = [&address.line1, address.line2.as_ref().unwrap_or(&String::new())]
        .into_iter()
        .chain([&address.postal_code, &address.city, &address.state, &address.country])
        .filter(|line| !line.is_empty())
        .cloned()
        .collect::<Vec<_>>();
    words::text(&lines.join(", "))
}

fn locks(org: &OrganizationOut, now: DateTime<Utc>) -> Markup {
    html! {
        section aria-labelledby="locks" {
            h2 #locks { "Locks" }
            @if org.locks.is_empty() { p.quiet { "None." } }
            ul {
                @for lock in &org.locks {
                    li {
                        strong { "by the " (lock.origin.word()) } ": "
                        (words::or_dash(lock.reason.as_deref()))
                        @if let Some(since) = lock.since { ", since " (words::moment(since, now)) }
                    }
                }
            }
        }
    }
}

/// What was seen of the latest operations, to be opened.
fn evidence(seen: &[(&Operation, Vec<Moment>)], now: DateTime<Utc>) -> Markup {
    html! {
        @for (operation, moments) in seen {
            details.finding data-key=(operation.id) {
                summary {
                    "Evidence of " (words::kind(operation.kind)) " " (words::state(operation.state)) " "
                    span.age { (words::distance(operation.created_at, now)) }
                }
                div.inside { (timeline(operation, moments, now)) }
            }
        }
    }
}

fn people(members: &[InvitedMember], now: DateTime<Utc>) -> Markup {
    html! {
        section aria-labelledby="members" {
            h2 #members { "Members" }
            @if members.is_empty() { p.quiet { "Nobody was invited." } }
            ul {
                @for invited in members {
                    li {
                        (words::identifier(invited.member.email.as_str()))
                        @if let Some(role) = invited.member.role { " as " (role.as_str()) }
                        ", invited " (words::moment(invited.invited_at, now))
                    }
                }
            }
        }
    }
}

fn history(events: Option<&[PastEvent]>, now: DateTime<Utc>) -> Markup {
    html! {
        section aria-labelledby="events" {
            h2 #events { "Events " small { "newest first, personal data masked" } }
            @match events {
                None => {
                    p.notice {
                        "Your token lacks the scope " code { (Scope::EventsRead) } "."
                    }
                },
                Some([]) => p.quiet { "None." },
                Some(events) => ol.timeline { @for event in events { (event_item(event, now)) } },
            }
        }
    }
}

fn event_item(event: &PastEvent, now: DateTime<Utc>) -> Markup {
    let none = serde_json::Map::new();
    let before = event.before.as_ref().and_then(|before| before.as_object()).unwrap_or(&none);
    let after = event.after.as_ref().and_then(|after| after.as_object()).unwrap_or(&none);
    let told = after.iter().filter(|(name, value)| before.contains_key(*name) || !is_empty(value));
    html! {
        li data-key=(event.organization_sequence) {
            (words::moment(event.at, now))
            p {
                strong { (event.event_type) } " by " (words::identifier(&event.actor)) " "
                span.quiet {
                    "number " (event.organization_sequence) ", in the feed "
                    @match event.sequence { Some(number) => (number), None => "not yet" }
                }
                @if let Some(id) = event.operation_id {
                    " · " a href={ "/ops/operations/" (id) } { "its operation" }
                }
            }
            ul.changes {
                @for (name, value) in told {
                    li {
                        code { (name) } " "
                        @if let Some(old) = before.get(name) { (words::value(old)) " → " }
                        (words::value(value))
                    }
                }
            }
        }
    }
}

/// What a new organization does not have needs no line.
fn is_empty(value: &serde_json::Value) -> bool {
    value.is_null()
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}
