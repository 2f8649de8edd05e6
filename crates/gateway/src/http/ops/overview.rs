//! The first page: does anything wait for a person, how much is there, how are the providers.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use partner_core::{Capabilities, CreateRecovery, Field};

use super::{
    discrepancies,
    page::{Here, Page},
    session::Session,
    words,
};
use crate::{
    app::{Overview, ProviderView},
    http::{problem::Problem, state::ApiState},
    store::OperationState,
};

/// The overview.
pub(super) async fn show(
    State(state): State<ApiState>,
    session: Session,
) -> Result<Response, Problem> {
    let overview = state.app.overview(&session.scope()).await?;
    let providers = state.app.providers().await?;
    let now = Utc::now();
    let main = html! {
        h1 { "Overview" }
        (waiting(&overview, now))
        section aria-labelledby="operations" {
            h2 #operations { "Operations" }
            (counts("state", &overview.operations, |of| (of.as_str(), words::state(of))))
        }
        section aria-labelledby="organizations" {
            h2 #organizations { "Organizations" }
            (counts("status", &overview.organizations, |of| (of.as_str(), words::status(of))))
        }
        section aria-labelledby="providers" {
            h2 #providers { "Provider accounts" }
            div.cards { @for view in &providers { (provider(view, now)) } }
        }
    };
    let page = Page { title: "Overview", here: Here::Overview, session: Some(&session), now };
    Ok(page.answer(StatusCode::OK, main))
}

/// Whether somebody has to get up.
fn waiting(overview: &Overview, now: DateTime<Utc>) -> Markup {
    let count = |state| overview.operations.iter().find(|(of, _)| *of == state).map_or(0, |c| c.1);
    let (quarantined, unknown) =
        (count(OperationState::Quarantined), count(OperationState::Unknown));
    let oldest = overview.oldest_unknown.as_ref();
    html! {
        div class={ "banner " (if quarantined > 0 { "bad" } else if unknown > 0 { "warn" } else { "good" }) } {
            p.headline {
                @if quarantined > 0 {
                    a href="/ops/operations?state=quarantined" {
                        (operations(quarantined)) " for a person"
                    }
                } @else if unknown > 0 {
                    "Nothing waits for a person; the gateway is finding out about " (unknown)
                } @else {
                    "Nothing waits for a person"
                }
            }
            @if let Some(oldest) = oldest {
                p {
                    "The oldest open outcome: "
                    a href={ "/ops/operations/" (oldest.id) } {
                        (words::kind(oldest.kind)) " at " (oldest.provider)
                    }
                    ", " (oldest.state) ", open "
                    @if let Some(since) = oldest.unknown_since {
                        "since " (words::moment(since, now))
                    } @else { "from its beginning" }
                    "."
                }
            }
        }
    }
}

fn operations(count: i64) -> String {
    if count == 1 { "1 operation waits".to_owned() } else { format!("{count} operations wait") }
}

fn counts<T: Copy>(
    filter: &str,
    counts: &[(T, i64)],
    shown: impl Fn(T) -> (&'static str, Markup),
) -> Markup {
    let list = if filter == "state" { "operations" } else { "organizations" };
    html! {
        ul.counts {
            @for (of, count) in counts {
                @let (word, chip) = shown(*of);
                li {
                    a href={ "/ops/" (list) "?" (filter) "=" (word) } {
                        span.number data-count=(word) { (count) } " " (chip)
                    }
                }
            }
        }
    }
}

fn provider(view: &ProviderView, now: DateTime<Utc>) -> Markup {
    let signals = &view.health.signals;
    html! {
        article.card aria-label=(view.account.name()) {
            h3 {
                (view.account.name())
                @if view.account.name().as_str() != view.account.kind.name() {
                    " " small { "at " (view.account.kind.name()) }
                }
            }
            p {
                (words::health(view.health.state)) " " (words::gate(view.gate.is_some()))
            }
            dl {
                @if let Some((until, reason)) = &view.gate {
                    dt { "Nothing is sent until" }
                    dd { (words::moment(*until, now)) " (" (reason) ")" }
                }
                dt { "Last success" }
                dd {
                    @match signals.last_success_at {
                        Some(at) => (words::moment(at, now)),
                        None => span.quiet { "none since this process began" },
                    }
                }
                @if let Some(error) = &signals.last_error {
                    dt { "Last error" }
                    dd { (words::moment(error.at, now)) ": " code { (error.kind.as_str()) } " " (error.message) }
                }
                @if let Some(limit) = &signals.rate_limit {
                    dt { "Rate limit" }
                    dd {
                        (limit.limit) " requests"
                        @if let Some(window) = limit.window { " in " (window.as_secs()) " s" }
                        @if let Some(left) = limit.remaining { ", " (left) " left" }
                        " " span.age { "(" (words::distance(limit.at, now)) ")" }
                    }
                }
                dt { "Sweep" }
                dd { (discrepancies::sweep_line(&view.sweep, now)) }
                (abilities(view.account.capabilities()))
            }
            p {
                a href={ "/ops/operations?provider=" (view.account.name()) } { "Its operations" }
                " · "
                a href={ "/ops/discrepancies?provider=" (view.account.name()) } { "Its discrepancies" }
            }
        }
    }
}

fn abilities(can: &Capabilities) -> Markup {
    let words = [
        ("create", can.create),
        ("read", can.get),
        ("list", can.list),
        ("update", !can.update_fields.is_empty()),
        ("lock", can.lock),
        ("invite", can.invite),
        ("admin role", can.admin_role),
    ];
    let needs: Vec<&str> = can.required_fields().map(Field::as_str).collect();
    html! {
        dt { "Can" }
        dd {
            ul.words {
                @for (word, is_so) in words {
                    @if is_so { li { (word) } } @else { li.cannot { "no " (word) } }
                }
            }
        }
        dt { "A create needs" }
        dd { (needs.join(", ")) }
        dt { "A lost create is settled by" }
        dd {
            (match can.create_recovery() {
                CreateRecovery::ReadBack => "reading back",
                CreateRecovery::Hint => "a person, shown candidates",
                CreateRecovery::Impossible => "a person",
            })
        }
    }
}
