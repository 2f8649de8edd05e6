//! Two real servers, a primary and its synchronous standby, started for one scene and gone with it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::unistd::{Uid, User, chown};
use partner_gateway::store::embedded_migrations;
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::Instant,
};

use crate::real::Fault;

/// Who owns the database.
pub(super) const USER: &str = "partner_gateway";
/// Its name.
pub(super) const DATABASE: &str = "gateway";
/// No server takes nearly as long to start, or to follow.
const PATIENCE: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(20);

/// A server that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    folder: PathBuf,
}

/// A primary, and a standby without which it commits nothing.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) primary: Server,
    pub(super) standby: Server,
    _folder: TempDir,
}

impl Pair {
    /// Starts both, with a database that is migrated.
    ///
    /// # Errors
    /// There are no programs, or they do not start.
    pub(super) async fn start() -> Result<Self, Fault> {
        let folder = TempDir::with_prefix("torture-db-").map_err(Fault::of("a folder"))?;
        // As root the servers run as another user, who must get in.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
            .map_err(Fault::of("a folder"))?;
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        for place in [&first, &second] {
            make_place(place)?;
        }
        let data = first.join("data");
        let mut initdb = program("initdb")?;
        initdb.arg("-D").arg(&data).args(["-U", USER, "--auth", "trust", "--encoding", "UTF8"]);
        run(initdb.args(["--locale", "C.UTF-8", "--no-sync", "--no-instructions"])).await?;
        let primary = Server::start(first).await?;
        let mut postgres = primary.connect("postgres").await?;
        execute(&mut postgres, "create database gateway").await?;
        let mut gateway = primary.connect(DATABASE).await?;
        embedded_migrations().run(&mut gateway).await.map_err(Fault::of("the migrations"))?;
        let mut backup = program("pg_basebackup")?;
        backup.arg("-h").arg(&primary.folder).args(["-U", USER, "-R", "-X", "stream"]);
        run(backup.args(["-c", "fast", "--no-sync", "-D"]).arg(second.join("data"))).await?;
        let standby = Server::start(second).await?;
        execute(&mut gateway, "alter system set synchronous_standby_names = '*'").await?;
        execute(&mut gateway, "select pg_reload_conf()").await?;
        until_synchronous(&mut gateway).await?;
        Ok(Self { primary, standby, _folder: folder })
    }
}

impl Server {
    async fn start(folder: PathBuf) -> Result<Self, Fault> {
        let log = fs::File::create(folder.join("log")).map_err(Fault::of("a log"))?;
        let mut command = program("postgres")?;
        command.arg("-D").arg(folder.join("data"));
        let sockets = format!("unix_socket_directories={}", folder.display());
        let settings = ["listen_addresses=", "port=5432", "wal_level=replica", "timezone=UTC"];
        for setting in settings.into_iter().chain([sockets.as_str()]) {
            command.args(["-c", setting]);
        }
        command.stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let child = command.spawn().map_err(Fault::of("PostgreSQL"))?;
        let server = Self { child, folder };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match server.connect("postgres").await {
                Ok(_answers) => return Ok(server),
                Err(_not_yet) if Instant::now() < deadline => tokio::time::sleep(EVERY).await,
                Err(fault) => return Err(fault),
            }
        }
    }

    /// The socket that it listens on.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// A connection that no forwarder sees.
    ///
    /// # Errors
    /// It takes none.
    pub(super) async fn connect(&self, database: &str) -> Result<PgConnection, Fault> {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(&self.folder)
            .username(USER)
            .database(database)
            .ssl_mode(PgSslMode::Disable);
        PgConnection::connect_with(&options).await.map_err(Fault::of("a connection"))
    }

    /// Kills it, as a machine that dies does.
    ///
    /// # Errors
    /// It cannot be killed.
    pub(super) async fn kill(&mut self) -> Result<(), Fault> {
        self.child.kill().await.map_err(Fault::of("killing PostgreSQL"))
    }

    /// Makes the standby the primary.
    ///
    /// # Errors
    /// It refuses.
    pub(super) async fn promote(&self) -> Result<(), Fault> {
        let mut connection = self.connect("postgres").await?;
        execute(&mut connection, "select pg_promote()").await
    }

    /// Lets it write, or read alone; whoever is connected stays so.
    ///
    /// # Errors
    /// It refuses.
    pub(super) async fn turn(&self, read_only: bool) -> Result<(), Fault> {
        let mut connection = self.connect("postgres").await?;
        // What says so must be written itself.
        execute(&mut connection, "set transaction_read_only = off").await?;
        let word = if read_only { "on" } else { "off" };
        let set = format!("alter system set default_transaction_read_only = {word}");
        execute(&mut connection, &set).await?;
        execute(&mut connection, "select pg_reload_conf()").await
    }
}

/// Runs one statement.
///
/// # Errors
/// The server refuses it.
pub(super) async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), Fault> {
    let query = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
    query.execute(connection).await.map(|_done| ()).map_err(Fault::of("a statement"))
}

/// Waits until the standby acknowledges what the primary commits.
async fn until_synchronous(primary: &mut PgConnection) -> Result<(), Fault> {
    let deadline = Instant::now() + PATIENCE;
    let follows = "select count(*) from pg_stat_replication where sync_state = 'sync'";
    loop {
        let count: i64 = sqlx::query_scalar(follows)
            .fetch_one(&mut *primary)
            .await
            .map_err(Fault::of("the replication"))?;
        if count == 1 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Fault("the standby does not follow".to_owned()));
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn make_place(place: &Path) -> Result<(), Fault> {
    fs::create_dir(place).map_err(Fault::of("a folder"))?;
    if Uid::effective().is_root() {
        let user = User::from_name("postgres").map_err(Fault::of("the user postgres"))?;
        let user = user.ok_or_else(|| Fault("there is no user postgres".to_owned()))?;
        chown(place, Some(user.uid), Some(user.gid)).map_err(Fault::of("a folder"))?;
    }
    Ok(())
}

/// One of PostgreSQL's programs, as a user that it takes, ending with us.
fn program(name: &str) -> Result<Command, Fault> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).current_dir("/");
    if Uid::effective().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(binaries()?.join(name)).stdin(Stdio::null());
    Ok(command)
}

async fn run(command: &mut Command) -> Result<(), Fault> {
    let output = command.output().await.map_err(Fault::of("a program of PostgreSQL's"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Fault(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Where the programs lie: the newest that packages put there, or what the path has.
fn binaries() -> Result<PathBuf, Fault> {
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = packaged.map(|version| version.path().join("bin")).collect();
    found.sort();
    found.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&path));
    found.retain(|folder| folder.join("pg_basebackup").exists() && folder.join("initdb").exists());
    let none = || Fault("no server programs of PostgreSQL were found".to_owned());
    found.into_iter().next().ok_or_else(none)
}
