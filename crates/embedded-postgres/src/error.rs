//! Why a server could not be had, each in one line that an operator can act on.

use std::io;
use std::path::{Path, PathBuf};

/// Why the embedded server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the state folder.
    #[error("{} is in use by {holder}: stop it, or choose another state folder", folder.display())]
    InUse {
        /// The state folder.
        folder: PathBuf,
        /// Who holds it, such as `process 4711`.
        holder: String,
    },
    /// The data is of a major version for which there is no server here.
    #[error(
        "{} holds data of PostgreSQL {data}, and there is no server of that version here ({servers}): \
         install PostgreSQL {data}, or choose another state folder", folder.display()
    )]
    OtherVersion {
        /// The data folder.
        folder: PathBuf,
        /// The data's major version, as its own `PG_VERSION` says.
        data: String,
        /// What was found in its place.
        servers: String,
    },
    /// No usable server binaries.
    #[error(
        "no PostgreSQL 15 or later to run ({reason}): install one, such as Debian's package \
         `postgresql`, or name its folder"
    )]
    NoServer {
        /// What was tried, and what it said.
        reason: String,
    },
    /// A Unix socket's path has room for 107 bytes.
    #[error(
        "the socket path {} is {} bytes long and at most 107 are possible: choose a shorter state \
         folder", path.display(), path.as_os_str().len()
    )]
    SocketPathTooLong {
        /// The socket's path.
        path: PathBuf,
    },
    /// PostgreSQL's tools need a named user.
    #[error(
        "user id {uid} has no passwd entry, which PostgreSQL needs: add one, or run as another user"
    )]
    NoPasswdEntry {
        /// The user id.
        uid: u32,
    },
    /// PostgreSQL does not run as root, and there is nobody else.
    #[error(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as"
    )]
    NoUnprivilegedUser,
    /// The user the server runs as cannot get into the state folder.
    #[error(
        "user {user}, whom the server runs as, cannot reach {}: open {} to others (mode 0755), or \
         choose another state folder", folder.display(), closed.display()
    )]
    Unreachable {
        /// The state folder.
        folder: PathBuf,
        /// The folder on the way that is closed.
        closed: PathBuf,
        /// The user.
        user: String,
    },
    /// The data belongs to somebody else.
    #[error("{} belongs to user id {owner}, not to {user}", folder.display())]
    ForeignData {
        /// The data folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user the server would run as.
        user: String,
    },
    /// There are files where the data should be, and they are not PostgreSQL's.
    #[error("{} is not a PostgreSQL data folder, and not empty", folder.display())]
    NotData {
        /// The data folder.
        folder: PathBuf,
    },
    /// No such database name.
    #[error("a database name has 1 to 63 bytes and no NUL")]
    DatabaseName,
    /// A program of PostgreSQL's, or the server itself, failed.
    #[error("{program} failed: {reason}")]
    Program {
        /// Which.
        program: &'static str,
        /// What it said.
        reason: String,
    },
    /// The operating system refused something.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: the system's refusal to do `verb` with `path`.
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{verb} {}", path.display());
        move |source| Self::Io { what, source }
    }
}
