//! One file a resource: what it takes, what it answers, its endpoints.

pub(crate) mod customers;
pub(crate) mod members;
#[expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]
pub(crate) mod operations;
#[expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]
pub(crate) mod organizations;
pub(crate) mod providers;
mod list;
mod organization_in;
mod organization_out;
mod written;

pub(crate) use list::ListOut;
pub(crate) use organization_out::OrganizationOut;
