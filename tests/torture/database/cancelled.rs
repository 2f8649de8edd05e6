//! Transactions whose beginning is given up at a random moment, as a caller does who hangs up.

use std::time::Duration;

use futures::{FutureExt, future::join_all};
use partner_gateway::store::{
    BeginCreate, BeginOptions, Certainty, CreateBudget, DatabaseSettings, NewOperation,
    OperationKind, OrgStatus, Organization, Store, TenantScope, embedded_migrations,
};
use secrecy::SecretString;
use serde_json::json;
use test_database::TestDatabase;
use uuid::Uuid;

use crate::real::{Draw, Fault, hold};

/// At once, on so many connections.
const AT_ONCE: u64 = 50;
const CONNECTIONS: u32 = 8;

/// Gives up so many transactions, and commits one between each lot of them. Answers how many
/// acknowledged rows there were, and how many of them are lost.
///
/// # Errors
/// The pool does not work any more.
pub(super) async fn give_up(begins: u64, seed: u64) -> Result<(u64, u64), Fault> {
    let database =
        TestDatabase::new(embedded_migrations()).await.map_err(Fault::of("a database"))?;
    let url = SecretString::from(database.url());
    let settings = DatabaseSettings { url, max_connections: CONNECTIONS };
    let store = Store::connect(&settings).await.map_err(Fault::of("the store"))?;
    let mut acknowledged = Vec::new();
    for lot in 0..begins.div_ceil(AT_ONCE) {
        let given_up = (0..AT_ONCE).map(|n| {
            let mut draw = Draw::of(seed, lot * AT_ONCE + n);
            let (store, polls) = (store.clone(), 1 + draw.below(80));
            async move { broken_off(begin(&store), polls).await }
        });
        let all = join_all(given_up).await;
        acknowledged.extend(all.into_iter().flatten().flatten());
        let kept = begin(&store).await;
        let kept = kept.ok_or_else(|| Fault(format!("lot {lot}: the pool works no more")))?;
        acknowledged.push(kept);
    }
    let works = (0..CONNECTIONS).map(|_| begin(&store));
    let works = join_all(works).await.into_iter().flatten().count();
    hold(works == CONNECTIONS as usize, || format!("{works} of {CONNECTIONS} connections work"))?;
    store.close().await;
    let others = Store::connect(&settings).await.map_err(Fault::of("the store"))?;
    let mut lost = 0;
    for id in &acknowledged {
        let found = others.get_organization(&TenantScope::All, *id).await;
        lost += u64::from(found.map_err(Fault::of("a row"))?.is_none());
    }
    others.close().await;
    Ok((u64::try_from(acknowledged.len()).unwrap_or(u64::MAX), lost))
}

/// Polls a future so many times and drops it.
async fn broken_off<T>(work: impl Future<Output = T>, polls: u64) -> Option<T> {
    let mut work = Box::pin(work);
    for _ in 0..polls {
        if let Some(done) = work.as_mut().now_or_never() {
            return Some(done);
        }
        tokio::task::yield_now().await;
    }
    None
}

async fn begin(store: &Store) -> Option<Uuid> {
    const BUDGET: CreateBudget =
        CreateBudget { at_risk: i64::MAX, window: Duration::from_secs(300), readable: false };
    let operation = NewOperation {
        id: Uuid::now_v7(),
        kind: OperationKind::Create,
        request: json!({}),
        actor: "torture".to_owned(),
        request_id: "torture".to_owned(),
        traceparent: None,
    };
    let options = BeginOptions { lease: Duration::from_secs(60), budget: &BUDGET, key: None };
    match store.begin_create(&organization()?, &operation, options).await {
        Ok(BeginCreate::Begun(begun)) => Some(begun.organization_id),
        Ok(BeginCreate::AlreadyMapped(_) | BeginCreate::Replay(_)) | Err(_) => None,
    }
}

fn organization() -> Option<Organization> {
    let (id, now) = (Uuid::now_v7(), chrono::Utc::now());
    Some(Organization {
        id,
        tenant: "crm".to_owned(),
        customer_id: format!("cust-{id}"),
        provider: "scaleway".parse().ok()?,
        provider_org_id: None,
        name: "Acme SAS".to_owned(),
        status: OrgStatus::Pending,
        locks: Vec::new(),
        owner: partner_core::Owner::default(),
        siren_number: None,
        domain: None,
        address: None,
        marketplace_offers: None,
        comment: None,
        labels: std::collections::BTreeMap::new(),
        labra_subscription_id: None,
        provider_data: None,
        certainty: Certainty::Unknown,
        observed_at: None,
        route_rule: "default".to_owned(),
        route_reason: String::new(),
        create_fingerprint: None,
        last_event: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    })
}
