//! The server's process: waiting for a predecessor to go, starting, and telling when it is ready.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::Durability;
use crate::account::Account;
use crate::binaries::Server;
use crate::child::{self, gist};
use crate::error::Error;
use crate::folder::{Folder, remove};

/// How long a killed predecessor's server may take to go.
const PREDECESSOR: Duration = Duration::from_secs(15);
/// How long a start may take, recovery included.
const START: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(5);

/// What the server says while something of its predecessor still holds the data.
const STILL_HELD: [&str; 2] = ["is still in use", "already exists"];

const DURABLE: &[&str] = &["fsync=on", "synchronous_commit=on", "full_page_writes=on"];
const THROWAWAY: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    // Many tests at once, each with a pool.
    "max_connections=300",
];

/// Starts the server and returns when it takes connections.
///
/// The lock on the state folder is held, so whatever still uses the data was left by an owner
/// that is dead, and is about to go.
pub(crate) fn start(
    server: &Server,
    folder: &Folder,
    account: &Account,
    durability: Durability,
) -> Result<Child, Error> {
    keep_last_log(&folder.log())?;
    let deadline = Instant::now() + PREDECESSOR;
    loop {
        wait_for_predecessor(folder, deadline)?;
        let mut child = spawn(server, folder, account, durability)?;
        let reason = match wait_ready(&mut child, &folder.data()) {
            Ready::Yes => return Ok(child),
            Ready::Ended(how) => {
                let said = fs::read_to_string(folder.log()).unwrap_or_default();
                gist(&said).map_or(how, str::to_owned)
            }
            Ready::No(why) => {
                end(&mut child);
                why
            }
        };
        let held = STILL_HELD.iter().any(|words| reason.contains(words));
        if !held || Instant::now() >= deadline {
            return Err(Error::Program { program: "PostgreSQL", reason });
        }
        thread::sleep(POLL * 10);
    }
}

fn spawn(
    server: &Server,
    folder: &Folder,
    account: &Account,
    durability: Durability,
) -> Result<Child, Error> {
    let path = folder.log();
    let log = File::create(&path).map_err(Error::io("write", &path))?;
    let log_too = log.try_clone().map_err(Error::io("write", &path))?;
    // An immediate shutdown: backends go at once and the next start recovers. A postmaster that
    // is killed outright leaves them behind for a while.
    let mut command =
        child::command(&server.bin.join("postgres"), account, folder.root(), Signal::SIGQUIT);
    command.arg("-D").arg(folder.data());
    let mut socket = OsString::from("unix_socket_directories=");
    socket.push(quoted(&folder.socket_dir()));
    command.arg("-c").arg(socket);
    let settings = match durability {
        Durability::Full => DURABLE,
        Durability::Throwaway => THROWAWAY,
    };
    let always = [
        "listen_addresses=",
        "port=5432",
        "ssl=off",
        "logging_collector=off",
        "log_destination=stderr",
        "lc_messages=C",
        "timezone=UTC",
        "log_timezone=UTC",
    ];
    for setting in always.iter().chain(settings) {
        command.args(["-c", setting]);
    }
    let spawned = command.stdout(log).stderr(Stdio::from(log_too)).spawn();
    spawned.map_err(|error| Error::Program { program: "PostgreSQL", reason: error.to_string() })
}

/// The setting is a list: a comma, a quote or a blank in the path must not end the item.
fn quoted(path: &Path) -> OsString {
    OsString::from(format!("\"{}\"", path.display().to_string().replace('"', "\"\"")))
}

/// What became of a start.
enum Ready {
    Yes,
    /// The process is gone; its log says why.
    Ended(String),
    No(String),
}

/// Ready is when the server's own status file says so, and names our child: another's file may
/// lie there still.
fn wait_ready(child: &mut Child, data: &Path) -> Ready {
    let deadline = Instant::now() + START;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ready::Ended(format!("it ended with {status}")),
            Ok(None) => {}
            Err(error) => return Ready::No(error.to_string()),
        }
        let status = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = status.lines();
        let ours = lines.next() == Some(child.id().to_string().as_str());
        if ours && lines.nth(6).is_some_and(|line| line.trim() == "ready") {
            return Ready::Yes;
        }
        if Instant::now() >= deadline {
            return Ready::No(format!("it was not ready after {} seconds", START.as_secs()));
        }
        thread::sleep(POLL);
    }
}

fn end(child: &mut Child) {
    // Both fail only for a child that is gone, which is what we are after.
    let _gone = child.kill();
    let _reaped = child.wait();
}

/// Waits until the server named in `postmaster.pid` is gone, and removes what it left: its number
/// may be another process's by now, which a new server would take for its predecessor.
fn wait_for_predecessor(folder: &Folder, deadline: Instant) -> Result<(), Error> {
    let data = folder.data();
    let pid_file = data.join("postmaster.pid");
    loop {
        let status = match fs::read_to_string(&pid_file) {
            Ok(status) => status,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(Error::io("read", &pid_file)(error)),
        };
        let pid = status.lines().next().and_then(|line| line.trim().parse::<u32>().ok());
        let Some(pid) = pid.filter(|pid| serves(*pid, &data)) else {
            remove(&pid_file)?;
            break;
        };
        if Instant::now() >= deadline {
            let holder = format!("the PostgreSQL server with process id {pid}");
            return Err(Error::InUse { folder: folder.root().to_owned(), holder });
        }
        thread::sleep(POLL);
    }
    let mut lock = folder.socket().into_os_string();
    lock.push(".lock");
    remove(Path::new(&lock))
}

/// Whether process `pid` is a PostgreSQL server on this data folder, as far as one can tell.
fn serves(pid: u32, data: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    if !["postgres", "postmaster"].contains(&name.trim()) {
        return false;
    }
    // A dead process that nobody reaped has no command line.
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    if arguments.is_empty() {
        return false;
    }
    // A server works in its data folder; a container may hide that from us, and then its name
    // must do.
    match fs::read_link(process.join("cwd")) {
        Ok(folder) => folder.as_os_str().as_bytes() == data.as_os_str().as_bytes(),
        Err(_hidden) => true,
    }
}

fn keep_last_log(log: &Path) -> Result<(), Error> {
    match fs::rename(log, log.with_extension("log.old")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("rename", log)(error))
        }
        _ => Ok(()),
    }
}
