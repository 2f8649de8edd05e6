//! The data folder: which version's it is, and making it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::account::Account;
use crate::binaries::Server;
use crate::child;
use crate::error::Error;
use crate::folder::{Folder, remove};
use crate::{Durability, USER};

/// The major version of the data that is there; `None` when there is none yet.
pub(crate) fn major_of_data(folder: &Folder, account: &Account) -> Result<Option<u32>, Error> {
    let data = folder.data();
    let metadata = match fs::metadata(&data) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("look at", &data)(error)),
    };
    if metadata.uid() != account.uid {
        let (owner, user) = (metadata.uid(), account.name.clone());
        return Err(Error::ForeignData { folder: data, owner, user });
    }
    let version = data.join("PG_VERSION");
    match fs::read_to_string(&version) {
        Ok(text) => match text.trim().parse() {
            Ok(major) => Ok(Some(major)),
            // Versions before 10 had two numbers.
            Err(_two_numbers) => Err(Error::OtherVersion {
                folder: data,
                data: text.trim().to_owned(),
                servers: "15 or later is needed".to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            empty(&data)?.then_some(None).ok_or(Error::NotData { folder: data })
        }
        Err(error) => Err(Error::io("read", &version)(error)),
    }
}

/// Makes the data folder. It appears under its name only when it is whole, so that an interrupted
/// start is no half-made folder for the next.
pub(crate) fn initialise(
    server: &Server,
    folder: &Folder,
    account: &Account,
    durability: Durability,
) -> Result<(), Error> {
    let (data, making) = (folder.data(), folder.root().join("data.making"));
    remove(&making)?;
    folder.make_private(&making, account)?;
    let mut command =
        child::command(&server.bin.join("initdb"), account, folder.root(), Signal::SIGKILL);
    command
        .arg("--pgdata")
        .arg(&making)
        .args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"])
        // The same order of texts on every machine, and messages that we can read.
        .args(["--locale", "C.UTF-8", "--lc-messages", "C", "--no-instructions"]);
    if durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    child::run(&mut command, "initdb")?;
    if data.is_dir() {
        fs::remove_dir(&data).map_err(Error::io("replace", &data))?;
    }
    fs::rename(&making, &data).map_err(Error::io("rename", &making))?;
    sync(folder.root())
}

fn empty(data: &Path) -> Result<bool, Error> {
    let mut entries = fs::read_dir(data).map_err(Error::io("read", data))?;
    Ok(entries.next().is_none())
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|handle| handle.sync_all()).map_err(Error::io("flush", folder))
}
