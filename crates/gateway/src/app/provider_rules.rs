//! The provider's rules for a request, as faults of the request that name the provider.

use partner_core::{Field, FieldFault};

use crate::{operations::FieldProblem, providers::Account};

/// The fault of a value that the provider would refuse.
pub(super) fn invalid(account: &Account, fault: &FieldFault) -> FieldProblem {
    problem(
        fault.pointer(),
        "invalid",
        format!("{} (required by provider `{}`)", fault.message, account.name()),
    )
}

/// The fault of a field that the provider requires.
pub(super) fn required(account: &Account, field: Field) -> FieldProblem {
    let message = format!("is required by provider `{}`", account.name());
    problem(field.pointer().to_owned(), "required", message)
}

/// The fault of a field that the provider requires and that would be emptied.
pub(super) fn cannot_be_emptied(account: &Account, field: Field) -> FieldProblem {
    let message = format!("cannot be emptied, because provider `{}` requires it", account.name());
    problem(field.pointer().to_owned(), "required", message)
}

/// The fault of a field that the provider holds and cannot change.
pub(super) fn unchangeable(account: &Account, field: Field) -> FieldProblem {
    let message = format!("cannot be changed at provider `{}`, which holds it", account.name());
    problem(field.pointer().to_owned(), "unsupported_by_provider", message)
}

/// The fault of members at a provider that cannot invite.
pub(super) fn cannot_invite(account: &Account) -> FieldProblem {
    let message = format!("cannot be invited at provider `{}`", account.name());
    problem(Field::Members.pointer().to_owned(), "unsupported_by_provider", message)
}

fn problem(pointer: String, code: &str, message: String) -> FieldProblem {
    FieldProblem { pointer, code: code.to_owned(), message }
}

/// Whether one of the faults is at `pointer`, within it or around it.
pub(super) fn is_named(faults: &[FieldProblem], pointer: &str) -> bool {
    is_within(faults, pointer) || faults.iter().any(|fault| contains(&fault.pointer, pointer))
}

/// Whether one of the faults is at `pointer` or within it.
pub(super) fn is_within(faults: &[FieldProblem], pointer: &str) -> bool {
    faults.iter().any(|fault| contains(pointer, &fault.pointer))
}

/// Whether `inner` is the same place as `outer`, or one within it.
fn contains(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_a_fault_inside_or_around_it() {
        let faults = [problem("/owner/email".to_owned(), "invalid", String::new())];
        assert!(is_named(&faults, "/owner/email") && is_named(&faults, "/owner"));
        assert!(is_named(&faults, "/owner/email/x"));
        assert!(!is_named(&faults, "/owner/email2") && !is_named(&faults, "/name"));
        assert!(is_within(&faults, "/owner") && !is_within(&faults, "/owner/email/x"));
        let whole = [problem(String::new(), "invalid_type", String::new())];
        assert!(is_named(&whole, "/name") && !is_within(&whole, "/name"));
    }
}
