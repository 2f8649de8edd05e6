//! The privileges of the gateway's roles, given again after each run of the migrations.

use sqlx::PgConnection;
use tracing::warn;

use super::error::{StoreResult, store_error};

/// The rights of the role that runs the migrations.
struct Rights {
    is_superuser: bool,
    owns_database: bool,
    owns_procedure: bool,
}

/// Gives the roles that exist their privileges, for roles that were created after the last migration.
///
/// Calls `public.apply_grants()` only where the current role owns that procedure: its owner can replace it, and
/// nobody runs the code of another role here. Warns where a superuser migrates a database of another role, because
/// the triggers and functions of that role then run with a superuser's rights.
///
/// # Errors
/// When the database fails.
pub(super) async fn apply_grants(connection: &mut PgConnection) -> StoreResult<()> {
    let rights = sqlx::query_as!(
        Rights,
        r#"select r.rolsuper as "is_superuser!",
                  (select d.datdba = r.oid from pg_catalog.pg_database d
                   where d.datname = pg_catalog.current_database()) as "owns_database!",
                  coalesce((select p.proowner = r.oid from pg_catalog.pg_proc p
                            where p.pronamespace = pg_catalog.to_regnamespace('public')
                              and p.proname = 'apply_grants' and p.pronargs = 0), false) as "owns_procedure!"
           from pg_catalog.pg_roles r where r.rolname = current_user"#
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(store_error)?;
    if rights.is_superuser && !rights.owns_database {
        warn!(
            "migrating as a superuser that does not own the database; migrate as the owner instead"
        );
    }
    if rights.owns_procedure {
        sqlx::query!("call public.apply_grants()")
            .execute(connection)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}
