//! What dashboards read: the views of `reporting_v1`, as their reader.

use partner_gateway::store::embedded_migrations;
use sqlx::{AssertSqlSafe, PgPool};
use test_database::TestDatabase;

/// Rows with one of everything.
const FILLED: &str = include_str!("reporting/filled.sql");
/// What the views show of them.
const ROWS: &str = include_str!("reporting/rows.golden");
/// The columns that dashboards were promised, in their order.
const COLUMNS: &str = include_str!("reporting/columns.golden");
const VIEWS: [&str; 7] = [
    "organizations",
    "operations",
    "discrepancies",
    "providers",
    "funnel",
    "freshness",
    "daily_counts",
];

/// A filled database, and a pool with the rights of the reader alone.
async fn filled() -> (TestDatabase, PgPool) {
    let database = TestDatabase::new(embedded_migrations()).await.unwrap();
    let all = database.pool().await.unwrap();
    sqlx::raw_sql(FILLED).execute(&all).await.unwrap();
    all.close().await;
    let reader = PgPool::connect(&database.url_as("gateway_reader")).await.unwrap();
    (database, reader)
}

async fn texts(pool: &PgPool, query: &str) -> Vec<String> {
    let query = AssertSqlSafe(query.to_owned());
    sqlx::query_scalar(query).fetch_all(pool).await.unwrap()
}

#[tokio::test]
async fn each_view_shows_what_there_is() {
    let (_database, reader) = filled().await;
    let mut shown = String::new();
    for view in VIEWS {
        shown.push_str(&format!("== {view}\n"));
        // How long ago depends on when it is asked, and daily counts are counted then.
        let passing = if view == "daily_counts" { "observed_at" } else { "age" };
        let rows = format!(
            r#"select (to_jsonb(v) - 'age' - '{passing}')::text collate "C" from reporting_v1.{view} v order by 1"#
        );
        for row in texts(&reader, &rows).await {
            shown.push_str(&row);
            shown.push('\n');
        }
    }
    assert_eq!(shown, ROWS, "tests/reporting/rows.golden is what was expected");
}

#[tokio::test]
async fn age_is_counted_from_the_last_look() {
    let (_database, reader) = filled().await;
    for view in VIEWS {
        let wrong = format!(
            "select count(*) from reporting_v1.{view} where age is distinct from now() - observed_at"
        );
        let wrong: i64 = sqlx::query_scalar(AssertSqlSafe(wrong)).fetch_one(&reader).await.unwrap();
        assert_eq!(wrong, 0, "{view}");
    }
}

#[tokio::test]
async fn no_view_shows_what_tells_of_a_person() {
    let (_database, reader) = filled().await;
    for view in VIEWS {
        let told =
            format!("select v::text from reporting_v1.{view} v where v::text ilike '%personal%'");
        assert_eq!(texts(&reader, &told).await, Vec::<String>::new(), "{view}");
    }
}

#[tokio::test]
async fn columns_are_only_ever_added_and_each_is_explained() {
    let (_database, reader) = filled().await;
    let columns = texts(
        &reader,
        "select table_name || '.' || column_name || ' ' || data_type from information_schema.columns
         where table_schema = 'reporting_v1' order by table_name, ordinal_position",
    )
    .await;
    for view in VIEWS {
        let of = |all: &mut dyn Iterator<Item = String>| -> Vec<String> {
            all.filter(|column| column.starts_with(&format!("{view}."))).collect()
        };
        let promised = of(&mut COLUMNS.lines().map(str::to_owned));
        let present = of(&mut columns.iter().cloned());
        assert!(!promised.is_empty(), "{view} has no line in tests/reporting/columns.golden");
        assert!(present.starts_with(&promised), "{view}: {present:?} for {promised:?}");
        assert_eq!(present.len(), promised.len(), "new columns belong into columns.golden too");
    }
    let unexplained = texts(
        &reader,
        "select c.relname || coalesce('.' || a.attname, '') from pg_class c
         left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
         where c.relnamespace = 'reporting_v1'::regnamespace
           and (obj_description(c.oid) is null or col_description(c.oid, a.attnum) is null)",
    )
    .await;
    assert_eq!(unexplained, Vec::<String>::new(), "without a comment");
    let promised = texts(
        &reader,
        "select relname::text from pg_class where relnamespace = 'reporting_v1'::regnamespace order by 1",
    )
    .await;
    let mut views = VIEWS.to_vec();
    views.sort_unstable();
    assert_eq!(promised, views, "each view has its line in VIEWS");
    for certain in ["observed_at", "age", "certainty"] {
        for view in VIEWS {
            let column = format!("{view}.{certain} ");
            assert!(columns.iter().any(|of| of.starts_with(&column)), "{column}");
        }
    }
}
