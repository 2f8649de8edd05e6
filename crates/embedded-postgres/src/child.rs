//! How PostgreSQL's programs are run: as the right user, with an environment of our making, and
//! never outliving us.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};

use crate::account::Account;
use crate::error::Error;

/// A program of PostgreSQL's, run as `account` in `folder`.
///
/// Nothing of our environment goes along: it holds secrets, and the `PG…` variables in it are
/// about other servers.
pub(crate) fn command(program: &Path, account: &Account, folder: &Path, death: Signal) -> Command {
    let mut command = Command::new(program);
    let bin = program.parent().unwrap_or(Path::new("/"));
    let mut path = bin.as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    command
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir(folder)
        .stdin(Stdio::null());
    if account.switch {
        // Dropping root this way drops its supplementary groups too.
        command.uid(account.uid).gid(account.gid);
    }
    tie(&mut command, death);
    command
}

/// Lets the child get `death` when the thread that starts it ends, `kill -9` of our process
/// included. So it must be started from a thread that lives as long as the child should.
pub(crate) fn tie(command: &mut Command, death: Signal) {
    let parent = getpid();
    // A group of its own: a Ctrl-C at the terminal is for us, who end the server in good order.
    command.process_group(0);
    #[expect(unsafe_code, reason = "the one call that runs code between fork and exec")]
    // SAFETY: the closure makes two system calls and allocates nothing. It runs after the change
    // of user, which would undo the first.
    unsafe {
        command.pre_exec(move || die_with(parent, death));
    }
}

fn die_with(parent: Pid, death: Signal) -> io::Result<()> {
    set_pdeathsig(death)?;
    if getppid() == parent {
        Ok(())
    } else {
        // The parent died before the signal was set.
        Err(io::Error::from_raw_os_error(nix::libc::ESRCH))
    }
}

/// Runs to the end and answers with what was printed to stdout, or why it failed in one line.
pub(crate) fn run(command: &mut Command, program: &'static str) -> Result<String, Error> {
    let failed = |reason| Error::Program { program, reason };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(failed(why(&output)))
    }
}

fn why(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    match gist(&said) {
        Some(line) => line.to_owned(),
        None => output.status.to_string(),
    }
}

/// The line of a program's output that says best why it failed.
pub(crate) fn gist(said: &str) -> Option<&str> {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let grave = |line: &&str| {
        ["FATAL:", "PANIC:", "error:", "ERROR:"].iter().any(|word| line.contains(word))
    };
    lines().rfind(grave).or_else(|| lines().next_back())
}

/// Whether `folder` holds a file of this name.
pub(crate) fn has(folder: &Path, name: impl AsRef<OsStr>) -> bool {
    folder.join(name.as_ref()).is_file()
}
