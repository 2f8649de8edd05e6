//! Connections: two pools, their safety hooks, and the migrations.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{
    error::{StoreError, StoreResult, store_error},
    grants::apply_grants,
    lane::{Doubt, Lane},
    notices::Listeners,
    suitability::{check_may_migrate, check_suitability},
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// By which the gateway's sessions are known at the server.
pub(super) const APPLICATION: &str = "partner-gateway";
/// How long a caller waits for a connection before it is told that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections kept aside for the outcomes of operations, so that a flood of reads cannot block them.
const OUTCOME_CONNECTIONS: u32 = 4;
/// A connection that was idle for longer is asked whether it still leads to a primary.
pub(super) const CHECK_AFTER_IDLE: Duration = Duration::from_secs(5);

/// The settings of every session, which go before what a role, a database or the URL has set. A read-only setting is
/// not among them: it may be an operator's way to stop writes, so the gateway reports it instead.
const SESSION_SETTINGS: [(&str, &str); 12] = [
    // Temporary tables come last, so that none hides a table of the gateway.
    ("search_path", "public,pg_temp"),
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
    // Pooled connections and the listener are idle by nature.
    ("idle_session_timeout", "0"),
    ("default_transaction_isolation", "read committed"),
    ("standard_conforming_strings", "on"),
    // The server ends the sessions of a gateway whose machine is gone within half a minute: it probes silent
    // connections, and bounds how long sent data may stay without an acknowledgment.
    ("tcp_user_timeout", "30000"),
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("timezone", "UTC"),
];

/// How long it may take to answer that.
const CHECK_TIMEOUT: Duration = Duration::from_millis(300);

/// Where the database is and how many connections to it may be open.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// A PostgreSQL URL.
    pub url: SecretString,
    /// Connections for everything but outcomes, which have four of their own.
    pub max_connections: u32,
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) pool: Lane,
    pub(super) outcomes: Lane,
    pub(super) listeners: Listeners,
}

/// How a pool is used at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// What it is called in metrics.
    pub name: &'static str,
    /// Connections that are open.
    pub open: u32,
    /// Those of them that wait for work.
    pub idle: u32,
    /// The most that may be open.
    pub max: u32,
}

impl PoolUse {
    fn of(name: &'static str, pool: &PgPool) -> Self {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        Self { name, open: pool.size(), idle, max: pool.options().get_max_connections() }
    }
}

/// The migrations that this gateway was built with.
#[must_use]
pub fn embedded_migrations() -> &'static sqlx::migrate::Migrator {
    &MIGRATOR
}

impl Store {
    /// Opens both pools, and checks that the database answers and suits the gateway.
    ///
    /// # Errors
    /// When the URL is not one, nothing answers there, or the database is [unsuitable](StoreError::Unsuitable).
    pub async fn connect(settings: &DatabaseSettings) -> StoreResult<Self> {
        let options = connect_options(settings)?;
        let mut connection = connect_in_time(&options).await?;
        let suits = check_suitability(&mut connection).await;
        let closed = connection.close().await.map_err(store_error);
        suits.and(closed)?;
        let doubt = Doubt::default();
        let lane = |connections| {
            let pool = pool_options(connections, doubt.clone());
            Lane::new(pool.connect_lazy_with(options.clone()), doubt.clone())
        };
        let store = Self {
            pool: lane(settings.max_connections),
            outcomes: lane(OUTCOME_CONNECTIONS),
            listeners: Listeners::default(),
        };
        store.ping().await?;
        Ok(store)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn ping(&self) -> StoreResult<()> {
        sqlx::query!("select 1 as one").fetch_one(&self.pool).await.map_err(store_error)?;
        Ok(())
    }

    /// Applies the pending migrations under an advisory lock, then gives the roles their privileges.
    ///
    /// # Errors
    /// When the role may not create objects, a migration fails, or the database has one that this gateway does not
    /// know.
    pub async fn migrate(&self) -> StoreResult<()> {
        let failed = |error| StoreError::Migration(format!("the migration failed: {error}"));
        // A connection of its own: a large table takes longer than any request may, and so does waiting
        // for another process that is migrating.
        let options = (*self.pool.pool().connect_options()).clone();
        let options = options.options([("statement_timeout", "0"), ("lock_timeout", "60s")]);
        let mut connection = connect_in_time(&options).await?;
        let migrated = async {
            prepare_session(&mut connection).await.map_err(store_error)?;
            check_may_migrate(&mut connection).await?;
            MIGRATOR.run(&mut connection).await.map_err(failed)?;
            apply_grants(&mut connection).await
        }
        .await;
        let closed = connection.close().await.map_err(store_error);
        migrated.and(closed)
    }

    /// Makes sure that the database is exactly at this gateway's version.
    ///
    /// # Errors
    /// Names what is missing or unknown.
    pub async fn check_migrated(&self) -> StoreResult<()> {
        let table = sqlx::query_scalar!(
            r#"select to_regclass('public._sqlx_migrations') is not null as "exists!""#
        );
        let applied: Vec<i64> = if table.fetch_one(&self.pool).await.map_err(store_error)? {
            sqlx::query_scalar("select version from public._sqlx_migrations where success")
                .fetch_all(&self.pool)
                .await
                .map_err(store_error)?
        } else {
            Vec::new()
        };
        let missing = MIGRATOR.iter().filter(|m| !applied.contains(&m.version)).count();
        if missing > 0 {
            return Err(StoreError::Migration(format!(
                "the database lacks {missing} of {} migrations; run `partner-gateway migrate`",
                MIGRATOR.iter().count()
            )));
        }
        Ok(())
    }

    /// The settings that make an acknowledged commit less than durable: for a warning at the start.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn durability_warnings(&self) -> StoreResult<Vec<String>> {
        let settings = sqlx::query!(
            r#"select current_setting('fsync') as "fsync!",
                      current_setting('synchronous_commit') as "synchronous_commit!""#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        let mut warnings = Vec::new();
        if settings.fsync == "off" {
            warnings.push("fsync is off: a crash of the database can forget operations".to_owned());
        }
        if settings.synchronous_commit == "off" {
            warnings.push(
                "synchronous_commit is off: a crash of the database can forget operations"
                    .to_owned(),
            );
        }
        Ok(warnings)
    }

    /// A warning where the gateway's user may do more than the gateway ever does: whoever takes the gateway over
    /// could then rewrite what it has seen.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rights_warning(&self) -> StoreResult<Option<String>> {
        let may_rewrite = sqlx::query_scalar!(
            r#"select coalesce(has_table_privilege(to_regclass('public.evidence'), 'delete'), false) as "may_rewrite!""#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        let warning = "the user of the database may rewrite evidence and change the schema; serve as gateway_app";
        Ok(may_rewrite.then(|| warning.to_owned()))
    }

    /// The key under which requests are fingerprinted; made at the first call, the same for all replicas.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fingerprint_key(&self, fresh: [u8; 32]) -> StoreResult<Vec<u8>> {
        sqlx::query!(
            "insert into fingerprint_keys (key) values ($1) on conflict (id) do nothing",
            fresh.as_slice()
        )
        .execute(&self.pool)
        .await
        .map_err(store_error)?;
        sqlx::query_scalar!("select key from fingerprint_keys")
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)
    }

    /// How both pools are used now.
    #[must_use]
    pub fn pools(&self) -> [PoolUse; 2] {
        [PoolUse::of("main", self.pool.pool()), PoolUse::of("outcomes", self.outcomes.pool())]
    }

    /// Closes every connection. Returns when the work on both pools has ended and the last connection is closed, the
    /// listeners' connections too.
    pub async fn close(&self) {
        let (pool, outcomes) = (self.pool.pool().close(), self.outcomes.pool().close());
        tokio::join!(pool, outcomes, self.listeners.close());
    }
}

fn connect_options(settings: &DatabaseSettings) -> StoreResult<PgConnectOptions> {
    let options: PgConnectOptions =
        settings.url.expose_secret().parse().map_err(|error: sqlx::Error| {
            // What sqlx says of it may repeat the password.
            drop(error);
            StoreError::Migration("database.url is not a PostgreSQL URL".into())
        })?;
    Ok(options.application_name(APPLICATION).options(SESSION_SETTINGS))
}

/// Connects without a pool, which would tell that time ran out rather than why.
async fn connect_in_time(options: &PgConnectOptions) -> StoreResult<PgConnection> {
    let connected = timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await;
    let connected = connected.unwrap_or_else(|_elapsed| {
        Err(sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut)))
    });
    connected.map_err(store_error)
}

pub(super) fn pool_options(max_connections: u32, doubt: Doubt) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(prepare_session(connection)))
        .before_acquire(move |connection, meta| {
            // An error closes it without a goodbye, which might not be heard.
            let doubted = doubt.covers(meta.idle_for);
            Box::pin(async move {
                if doubted {
                    return Err(sqlx::Error::Protocol("another connection went silent".into()));
                }
                if meta.idle_for >= CHECK_AFTER_IDLE {
                    refuse_silent(connection).await?;
                }
                Ok(true)
            })
        })
}

/// Prepares a new connection: checks that it leads to a primary, and lifts a setting that only PostgreSQL 17 and later
/// know, so that it cannot stand among the startup parameters.
async fn prepare_session(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let (is_read_only, _lifted): (bool, Option<String>) = sqlx::query_as(
        "select current_setting('transaction_read_only') = 'on',
                case when current_setting('transaction_timeout', true) <> '0'
                     then set_config('transaction_timeout', '0', false) end",
    )
    .fetch_one(connection)
    .await?;
    if is_read_only { Err(read_only_error()) } else { Ok(()) }
}

/// Asks a connection that was idle whether it still leads to a primary, and does not wait long for it.
pub(super) async fn refuse_silent(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let asked = timeout(CHECK_TIMEOUT, refuse_read_only(connection)).await;
    asked.unwrap_or_else(|_elapsed| {
        Err(sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut)))
    })
}

/// A primary that was turned into a standby still answers; its connections must go.
async fn refuse_read_only(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let read_only: String =
        sqlx::query_scalar("show transaction_read_only").fetch_one(&mut *connection).await?;
    if read_only == "on" {
        return Err(read_only_error());
    }
    Ok(())
}

fn read_only_error() -> sqlx::Error {
    sqlx::Error::Protocol("the database is read-only".into())
}
