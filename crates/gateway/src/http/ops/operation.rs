//! One operation: where it stands, for whom it is, what was seen of it, and how to settle it.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use partner_core::CreateRecovery;
use uuid::Uuid;

use super::{
    page::{Here, Page},
    refusal::{faults, told},
    resolve_form::{self, Tried},
    session::Session,
    timeline::{phase_words, timeline},
    words,
};
use crate::{
    app::Moment,
    auth::Scope,
    http::{
        extract::Id,
        problem::Problem,
        resources::{CandidateOut, EvidenceOut, OperationOut, OrganizationOut},
        state::ApiState,
    },
    store::{Operation, OperationKind, OperationState},
};

/// One operation.
pub(super) async fn show(
    State(state): State<ApiState>,
    session: Session,
    Id(id): Id,
) -> Result<Response, Problem> {
    answer(&state, &session, id, None).await
}

/// The page of an operation; after a form that was refused, with what it said and why it was.
pub(super) async fn answer(
    state: &ApiState,
    session: &Session,
    id: Uuid,
    tried: Option<&Tried>,
) -> Result<Response, Problem> {
    let shown = Shown::read(state, session, id).await?;
    let now = Utc::now();
    let title = format!("{} at {}", words::kind(shown.out.kind), shown.out.provider);
    let status = tried.and_then(|tried| StatusCode::from_u16(tried.problem.status).ok());
    let main = html! {
        p.crumbs { a href="/ops/operations" { "Operations" } }
        h1 { (title) " " (words::state(shown.out.state)) }
        @if let Some(tried) = tried { (told(&tried.problem)) }
        (meaning(&shown))
        div.columns {
            (facts(&shown, session, now))
            (organization(&shown))
        }
        @if let Some(problem) = &shown.out.error {
            section aria-labelledby="error" {
                h2 #error { "Error" }
                p { code { (problem.code) } " " (words::text(&problem.detail)) }
                (faults(problem))
            }
        }
        @if let Some(evidence) = &shown.out.evidence { (candidates(evidence)) }
        section aria-labelledby="history" {
            h2 #history { "What was seen, in order" }
            (timeline(&shown.operation, &shown.moments, now))
        }
        @if is_open(shown.out.state) { (settle(&shown, session, tried)) }
    };
    let page = Page { title: &title, here: Here::Operations, session: Some(session), now };
    Ok(page.answer(status.unwrap_or(StatusCode::OK), main))
}

/// All that the page shows.
pub(super) struct Shown {
    /// As the database has it.
    pub(super) operation: Operation,
    /// As the API shows it.
    pub(super) out: OperationOut,
    /// Its organization, as the API shows it.
    pub(super) org: OrganizationOut,
    /// How a lost create can be settled at its provider; `None` where the account is configured no more.
    pub(super) recovery: Option<CreateRecovery>,
    moments: Vec<Moment>,
}

impl Shown {
    async fn read(state: &ApiState, session: &Session, id: Uuid) -> Result<Self, Problem> {
        let (app, scope) = (&state.app, session.scope());
        let view = app.operation(&scope, id).await?;
        let operation = view.operation.clone();
        let org = app.organization(&scope, operation.organization_id).await?;
        let account = app.engine().registry().get(operation.provider.as_str());
        Ok(Self {
            recovery: account.map(|account| account.create_recovery()),
            out: OperationOut::new(view),
            org: OrganizationOut::new(app, org),
            moments: app.operation_history(&scope, id).await?,
            operation,
        })
    }

    /// The organizations that a lost create could have made.
    pub(super) fn candidates(&self) -> &[CandidateOut] {
        self.out.evidence.as_ref().map_or(&[], |evidence| &evidence.candidates)
    }
}

fn is_open(state: OperationState) -> bool {
    matches!(state, OperationState::Unknown | OperationState::Quarantined)
}

/// What the state asks of whoever reads it.
fn meaning(shown: &Shown) -> Markup {
    let (tone, text) = match shown.out.state {
        OperationState::Accepted => ("", "It is committed and waits to be sent. Nothing to do."),
        OperationState::Sending => ("", "An attempt may be on its way. Nothing to do."),
        OperationState::Unknown => (
            "warn",
            "Something may have been done. The gateway is finding out by itself; settle it by hand \
             only if that takes too long.",
        ),
        OperationState::Quarantined => (
            "bad",
            "Only a person can find out whether it was done. Until it is settled nothing more is \
             sent, and later operations on this organization wait.",
        ),
        OperationState::Succeeded => ("good", "It was done."),
        OperationState::Rejected => ("", "It was not done, and will not be."),
    };
    html! { div class={ "banner " (tone) } { p { (text) } (find_out(shown)) } }
}

/// Where to look, while its outcome is open.
fn find_out(shown: &Shown) -> Markup {
    let at = &shown.out.provider;
    let hint = match (shown.out.kind, shown.recovery) {
        (OperationKind::Create, Some(CreateRecovery::ReadBack)) => {
            format!("Look in {at}'s console for the owner's e-mail address, closed ones too.")
        }
        (OperationKind::Create, Some(CreateRecovery::Hint)) if !shown.candidates().is_empty() => {
            format!("Compare the candidates below with what {at}'s console shows.")
        }
        (OperationKind::Create, _) => format!(
            "Look in {at}'s console for the name, or ask its support with the name and the time."
        ),
        (OperationKind::Update | OperationKind::Lock | OperationKind::Unlock, _) => {
            format!("Look at the organization in {at}'s console: does it show the change?")
        }
        (OperationKind::Invite, _) => format!("Ask {at}, or the people invited."),
        (OperationKind::AdminRole, _) => {
            format!("Look in the customer's organization at {at} for the seat.")
        }
    };
    html! { @if is_open(shown.out.state) { p { (hint) " " a href="#settle" { "Then settle it" } "." } } }
}

fn facts(shown: &Shown, session: &Session, now: DateTime<Utc>) -> Markup {
    let out = &shown.out;
    html! {
        section.card aria-labelledby="facts" {
            h2 #facts { "Operation" }
            dl {
                dt { "Id" } dd { code { (out.id) } }
                dt { "Provider" } dd { (out.provider) }
                @if session.caller.is_admin() { dt { "Tenant" } dd { (words::identifier(&shown.operation.tenant)) } }
                dt { "Asked by" } dd { (words::identifier(&out.actor)) }
                dt { "Request id" } dd { code { (words::text(&out.request_id)) } }
                dt { "Attempts" } dd { (out.attempts) }
                @if let Some(evidence) = &out.evidence {
                    dt { "Sent" } dd { (phase_words(evidence.send_phase)) }
                    dt { "Provider's request id" }
                    dd {
                        @match &evidence.provider_request_id {
                            Some(id) => code { (words::text(id)) },
                            None => (words::nothing()),
                        }
                    }
                    dt { "An absence proves nothing until" }
                    dd { (words::moment_or_dash(evidence.settle_until, now)) }
                }
                @if let Some(since) = shown.operation.unknown_since {
                    dt { "Outcome open since" } dd { (words::moment(since, now)) }
                }
                dt { "Looked at next" } dd { (words::moment_or_dash(out.next_attempt_at, now)) }
                dt { "Created" } dd { (words::moment(out.created_at, now)) }
                dt { "Updated" } dd { (words::moment(out.updated_at, now)) }
                dt { "Finished" } dd { (words::moment_or_dash(out.finished_at, now)) }
            }
        }
    }
}

/// Its organization: what to look for at the provider.
fn organization(shown: &Shown) -> Markup {
    let org = &shown.org;
    let email = org.owner.as_ref().and_then(|owner| owner.email.as_deref());
    html! {
        section.card aria-labelledby="organization" {
            h2 #organization { "Its organization" }
            dl {
                dt { "Name" } dd { a href={ "/ops/organizations/" (org.id) } { (words::text(&org.name)) } }
                dt { "Customer" } dd { code { (words::identifier(&org.customer_id)) } }
                dt { "Status" } dd { (words::status(org.status)) " " (words::usable(org.usable)) }
                dt { "Certainty" } dd { (org.certainty) }
                dt { "Id at the provider" }
                dd {
                    @match &org.provider_org_id {
                        Some(id) => code { (id) },
                        None => span.quiet { "not known" },
                    }
                }
                dt { "Owner's e-mail" } dd { (email.map_or_else(words::nothing, words::identifier)) }
                dt { "Domain" } dd { (words::or_dash(org.domain.as_deref())) }
            }
            p { a href={ "/ops/operations?organization_id=" (org.id) } { "Its open operations" } }
        }
    }
}

fn candidates(evidence: &EvidenceOut) -> Markup {
    html! {
        @if !evidence.candidates.is_empty() {
            section aria-labelledby="candidates" {
                h2 #candidates { "Candidates at the provider" }
                @if evidence.candidates.iter().any(|candidate| candidate.claimed_elsewhere) {
                    p.notice {
                        "Another tenant has a mapping of a candidate, or an open create that could have made it. \
                         Only an admin can decide whose it is."
                    }
                }
                table.stacks {
                    thead {
                        tr {
                            th scope="col" { "Id" }
                            th scope="col" { "Name" }
                            th scope="col" { "Equal to ours" }
                            th scope="col" { "Strength" }
                        }
                    }
                    tbody {
                        @for candidate in &evidence.candidates {
                            tr {
                                th scope="row" data-label="Id" {
                                    @match &candidate.provider_org_id {
                                        Some(id) => code { (id) },
                                        None => span.quiet { "hidden: another tenant claims it" },
                                    }
                                }
                                td data-label="Name" { (words::or_dash(candidate.name.as_deref())) }
                                td data-label="Equal to ours" { (candidate.matched_on.join(", ")) }
                                td data-label="Strength" {
                                    (candidate.strength)
                                    @if candidate.claimed_elsewhere { ", claimed by another tenant" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn settle(shown: &Shown, session: &Session, tried: Option<&Tried>) -> Markup {
    html! {
        section #settle aria-labelledby="settle-title" {
            h2 #settle-title { "Settle it" }
            @if session.caller.may(Scope::OperationsResolve) {
                (resolve_form::forms(shown, session, tried))
            } @else {
                p.notice {
                    "Your token lacks the scope " code { (Scope::OperationsResolve) }
                    ". Sign in with one that has it to settle this operation."
                }
            }
        }
    }
}
