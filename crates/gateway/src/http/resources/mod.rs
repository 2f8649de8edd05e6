//! One file a resource: what it takes, what it answers, its endpoints.

pub(crate) mod customers;
#[expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]
pub(crate) mod discrepancies;
mod event_out;
mod event_stream;
#[expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]
pub(crate) mod events;
mod list;
pub(crate) mod members;
mod operation_out;
#[expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]
pub(crate) mod operations;
mod organization_in;
mod organization_out;
mod organization_read;
#[expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]
pub(crate) mod organizations;
mod plan_out;
pub(crate) mod providers;
pub(crate) mod sweeps;
mod webhook_in;
mod webhook_out;
#[expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]
pub(crate) mod webhooks;
mod written;

pub(crate) use list::ListOut;
pub(crate) use operation_out::{CandidateOut, EvidenceOut, OperationOut};
pub(crate) use organization_out::{OrganizationOut, WarningOut};
