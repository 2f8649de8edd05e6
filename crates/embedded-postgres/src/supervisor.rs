//! The thread that starts the server and lives as long as it does.
//!
//! The parent-death signal is bound to the *thread* that started the child, so no thread of a
//! pool may do it. This one also holds the state folder's lock, until the server is gone.

use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::{oneshot, watch};

use crate::binaries::{self, Server};
use crate::control::Control;
use crate::error::Error;
use crate::folder::Folder;
use crate::{EmbeddedPostgres, Options, USER, cluster, server, wire};

/// Starts the thread and waits for what it has to tell.
pub(crate) async fn start(options: Options) -> Result<EmbeddedPostgres, Error> {
    let (ready, started) = oneshot::channel();
    thread::Builder::new()
        .name("embedded-postgres".to_owned())
        .spawn(move || supervise(&options, ready))
        .map_err(|source| Error::Io { what: "start a thread".to_owned(), source })?;
    started.await.unwrap_or_else(|_gone| {
        let reason = "its supervisor ended early".to_owned();
        Err(Error::Program { program: "PostgreSQL", reason })
    })
}

fn supervise(options: &Options, ready: oneshot::Sender<Result<EmbeddedPostgres, Error>>) {
    let (folder, server, child) = match bring_up(options) {
        Ok(up) => up,
        Err(error) => {
            // Nobody left to hear it: the start was given up.
            let _unheard = ready.send(Err(error));
            return;
        }
    };
    let pid = Pid::from_raw(child.id().cast_signed());
    let control = Arc::new(Control::new(pid));
    let (end, ended) = watch::channel(None);
    let postgres = EmbeddedPostgres {
        url: url(&folder.socket_dir(), &options.database),
        socket_dir: folder.socket_dir(),
        pid: child.id(),
        version: server.version,
        control: Arc::clone(&control),
        ended,
    };
    if let Err(Ok(unwanted)) = ready.send(Ok(postgres)) {
        control.signal(Signal::SIGQUIT);
        // Its drop would wait for this very thread.
        std::mem::forget(unwanted);
    }
    let how = wait(child, pid, &control);
    drop(folder);
    control.set_gone();
    end.send_replace(Some(how));
}

fn bring_up(options: &Options) -> Result<(Folder, Server, Child), Error> {
    let name = &options.database;
    if !(1..=63).contains(&name.len()) || name.contains('\0') {
        return Err(Error::DatabaseName);
    }
    let (folder, account) = Folder::open(options.state_dir.clone())?;
    let data = cluster::major_of_data(&folder, &account)?;
    let server = binaries::choose(&options.binaries, data, &folder, &account)?;
    if data.is_none() {
        cluster::initialise(&server, &folder, &account, options.durability)?;
    }
    let mut child = server::start(&server, &folder, &account, options.durability)?;
    if let Err(source) = wire::ensure_database(&folder.socket(), name) {
        // Both fail only for a child that is gone already.
        let _gone = child.kill();
        let _reaped = child.wait();
        return Err(Error::Io { what: format!("make the database {name}"), source });
    }
    tracing::debug!(version = server.version, pid = child.id(), "embedded PostgreSQL is ready");
    Ok((folder, server, child))
}

/// Waits for the server's end and says how it was. The process is reaped only under the control's
/// eyes, so that no signal goes to another that got its number.
fn wait(mut child: Child, pid: Pid, control: &Control) -> String {
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
    match control.reap(|| child.wait()) {
        Ok(status) => format!("PostgreSQL ended with {status}"),
        Err(error) => format!("PostgreSQL ended, nobody knows how: {error}"),
    }
}

/// Everything stands in the URL, so that no `PG…` variable of the reader's has a say.
fn url(socket_dir: &Path, database: &str) -> String {
    let database = percent_encoded(database.as_bytes());
    let folder = percent_encoded(socket_dir.as_os_str().as_encoded_bytes());
    format!("postgres://{USER}@localhost:5432/{database}?host={folder}&sslmode=disable")
}

fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_takes_any_path_and_name() {
        assert_eq!(
            url(Path::new("/var/lib/a b&c/socket"), "tést"),
            "postgres://partner_gateway@localhost:5432/t%C3%A9st\
             ?host=/var/lib/a%20b%26c/socket&sslmode=disable"
        );
    }
}
