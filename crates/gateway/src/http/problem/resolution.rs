//! The problems of an operation that cannot be resolved the way an operator asked for.

use super::Problem;
use crate::operations::{CannotResolve, FieldProblem};

impl From<CannotResolve> for Problem {
    fn from(error: CannotResolve) -> Self {
        let detail = error.to_string();
        match error {
            CannotResolve::NotOpen(_) => Self::operation_not_open(detail),
            CannotResolve::AlreadyMapped => Self::provider_org_already_mapped(detail),
            CannotResolve::NotFoundAtProvider { .. } => {
                Self::not_found_at_provider(detail).at_provider_org_id()
            }
            CannotResolve::Unverified { .. } => {
                Self::unverified_provider_org_id(detail).at_provider_org_id()
            }
            CannotResolve::ReadFailed(failure) => Self::of_failure(*failure),
            CannotResolve::ClaimedElsewhere => Self::claimed_elsewhere(detail),
            CannotResolve::IdNeeded
            | CannotResolve::IdNotTaken
            | CannotResolve::NotOfThisCreate
            | CannotResolve::CannotRetry => Self::cannot_resolve(detail),
            CannotResolve::NotAnId(_) => Self::of_faults(vec![FieldProblem {
                pointer: "/provider_org_id".to_owned(),
                code: "invalid".to_owned(),
                message: detail,
            }]),
            CannotResolve::Store(error) => Self::from(error),
        }
    }
}
