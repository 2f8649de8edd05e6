//! Times every query of the dashboards on a large mapping, as their reader, and prints one table; with
//! `--explain` each query's plan too. Ends with 1 where one takes longer than its budget.
//!
//! Not a test: what it measures depends on the machine.

#[path = "../graphs/dashboards.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the tests' own; a part of it is needed"))]
#[expect(clippy::panic, reason = "the tests' own; it fails by it")]
mod dashboards;
#[path = "../graphs/tools.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests' own; a part of it is needed")]
mod tools;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use partner_gateway::store::embedded_migrations;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use test_database::TestDatabase;

use dashboards::{Asked, put_in, queries, variables};

const ROWS: &str = include_str!("reporting.sql");
/// Every choice of each variable, as Grafana writes them where all are chosen.
const CHOSEN: [(&str, &str); 2] =
    [("$tenant", "'billing','crm','shop'"), ("$provider", "'archera','scaleway'")];
/// A panel that is looked at every minute must not be what the database is busy with.
const BUDGET: Duration = Duration::from_secs(2);
/// Each query is asked so often, and the middle one of the times counts.
const ROUNDS: usize = 5;

/// Times every query of the dashboards on a large mapping, as their reader.
#[derive(Debug, Parser)]
#[command(name = "reporting-bench")]
struct Arguments {
    /// How many organizations there are
    #[arg(long, default_value_t = 1_000_000)]
    organizations: u64,
    /// Print each query's plan
    #[arg(long)]
    explain: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let database = TestDatabase::new(embedded_migrations()).await?;
    let mut all = PgConnection::connect(database.url()).await?;
    let rows = ROWS.replace(":organizations", &arguments.organizations.to_string());
    let begun = Instant::now();
    sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut all).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} organizations, filled in {:.0?}", arguments.organizations, begun.elapsed())?;
    writeln!(out, "{:>8}  {:>8}  {:>8}  query", "ms", "budget", "rows")?;
    let mut reader = PgConnection::connect(&database.url_as("gateway_reader")).await?;
    let mut is_late = false;
    for asked in variables("postgres").iter().chain(&queries("postgres", "rawSql")) {
        let query = put_in(&asked.query, &CHOSEN);
        let (taken, rows) = time(&mut reader, &query).await?;
        is_late |= taken > BUDGET;
        let (taken, budget) = (taken.as_secs_f64() * 1000.0, BUDGET.as_millis());
        writeln!(out, "{taken:>8.1}  {budget:>8}  {rows:>8}  {}", asked.place)?;
        if arguments.explain {
            explain(&mut out, &mut reader, asked, &query).await?;
        }
    }
    Ok(if is_late { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The middle one of some times, and how many rows there were.
async fn time(reader: &mut PgConnection, query: &str) -> Result<(Duration, usize), sqlx::Error> {
    let mut times = Vec::new();
    let mut rows = 0;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        rows = sqlx::raw_sql(AssertSqlSafe(query.to_owned())).fetch_all(&mut *reader).await?.len();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok((times[ROUNDS / 2], rows))
}

async fn explain(
    out: &mut impl Write,
    reader: &mut PgConnection,
    asked: &Asked,
    query: &str,
) -> Result<(), Box<dyn Error>> {
    let plan = format!("explain (analyze, buffers, costs off) {query}");
    let lines: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(plan)).fetch_all(&mut *reader).await?;
    writeln!(out, "    {}", asked.query.replace('\n', "\n    "))?;
    for line in lines {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}
