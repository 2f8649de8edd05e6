//! The databases on the server: the migrated template, its clones, and what runs that were killed
//! left behind. Every name made here begins with a word of its own, and nothing else is touched.

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::Error;

/// Held while the template is made, by one process at a time.
const TEMPLATE_LOCK: i64 = 0x7465_6d70_6c61_7465;
/// How many templates a server keeps: those of a few branches' migrations.
const TEMPLATES_KEPT: i64 = 8;
/// The comment on a database that is not to be dropped by a later run.
const KEPT: &str = "kept";

/// The name of database `number` of a run. The run is told by the advisory lock that its process
/// holds while it lives.
pub(crate) fn database_name(run: i64, number: u64) -> String {
    format!("test_{run:016x}_{number}")
}

/// The URL of another database on the server of `url`.
pub(crate) fn url_of(url: &str, database: &str) -> Result<String, Error> {
    let mut url = Url::parse(url).map_err(Error::of("the server's URL"))?;
    url.set_path(database);
    Ok(url.into())
}

/// Makes the template of these migrations, unless it is there; answers its name.
pub(crate) async fn ensure(
    connection: &mut PgConnection,
    url: &str,
    migrator: &Migrator,
) -> Result<String, Error> {
    let name = format!("template_{}", fingerprint(migrator));
    query(connection, &format!("select pg_advisory_lock({TEMPLATE_LOCK})")).await?;
    let made = make(connection, url, migrator, &name).await;
    query(connection, &format!("select pg_advisory_unlock({TEMPLATE_LOCK})")).await?;
    made.map(|()| name)
}

/// A new database like the template.
pub(crate) async fn clone(
    connection: &mut PgConnection,
    template: &str,
    name: &str,
) -> Result<(), Error> {
    query(connection, &format!("create database {name} template {template}")).await
}

/// Creates an empty database with options such as `encoding 'LATIN1' locale 'C' template template0`.
pub(crate) async fn create(
    connection: &mut PgConnection,
    name: &str,
    options: &str,
) -> Result<(), Error> {
    query(connection, &format!("create database {name} {options}")).await
}

/// Drops a database, whoever is still connected to it.
pub(crate) async fn drop(connection: &mut PgConnection, name: &str) -> Result<(), Error> {
    query(connection, &format!("drop database if exists {name} with (force)")).await
}

/// Marks a database as not to be dropped by a later run.
pub(crate) async fn keep(connection: &mut PgConnection, name: &str) -> Result<(), Error> {
    query(connection, &format!("comment on database {name} is '{KEPT}'")).await
}

/// Takes this run's advisory lock, until the connection ends.
pub(crate) async fn hold_run(connection: &mut PgConnection, run: i64) -> Result<(), Error> {
    query(connection, &format!("select pg_advisory_lock({run})")).await
}

/// Drops what runs left behind whose process is gone.
pub(crate) async fn drop_leftovers(connection: &mut PgConnection) -> Result<(), Error> {
    let names: Vec<String> = sqlx::query_scalar(
        r"select datname::text from pg_database where datname like 'test\_%'
          and shobj_description(oid, 'pg_database') is distinct from $1",
    )
    .bind(KEPT)
    .fetch_all(&mut *connection)
    .await
    .map_err(Error::of("cannot list databases"))?;
    for name in names {
        let Some(run) = run_of(&name) else { continue };
        let dead: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(run)
            .fetch_one(&mut *connection)
            .await
            .map_err(Error::of("cannot look for a run"))?;
        if dead {
            drop(connection, &name).await?;
            query(connection, &format!("select pg_advisory_unlock({run})")).await?;
        }
    }
    Ok(())
}

async fn make(
    connection: &mut PgConnection,
    url: &str,
    migrator: &Migrator,
    name: &str,
) -> Result<(), Error> {
    let there: bool =
        sqlx::query_scalar("select exists (select 1 from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut *connection)
            .await
            .map_err(Error::of("cannot look for the template"))?;
    if there {
        return Ok(());
    }
    drop_old_templates(connection).await?;
    // It gets its name when it is whole: a process may be killed on the way.
    let making = format!("{name}_making");
    query(connection, &format!("create database {making}")).await?;
    let mut inside = PgConnection::connect(&url_of(url, &making)?)
        .await
        .map_err(Error::of("cannot connect to the template"))?;
    let migrated = migrator.run(&mut inside).await.map_err(Error::of("the migrations"));
    let closed = inside.close().await;
    if migrated.is_err() {
        drop(connection, &making).await?;
    }
    migrated?;
    closed.map_err(Error::of("cannot leave the template"))?;
    query(connection, &format!("alter database {making} rename to {name}")).await
}

/// Drops the oldest templates, and the unfinished ones: the lock is ours, so nobody is at work.
async fn drop_old_templates(connection: &mut PgConnection) -> Result<(), Error> {
    let names: Vec<String> = sqlx::query_scalar(
        r"(select datname::text from pg_database where datname ~ '^template_[0-9a-f]{32}$'
           order by oid desc offset $1)
          union all
          select datname::text from pg_database where datname ~ '^template_[0-9a-f]{32}_making$'",
    )
    .bind(TEMPLATES_KEPT - 1)
    .fetch_all(&mut *connection)
    .await
    .map_err(Error::of("cannot list templates"))?;
    for name in names {
        drop(connection, &name).await?;
    }
    Ok(())
}

fn fingerprint(migrator: &Migrator) -> String {
    let mut context = Context::new(&SHA256);
    for migration in migrator.iter() {
        context.update(&migration.version.to_be_bytes());
        context.update(&migration.checksum);
    }
    context.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The run in a database's name, if the name is one of ours.
fn run_of(name: &str) -> Option<i64> {
    let (run, number) = name.strip_prefix("test_")?.split_once('_')?;
    let ours = run.len() == 16 && number.parse::<u64>().is_ok();
    ours.then(|| i64::from_str_radix(run, 16).ok()).flatten()
}

/// Runs a statement of which the names are ours: letters, digits and underscores.
async fn query(connection: &mut PgConnection, statement: &str) -> Result<(), Error> {
    let ran = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
    ran.map(|_done| ()).map_err(Error::of(statement))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_in_its_databases_names_and_in_no_others() {
        assert_eq!(run_of(&database_name(i64::MAX, 7)), Some(i64::MAX));
        assert_eq!(run_of(&database_name(0, 0)), Some(0));
        assert_eq!(run_of("test_mine"), None);
        assert_eq!(run_of("test_2026_07"), None);
    }
}
