//! Finding a server to run: which folders may hold one, what each says of itself, and which fits
//! the data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::account::Account;
use crate::child::{self, has};
use crate::error::Error;
use crate::folder::Folder;
use crate::{Binaries, fetch, machine};

/// The oldest major version that the project's SQL runs on.
const OLDEST: u32 = 15;

/// A server that runs as the account it was tried with.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
    pub(crate) version: String,
}

/// The server to run: of major version `data` when there is data.
pub(crate) fn choose(
    binaries: &Binaries,
    data: Option<u32>,
    folder: &Folder,
    account: &Account,
) -> Result<Server, Error> {
    let mut search = Search { data, account, rejected: Vec::new() };
    let found = match binaries {
        Binaries::Folder(bin) => search.first([bin.clone()]),
        Binaries::Find => search.find(),
        Binaries::Fetched => None,
    };
    if let Some(server) = found {
        return Ok(server);
    }
    // Fetching helps neither a folder that was asked for nor data of another version.
    let fetchable =
        !matches!(binaries, Binaries::Folder(_)) && data.is_none_or(|major| major == fetch::MAJOR);
    if fetchable {
        let bin = match fetch::ensure(&folder.binaries()) {
            Ok(bin) => bin,
            Err(error) => {
                search.rejected.push(format!("fetching: {error}"));
                return Err(search.failure(folder));
            }
        };
        if let Some(server) = search.first([bin]) {
            return Ok(server);
        }
    }
    Err(search.failure(folder))
}

struct Search<'a> {
    data: Option<u32>,
    account: &'a Account,
    rejected: Vec<String>,
}

impl Search<'_> {
    fn find(&mut self) -> Option<Server> {
        if let Some(server) = self.first(machine::path_folders()) {
            return Some(server);
        }
        if let Some(server) = self.first(pg_config_folder()) {
            return Some(server);
        }
        let mut servers: Vec<Server> =
            packaged_folders().into_iter().filter_map(|bin| self.fit(bin)).collect();
        servers.sort_by_key(|server| server.major);
        servers.pop()
    }

    fn first(&mut self, folders: impl IntoIterator<Item = PathBuf>) -> Option<Server> {
        folders.into_iter().find_map(|bin| self.fit(bin))
    }

    /// The server in `bin`, if there is one that fits; one that does not is noted with the reason.
    fn fit(&mut self, bin: PathBuf) -> Option<Server> {
        if !has(&bin, "postgres") {
            return None;
        }
        match try_server(&bin, self.account) {
            Ok(server) if server.major < OLDEST => {
                self.rejected.push(format!("{} has {}", bin.display(), server.version));
                None
            }
            Ok(server) if self.data.is_some_and(|major| major != server.major) => {
                self.rejected.push(format!("{} has {}", bin.display(), server.version));
                None
            }
            Ok(server) => Some(server),
            Err(reason) => {
                self.rejected.push(format!("{}: {reason}", bin.display()));
                None
            }
        }
    }

    fn failure(self, folder: &Folder) -> Error {
        let mut rejected = self.rejected;
        rejected.sort();
        rejected.dedup();
        let reason = match rejected.is_empty() {
            true => "none found".to_owned(),
            false => rejected.join("; "),
        };
        match self.data {
            Some(major) => Error::OtherVersion {
                folder: folder.data(),
                data: major.to_string(),
                servers: reason,
            },
            None => Error::NoServer { reason },
        }
    }
}

/// Runs the server for its version, as the user it is to run as: a folder that is closed to that
/// user, or a binary for another machine, shows here.
fn try_server(bin: &Path, account: &Account) -> Result<Server, String> {
    if !has(bin, "initdb") {
        return Err("no initdb beside it".to_owned());
    }
    let bin = fs::canonicalize(bin).map_err(|error| error.to_string())?;
    let mut command =
        child::command(&bin.join("postgres"), account, Path::new("/"), Signal::SIGKILL);
    let said =
        child::run(command.arg("--version"), "postgres").map_err(|error| error.to_string())?;
    let version = release(&said).ok_or_else(|| format!("it says `{}`", said.trim()))?;
    let major = major(version).ok_or_else(|| format!("it says `{}`", said.trim()))?;
    Ok(Server { version: version.to_owned(), major, bin })
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` has the release 15.18.
fn release(said: &str) -> Option<&str> {
    said.split_once("(PostgreSQL) ")?.1.split_whitespace().next()
}

/// The digits it begins with: 18 of `18.6`, and of `18beta1`.
fn major(release: &str) -> Option<u32> {
    let end = release.find(|c: char| !c.is_ascii_digit()).unwrap_or(release.len());
    release[..end].parse().ok()
}

fn pg_config_folder() -> Option<PathBuf> {
    let mut command = Command::new("pg_config");
    child::tie(&mut command, Signal::SIGKILL);
    let said = child::run(command.arg("--bindir"), "pg_config").ok()?;
    Some(PathBuf::from(said.trim()))
}

/// Where packages put servers, several versions side by side.
fn packaged_folders() -> Vec<PathBuf> {
    // Parent and beginning of the name: Debian; Gentoo and SUSE; Red Hat's from PGDG; Alpine.
    let layouts = [
        ("/usr/lib/postgresql", ""),
        ("/usr/lib", "postgresql"),
        ("/usr/lib64", "postgresql"),
        ("/usr", "pgsql-"),
        ("/usr/libexec", "postgresql"),
    ];
    let mut folders = vec![PathBuf::from("/usr/local/pgsql/bin"), PathBuf::from("/usr/local/bin")];
    for (parent, beginning) in layouts {
        // A layout that is not this machine's is no failure.
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(beginning.as_bytes()) {
                folders.push(entry.path().join("bin"));
                folders.push(entry.path());
            }
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_servers_say() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(release(debian), Some("15.18"));
        assert_eq!(major("15.18"), Some(15));
        assert_eq!(major("19beta1"), Some(19));
        assert_eq!(release("something else"), None);
        assert_eq!(major("unknown"), None);
    }
}
