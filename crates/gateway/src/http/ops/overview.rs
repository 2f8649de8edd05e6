//! The first page: does anything wait for a person, how much is there, how are the providers.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::{
    discrepancies,
    page::{Here, Page},
    providers,
    session::Session,
    sparkline::{Series, sparkline},
    words,
};
use crate::{
    app::{DAYS, ENDED_LATELY, HOURS, Overview, ProviderView},
    http::{problem::Problem, state::ApiState},
    store::{Count, OperationState},
};

/// The overview.
pub(super) async fn show(
    State(state): State<ApiState>,
    session: Session,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let overview = state.app.overview(&session.scope(), now).await?;
    let accounts = state.app.providers(&session.scope()).await?;
    let main = html! {
        h1 { "Overview" }
        (waiting(&overview, now))
        (operations(&overview))
        (organizations(&overview))
        section aria-labelledby="providers" {
            h2 #providers { "Provider accounts" }
            div.cards { @for view in &accounts { (provider(view, now)) } }
        }
    };
    let page = Page { title: "Overview", here: Here::Overview, session: Some(&session), now };
    Ok(page.answer(StatusCode::OK, main))
}

/// Whether somebody has to get up.
fn waiting(overview: &Overview, now: DateTime<Utc>) -> Markup {
    let count = |state| {
        let found = overview.operations.iter().find(|(of, _)| *of == state);
        found.map_or(Count::Exactly(0), |(_, count)| *count)
    };
    let (quarantined, unknown) =
        (count(OperationState::Quarantined), count(OperationState::Unknown));
    let (for_a_person, open) = (quarantined.counted() > 0, unknown.counted() > 0);
    let oldest = overview.oldest_unknown.as_ref();
    html! {
        div class={ "banner " (if for_a_person { "bad" } else if open { "warn" } else { "good" }) } {
            p.headline {
                @if for_a_person {
                    a href="/ops/operations?state=quarantined" {
                        (words::count(quarantined))
                        @if quarantined.counted() == 1 { " operation waits" } @else { " operations wait" }
                        " for a person"
                    }
                } @else if open {
                    "Nothing waits for a person; the gateway is finding out about " (words::count(unknown))
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

/// What is open now, and what has ended lately: all that ever ended is no number to act on.
fn operations(overview: &Overview) -> Markup {
    let (ended, open): (Vec<_>, Vec<_>) =
        overview.operations.iter().copied().partition(|(state, _)| state.is_final());
    let shown = |state: OperationState| (state.as_str(), words::state(state));
    let hours = ENDED_LATELY.num_hours();
    html! {
        section aria-labelledby="operations" {
            h2 #operations { "Operations " small { "all that are open now" } }
            (counts("operations?state", &open, shown))
            h3 { "Ended in the last " (hours) " hours" }
            (counts("operations?state", &ended, shown))
            (sparkline(&Series {
                name: "ended",
                title: format!("Operations that ended, hour by hour, the last {HOURS} hours (UTC)"),
                form: "%Y-%m-%d %H:00",
                tallies: &overview.ended,
            }))
        }
    }
}

fn organizations(overview: &Overview) -> Markup {
    html! {
        section aria-labelledby="organizations" {
            h2 #organizations { "Organizations " small { "all of them, by status" } }
            (counts("organizations?status", &overview.organizations, |of| (of.as_str(), words::status(of))))
            (sparkline(&Series {
                name: "created",
                title: format!("Organizations created, day by day, the last {DAYS} days (UTC)"),
                form: "%Y-%m-%d",
                tallies: &overview.created,
            }))
        }
    }
}

fn counts<T: Copy>(
    list: &str,
    counts: &[(T, Count)],
    shown: impl Fn(T) -> (&'static str, Markup),
) -> Markup {
    html! {
        ul.counts {
            @for (of, count) in counts {
                @let (word, chip) = shown(*of);
                li {
                    a href={ "/ops/" (list) "=" (word) } {
                        span.number data-count=(word) { (words::count(*count)) } " " (chip)
                    }
                }
            }
        }
    }
}

/// A partner account in short.
fn provider(view: &ProviderView, now: DateTime<Utc>) -> Markup {
    let name = view.account.name();
    html! {
        article.card aria-label=(name) {
            h3 { a href={ (providers::PATH) "#" (name) } { (name) } }
            p { (words::health(view.health.state)) " " (words::gate(view.gate.is_some())) }
            p { "Sweep: " (discrepancies::sweep_line(&view.sweep, now)) }
        }
    }
}
