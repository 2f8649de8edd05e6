//! The feed in the database: whoever reads on from the last number it saw misses nothing and sees nothing
//! twice, however the commits of many writers fall.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::future::join_all;
use partner_core::ProviderOrgIdFormat;
use partner_gateway::store::{
    BeginOptions, BeginUpdate, DatabaseSettings, EventContext, EventType, FeedEvent, FeedFilter,
    OrgStatus, Organization, Plan, Store, TenantScope, embedded_migrations,
};
use secrecy::SecretString;
use sqlx::PgPool;
use test_database::TestDatabase;
use uuid::Uuid;

use crate::database::{BUDGET, LEASE, organization};

const EVERYTHING: FeedFilter = FeedFilter { organization_id: None, event_type: None };
/// More than any test writes.
const ALL: i64 = 100_000;

async fn open(database: &TestDatabase) -> Store {
    let url = SecretString::from(database.url());
    Store::connect(&DatabaseSettings { url, max_connections: 8 }).await.unwrap()
}

fn context() -> EventContext {
    EventContext {
        actor: "test".to_owned(),
        request_id: "test".to_owned(),
        provider_request_id: None,
        operation_id: None,
    }
}

/// Maps an organization, which is its first event.
async fn adopt(store: &Store, n: usize) -> Organization {
    let mut org = organization(n);
    org.provider_org_id =
        Some(ProviderOrgIdFormat::Uuid.parse(&Uuid::new_v4().to_string()).unwrap());
    org.status = OrgStatus::Locked;
    store.adopt(&org, &context(), None).await.unwrap();
    org
}

/// Changes an organization here alone, which is one event.
async fn relabel(store: &Store, id: Uuid, label: String) {
    let plan = move |org: &mut Organization| -> Result<Plan, ()> {
        org.labels.insert("round".to_owned(), label);
        let local = Some((EventType::OrganizationUpdated, context()));
        Ok(Plan {
            operation: None,
            new_customer_id: None,
            must_send_now: false,
            local,
            settles: None,
        })
    };
    let options = BeginOptions { lease: LEASE, budget: &BUDGET, key: None };
    let done = store.begin_operation(&TenantScope::All, id, plan, options).await.unwrap();
    assert!(matches!(done, BeginUpdate::Done(_)));
}

/// Seals until nothing waits.
async fn seal_all(store: &Store) {
    while store.unsealed_events().await.unwrap() > 0 {
        store.seal_events().await.unwrap();
    }
}

async fn read_all(store: &Store) -> Vec<FeedEvent> {
    store.feed_after(&TenantScope::All, &EVERYTHING, 0, ALL).await.unwrap()
}

/// An event as no program of ours would write it: in a transaction that the test commits when it likes.
async fn insert_event(connection: &mut sqlx::PgConnection, org: &Organization, number: i64) {
    let insert = "insert into events (type, tenant, organization_id, organization_sequence, actor, request_id)
                  values ('organization.updated', $1, $2, $3, 'test', 'test')";
    sqlx::query(insert)
        .bind(&org.tenant)
        .bind(org.id)
        .bind(number)
        .execute(connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_event_that_commits_late_comes_after_all_that_was_read() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let (store, pool) = (open(&database).await, database.pool().await.unwrap());
    let (slow, quick) = (adopt(&store, 1).await, adopt(&store, 2).await);
    let mut late = pool.begin().await.unwrap();
    insert_event(&mut late, &slow, 2).await;
    relabel(&store, quick.id, "a".to_owned()).await;
    seal_all(&store).await;
    let before = read_all(&store).await;
    assert_eq!(before.len(), 3, "what is not committed has no number");
    let last = before.last().unwrap();
    assert_eq!((last.sequence, last.organization_id), (3, Some(quick.id)));
    late.commit().await.unwrap();
    assert_eq!(read_all(&store).await, before, "nor has what is not sealed");
    seal_all(&store).await;
    let after = store.feed_after(&TenantScope::All, &EVERYTHING, 3, ALL).await.unwrap();
    let told: Vec<_> = after.iter().map(|e| (e.sequence, e.organization_id)).collect();
    assert_eq!(told, [(4, Some(slow.id))]);
    pool.close().await;
    store.close().await;
}

#[tokio::test]
async fn what_is_rolled_back_takes_no_number() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let (store, pool) = (open(&database).await, database.pool().await.unwrap());
    let org = adopt(&store, 1).await;
    let mut given_up = pool.begin().await.unwrap();
    insert_event(&mut given_up, &org, 2).await;
    given_up.rollback().await.unwrap();
    relabel(&store, org.id, "a".to_owned()).await;
    seal_all(&store).await;
    let numbers: Vec<i64> = read_all(&store).await.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, [1, 2]);
    pool.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_sealer_does_not_wait_for_another_and_its_turn_comes() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let (store, pool) = (open(&database).await, database.pool().await.unwrap());
    adopt(&store, 1).await;
    let mut other = pool.begin().await.unwrap();
    sqlx::query("select from event_feed_head for update").execute(&mut *other).await.unwrap();
    let sealed = store.seal_events().await.unwrap();
    assert_eq!((sealed.events, sealed.head, sealed.more), (0, 0, false));
    assert_eq!(store.unsealed_events().await.unwrap(), 1);
    other.rollback().await.unwrap();
    let sealed = store.seal_events().await.unwrap();
    assert_eq!((sealed.events, sealed.head), (1, 1));
    assert_eq!(store.feed_head().await.unwrap().sequence, 1);
    pool.close().await;
    store.close().await;
}

/// Reads on from the last number until `writing` is 0 and nothing is left.
async fn follow(store: &Store, writing: &AtomicUsize) -> Vec<FeedEvent> {
    let mut seen: Vec<FeedEvent> = Vec::new();
    loop {
        let was_over =
            writing.load(Ordering::SeqCst) == 0 && store.unsealed_events().await.unwrap() == 0;
        let after = seen.last().map_or(0, |event| event.sequence);
        let page = store.feed_after(&TenantScope::All, &EVERYTHING, after, 7).await.unwrap();
        if page.is_empty() && was_over {
            return seen;
        }
        seen.extend(page);
        tokio::task::yield_now().await;
    }
}

/// What the table has, whatever the store would say of it.
async fn table(pool: &PgPool) -> Vec<(i64, Uuid, i64)> {
    let rows = "select f.sequence, e.organization_id, e.organization_sequence
                from events e join event_feed f on f.event_id = e.id order by f.sequence";
    sqlx::query_as(rows).fetch_all(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_and_two_sealers_leave_no_gap_and_keep_each_organizations_order() {
    const WRITERS: usize = 8;
    const EDITS: usize = 30;
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let stores = [open(&database).await, open(&database).await];
    let pool = database.pool().await.unwrap();
    let mut orgs = Vec::new();
    for n in 0..3 {
        orgs.push(adopt(&stores[0], n).await.id);
    }
    let writing = AtomicUsize::new(WRITERS);
    let writers = (0..WRITERS).map(|writer| {
        let (store, orgs, writing) = (&stores[writer % 2], &orgs, &writing);
        async move {
            for edit in 0..EDITS {
                let id = orgs[(writer + edit) % orgs.len()];
                relabel(store, id, format!("{writer}-{edit}")).await;
            }
            writing.fetch_sub(1, Ordering::SeqCst);
        }
    });
    let sealers = stores.iter().map(|store| async {
        while writing.load(Ordering::SeqCst) > 0 || store.unsealed_events().await.unwrap() > 0 {
            store.seal_events().await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let readers = stores.iter().map(|store| follow(store, &writing));
    let (_, _, read) = futures::join!(join_all(writers), join_all(sealers), join_all(readers));
    let table = table(&pool).await;
    let written = orgs.len() + WRITERS * EDITS;
    assert_eq!(table.len(), written);
    let numbers: Vec<i64> = table.iter().map(|(sequence, ..)| *sequence).collect();
    assert_eq!(numbers, (1..).take(written).collect::<Vec<i64>>());
    let mut last = BTreeMap::new();
    for (_, organization, number) in &table {
        let before = last.insert(organization, *number).unwrap_or(0);
        assert_eq!(*number, before + 1, "an organization's events are out of their order");
    }
    for read in read {
        let read: Vec<_> = read
            .iter()
            .map(|e| (e.sequence, e.organization_id.unwrap(), e.organization_sequence.unwrap()))
            .collect();
        assert!(read == table, "a reader saw other events than the table has");
    }
    pool.close().await;
    for store in stores {
        store.close().await;
    }
}

#[tokio::test]
async fn every_filter_has_an_index_in_the_order_of_the_feed() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let (store, pool) = (open(&database).await, database.pool().await.unwrap());
    let org = adopt(&store, 1).await;
    let many = "with written as (
                    insert into events (type, tenant, organization_id, organization_sequence, actor, request_id)
                    select 'organization.updated', $1, $2, n + 1, 'test', 'test' from generate_series(1, 5000) n
                    returning id, organization_id, organization_sequence)
                insert into event_feed (sequence, event_id, tenant, organization_id, type, hash)
                select organization_sequence, id, 'tenant-' || id % 500, organization_id,
                       'type.t' || id / 10 % 500, decode(repeat('00', 32), 'hex') from written";
    sqlx::query(many).bind(&org.tenant).bind(org.id).execute(&pool).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    // With few rows a sort is cheap; without, only an index that has the order will do.
    for setting in ["enable_sort", "enable_seqscan", "enable_hashjoin", "enable_bitmapscan"] {
        let off = format!("set {setting} = off");
        sqlx::query(sqlx::AssertSqlSafe(off)).execute(&mut *connection).await.unwrap();
    }
    sqlx::query("analyze event_feed, events").execute(&mut *connection).await.unwrap();
    for (filter, index) in [
        ("true", "event_feed_pkey"),
        ("f.tenant = 'tenant-7'", "event_feed_tenant"),
        ("f.tenant = 'tenant-7' and f.type = 'type.t7'", "event_feed_tenant_type"),
        ("f.type = 'type.t7'", "event_feed_type"),
        ("f.organization_id = '00000000-0000-0000-0000-000000000001'", "event_feed_organization"),
    ] {
        let explained = format!(
            "explain select f.sequence, e.after from event_feed f join events e on e.id = f.event_id
             where f.sequence > 100 and {filter} order by f.sequence limit 51"
        );
        let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(explained))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains(&format!("using {index} on")), "{filter}:\n{plan}");
        assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{filter}:\n{plan}");
    }
    drop(connection);
    pool.close().await;
    store.close().await;
}

#[tokio::test]
async fn the_feed_and_its_head_cannot_be_rewritten() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let (store, pool) = (open(&database).await, database.pool().await.unwrap());
    adopt(&store, 1).await;
    seal_all(&store).await;
    for (change, constraint) in [
        ("update event_feed set tenant = 'shop'", "event_feed_append_only"),
        ("delete from event_feed", "event_feed_append_only"),
        ("truncate event_feed cascade", "event_feed_append_only"),
        ("delete from event_feed_head", "event_feed_head_append_only"),
        ("truncate event_feed_head", "event_feed_head_append_only"),
        ("update event_feed_head set sequence = 0", "event_feed_head_rises"),
        ("update event_feed_head set sequence = sequence", "event_feed_head_rises"),
    ] {
        let refused = sqlx::query(change).execute(&pool).await.unwrap_err();
        let told = refused.as_database_error().and_then(|error| error.constraint());
        assert_eq!(told, Some(constraint), "{change}: {refused}");
    }
    pool.close().await;
    store.close().await;
}
