//! The state folder: what lies where, who may enter, and the lock that keeps a second process
//! out of it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::Error;
use crate::machine;

/// The name PostgreSQL gives its socket, by the port we leave at its default.
const SOCKET: &str = ".s.PGSQL.5432";
/// `sun_path` has 108 bytes, the last of them NUL.
const SOCKET_PATH_MAX: usize = 107;

/// The state folder, made and open to the server's user, and locked by this process until drop.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the state folder where it is missing, and locks it.
    pub(crate) fn open(state_dir: Option<PathBuf>) -> Result<(Self, Account), Error> {
        let root = match state_dir {
            Some(folder) => std::path::absolute(&folder).map_err(Error::io("find", &folder))?,
            None => default_state_dir()?,
        };
        let socket = root.join("socket").join(SOCKET);
        if socket.as_os_str().len() > SOCKET_PATH_MAX {
            return Err(Error::SocketPathTooLong { path: socket });
        }
        let account = Account::choose(Some(&root.join("data")))?;
        // The server's user must get in; when that is ourselves, nobody else need.
        let mode = if account.switch { 0o755 } else { 0o700 };
        if !root.is_dir() {
            make_folder(&root, mode)?;
            // The umask may have taken some of it.
            fs::set_permissions(&root, Permissions::from_mode(mode))
                .map_err(Error::io("open up", &root))?;
        }
        // Links are followed once, here: the server names its data by the real path.
        let root = fs::canonicalize(&root).map_err(Error::io("find", &root))?;
        if account.switch
            && let Some(closed) = account.closed_folder(&root)?
        {
            return Err(Error::Unreachable { folder: root, closed, user: account.name });
        }
        let folder = Self { _lock: lock(&root)?, root };
        folder.make_private(&folder.socket_dir(), &account)?;
        Ok((folder, account))
    }

    /// The state folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the data lies.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Where fetched binaries lie, a folder a release.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.root.join("binaries")
    }

    /// The folder of the socket.
    pub(crate) fn socket_dir(&self) -> PathBuf {
        self.root.join("socket")
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket_dir().join(SOCKET)
    }

    /// The server's log, of this run; the last run's lies beside it.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// Makes a folder that `account` alone may enter.
    pub(crate) fn make_private(&self, folder: &Path, account: &Account) -> Result<(), Error> {
        make_folder(folder, 0o700)?;
        if account.switch {
            chown(folder, Some(account.uid), Some(account.gid))
                .map_err(Error::io("hand over", folder))?;
        }
        fs::set_permissions(folder, Permissions::from_mode(0o700))
            .map_err(Error::io("close", folder))
    }
}

/// Removes a folder or file; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_file) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn default_state_dir() -> Result<PathBuf, Error> {
    let account = Account::choose(None)?;
    if account.switch {
        return Ok(PathBuf::from("/var/lib/partner-gateway"));
    }
    Ok(machine::state_home(account.home).join("partner-gateway"))
}

fn make_folder(folder: &Path, mode: u32) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(mode).create(folder).map_err(Error::io("make", folder))
}

fn lock(root: &Path) -> Result<File, Error> {
    let path = root.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The holder's number is a courtesy: without it the message still stands.
            let holder = match file.read_to_string(&mut pid) {
                Ok(_) if !pid.trim().is_empty() => format!("process {}", pid.trim()),
                _ => "another process".to_owned(),
            };
            return Err(Error::InUse { folder: root.to_owned(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
    }
    write_pid(&mut file).map_err(Error::io("write", &path))?;
    Ok(file)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
