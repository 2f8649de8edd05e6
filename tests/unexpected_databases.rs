//! Databases that an operator has set up in a way that nobody expected: encodings, locales, search paths, settings,
//! and rows that were copied without their sequences. docs/TESTING.md has the table.

use std::{io::Write, sync::Once};

use partner_core::EmailAddress;
use partner_gateway::store::{
    DatabaseSettings, OrganizationFilter, PageRequest, Store, StoreError, TenantScope,
    embedded_migrations,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use test_database::TestDatabase;

use crate::{
    database::{begin, connect, organization},
    harness::{Settings, World, cloud_customer},
};

const UTF8: &str = "encoding 'UTF8' locale 'C.UTF-8' template template0";
const LOCALE_C: &str = "encoding 'UTF8' locale 'C' template template0";
const TURKISH: &str =
    "encoding 'UTF8' locale 'C.UTF-8' locale_provider icu icu_locale 'tr-TR' template template0";

async fn sql(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await.unwrap();
}

async fn strings(connection: &mut PgConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(connection).await.unwrap()
}

async fn refusal(url: String) -> String {
    let settings = DatabaseSettings { url: SecretString::from(url), max_connections: 2 };
    let error = Store::connect(&settings).await.unwrap_err();
    let StoreError::Unsuitable(message) = error else {
        panic!("not reported as unsuitable: {error:?}");
    };
    message
}

/// The schemas that hold anything.
const SCHEMAS: &str =
    "select distinct n.nspname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1";

#[tokio::test]
async fn every_search_path_leads_to_the_same_schema() {
    for (before, search_path) in [
        ("create schema app", "app"),
        ("create schema app", "app, public"),
        (
            "do $$ begin execute format('create schema %I', current_user); end $$",
            "\"$user\", public",
        ),
        ("", "''"),
    ] {
        let database = TestDatabase::with_options(UTF8).await.unwrap();
        let mut admin = PgConnection::connect(database.url()).await.unwrap();
        let name = database.name();
        let set = format!("{before}; alter database {name} set search_path = {search_path}");
        sql(&mut admin, &set).await;
        let store = connect(&database, 2).await;
        store.migrate().await.unwrap();
        store.check_migrated().await.unwrap();
        assert!(begin(&store, &organization(1)).await.is_some(), "{search_path}");
        store.close().await;
        let schemas = strings(&mut admin, SCHEMAS).await;
        assert_eq!(schemas, ["public", "reporting_v1"], "{search_path}");
    }
}

#[tokio::test]
async fn a_search_path_that_is_set_later_changes_nothing() {
    let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    let mut admin = PgConnection::connect(world.database_url()).await.unwrap();
    sql(
        &mut admin,
        "create schema app;
         do $$ begin
             execute format('alter database %I set search_path = app', current_database());
         end $$",
    )
    .await;
    let checked = world.command("check").run().await;
    assert!(checked.stdout.contains("reachable and migrated"), "{}", checked.stdout);
    let migrate = world.command("migrate").env("TEST_DATABASE", world.database_url());
    let migrated = migrate.run().await;
    assert!(migrated.stdout.starts_with("nothing to apply"), "{}", migrated.stdout);
    assert_eq!(strings(&mut admin, SCHEMAS).await, ["public", "reporting_v1"]);
    world.finish().await;
}

#[tokio::test]
async fn an_encoding_other_than_utf8_is_refused_before_anything_is_made() {
    let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    for (encoding, options) in [
        ("LATIN1", "encoding 'LATIN1' locale 'C' template template0"),
        ("SQL_ASCII", "encoding 'SQL_ASCII' locale 'C' template template0"),
    ] {
        let database = TestDatabase::with_options(options).await.unwrap();
        for command in ["migrate", "serve"] {
            let command = world.command(command).env("TEST_DATABASE", database.url());
            let ended = command.env("GATEWAY_DATABASE__MIGRATE_ON_START", "true").run().await;
            assert_eq!(ended.code, Some(1), "{}", ended.stderr);
            let cause = format!("has the encoding {encoding}, and the gateway needs UTF8");
            assert!(ended.stderr.contains(&cause), "{}", ended.stderr);
            assert!(
                ended.stderr.contains("encoding 'UTF8' template template0"),
                "{}",
                ended.stderr
            );
        }
        let mut admin = PgConnection::connect(database.url()).await.unwrap();
        assert_eq!(strings(&mut admin, SCHEMAS).await, [""; 0], "{encoding}");
    }
    world.finish().await;
}

/// Reports once that the tests of the Turkish locale do not run, and fails in CI.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration but the environment")]
fn report_no_icu() {
    static REPORTED: Once = Once::new();
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci, "the PostgreSQL server has no ICU: use one that is built with it");
    REPORTED.call_once(|| {
        // Past the test's own capture, so that a passing run shows it.
        let line = "the tests of the Turkish locale do not run: the server has no ICU";
        let _unheard = writeln!(std::io::stderr(), "e2e: {line}");
    });
}

/// A database of each kind of locale; the Turkish one where the server can have it.
async fn databases_of_each_locale() -> Vec<(&'static str, TestDatabase)> {
    let mut databases = Vec::new();
    for options in [UTF8, LOCALE_C] {
        databases.push((options, TestDatabase::with_options(options).await.unwrap()));
    }
    let mut admin = PgConnection::connect(databases[0].1.url()).await.unwrap();
    // A server without ICU may have other collations of that provider in its catalog.
    let icu = "select collname::text from pg_collation where collname = 'und-x-icu'";
    if strings(&mut admin, icu).await.is_empty() {
        report_no_icu();
    } else {
        databases.push((TURKISH, TestDatabase::with_options(TURKISH).await.unwrap()));
    }
    databases
}

async fn found(store: &Store, filter: OrganizationFilter) -> Vec<String> {
    let page = PageRequest { limit: 10, after: None, include_total: false };
    let listed = store.list_organizations(&TenantScope::All, &filter, &page).await.unwrap();
    listed.items.into_iter().map(|organization| organization.name).collect()
}

#[tokio::test]
async fn searches_fold_case_in_the_same_way_in_every_locale() {
    for (options, database) in databases_of_each_locale().await {
        let store = connect(&database, 2).await;
        store.migrate().await.unwrap();
        let names = ["Électro SARL", "INFORMATIQUE", "İstanbul A.Ş.", "ΟΔΟΣ", "Straße"];
        for (n, name) in names.into_iter().enumerate() {
            let mut org = organization(n);
            name.clone_into(&mut org.name);
            org.owner.email = Some(EmailAddress::new(format!("INFO-{n}@ACME.test")).unwrap());
            begin(&store, &org).await.unwrap();
        }
        for (prefix, name) in [
            ("électro", names[0]),
            ("ÉLECTRO", names[0]),
            ("informatique", names[1]),
            ("istanbul", names[2]),
            ("οδος", names[3]),
            ("STRAß", names[4]),
        ] {
            let name_prefix = Some(prefix.to_owned());
            let filter = OrganizationFilter { name_prefix, ..OrganizationFilter::default() };
            assert_eq!(found(&store, filter).await, [name], "{prefix} in {options}");
        }
        for (n, name) in names.into_iter().enumerate() {
            let email = Some(format!("info-{n}@acme.TEST"));
            let filter = OrganizationFilter { email, ..OrganizationFilter::default() };
            assert_eq!(found(&store, filter).await, [name], "e-mail of {name} in {options}");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn letters_fold_as_unicode_has_them() {
    let pair = |c: char| {
        let mut lower = c.to_lowercase();
        let first = lower.next().unwrap();
        (lower.next().is_none() && first != c).then(|| (c.to_string(), first.to_string()))
    };
    let (upper, lower): (Vec<_>, Vec<_>) = ('\u{1}'..=char::MAX).filter_map(pair).unzip();
    assert!(upper.len() > 1400, "only {} letters", upper.len());
    for (options, database) in databases_of_each_locale().await {
        let store = connect(&database, 2).await;
        store.migrate().await.unwrap();
        store.close().await;
        let mut admin = PgConnection::connect(database.url()).await.unwrap();
        let apart: Vec<String> = sqlx::query_scalar(
            "select u from unnest($1::text[], $2::text[]) as pair (u, l) where fold_case(u) <> fold_case(l)",
        )
        .bind(&upper)
        .bind(&lower)
        .fetch_all(&mut admin)
        .await
        .unwrap();
        assert_eq!(apart, [""; 0], "{options}");
    }
}

#[tokio::test]
async fn searches_by_name_and_address_use_their_indexes() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    sql(
        &mut admin,
        "insert into organizations (id, tenant, customer_id, provider, name, owner_email, status, certainty,
                                    route_rule, route_reason)
         select gen_random_uuid(), 'crm', n::text, 'p', 'Acme ' || n, n || '@acme.test', 'pending', 'unknown', '', ''
         from generate_series(1, 2000) n;
         analyze organizations",
    )
    .await;
    for (query, expected) in [
        (
            r#"explain select * from organizations where tenant = 'crm'
               and fold_case(name) collate "C" like fold_case('ÉLE%')"#,
            ">= 'éle'::text",
        ),
        (
            r#"explain select * from organizations
               where lower(owner_email collate "C") = lower('I@A' collate "C")"#,
            "organizations_owner_email_folded",
        ),
    ] {
        let plan = sqlx::query(query).fetch_all(&mut admin).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains(expected)), "{plan:#?}");
    }
}

#[tokio::test]
async fn an_address_that_was_invited_twice_becomes_one_member() {
    let databases = databases_of_each_locale().await;
    let Some((_, database)) = databases.iter().find(|(options, _)| *options == TURKISH) else {
        return;
    };
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    embedded_migrations().run_to(9, &mut admin).await.unwrap();
    sql(
        &mut admin,
        "insert into organizations
             (id, tenant, customer_id, provider, name, status, certainty, route_rule, route_reason)
         values ('0198c700-0000-7000-8000-000000000001', 't', 'c', 'p', 'n', 'pending', 'unknown', '', '');
         insert into members (organization_id, email, role, invited_at)
         select id, email, role, at::timestamptz from organizations, (values
             ('info@acme.test', null, '2026-01-01'), ('INFO@acme.test', 'admin', '2026-01-02'),
             ('ada@acme.test', 'user', '2026-01-01')) as invited (email, role, at)",
    )
    .await;
    embedded_migrations().run(&mut admin).await.unwrap();
    let members = r#"select email || ' ' || role from members order by email collate "C""#;
    assert_eq!(strings(&mut admin, members).await, ["ada@acme.test user", "info@acme.test admin"]);
}

#[tokio::test]
async fn a_database_that_refuses_writes_is_named_with_its_repair() {
    let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    let mut admin = PgConnection::connect(world.database_url()).await.unwrap();
    sql(
        &mut admin,
        "do $$ begin
             execute format('alter database %I set default_transaction_read_only = on', current_database());
         end $$",
    )
    .await;
    for command in ["check", "serve", "migrate"] {
        let ended = world.command(command).run().await;
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(1), "{command}: {told}");
        let cause =
            "refuses writes, since default_transaction_read_only is on: run `alter database";
        assert!(told.contains(cause), "{command}: {told}");
        assert!(told.contains("reset default_transaction_read_only`"), "{command}: {told}");
    }
    sql(
        &mut admin,
        "do $$ begin
             execute format('alter database %I reset default_transaction_read_only', current_database());
         end $$",
    )
    .await;
    world.finish().await;
}

#[tokio::test]
async fn settings_that_disable_triggers_or_hide_the_tables_are_refused() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let separator = if database.url().contains('?') { '&' } else { '?' };
    let replica = format!("{}{separator}options[session_replication_role]=replica", database.url());
    let replica = refusal(replica).await;
    assert!(replica.contains("disables the triggers"), "{replica}");
    assert!(replica.contains("remove session_replication_role from database.url"), "{replica}");

    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    sql(&mut admin, "revoke usage on schema public from public, gateway_app").await;
    let unusable = refusal(database.url_as("gateway_app")).await;
    assert!(unusable.contains("run `grant usage on schema public to gateway_app`"), "{unusable}");
    sql(&mut admin, "alter schema public rename to elsewhere").await;
    let missing = refusal(database.url().to_owned()).await;
    assert!(missing.contains("run `create schema public`"), "{missing}");
}

#[tokio::test]
async fn a_role_that_may_not_create_is_reported_before_anything_is_made() {
    // The roles belong to the server; these migrations make them.
    let _roles = TestDatabase::new(embedded_migrations()).await.unwrap();
    let database = TestDatabase::with_options(UTF8).await.unwrap();
    let url = SecretString::from(database.url_as("gateway_app"));
    let store = Store::connect(&DatabaseSettings { url, max_connections: 2 }).await.unwrap();
    let refused = store.migrate().await.unwrap_err().to_string();
    assert!(refused.contains("run `grant create on schema public to gateway_app`"), "{refused}");
    store.close().await;
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    assert_eq!(strings(&mut admin, SCHEMAS).await, [""; 0]);
}

/// Settings of a database that would each break a gateway or its migrations.
const HOSTILE: &str = "
    do $$
    declare
        setting text;
    begin
        foreach setting in array array[
            'search_path = app', 'statement_timeout = 25', 'lock_timeout = 1',
            'idle_in_transaction_session_timeout = 1', 'idle_session_timeout = 25',
            'default_transaction_isolation = serializable', 'standard_conforming_strings = off',
            $text$timezone = 'Asia/Kathmandu'$text$, $text$datestyle = 'SQL, DMY'$text$,
            'intervalstyle = sql_standard', 'bytea_output = escape', 'extra_float_digits = -15',
            'client_encoding = LATIN1'
        ] loop
            execute format('alter database %I set ', current_database()) || setting;
        end loop;
        if current_setting('transaction_timeout', true) is not null then
            execute format('alter database %I set transaction_timeout = 25', current_database());
        end if;
    end $$";

#[tokio::test]
async fn settings_of_the_database_break_neither_migrations_nor_service() {
    let database = TestDatabase::with_options(UTF8).await.unwrap();
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    sql(&mut admin, HOSTILE).await;
    let store = connect(&database, 2).await;
    store.migrate().await.unwrap();
    store.check_migrated().await.unwrap();
    store.close().await;

    let mut world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    world.change_database(HOSTILE).await;
    for _ in 0..2 {
        world.add_gateway().await;
    }
    let client = world.client();
    let org = client.create(&cloud_customer("cust-1")).await;
    let path = format!("/v1/organizations/{}", org["id"].as_str().unwrap());
    let patch = json!({ "name": "Back\\slash 'Été'", "comment": "x" });
    let changed = client.patch(&path, &patch).await.expect(200);
    assert_eq!(changed["name"], patch["name"]);
    let listed =
        client.get("/v1/organizations?q=back%5Cslash%20%27%C3%A9t%C3%A9").await.expect(200);
    assert_eq!(listed["items"][0]["id"], org["id"]);
    world.finish().await;
}

/// Sets the sequences back, as in a copy of the rows alone.
const WITHOUT_SEQUENCES: &str =
    "select setval('evidence_id_seq', 1, false), setval('events_id_seq', 1, false)";

#[tokio::test]
async fn rows_without_their_sequences_are_refused_and_the_printed_statements_repair_it() {
    let mut world = World::new().await;
    world.client().create(&cloud_customer("cust-1")).await;
    world.stop_gateway().await;
    let checked = world.command("check").run().await;
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    world.change_database(WITHOUT_SEQUENCES).await;

    let checked = world.command("check").run().await;
    assert_eq!(checked.code, Some(1), "{}", checked.stdout);
    let served = world.command("serve").run().await;
    assert_eq!(served.code, Some(1), "{}", served.stderr);
    for told in [&checked.stdout, &served.stderr] {
        assert!(told.contains("rows were copied without their sequences"), "{told}");
        for table in ["evidence", "events"] {
            assert!(told.contains(&format!("public.{table}_id_seq gives out 1 next")), "{told}");
        }
    }
    let statements = checked.stdout.split('`').filter(|text| text.starts_with("select setval("));
    let statements = statements.collect::<Vec<_>>().join(";");
    let mut admin = PgConnection::connect(world.database_url()).await.unwrap();
    sql(&mut admin, &statements).await;

    let checked = world.command("check").run().await;
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    world.add_gateway().await;
    world.client().create(&cloud_customer("cust-2")).await;
    world.finish().await;
}

#[tokio::test]
async fn a_role_that_may_not_read_the_sequences_is_warned_of() {
    let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    world.change_database("revoke all on all sequences in schema public from gateway_app").await;
    let checked = world.command("check").run().await;
    let repair = "run `grant usage, select on all sequences in schema public to gateway_app`";
    assert!(checked.stdout.contains(repair), "{}", checked.stdout);
    assert_eq!(checked.code, Some(0), "it is no failure");
    world.finish().await;
}

#[tokio::test]
async fn every_sequence_is_checked() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let mut admin = PgConnection::connect(database.url()).await.unwrap();
    let sequences = "select s.relname::text from pg_class s
         where s.relkind = 'S' and s.relnamespace = 'public'::regnamespace order by 1";
    let checked = ["events_id_seq", "evidence_id_seq"];
    assert_eq!(strings(&mut admin, sequences).await, checked, "add it to store/sequences.rs");
}

async fn rename(world: &World, org: &Value, name: &str) {
    let path = format!("/v1/organizations/{}", org["id"].as_str().unwrap());
    let changed = world.client().patch(&path, &json!({ "name": name })).await.expect(200);
    assert_eq!(changed["name"], name);
    assert_eq!(world.client().get(&path).await.expect(200)["name"], name);
}

/// The evidence of the last operation: kind and detail.
async fn last_evidence(world: &World) -> Vec<String> {
    let mut admin = PgConnection::connect(world.database_url()).await.unwrap();
    let query = "select kind || ' ' || detail from evidence
         where operation_id = (select id from operations order by created_at desc, id desc limit 1)
         order by id";
    strings(&mut admin, query).await
}

#[tokio::test]
async fn an_outcome_is_kept_where_the_sequences_are_set_back_under_a_running_gateway() {
    let world = World::new().await;
    let mut orgs = Vec::new();
    for n in 0..3 {
        orgs.push(world.client().create(&cloud_customer(&format!("cust-{n}"))).await);
    }
    world.change_database(WITHOUT_SEQUENCES).await;
    for org in &orgs {
        rename(&world, org, "Acme Two").await;
        let evidence = last_evidence(&world).await;
        assert!(evidence.iter().any(|row| row.starts_with("answer ")), "{evidence:?}");
        assert!(!evidence.iter().any(|row| row.contains("reduced")), "{evidence:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn an_outcome_is_kept_where_its_evidence_is_refused() {
    let world = World::new().await;
    let org = world.client().create(&cloud_customer("cust-1")).await;
    world
        .change_database(
            r#"alter table evidence add constraint evidence_reduced
               check (kind <> 'answer' or detail = '{"reduced": true}') not valid"#,
        )
        .await;
    rename(&world, &org, "Acme Two").await;
    assert_eq!(last_evidence(&world).await, [r#"answer {"reduced": true}"#]);
    world
        .change_database(
            "alter table evidence add constraint evidence_none check (kind <> 'answer') not valid",
        )
        .await;
    rename(&world, &org, "Acme Three").await;
    assert_eq!(last_evidence(&world).await, [""; 0]);
    world.finish().await;
}
