//! The forms by which a person settles a discrepancy: what each does, and what it cannot take back. What a
//! form says becomes what the API takes, and is judged by the same rules.

use axum::{extract::State, response::Response};
use maud::{Markup, html};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    discrepancies::{self, PATH},
    form::Form,
    page::form_token,
    see,
    session::Session,
};
use crate::{
    app::Action,
    auth::Scope,
    http::{
        extract::Id,
        problem::Problem,
        resources::discrepancies::{read_action, read_assignment},
        state::ApiState,
    },
    operations::FieldProblem,
    store::{Discrepancy, DiscrepancyKind, DiscrepancyState},
};

/// What a form said that was refused, and why it was.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) problem: Problem,
    pub(super) action: String,
    pub(super) reason: String,
}

/// One thing that can be done, in words: its word in the form, its title, what whoever sends it says.
struct Offer {
    action: &'static str,
    title: &'static str,
    confirms: &'static str,
    button: &'static str,
}

const ADOPT: Offer = Offer {
    action: "adopt",
    title: "It is a customer's: map it",
    confirms: "I know whose this organization is. A mapping cannot be undone.",
    button: "Map it",
};
const ACCEPT: Offer = Offer {
    action: "accept",
    title: "The provider is right: take its values",
    confirms: "Ours are replaced by theirs, the customer id too where it differs.",
    button: "Take theirs",
};
const ACCEPT_MISSING: Offer = Offer {
    action: "accept",
    title: "It is gone: close it here",
    confirms: "I have made sure that the provider has it no more. It is shown as closed from now on.",
    button: "Close it here",
};
const REAPPLY: Offer = Offer {
    action: "reapply",
    title: "We are right: send our values",
    confirms: "What the provider has is overwritten by ours.",
    button: "Send ours",
};
const DISMISS: Offer = Offer {
    action: "dismiss",
    title: "It may stay so: put it aside",
    confirms: "I want to hear of it again only when its values change.",
    button: "Put it aside",
};

const ASSIGN: Offer = Offer {
    action: "assign",
    title: "It belongs to a tenant: let that tenant map it",
    confirms: "I know which tenant owns this organization. The tenant sees what is shown above and may map it.",
    button: "Assign it",
};

fn offers(found: &Discrepancy, session: &Session) -> Vec<Offer> {
    let mut offers = match found.kind {
        DiscrepancyKind::Unmapped if session.caller.is_admin() => vec![ADOPT, ASSIGN],
        DiscrepancyKind::Unmapped => vec![ADOPT],
        DiscrepancyKind::Missing => vec![ACCEPT_MISSING],
        DiscrepancyKind::Drifted => vec![ACCEPT, REAPPLY],
    };
    if found.state == DiscrepancyState::Open {
        offers.push(DISMISS);
    }
    offers
}

/// All forms that may settle a discrepancy.
pub(super) fn forms(found: &Discrepancy, session: &Session, tried: Option<&Tried>) -> Markup {
    html! {
        p { "What is to be done? Nothing is before you confirm it." }
        @for offer in offers(found, session) {
            (form(&offer, found, session, tried.filter(|tried| tried.action == offer.action)))
        }
    }
}

fn form(offer: &Offer, found: &Discrepancy, session: &Session, tried: Option<&Tried>) -> Markup {
    let id = |what: &str| format!("{}-{what}", offer.action);
    let shown = found.fields.iter().find(|field| field.field == "customer_id");
    let customer = shown.and_then(|field| field.theirs.as_str()).unwrap_or_default();
    let is_of_a_tenant = offer.action == ADOPT.action || offer.action == ASSIGN.action;
    let to = if offer.action == ASSIGN.action { "assign" } else { "resolve" };
    html! {
        details.finding name="finding" data-key=(offer.action) open[tried.is_some()] {
            summary { (offer.title) }
            form.stack id=(id("form")) method="post" action={ (PATH) "/" (found.id) "/" (to) } {
                (form_token(session))
                input type="hidden" name="action" value=(offer.action);
                @if is_of_a_tenant && session.caller.is_admin() {
                    label for=(id("tenant")) { "Tenant" }
                    input id=(id("tenant")) type="text" name="tenant" required maxlength="128"
                        value=(found.tenant.as_deref().unwrap_or_default()) autocomplete="off"
                        spellcheck="false";
                }
                @if offer.action == ADOPT.action {
                    label for=(id("customer")) { "Customer id" }
                    input id=(id("customer")) type="text" name="customer_id" required maxlength="256"
                        value=(customer) autocomplete="off" spellcheck="false";
                }
                @if offer.action != ASSIGN.action {
                    label for=(id("reason")) { "Reason" }
                    textarea id=(id("reason")) name="reason" rows="2" maxlength="1024" {
                        (tried.map_or("", |tried| tried.reason.as_str()))
                    }
                    p.help { "Kept permanently, under your name. Enter no personal data." }
                }
                div.check {
                    input id=(id("confirm")) type="checkbox" name="confirm" value="yes" required;
                    label for=(id("confirm")) { (offer.confirms) }
                }
                button.act type="submit" { (offer.button) }
            }
        }
    }
}

/// Settles a discrepancy, and shows it as it then is. What is refused is shown with why, and has changed
/// nothing.
pub(super) async fn resolve(
    State(state): State<ApiState>,
    session: Session,
    Id(id): Id,
    form: Form,
) -> Result<Response, Problem> {
    session.check(&state, &form)?;
    session.needs(Scope::OrganizationsWrite)?;
    let problem = match read(&form) {
        Ok((action, reason)) => {
            let context = session.context();
            match state.app.resolve_discrepancy(context, id, action, reason).await {
                Ok(_) => return Ok(see(&format!("{PATH}/{id}"))),
                Err(error) => Problem::from(error),
            }
        }
        Err(problem) => problem,
    };
    refused(&state, &session, id, &form, problem).await
}

/// Assigns an unmapped organization to a tenant, and shows the discrepancy. A refusal is shown with its reason and
/// has changed nothing.
pub(super) async fn assign(
    State(state): State<ApiState>,
    session: Session,
    Id(id): Id,
    form: Form,
) -> Result<Response, Problem> {
    session.check(&state, &form)?;
    session.needs(Scope::Admin)?;
    let tenant = confirmed(&form, read_assignment(&body_of(&form, &["tenant"])));
    let problem = match tenant {
        Ok(tenant) => match state.app.assign_discrepancy(session.context(), id, tenant).await {
            Ok(_) => return Ok(see(&format!("{PATH}/{id}"))),
            Err(error) => Problem::from(error),
        },
        Err(problem) => problem,
    };
    refused(&state, &session, id, &form, problem).await
}

async fn refused(
    state: &ApiState,
    session: &Session,
    id: Uuid,
    form: &Form,
    problem: Problem,
) -> Result<Response, Problem> {
    // Other errors are not about the form.
    if !matches!(problem.status, 409 | 422) {
        return Err(problem);
    }
    let text = |name| form.text(name).to_owned();
    let tried = Tried { problem, action: text("action"), reason: text("reason") };
    discrepancies::answer(state, session, id, Some(&tried)).await
}

fn read(form: &Form) -> Result<(Action, Option<String>), Problem> {
    confirmed(form, read_action(&body_of(form, &["action", "tenant", "customer_id", "reason"])))
}

/// The body that the API takes, from the fields of a form.
fn body_of(form: &Form, names: &[&str]) -> Value {
    let mut body = json!({});
    for name in names {
        let text = form.line(name);
        body[*name] = if text.is_empty() { Value::Null } else { json!(text) };
    }
    body
}

/// Adds the fault of a box that is not ticked.
fn confirmed<T>(form: &Form, read: Result<T, Problem>) -> Result<T, Problem> {
    if form.text("confirm") == "yes" {
        return read;
    }
    let mut found = read.err().map(|problem| problem.errors).unwrap_or_default();
    found.push(FieldProblem {
        pointer: "/confirm".to_owned(),
        code: "required".to_owned(),
        message: "tick the box if its text is true".to_owned(),
    });
    Err(Problem::of_faults(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::Adoption, http::ops::form::of};

    #[test]
    fn a_form_says_what_the_api_is_told() {
        let said = |form: &str| read(&of(&format!("{form}&confirm=yes"))).unwrap();
        let adoption = Adoption { tenant: Some("crm".to_owned()), customer_id: "c-1".to_owned() };
        let adopt = "action=adopt&tenant=crm&customer_id=c-1&reason=";
        assert_eq!(said(adopt), (Action::Adopt(adoption), None));
        assert_eq!(
            said("action=dismiss&reason=known"),
            (Action::Dismiss, Some("known".to_owned()))
        );
        assert_eq!(said("action=reapply").0, Action::Reapply);
    }

    #[test]
    fn what_lacks_is_told_at_once() {
        let problem = read(&of("action=adopt")).unwrap_err();
        let pointers: Vec<_> = problem.errors.into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/customer_id", "/confirm"]);
    }
}
