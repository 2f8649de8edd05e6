//! Sorts unmapped organizations of a provider's list into certain and undecided ones.

use std::time::Duration;

use partner_core::{ChildOrg, OrgTraits};
use sqlx::PgConnection;

use super::{
    error::StoreResult,
    known::{CreateKeys, find_open_creates},
    sweep_rows::Sweep,
};

/// The organizations of a page that are listed and not mapped.
pub(super) struct Strangers<'a> {
    /// Neither a young organization nor the result of an open create.
    pub(super) certain: Vec<&'a ChildOrg>,
    /// The ids of those that are young, or that an open create could have made.
    pub(super) undecided: Vec<String>,
}

/// Sets aside the organizations that an open create could have made, and those younger than the settle window.
pub(super) async fn sort_strangers<'a>(
    connection: &mut PgConnection,
    sweep: &Sweep,
    settle_window: Duration,
    strangers: Vec<&'a ChildOrg>,
) -> StoreResult<Strangers<'a>> {
    let mut sorted = Strangers { certain: Vec::new(), undecided: Vec::new() };
    if strangers.is_empty() {
        return Ok(sorted);
    }
    let keys = CreateKeys::of(strangers.iter().map(|child| OrgTraits::from(*child)));
    let open = find_open_creates(connection, &sweep.provider, &keys).await?;
    for child in strangers {
        let is_young = child.created_at.is_some_and(|at| at + settle_window >= sweep.begun_at);
        if is_young || open.iter().any(|create| create.lays_claim(child.into(), None)) {
            sorted.undecided.push(child.id.as_str().to_owned());
        } else {
            sorted.certain.push(child);
        }
    }
    Ok(sorted)
}
