//! The partner accounts: what each can do, how well it is, and whether anything is sent to it.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use partner_core::{Capabilities, CreateRecovery, Field, Strength};

use super::{
    discrepancies,
    page::{Here, Page},
    session::Session,
    words,
};
use crate::{
    app::ProviderView,
    http::{problem::Problem, state::ApiState},
};

/// Where the page is.
pub(super) const PATH: &str = "/ops/providers";

/// Every partner account.
pub(super) async fn show(
    State(state): State<ApiState>,
    session: Session,
) -> Result<Response, Problem> {
    let accounts = state.app.providers(&session.scope()).await?;
    let now = Utc::now();
    let main = html! {
        h1 { "Providers" }
        p.help { "Health is by what this process last heard; the gate and the sweep are shared by all." }
        @for view in &accounts { (provider(view, now)) }
    };
    let page = Page { title: "Providers", here: Here::Providers, session: Some(&session), now };
    Ok(page.answer(StatusCode::OK, main))
}

fn provider(view: &ProviderView, now: DateTime<Utc>) -> Markup {
    let name = view.account.name();
    html! {
        section aria-labelledby=(name) {
            h2 id=(name) {
                (name)
                @if name.as_str() != view.account.kind.name() {
                    " " small { "at " (view.account.kind.name()) }
                }
                " " (words::health(view.health.state)) " " (words::gate(view.gate.is_some()))
            }
            div.columns {
                (health(view, now))
                (abilities(view.account.capabilities()))
            }
            p {
                a href={ "/ops/operations?provider=" (name) } { "Its operations" } " · "
                a href={ "/ops/organizations?provider=" (name) } { "its organizations" } " · "
                a href={ "/ops/discrepancies?provider=" (name) } { "its discrepancies" }
            }
        }
    }
}

fn health(view: &ProviderView, now: DateTime<Utc>) -> Markup {
    let signals = &view.health.signals;
    html! {
        article.card {
            h3 { "Health" }
            dl {
                dt { "Gate" }
                dd {
                    @match &view.gate {
                        Some((until, reason)) => {
                            "shut until " (words::moment(*until, now)) " (" (reason) "): nothing is sent"
                        },
                        None => "open",
                    }
                }
                dt { "Last success" }
                dd {
                    @match signals.last_success_at {
                        Some(at) => (words::moment(at, now)),
                        None => span.quiet { "none since this process began" },
                    }
                }
                dt { "Last error" }
                dd {
                    @match &signals.last_error {
                        Some(error) => {
                            (words::moment(error.at, now)) ": " code { (error.kind.as_str()) } " " (words::text(&error.message))
                        },
                        None => span.quiet { "none since this process began" },
                    }
                }
                dt { "Rate limit" }
                dd {
                    @match &signals.rate_limit {
                        Some(limit) => {
                            (limit.limit) " requests"
                            @if let Some(window) = limit.window { " in " (window.as_secs()) " s" }
                            @if let Some(left) = limit.remaining { ", " (left) " left" }
                            " " span.age { "(" (words::distance(limit.at, now)) ")" }
                        },
                        None => span.quiet { "it has not said" },
                    }
                }
                dt { "Sweep" }
                dd { (discrepancies::sweep_line(&view.sweep, now)) }
            }
        }
    }
}

fn abilities(can: &Capabilities) -> Markup {
    let words = [
        ("create", can.create),
        ("read", can.get),
        ("list", can.list),
        ("lock", can.lock),
        ("invite", can.invite),
        ("admin role", can.admin_role),
    ];
    let names = |fields: Vec<Field>| {
        let names: Vec<&str> = fields.into_iter().map(Field::as_str).collect();
        if names.is_empty() { "–".to_owned() } else { names.join(", ") }
    };
    html! {
        article.card {
            h3 { "Abilities" }
            dl {
                dt { "Can" }
                dd {
                    ul.words {
                        @for (word, is_so) in words {
                            @if is_so { li { (word) } } @else { li.cannot { "no " (word) } }
                        }
                    }
                }
                dt { "A create needs" } dd { (names(can.required_fields().collect())) }
                dt { "Changed there" }
                dd { (names(can.update_fields.iter().map(|rule| rule.field).collect())) }
                dt { "Found by" }
                dd {
                    @if can.find_by.is_empty() { (words::nothing()) }
                    @for (at, by) in can.find_by.iter().enumerate() {
                        @if at > 0 { ", " }
                        (by.field) " " span.quiet { "(" (worth(by.strength)) ")" }
                    }
                }
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
    }
}

/// What it is worth that a field is equal.
fn worth(strength: Strength) -> &'static str {
    match strength {
        Strength::Strong => "proof",
        Strength::Weak => "weak",
        Strength::Hint => "a hint",
    }
}
