//! The database as it fails: work that is broken off, and what must not come of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{FutureExt, future::join_all};
use partner_gateway::store::{
    BeginCreate, BeginOptions, Certainty, CreateBudget, DatabaseSettings, NewOperation, NextState,
    Operation, OperationKind, OrgStatus, Organization, Outcome, Store, TenantScope,
    embedded_migrations,
};
use secrecy::SecretString;
use serde_json::json;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use test_database::TestDatabase;
use uuid::Uuid;

pub(crate) const LEASE: Duration = Duration::from_secs(60);
pub(crate) const BUDGET: CreateBudget =
    CreateBudget { at_risk: i64::MAX, window: Duration::from_secs(300), readable: false };

pub(crate) fn organization(n: usize) -> Organization {
    Organization {
        id: Uuid::now_v7(),
        tenant: "crm".to_owned(),
        customer_id: format!("cust-{n}"),
        provider: "scaleway".parse().unwrap(),
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
        created_at: Utc::now(),
        updated_at: Utc::now(),
    }
}

pub(crate) async fn connect(database: &TestDatabase, max_connections: u32) -> Store {
    let url = SecretString::from(database.url());
    Store::connect(&DatabaseSettings { url, max_connections }).await.unwrap()
}

pub(crate) async fn begin(store: &Store, org: &Organization) -> Option<Uuid> {
    begin_operation(store, org).await.map(|begun| begun.organization_id)
}

async fn begin_operation(store: &Store, org: &Organization) -> Option<Operation> {
    let operation = NewOperation {
        id: Uuid::now_v7(),
        kind: OperationKind::Create,
        request: json!({}),
        actor: "test".to_owned(),
        request_id: "test".to_owned(),
        traceparent: None,
    };
    let options = BeginOptions { lease: LEASE, budget: &BUDGET, key: None };
    match store.begin_create(org, &operation, options).await {
        Ok(BeginCreate::Begun(begun)) => Some(*begun),
        Ok(BeginCreate::AlreadyMapped(_) | BeginCreate::Replay(_)) | Err(_) => None,
    }
}

/// Polls a future so many times and drops it.
async fn broken_off<T>(work: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut work = Box::pin(work);
    for _ in 0..polls {
        if let Some(done) = work.as_mut().now_or_never() {
            return Some(done);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_there_whatever_was_broken_off_before() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let store = connect(&database, 4).await;
    store.migrate().await.unwrap();
    for round in 0..40 {
        let abandoned = (0..8).map(|n| {
            let (store, org) = (store.clone(), organization(1_000_000 + round * 8 + n));
            async move { broken_off(begin(&store, &org), 1 + (round * 8 + n) % 60).await }
        });
        join_all(abandoned).await;
        let org = organization(round);
        let acknowledged = begin(&store, &org).await.expect("the pool still works");
        let kept = store.get_organization(&TenantScope::All, acknowledged).await.unwrap();
        assert!(kept.is_some(), "round {round}: an acknowledged row is lost");
        let other = connect(&database, 1).await;
        let seen = other.get_organization(&TenantScope::All, acknowledged).await.unwrap();
        assert!(seen.is_some(), "round {round}: nobody else sees an acknowledged row");
        other.close().await;
    }
    store.close().await;
}

/// Waits until somebody waits for a lock in this database, and answers the server's time.
async fn until_a_lock_is_waited_for(pool: &sqlx::PgPool) -> DateTime<Utc> {
    let waiting = "select exists (select 1 from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(pool).await.unwrap() {}
    sqlx::query_scalar("select clock_timestamp()").fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_not_spent_by_waiting_for_others() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let store = connect(&database, 4).await;
    let pool = database.pool().await.unwrap();
    let mut other = pool.begin().await.unwrap();
    sqlx::query("insert into provider_gates (provider) values ('scaleway')")
        .execute(&mut *other)
        .await
        .unwrap();
    let org = organization(1);
    let released = async {
        let at = until_a_lock_is_waited_for(&pool).await;
        other.rollback().await.unwrap();
        at
    };
    let (begun, released_at) = futures::join!(begin(&store, &org), released);
    let lease_until: DateTime<Utc> =
        sqlx::query_scalar("select lease_until from operations where organization_id = $1")
            .bind(begun.expect("it was committed"))
            .fetch_one(&pool)
            .await
            .unwrap();
    assert!(lease_until >= released_at + LEASE, "the lease began before it was waited for");
    pool.close().await;
    store.close().await;
}

/// A session of this name, and its id at the server.
async fn session(url: &str, application: &str) -> (PgConnection, i32) {
    let options: PgConnectOptions = url.parse().unwrap();
    let options = options.application_name(application);
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let pid = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut connection).await;
    (connection, pid.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_all_sessions_only_ours_that_stopped_within_a_transaction_are_ended() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let url = database.url();
    let store = connect(&database, 4).await;
    let listener = store.listen().await.unwrap();
    let (mut stalled, pid) = session(url, "partner-gateway").await;
    let (mut idle, _) = session(url, "partner-gateway").await;
    let (mut of_a_person, _) = session(url, "psql").await;
    for connection in [&mut stalled, &mut of_a_person] {
        sqlx::query("begin").execute(connection).await.unwrap();
    }
    let pool = database.pool().await.unwrap();
    let waits = "select exists (select 1 from pg_stat_activity where pid = $1
                 and state = 'idle in transaction' and wait_event = 'ClientRead')";
    while !sqlx::query_scalar::<_, bool>(waits).bind(pid).fetch_one(&pool).await.unwrap() {}

    let hour = Duration::from_secs(3600);
    assert_eq!(store.end_stalled_sessions(hour).await.unwrap(), 0, "it may go on");
    assert_eq!(store.end_stalled_sessions(Duration::ZERO).await.unwrap(), 1);
    let ask = "select 1";
    assert!(sqlx::query(ask).execute(&mut stalled).await.is_err());
    for connection in [&mut idle, &mut of_a_person] {
        sqlx::query(ask).execute(connection).await.unwrap();
    }
    assert!(store.ping().await.is_ok());
    drop((listener, stalled, idle, of_a_person));
    pool.close().await;
    store.close().await;
}

#[tokio::test]
async fn an_outcome_that_is_refused_is_undone_before_that_is_told() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let store = connect(&database, 4).await;
    begin(&store, &organization(1)).await.unwrap();
    let operation = begin_operation(&store, &organization(2)).await.unwrap();
    let outcome = Outcome {
        next: NextState::Accepted { after: Duration::ZERO, give_back_send: true },
        change: &|org| "cust-1".clone_into(&mut org.customer_id),
        members: &[],
        event: None,
        actor: None,
        provider_request_id: None,
        is_accounted: true,
    };
    let refused = store.record(&operation, None, &outcome).await.unwrap_err();
    assert_eq!(refused.constraint(), Some("organizations_customer_key"));
    let outcomes = store.pools().into_iter().find(|pool| pool.name == "outcomes").unwrap();
    assert_eq!(outcomes.open, 1, "a connection that was thrown away keeps its locks for a while");
    store.close().await;
}
