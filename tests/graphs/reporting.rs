//! What the dashboard "Customers" asks of the database, asked as its reader may, of rows whose results are
//! known: `reporting.sql` and `reporting.golden` beside this file.
//!
//! Rows, roles and queries are in one transaction: within it time stands still, so that ages are exact.

use partner_gateway::store::embedded_migrations;
use sqlx::AssertSqlSafe;
use test_database::TestDatabase;

use super::dashboards::{Asked, put_in, queries, variables};

const ROWS: &str = include_str!("reporting.sql");
const GOLDEN: &str = include_str!("reporting.golden");
/// Every choice of each variable, as Grafana writes them where all are chosen.
const CHOSEN: [(&str, &str); 2] =
    [("$tenant", "'crm','shop'"), ("$provider", "'archera','scaleway'")];

/// The rows of a query as JSON, one a line, in the query's own order.
async fn rows(connection: &mut sqlx::PgConnection, one: &Asked) -> Vec<String> {
    let query = put_in(&one.query, &CHOSEN);
    let told = format!("select row_to_json(panel)::text from ({query}) panel");
    let rows = sqlx::query_scalar(AssertSqlSafe(told)).fetch_all(connection).await;
    rows.unwrap_or_else(|error| panic!("{}: {error}\n{query}", one.place))
}

#[tokio::test]
async fn every_query_of_the_dashboard_has_the_rows_that_are_due() {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let pool = database.pool().await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    sqlx::raw_sql(ROWS).execute(&mut *transaction).await.unwrap();
    let reader = "set local timezone = 'UTC'; set local role gateway_reader";
    sqlx::raw_sql(reader).execute(&mut *transaction).await.unwrap();

    let mut seen = String::new();
    let asked = queries("postgres", "rawSql");
    assert!(asked.len() > 10, "only {} queries", asked.len());
    for one in variables("postgres").iter().chain(&asked) {
        seen.push_str(&format!("{}\n", one.place));
        for row in rows(&mut transaction, one).await {
            seen.push_str(&format!("    {row}\n"));
        }
    }
    assert!(seen == GOLDEN, "tests/graphs/reporting.golden differs; what was read:\n{seen}");

    // The reader sees nothing but the views.
    let names = sqlx::query("select name from public.organizations");
    let refused = names.fetch_all(&mut *transaction).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    drop(transaction);
    pool.close().await;
}
