//! The forms by which a person settles an operation: one for each thing that may be found out, each with
//! what it does and what it cannot take back.

use maud::{Markup, html};

use super::{operation::Shown, page::form_token, session::Session, words};
use crate::{
    http::{problem::Problem, resources::CandidateOut},
    store::OperationKind,
};

/// The candidate that stands for an id that is typed.
pub(super) const OTHER: &str = "other";

/// What a form said that was refused, and why it was.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) problem: Problem,
    pub(super) outcome: String,
    pub(super) candidate: String,
    pub(super) provider_org_id: String,
    pub(super) reason: String,
}

/// What a person may have found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Applied,
    NotAppliedRetry,
    NotApplied,
    Abandoned,
}

/// A finding in words.
struct Words {
    title: &'static str,
    does: String,
    /// What whoever sends the form says by it, with what cannot be undone.
    confirms: String,
    button: &'static str,
}

impl Finding {
    /// Every finding, the likelier ones first.
    pub(super) const ALL: [Self; 4] =
        [Self::Applied, Self::NotAppliedRetry, Self::NotApplied, Self::Abandoned];

    /// Its word in the form.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotAppliedRetry => "not_applied_retry",
            Self::NotApplied => "not_applied",
            Self::Abandoned => "abandoned",
        }
    }

    fn words(self, shown: &Shown) -> Words {
        let at = &shown.out.provider;
        let customer = words::plain_identifier(&shown.org.customer_id);
        match (self, shown.out.kind == OperationKind::Create) {
            (Self::Applied, true) => Words {
                title: "It was done",
                does: format!(
                    "Maps the customer {customer} to the organization that you name. Where {at} can be read, the \
                     organization must exist there and match this create."
                ),
                confirms: format!(
                    "I have seen this organization at {at} and it is the one of {customer}. A \
                     mapping cannot be undone: the customer stays with that organization."
                ),
                button: "Record it as done",
            },
            (Self::Applied, false) => Words {
                title: "It was done",
                does: "The operation ends as succeeded.".to_owned(),
                confirms: format!(
                    "I have seen at {at} that it was done. An operation that has ended cannot be \
                     opened again."
                ),
                button: "Record it as done",
            },
            (Self::NotAppliedRetry, true) => Words {
                title: "It was not done: send it again",
                does: format!("The create is sent to {at} again, at once."),
                confirms: format!(
                    "I have made sure that {at} has no organization of this create. If it has one, \
                     this makes a second, and {at} cannot delete either."
                ),
                button: "Send it again",
            },
            (Self::NotAppliedRetry, false) => Words {
                title: "It was not done: send it again",
                does: format!("The operation is sent to {at} again, at once."),
                confirms: format!(
                    "I have made sure that it was not done at {at}. What is sent again cannot be \
                     called back; if it was done before, it is done twice."
                ),
                button: "Send it again",
            },
            (Self::NotApplied | Self::Abandoned, _) => self.giving_up(shown),
        }
    }

    fn giving_up(self, shown: &Shown) -> Words {
        let at = &shown.out.provider;
        let customer = words::plain_identifier(&shown.org.customer_id);
        let is_create = shown.out.kind == OperationKind::Create;
        let frees = format!("The create ends as rejected, and {customer} may be created again.");
        let ends = "The operation ends as rejected.".to_owned();
        let does = if is_create { frees } else { ends };
        let ended = "An operation that has ended cannot be opened again.";
        let (title, found, button) = if self == Self::NotApplied {
            let found = format!("I have made sure that it was not done at {at}.");
            ("It was not done, and shall not be", found, "Record it as not done")
        } else {
            let found = "I have tried, and nobody will find out.".to_owned();
            ("Nobody will find out: give it up", found, "Give it up")
        };
        let left = format!(
            " If {at} has an organization of this create after all, nobody maps it until it is \
             adopted, and the next create makes a second one, which cannot be deleted."
        );
        let confirms = format!("{found} {ended}{}", if is_create { &left } else { "" });
        Words { title, does, confirms, button }
    }
}

/// All forms that may settle an operation.
pub(super) fn forms(shown: &Shown, session: &Session, tried: Option<&Tried>) -> Markup {
    // Its password is kept nowhere.
    let cannot_retry = shown.out.kind == OperationKind::AdminRole;
    let offered = Finding::ALL
        .into_iter()
        .filter(|finding| !(cannot_retry && *finding == Finding::NotAppliedRetry));
    html! {
        p { "What have you found out? Choose one; nothing is done before you confirm it." }
        @for finding in offered {
            (form(finding, shown, session, tried.filter(|tried| tried.outcome == finding.word())))
        }
    }
}

fn form(finding: Finding, shown: &Shown, session: &Session, tried: Option<&Tried>) -> Markup {
    let (words, word) = (finding.words(shown), finding.word());
    let (reason_id, confirm_id) = (format!("{word}-reason"), format!("{word}-confirm"));
    let asks_for_id = finding == Finding::Applied && shown.out.kind == OperationKind::Create;
    html! {
        details.finding name="finding" data-key=(word) open[tried.is_some()] {
            summary { (words.title) }
            form.stack id={ (word) "-form" } method="post" action={ "/ops/operations/" (shown.out.id) "/resolve" } {
                (form_token(session))
                input type="hidden" name="outcome" value=(word);
                p { (words.does) }
                @if asks_for_id { (made(shown.candidates(), tried)) }
                label for=(reason_id) { "Reason" }
                textarea id=(reason_id) name="reason" rows="2" required maxlength="1024"
                    placeholder="What you looked at, and what it showed" {
                    (tried.map_or("", |tried| tried.reason.as_str()))
                }
                p.help { "Kept with the operation for ever, under your name; no personal data, please." }
                div.check {
                    input id=(confirm_id) type="checkbox" name="confirm" value="yes" required;
                    label for=(confirm_id) { (words.confirms) }
                }
                button.act type="submit" { (words.button) }
            }
        }
    }
}

/// The field for the organization that a create made: one of the candidates that may be chosen, or another.
fn made(candidates: &[CandidateOut], tried: Option<&Tried>) -> Markup {
    let candidates: Vec<(&str, &CandidateOut)> = candidates
        .iter()
        .filter_map(|candidate| Some((candidate.provider_org_id.as_deref()?, candidate)))
        .collect();
    let typed = tried.map_or("", |tried| tried.provider_org_id.as_str());
    let input = html! {
        input #provider-org-id type="text" name="provider_org_id" value=(typed)
            required[candidates.is_empty()] maxlength="128" autocomplete="off" spellcheck="false";
    };
    if candidates.is_empty() {
        return html! {
            label for="provider-org-id" { "Its id at the provider" }
            (input)
        };
    }
    let chosen = tried.map_or("", |tried| tried.candidate.as_str());
    html! {
        fieldset {
            legend { "Which organization did it make?" }
            @for (at, (org_id, candidate)) in candidates.iter().enumerate() {
                @let id = format!("candidate-{at}");
                div.check {
                    input id=(id) type="radio" name="candidate" value=(org_id)
                        required checked[*org_id == chosen];
                    label for=(id) {
                        (words::or_dash(candidate.name.as_deref())) " " code { (org_id) } " "
                        span.quiet {
                            (candidate.strength) ", equal: " (candidate.matched_on.join(", "))
                        }
                    }
                }
            }
            div.check {
                input #candidate-other type="radio" name="candidate" value=(OTHER) required
                    checked[chosen == OTHER];
                label for="candidate-other" { "Another one, with this id:" }
            }
            label.hidden for="provider-org-id" { "Its id at the provider" }
            (input)
        }
    }
}
