//! Organizations that a provider lists and nothing is mapped to: whether that means anything yet.

use std::time::Duration;

use partner_core::{ChildOrg, EmailAddress};
use sqlx::PgConnection;

use super::{
    error::{StoreResult, store_error},
    sweep_rows::Sweep,
};

/// What is listed and not mapped.
pub(super) struct Strangers<'a> {
    /// Nothing of ours can explain it.
    pub(super) certain: Vec<&'a ChildOrg>,
    /// It is young, or an open create may have made it: the ids.
    pub(super) undecided: Vec<String>,
}

/// A create that is open, by what it may be recognised.
struct OpenCreate {
    owner_email: Option<String>,
    customer_id: String,
    name: String,
}

/// Sets aside what an open create of ours may have made, and what is so young that it may not be known yet.
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
    let open = open_creates(connection, &sweep.provider, &strangers).await?;
    for child in strangers {
        let is_young = child.created_at.is_some_and(|at| at + settle_window >= sweep.begun_at);
        if is_young || open.iter().any(|create| may_have_made(create, child)) {
            sorted.undecided.push(child.id.as_str().to_owned());
        } else {
            sorted.certain.push(child);
        }
    }
    Ok(sorted)
}

fn may_have_made(create: &OpenCreate, child: &ChildOrg) -> bool {
    let email = child.owner.as_ref().and_then(|owner| owner.email.as_ref());
    let is_owner = match (email, &create.owner_email) {
        (Some(theirs), Some(ours)) => theirs.as_str().eq_ignore_ascii_case(ours),
        (Some(_) | None, Some(_) | None) => false,
    };
    let is_customer = child.customer_id.as_ref() == Some(&create.customer_id);
    // Where neither is shown, the name is all there is.
    let is_named = email.is_none() && child.customer_id.is_none() && child.name == create.name;
    is_owner || is_customer || is_named
}

async fn open_creates(
    connection: &mut PgConnection,
    provider: &str,
    strangers: &[&ChildOrg],
) -> StoreResult<Vec<OpenCreate>> {
    let emails: Vec<String> = strangers
        .iter()
        .filter_map(|child| child.owner.as_ref()?.email.as_ref())
        .map(EmailAddress::as_str)
        .map(str::to_ascii_lowercase)
        .collect();
    let customers: Vec<String> =
        strangers.iter().filter_map(|child| child.customer_id.clone()).collect();
    let names: Vec<String> = strangers.iter().map(|child| child.name.clone()).collect();
    sqlx::query_as!(
        OpenCreate,
        r#"select owner_email, customer_id, name from organizations
           where provider = $1 and status = 'pending'
             and (lower(owner_email collate "C") = any($2) or customer_id = any($3) or name = any($4))"#,
        provider,
        &emails,
        &customers,
        &names
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)
}
