//! What a test that asks for a database gets.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection};
use test_database::TestDatabase;

fn migrator(statement: &'static str) -> Migrator {
    let kind = MigrationType::Simple;
    let name = Cow::Borrowed("things");
    Migrator::with_migrations(vec![Migration::new(1, name, kind, statement.into_sql_str(), false)])
}

static THINGS: LazyLock<Migrator> =
    LazyLock::new(|| migrator("create table thing (name text primary key)"));
static OTHERS: LazyLock<Migrator> =
    LazyLock::new(|| migrator("create table other (name text primary key)"));
static BROKEN: LazyLock<Migrator> = LazyLock::new(|| migrator("create tabel thing ()"));

async fn add(database: &TestDatabase, name: &str) {
    let pool = database.pool().await.unwrap();
    sqlx::query("insert into thing values ($1)").bind(name).execute(&pool).await.unwrap();
}

async fn things(database: &TestDatabase) -> Vec<String> {
    let pool = database.pool().await.unwrap();
    sqlx::query_scalar("select name from thing").fetch_all(&pool).await.unwrap()
}

async fn exists(on: &TestDatabase, name: &str) -> bool {
    sqlx::query_scalar("select exists (select 1 from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&on.pool().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn each_test_has_a_migrated_database_of_its_own() {
    let (one, two) = tokio::join!(TestDatabase::new(&THINGS), TestDatabase::new(&THINGS));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.name(), two.name());
    add(&one, "mine").await;
    assert_eq!(things(&one).await, ["mine"]);
    assert!(things(&two).await.is_empty());
}

#[tokio::test]
async fn other_migrations_make_another_template() {
    let database = TestDatabase::new(&OTHERS).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables
         where table_schema = 'public' and table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(tables, ["other"]);
}

#[tokio::test]
async fn a_dropped_database_is_gone_though_somebody_is_connected() {
    let (mine, witness) = tokio::join!(TestDatabase::new(&THINGS), TestDatabase::new(&THINGS));
    let (mine, witness) = (mine.unwrap(), witness.unwrap());
    let name = mine.name().to_owned();
    let _connected = PgConnection::connect(mine.url()).await.unwrap();
    assert!(exists(&witness, &name).await);
    drop(mine);
    assert!(!exists(&witness, &name).await);
}

#[tokio::test]
async fn migrations_that_fail_are_told_each_time() {
    for _ in 0..2 {
        let error = TestDatabase::new(&BROKEN).await.unwrap_err().to_string();
        assert!(error.contains("the migrations"), "{error}");
        assert!(error.contains("syntax error"), "{error}");
    }
}
