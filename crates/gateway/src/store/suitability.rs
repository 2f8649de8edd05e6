//! Checks that a database suits the gateway, before anything is written there.
//!
//! Each failure names the setting, the rule and the statement that repairs it. A pool would report the same failures
//! as a timeout.

use sqlx::PgConnection;

use super::error::{StoreError, StoreResult, store_error};

/// The schema of all tables of the gateway.
const SCHEMA: &str = "public";
/// The encoding that the gateway needs.
const ENCODING: &str = "UTF8";

/// The state of a session and of the database behind it.
struct Session {
    encoding: String,
    is_standby: bool,
    is_read_only: bool,
    /// Where `default_transaction_read_only` comes from, as `pg_settings.source` reports it.
    read_only_source: String,
    replication_role: String,
    replication_source: String,
    has_schema: bool,
    /// The schema in which an unqualified name is made; `None` if the role may not use the schema of the gateway.
    first_schema: Option<String>,
    /// Quoted as an SQL identifier, like the roles.
    database: String,
    /// The role that signed in, whose settings apply.
    login: String,
    /// The role whose privileges apply.
    role: String,
}

/// Checks that the database has the encoding, the schema and the write access that the gateway needs.
///
/// # Errors
/// [`StoreError::Unsuitable`] with the first rule that the database breaks, and how to repair it.
pub(super) async fn check_suitability(connection: &mut PgConnection) -> StoreResult<()> {
    let session = sqlx::query_as!(
        Session,
        r#"select current_setting('server_encoding') as "encoding!",
                  pg_is_in_recovery() as "is_standby!",
                  current_setting('transaction_read_only') = 'on' as "is_read_only!",
                  (select source from pg_settings where name = 'default_transaction_read_only')
                      as "read_only_source!",
                  current_setting('session_replication_role') as "replication_role!",
                  (select source from pg_settings where name = 'session_replication_role')
                      as "replication_source!",
                  to_regnamespace('public') is not null as "has_schema!",
                  case when has_schema_privilege(to_regnamespace('public')::oid, 'usage')
                       then current_schema()::text end as first_schema,
                  quote_ident(current_database()) as "database!",
                  quote_ident(session_user) as "login!",
                  quote_ident(current_user) as "role!""#
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    match session.fault() {
        Some(fault) => Err(StoreError::Unsuitable(fault)),
        None => Ok(()),
    }
}

/// Checks that the role may create what the migrations create.
///
/// # Errors
/// [`StoreError::Unsuitable`] with the privilege that the role lacks, and the statement that grants it.
pub(super) async fn check_may_migrate(connection: &mut PgConnection) -> StoreResult<()> {
    let may = sqlx::query!(
        r#"select has_schema_privilege('public', 'create') as "in_schema!",
                  to_regnamespace('reporting_v1') is not null
                  or has_database_privilege(current_database(), 'create') as "in_database!",
                  quote_ident(current_database()) as "database!", quote_ident(current_user) as "role!""#
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    let (database, role) = (may.database, may.role);
    let needed = if !may.in_schema {
        format!("schema {SCHEMA}")
    } else if !may.in_database {
        format!("database {database}")
    } else {
        return Ok(());
    };
    Err(StoreError::Unsuitable(format!(
        "the role {role} may not create objects in the {needed}, which a migration needs: run \
         `grant create on {needed} to {role}`, or migrate as the owner of the database {database}"
    )))
}

impl Session {
    fn fault(&self) -> Option<String> {
        let (database, role) = (&self.database, &self.role);
        if self.encoding != ENCODING {
            let encoding = &self.encoding;
            return Some(format!(
                "the database {database} has the encoding {encoding}, and the gateway needs {ENCODING}: create another \
                 one with `create database NAME encoding '{ENCODING}' template template0` and set database.url to it"
            ));
        }
        if self.is_standby {
            return Some(
                "the database server is a standby, which refuses writes: set database.url to the primary, or \
                 promote this server"
                    .to_owned(),
            );
        }
        if self.is_read_only {
            let repair = self.reset("default_transaction_read_only", &self.read_only_source);
            return Some(format!(
                "the database {database} refuses writes, since default_transaction_read_only is on: {repair}"
            ));
        }
        if self.replication_role != "origin" {
            let repair = self.reset("session_replication_role", &self.replication_source);
            return Some(format!(
                "session_replication_role is {}, which disables the triggers that guard operations and number events; \
                 it must be origin: {repair}",
                self.replication_role
            ));
        }
        match self.first_schema.as_deref() {
            Some(SCHEMA) => None,
            Some(other) => Some(format!(
                "the first schema of the connection is {other} and must be {SCHEMA}: a proxy in front of PostgreSQL \
                 drops the startup parameter `options`; make it pass the parameter on, or connect without the proxy"
            )),
            None if self.has_schema => Some(format!(
                "the role {role} may not use the schema {SCHEMA}, which holds the tables of the gateway: run \
                 `grant usage on schema {SCHEMA} to {role}`"
            )),
            None => Some(format!(
                "the database {database} has no schema {SCHEMA}, which holds the tables of the gateway: run \
                 `create schema {SCHEMA}`"
            )),
        }
    }

    /// The instruction that takes a setting back, by where PostgreSQL has it from.
    fn reset(&self, setting: &str, source: &str) -> String {
        let (database, login) = (&self.database, &self.login);
        match source {
            "user" => format!("run `alter role {login} reset {setting}`"),
            "database" => format!("run `alter database {database} reset {setting}`"),
            "database user" => {
                format!("run `alter role {login} in database {database} reset {setting}`")
            }
            "global" => format!("run `alter role all reset {setting}`"),
            "client" => format!("remove {setting} from database.url"),
            _ => format!("reset {setting} in the configuration of the server, and reload it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suitable() -> Session {
        Session {
            encoding: ENCODING.to_owned(),
            is_standby: false,
            is_read_only: false,
            read_only_source: "default".to_owned(),
            replication_role: "origin".to_owned(),
            replication_source: "default".to_owned(),
            has_schema: true,
            first_schema: Some(SCHEMA.to_owned()),
            database: "gateway".to_owned(),
            login: "\"Gateway\"".to_owned(),
            role: "gateway_app".to_owned(),
        }
    }

    fn fault(change: impl FnOnce(&mut Session)) -> String {
        let mut session = suitable();
        change(&mut session);
        session.fault().unwrap()
    }

    #[test]
    fn a_suitable_database_has_no_fault() {
        assert_eq!(suitable().fault(), None);
    }

    #[test]
    fn a_standby_is_named_although_it_is_read_only_too() {
        let fault = fault(|session| {
            session.is_standby = true;
            session.is_read_only = true;
        });
        assert!(fault.contains("is a standby") && fault.contains("database.url"), "{fault}");
    }

    #[test]
    fn the_repair_of_a_setting_depends_on_where_it_is_set() {
        for (source, repair) in [
            ("user", "`alter role \"Gateway\" reset default_transaction_read_only`"),
            ("database", "`alter database gateway reset default_transaction_read_only`"),
            ("database user", "`alter role \"Gateway\" in database gateway reset default_"),
            ("global", "`alter role all reset default_transaction_read_only`"),
            ("client", "remove default_transaction_read_only from database.url"),
            ("configuration file", "in the configuration of the server"),
        ] {
            let fault = fault(|session| {
                session.is_read_only = true;
                source.clone_into(&mut session.read_only_source);
            });
            assert!(fault.contains(repair), "{source}: {fault}");
        }
    }

    #[test]
    fn a_schema_that_cannot_be_used_is_told_from_one_that_is_missing() {
        let unusable = fault(|session| session.first_schema = None);
        assert!(unusable.contains("`grant usage on schema public to gateway_app`"), "{unusable}");
        let missing = fault(|session| {
            session.first_schema = None;
            session.has_schema = false;
        });
        assert!(missing.contains("`create schema public`"), "{missing}");
        let dropped = fault(|session| session.first_schema = Some("app".to_owned()));
        assert!(dropped.contains("first schema of the connection is app"), "{dropped}");
    }
}
