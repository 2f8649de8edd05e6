//! Settling an operation by a form: what the form says becomes what the API takes, and is judged by the
//! same rules.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::{
    form::Form,
    operation,
    resolve_form::{Finding, OTHER, Tried},
    see,
    session::Session,
};
use crate::{
    auth::Scope,
    http::{
        extract::Id, problem::Problem, resources::operations::read_resolution, state::ApiState,
    },
    operations::{FieldProblem, Resolution},
    store::OperationKind,
};

/// Settles an operation, and shows it as it then is. What is refused is shown with the form as it was
/// filled in, and has changed nothing.
pub(super) async fn resolve(
    State(state): State<ApiState>,
    session: Session,
    Id(id): Id,
    form: Form,
) -> Result<Response, Problem> {
    session.check(&state, &form)?;
    session.needs(Scope::OperationsResolve)?;
    let kind = state.app.operation(&session.scope(), id).await?.operation.kind;
    let problem = match read(&form, kind) {
        Ok((resolution, reason)) => {
            let page = see(&format!("/ops/operations/{id}"));
            let context = session.context();
            match state.app.resolve_operation(context, id, &resolution, reason).await {
                Ok(_) => return Ok(page),
                Err(error) => Problem::from(error),
            }
        }
        Err(problem) => problem,
    };
    // What is nobody's fault here is no answer to the form.
    if !matches!(problem.status, 409 | 422) {
        return Err(problem);
    }
    let text = |name| form.text(name).to_owned();
    let tried = Tried {
        problem,
        outcome: text("outcome"),
        candidate: text("candidate"),
        provider_org_id: text("provider_org_id"),
        reason: text("reason"),
    };
    operation::answer(&state, &session, id, Some(&tried)).await
}

fn read(form: &Form, kind: OperationKind) -> Result<(Resolution, String), Problem> {
    let mut found = Vec::new();
    let read = read_resolution(&body_of(form, kind, &mut found));
    if form.text("confirm") != "yes" {
        found.push(fault("confirm", "required", "tick the box if what it says is so"));
    }
    match read {
        Ok(read) if found.is_empty() => Ok(read),
        Ok(_) => Err(Problem::of_faults(found)),
        Err(problem) => Err(Problem::of_faults(problem.errors.into_iter().chain(found).collect())),
    }
}

/// The body that says to the API what the form says.
fn body_of(form: &Form, kind: OperationKind, faults: &mut Vec<FieldProblem>) -> Value {
    let word = form.text("outcome");
    let mut body = json!({});
    match Finding::ALL.into_iter().find(|finding| finding.word() == word) {
        Some(Finding::Applied) => {
            body["outcome"] = json!("applied");
            if kind == OperationKind::Create {
                body["provider_org_id"] = made(form, faults);
                // The box that the form requires says just that.
                body["confirm_unverified"] = json!(form.text("confirm") == "yes");
            }
        }
        Some(Finding::NotAppliedRetry) => {
            body["outcome"] = json!("not_applied");
            body["retry"] = json!(true);
        }
        Some(Finding::NotApplied) => {
            body["outcome"] = json!("not_applied");
            body["retry"] = json!(false);
        }
        Some(Finding::Abandoned) => body["outcome"] = json!("abandoned"),
        None => body["outcome"] = text_or_null(word),
    }
    body["reason"] = text_or_null(&form.line("reason"));
    body
}

/// The id that the form names: of a candidate, or as it was typed; never the one where both are meant.
fn made(form: &Form, faults: &mut Vec<FieldProblem>) -> Value {
    let (candidate, typed) = (form.text("candidate"), form.text("provider_org_id"));
    let is_chosen = !candidate.is_empty() && candidate != OTHER;
    if is_chosen && !typed.is_empty() && typed != candidate {
        faults.push(fault(
            "provider_org_id",
            "invalid",
            "choose a candidate or name another one, not both",
        ));
    }
    let id = if is_chosen { candidate } else { typed };
    if id.is_empty() {
        faults.push(fault("provider_org_id", "required", "say which organization it made"));
    }
    text_or_null(id)
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

fn fault(name: &str, code: &str, message: &str) -> FieldProblem {
    FieldProblem { pointer: format!("/{name}"), code: code.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ops::form::of;

    const CREATE: OperationKind = OperationKind::Create;

    fn pointers(form: &str) -> Vec<String> {
        let problem = read(&of(form), CREATE).err().unwrap();
        problem.errors.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn a_form_says_what_the_api_is_told() {
        let said = |form: &str, kind| read(&of(form), kind).unwrap().0;
        let end = "&reason=seen&confirm=yes";
        let applied = |id: &str| Resolution::Applied {
            provider_org_id: Some(id.to_owned()),
            confirm_unverified: true,
        };
        for (form, expected) in [
            ("outcome=applied&provider_org_id=+org-1+", applied("org-1")),
            ("outcome=applied&candidate=org-2", applied("org-2")),
            ("outcome=applied&candidate=other&provider_org_id=org-3", applied("org-3")),
            ("outcome=not_applied_retry", Resolution::NotApplied { retry: true }),
            ("outcome=not_applied", Resolution::NotApplied { retry: false }),
            ("outcome=abandoned&provider_org_id=left-over", Resolution::Abandoned),
        ] {
            assert_eq!(said(&format!("{form}{end}"), CREATE), expected, "{form}");
        }
        let of_a_lock = said(&format!("outcome=applied{end}"), OperationKind::Lock);
        let plain = Resolution::Applied { provider_org_id: None, confirm_unverified: false };
        assert_eq!(of_a_lock, plain);
    }

    #[test]
    fn what_lacks_is_told_at_once() {
        assert_eq!(pointers("outcome=applied"), ["/reason", "/provider_org_id", "/confirm"]);
        assert_eq!(pointers(""), ["/outcome", "/reason", "/confirm"]);
        assert_eq!(pointers("outcome=gone&reason=x&confirm=yes"), ["/outcome"]);
    }

    #[test]
    fn two_answers_to_one_question_are_none() {
        let both = "outcome=applied&candidate=org-1&provider_org_id=org-2&reason=x&confirm=yes";
        assert_eq!(pointers(both), ["/provider_org_id"]);
    }

    #[test]
    fn a_reason_becomes_one_line() {
        let form = of("outcome=abandoned&reason=one%0D%0Atwo&confirm=yes");
        assert_eq!(read(&form, CREATE).unwrap().1, "one two");
    }
}
