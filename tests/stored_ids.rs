//! Organization ids that an earlier version stored: the upgrade converts them, and reports those that it cannot.

use std::sync::LazyLock;

use partner_gateway::store::{DatabaseSettings, Store, embedded_migrations};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use test_database::TestDatabase;

use crate::harness::Binary;

/// The migrations of the version that stored ids as they were entered.
static EARLIER: LazyLock<Migrator> = LazyLock::new(|| {
    let all = embedded_migrations().iter();
    Migrator::with_migrations(all.filter(|migration| migration.version < 10).cloned().collect())
});

const STORED: &str = "
    insert into organizations (id, tenant, customer_id, provider, provider_org_id, name, status, certainty, route_rule,
                               route_reason, last_event)
    select ('01990000-0000-7000-8000-00000000000' || n)::uuid, tenant, 'cust-' || n, 'archera', stored, 'Acme', 'active',
           'asserted', 'adopted', '', 1
    from (values (1, 'crm', '{6170692E-7363-616C-6577-61792E636F6D}'),
                 (2, 'crm', '0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b90'),
                 (3, 'billing', '0F8F2A3C1B5D4C7E9A412F0C5D1E8B90'),
                 (4, 'billing', '../x')) as mappings (n, tenant, stored);
    insert into events (type, tenant, organization_id, organization_sequence, actor, request_id, after)
    select 'organization.adopted', tenant, id, 1, 'test', 'test', jsonb_build_object('provider_org_id', provider_org_id)
    from organizations order by id;
    insert into discrepancies (id, provider, kind, state, provider_org_id, first_seen_at, last_seen_at)
    values ('01990000-0000-7000-8000-0000000000a1', 'archera', 'unmapped', 'open',
            '7A1F3C52-6D0E-4B7A-9A41-2F0C5D1E8B90', now() - interval '1 hour', now() - interval '1 hour'),
           ('01990000-0000-7000-8000-0000000000a2', 'archera', 'unmapped', 'open',
            '7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90', now(), now());";

async fn seal_all(store: &Store) {
    while store.unsealed_events().await.unwrap() > 0 {
        store.seal_events().await.unwrap();
    }
}

#[tokio::test]
async fn ids_that_an_earlier_version_stored_become_canonical() {
    let database = TestDatabase::new(&EARLIER).await.unwrap();
    let pool = database.pool().await.unwrap();
    sqlx::raw_sql(STORED).execute(&pool).await.unwrap();
    let url = SecretString::from(database.url());
    let store = Store::connect(&DatabaseSettings { url, max_connections: 2 }).await.unwrap();
    seal_all(&store).await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, "[database]\nurl = { env = \"TEST_DATABASE\" }\n").unwrap();
    let run = |words: &str| {
        let command = Binary::new(&format!("{words} --config")).arg(&file);
        command.env("TEST_DATABASE", database.url()).run()
    };
    let migrated = run("migrate").await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let org = |n: u32| format!("01990000-0000-7000-8000-00000000000{n}");
    let warned = |needles: [&str; 2]| {
        let mut lines = migrated.stderr.lines();
        lines.any(|line| line.contains("WARN") && needles.iter().all(|it| line.contains(it)))
    };
    assert!(warned([&org(3), &org(2)]), "{}", migrated.stderr);
    assert!(warned([&org(4), "is no UUID"]), "{}", migrated.stderr);

    let rows: Vec<(String, i64)> =
        sqlx::query_as("select provider_org_id, version from organizations order by id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let rows: Vec<_> = rows.iter().map(|(id, version)| (id.as_str(), *version)).collect();
    let expected = [
        ("6170692e-7363-616c-6577-61792e636f6d", 2),
        ("0f8f2a3c-1b5d-4c7e-9a41-2f0c5d1e8b90", 1),
        ("0F8F2A3C1B5D4C7E9A412F0C5D1E8B90", 1),
        ("../x", 1),
    ];
    assert_eq!(rows, expected);
    let changed: Vec<(Value, Value)> =
        sqlx::query_as("select before, after from events where actor = 'gateway:migration'")
            .fetch_all(&pool)
            .await
            .unwrap();
    let of = |id: &str| json!({ "provider_org_id": id });
    let before = of("{6170692E-7363-616C-6577-61792E636F6D}");
    assert_eq!(changed, [(before, of("6170692e-7363-616c-6577-61792e636f6d"))]);
    let open: Vec<String> =
        sqlx::query_scalar("select provider_org_id from discrepancies where state = 'open'")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(open, ["7a1f3c52-6d0e-4b7a-9a41-2f0c5d1e8b90"]);

    seal_all(&store).await;
    let verified = run("audit verify").await;
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("checked: 5\n"), "{}", verified.stdout);
    pool.close().await;
    store.close().await;
}
