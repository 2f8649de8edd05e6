//! What a handler gets of a request: who calls, what is asked, and how. Every refusal is a problem
//! document.

mod authorized;
mod conditions;
mod page;
mod prefer;
mod query;
mod write;

pub(crate) use authorized::{Authorized, scope};
pub(crate) use conditions::{etag, is_not_modified};
pub(crate) use page::{Cursor, ListKind};
pub(crate) use prefer::{LONGEST_WAIT, PREFERENCE_APPLIED, Preferences, wait_of};
pub(crate) use query::QueryFields;
#[cfg(feature = "fuzzing")]
pub(crate) use write::idempotency_key;
pub(crate) use write::{BODY_LIMIT, Id, Write};
