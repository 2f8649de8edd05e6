//! What the tool takes for a fault and is none, one by one: what a schema cannot say. Whatever is not here,
//! fails.

use serde_json::Value;

/// Answers to a request that the schema allows, and that is refused all the same.
#[derive(Debug)]
pub(super) struct Excuse {
    status: u16,
    code: &'static str,
    /// Where the fault lies and what it says, for a request with faults; each must be excused.
    fault: Option<(&'static str, &'static str)>,
    /// The fault must name a code point above U+FFFF.
    is_supplementary: bool,
    /// Why no schema can say it.
    pub(super) why: &'static str,
}

/// The check that they are excuses of.
pub(super) const CHECK: &str = "positive_data_acceptance";

const fn by_code(status: u16, code: &'static str, why: &'static str) -> Excuse {
    Excuse { status, code, fault: None, is_supplementary: false, why }
}

const fn by_fault(at: &'static str, says: &'static str, why: &'static str) -> Excuse {
    let fault = Some((at, says));
    Excuse { status: 422, code: "validation_failed", fault, is_supplementary: false, why }
}

const fn by_code_point(why: &'static str) -> Excuse {
    Excuse { is_supplementary: true, ..by_fault("/", "U+", why) }
}

pub(super) const EXCUSES: &[Excuse] = &[
    by_code(412, "precondition_failed", "which version an organization is at"),
    by_code(422, "idempotency_key_reused", "which request had the key before"),
    by_code(409, "unknown_position", "how long the feed is"),
    by_code(422, "unsupported_by_provider", "what the organization's provider can do"),
    by_code(422, "rejected_by_provider", "what the provider takes beyond its own documentation"),
    by_code(422, "cannot_resolve", "what is there at the provider"),
    by_code(422, "not_found_at_provider", "what is there at the provider"),
    by_code(422, "unverified_provider_org_id", "what the provider can confirm"),
    by_code(422, "no_route", "the operator's routing rules"),
    by_code(422, "route_not_overridable", "the operator's routing rules"),
    by_fault("/provider", "no provider account has this name", "which accounts are configured"),
    by_fault("/cursor", "is no cursor of this list", "what the page before said"),
    by_fault("/domain", "must be an internet domain", "letters of every script in a host name"),
    by_fault("/members/", "is invited twice", "that an address differs from those before it"),
    by_fault("/members", "cannot be invited at provider", "what the chosen provider can do"),
    by_fault("/owner/", "is required by provider", "what the chosen provider needs"),
    by_fault("/name", "(required by provider", "what the chosen provider takes"),
    by_fault("/owner/", "(required by provider", "what the chosen provider takes"),
    by_fault("/", "cannot be emptied, because provider", "what the provider needs"),
    by_fault("/", "cannot be changed at provider", "what the provider can change"),
    by_fault("/name", "because this provider cannot be read", "what the provider can do"),
    by_fault("/retry", "is not taken with this outcome", "that it goes with `not_applied` alone"),
    by_fault("/provider_org_id", "is not taken with this outcome", "that it goes with `applied`"),
    by_fault(
        "/confirm_unverified",
        "is not taken with this outcome",
        "that it goes with `applied`",
    ),
    by_fault("/provider_org_id", "nil or the max UUID", "that two UUIDs identify nothing"),
    by_code(422, "wrong_action", "what kind of discrepancy it is"),
    by_fault("/tenant", "", "that it goes with `adopt`, which needs one, and with nothing else"),
    by_fault("/customer_id", "is required", "that `adopt` needs it"),
    by_fault("/customer_id", "is taken with adopt alone", "that it goes with `adopt`"),
    by_fault("/url", "", "which addresses lead to the public internet"),
    by_fault("/", "normalization form C", "which sequences of characters are composed"),
    by_fault("/", "the unassigned code point", "which code points Unicode has assigned"),
    by_fault("/", "directional isolate", "that directional isolates are balanced"),
    by_code_point("characters above U+FFFF, which engines write in different ways"),
    by_fault("/address/", "is required", "whether there is an address to merge the patch into"),
];

impl Excuse {
    /// The excuses of an answer; none where anything about it has none.
    pub(super) fn of(status: u16, problem: &Value) -> Vec<&'static Self> {
        let code = problem["code"].as_str().unwrap_or_default();
        let fitting = || EXCUSES.iter().filter(|it| (it.status, it.code) == (status, code));
        let faults = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        if code != "validation_failed" {
            return fitting().take(1).collect();
        }
        let found: Vec<_> =
            faults.iter().filter_map(|fault| fitting().find(|it| it.covers(fault))).collect();
        if found.len() == faults.len() { found } else { Vec::new() }
    }

    fn covers(&self, fault: &Value) -> bool {
        let text = |name: &str| fault[name].as_str().unwrap_or_default();
        self.fault.is_some_and(|(at, says)| {
            text("pointer").starts_with(at)
                && text("message").contains(says)
                && (!self.is_supplementary || names_supplementary(text("message")))
        })
    }
}

/// The message names a code point above U+FFFF, which has more than four digits.
fn names_supplementary(message: &str) -> bool {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_hexdigit).count();
    message.split("U+").skip(1).any(|rest| digits(rest) > 4)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_excused_only_whole() {
        let with = |errors: Value| json!({ "code": "validation_failed", "errors": errors });
        let cursor = json!({ "pointer": "/cursor", "message": "is no cursor of this list" });
        let other = json!({ "pointer": "/name", "message": "must not be empty" });
        let odd = |code_point: &str| {
            let message = format!("`name` must not contain the invisible character {code_point}");
            with(json!([{ "pointer": "/name", "message": message }]))
        };
        assert_eq!(Excuse::of(422, &odd("U+E0001 (position 1); remove it")).len(), 1);
        assert!(Excuse::of(422, &odd("U+200B (position 12345); remove it")).is_empty());
        assert_eq!(Excuse::of(422, &with(json!([cursor]))).len(), 1);
        assert!(Excuse::of(422, &with(json!([cursor, other]))).is_empty());
        assert!(Excuse::of(422, &with(json!([]))).is_empty());
        assert_eq!(Excuse::of(412, &json!({ "code": "precondition_failed" })).len(), 1);
        assert!(Excuse::of(422, &json!({ "code": "precondition_failed" })).is_empty());
        assert!(Excuse::of(500, &json!({ "code": "internal" })).is_empty());
    }
}
