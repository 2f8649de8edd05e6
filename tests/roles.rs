//! Who may do what in the database: tried by doing what is not allowed. That the gateway can work with the
//! rights of its role is what all other tests show, which run with them.

use partner_gateway::store::{DatabaseSettings, Store, embedded_migrations};
use secrecy::SecretString;
use sqlx::{Connection, PgConnection, migrate::Migrator};
use test_database::TestDatabase;

use crate::harness::{Settings, World};

/// The script for servers where the migrating user may not make roles.
const ROLES: &str = include_str!("../deploy/postgres/roles.sql");
static NOTHING: Migrator = Migrator::DEFAULT;
/// The SQLSTATE of whoever lacks a privilege, or does not own what it would change.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

async fn connect(database: &TestDatabase, role: &str) -> PgConnection {
    PgConnection::connect(&database.url_as(role)).await.unwrap()
}

async fn refused(connection: &mut PgConnection, statement: &'static str) {
    let done = sqlx::raw_sql(statement).execute(connection).await;
    let error = done.expect_err(statement);
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    assert_eq!(code.as_deref(), Some(INSUFFICIENT_PRIVILEGE), "{statement}: {error}");
}

#[tokio::test]
async fn the_app_neither_changes_the_schema_nor_rewrites_what_was_seen() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let mut app = connect(&database, "gateway_app").await;
    for statement in [
        "create table mine (id integer)",
        "create schema mine",
        "drop table evidence",
        "alter table organizations add column mine integer",
        "alter table events disable trigger all",
        "create index mine on operations (actor)",
        "truncate evidence",
        "create or replace function operations_guard() returns trigger language plpgsql as 'begin return new; end'",
        "call apply_grants()",
        "create role mine",
        "update evidence set kind = 'answer'",
        "delete from evidence",
        "update attempts set number = 7",
        "delete from attempts",
        "update events set actor = 'nobody'",
        "delete from events",
        "update event_feed set hash = hash",
        "delete from event_feed",
        "delete from event_feed_head",
        "delete from organizations",
        "delete from operations",
        "update fingerprint_keys set key = key",
        "update _sqlx_migrations set success = false",
        "create view reporting_v1.mine as select 1",
    ] {
        refused(&mut app, statement).await;
    }
}

#[tokio::test]
async fn the_reader_sees_the_views_alone() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let mut reader = connect(&database, "gateway_reader").await;
    for statement in [
        "select owner_email from organizations",
        "select 1 from operations",
        "select 1 from evidence",
        "select 1 from events",
        "select secret from webhooks",
        "select key from fingerprint_keys",
        "insert into reporting_v1.discrepancies (kind) values ('drifted')",
        "update reporting_v1.organizations set customer_id = 'mine'",
        "delete from reporting_v1.operations",
        "create table mine (id integer)",
        "create view reporting_v1.mine as select 1",
    ] {
        refused(&mut reader, statement).await;
    }
    let settings: Vec<String> = sqlx::query_scalar(
        "select unnest(rolconfig) from pg_roles where rolname = 'gateway_reader' order by 1",
    )
    .fetch_all(&mut reader)
    .await
    .unwrap();
    assert_eq!(
        settings,
        [
            "default_transaction_read_only=on",
            "idle_in_transaction_session_timeout=30s",
            "statement_timeout=15s"
        ]
    );
}

#[tokio::test]
async fn nobody_signs_in_as_a_role_that_was_given_no_password() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let mut all = PgConnection::connect(database.url()).await.unwrap();
    let roles: Vec<(String, bool, bool)> = sqlx::query_as(
        "select rolname::text, rolpassword is not null, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls
         from pg_authid where rolname like 'gateway\\_%' order by 1",
    )
    .fetch_all(&mut all)
    .await
    .unwrap();
    let plain = |name: &str| (name.to_owned(), false, false);
    assert_eq!(roles, [plain("gateway_app"), plain("gateway_owner"), plain("gateway_reader")]);
}

#[tokio::test]
async fn who_may_do_more_than_a_gateway_is_warned_of() {
    let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
    let warning = "may rewrite evidence and change the schema; serve as gateway_app";
    let checked = world.command("check").run().await;
    assert!(!checked.stdout.contains(warning), "{}", checked.stdout);
    let checked = world.command("check").env("TEST_DATABASE", world.database_url()).run().await;
    assert!(checked.stdout.contains(warning), "{}", checked.stdout);
    assert_eq!(checked.code, Some(0), "it is no failure");
    world.finish().await;
}

#[tokio::test]
async fn the_owner_migrates_an_empty_database_and_the_app_serves_it() {
    let database = TestDatabase::new(&NOTHING).await.unwrap();
    let mut all = PgConnection::connect(database.url()).await.unwrap();
    // The template was migrated by somebody else, from nothing to nothing.
    sqlx::raw_sql("drop table _sqlx_migrations").execute(&mut all).await.unwrap();
    sqlx::raw_sql(ROLES).execute(&mut all).await.unwrap();
    let url = SecretString::from(database.url_as("gateway_owner"));
    let owner = Store::connect(&DatabaseSettings { url, max_connections: 2 }).await.unwrap();
    owner.migrate().await.unwrap();
    owner.close().await;
    let others: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c
         where c.relnamespace in ('public'::regnamespace, 'reporting_v1'::regnamespace)
           and pg_get_userbyid(c.relowner) <> 'gateway_owner'",
    )
    .fetch_all(&mut all)
    .await
    .unwrap();
    assert_eq!(others, Vec::<String>::new(), "not the owner's");
    let url = SecretString::from(database.url_as("gateway_app"));
    let app = Store::connect(&DatabaseSettings { url, max_connections: 2 }).await.unwrap();
    app.check_migrated().await.unwrap();
    app.fingerprint_key([7; 32]).await.unwrap();
    app.close().await;
    // Again does no harm.
    sqlx::raw_sql(ROLES).execute(&mut all).await.unwrap();
}

/// A database that `gateway_owner` migrated, with a connection of a superuser.
async fn owned_database() -> (TestDatabase, PgConnection) {
    let database = TestDatabase::new(&NOTHING).await.unwrap();
    let mut all = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("drop table _sqlx_migrations").execute(&mut all).await.unwrap();
    sqlx::raw_sql(ROLES).execute(&mut all).await.unwrap();
    migrate_as(&database, "gateway_owner").await;
    (database, all)
}

async fn migrate_as(database: &TestDatabase, role: &str) {
    let url = SecretString::from(database.url_as(role));
    let store = Store::connect(&DatabaseSettings { url, max_connections: 2 }).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
}

/// The roles of the gateway that have more than a login.
async fn raised_roles(all: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select rolname::text from pg_roles where rolname like 'gateway\\_%' and
             (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication)",
    )
    .fetch_all(all)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_superuser_that_runs_the_script_again_runs_no_code_of_the_owner() {
    let (database, all) = owned_database().await;
    let mut owner = connect(&database, "gateway_owner").await;
    // Each raises the owner when a superuser runs it, and does nothing when another role does.
    let raise =
        "begin if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
                     alter role gateway_app createrole; end if;";
    let traps = format!(
        "create or replace procedure public.apply_grants() language plpgsql as $$ {raise} end $$;
         create function public.format(text, text) returns text language plpgsql as $$ {raise}
             return pg_catalog.format($1, $2); end $$;
         create function public.format(text, name) returns text language plpgsql as $$ {raise}
             return pg_catalog.format($1, $2); end $$;"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(traps)).execute(&mut owner).await.unwrap();
    let searched =
        format!("alter database {} set search_path = public, pg_catalog", database.name());
    sqlx::raw_sql(sqlx::AssertSqlSafe(searched)).execute(&mut owner).await.unwrap();
    all.close().await.unwrap();
    let mut all = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(ROLES).execute(&mut all).await.unwrap();
    assert_eq!(raised_roles(&mut all).await, [""; 0]);
}

#[tokio::test]
async fn migrating_again_gives_roles_that_were_made_later_their_privileges() {
    let (database, mut all) = owned_database().await;
    let taken = "revoke all on all tables in schema public from gateway_app;
                 revoke all on all tables in schema reporting_v1 from gateway_reader";
    sqlx::raw_sql(taken).execute(&mut all).await.unwrap();
    let count = "select count(*) from organizations";
    let mut app = connect(&database, "gateway_app").await;
    refused(&mut app, count).await;
    migrate_as(&database, "gateway_owner").await;
    sqlx::raw_sql(count).execute(&mut app).await.unwrap();
    let mut reader = connect(&database, "gateway_reader").await;
    sqlx::raw_sql("select count(*) from reporting_v1.organizations")
        .execute(&mut reader)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_superuser_that_migrates_runs_no_grants_of_the_owner() {
    let (database, mut all) = owned_database().await;
    let mut owner = connect(&database, "gateway_owner").await;
    let trap = "create or replace procedure public.apply_grants() language plpgsql as
                $$ begin alter role gateway_owner superuser; end $$";
    sqlx::raw_sql(trap).execute(&mut owner).await.unwrap();
    let url = SecretString::from(database.url().to_owned());
    let store = Store::connect(&DatabaseSettings { url, max_connections: 2 }).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    assert_eq!(raised_roles(&mut all).await, [""; 0]);
}

#[tokio::test]
async fn the_script_gives_the_privileges_of_a_database_that_a_superuser_migrated() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let mut all = PgConnection::connect(database.url()).await.unwrap();
    let taken = "revoke all on all tables in schema public from gateway_app";
    sqlx::raw_sql(taken).execute(&mut all).await.unwrap();
    let mut app = connect(&database, "gateway_app").await;
    refused(&mut app, "select 1 from organizations").await;
    sqlx::raw_sql(ROLES).execute(&mut all).await.unwrap();
    sqlx::raw_sql("select 1 from organizations").execute(&mut app).await.unwrap();
    refused(&mut app, "delete from events").await;
}
