//! Whom the server runs as. PostgreSQL refuses root, so root hands it to another user; anybody
//! else runs it as himself.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{Uid, User, geteuid};

use crate::error::Error;

/// The user the server runs as.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
    /// Whether a child must change to this user (we are root).
    pub(crate) switch: bool,
}

impl Account {
    /// The owner of the data that is there, else `postgres`, else `nobody`, when we are root; else
    /// we ourselves.
    pub(crate) fn choose(data: Option<&Path>) -> Result<Self, Error> {
        let ours = geteuid();
        if !ours.is_root() {
            return Self::by_uid(ours, false);
        }
        if let Some(owner) = data.map(owner_of).transpose()?.flatten()
            && owner != 0
        {
            return Self::by_uid(Uid::from_raw(owner), true);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).map_err(lookup_failed)? {
                return Ok(Self::from_user(user, true));
            }
        }
        Err(Error::NoUnprivilegedUser)
    }

    fn by_uid(uid: Uid, switch: bool) -> Result<Self, Error> {
        let user = User::from_uid(uid).map_err(lookup_failed)?;
        let user = user.ok_or(Error::NoPasswdEntry { uid: uid.as_raw() })?;
        Ok(Self::from_user(user, switch))
    }

    fn from_user(user: User, switch: bool) -> Self {
        Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
            switch,
        }
    }

    /// The first folder on the way to `folder`, itself included, that is closed to this user.
    pub(crate) fn closed_folder(&self, folder: &Path) -> Result<Option<PathBuf>, Error> {
        let mut way: Vec<&Path> = folder.ancestors().collect();
        way.reverse();
        for step in way {
            let metadata = fs::metadata(step).map_err(Error::io("look at", step))?;
            let bit = if metadata.uid() == self.uid {
                0o100
            } else if metadata.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if metadata.mode() & bit == 0 {
                return Ok(Some(step.to_owned()));
            }
        }
        Ok(None)
    }
}

fn owner_of(data: &Path) -> Result<Option<u32>, Error> {
    match fs::metadata(data) {
        Ok(metadata) => Ok(Some(metadata.uid())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("look at", data)(error)),
    }
}

fn lookup_failed(errno: Errno) -> Error {
    Error::Io { what: "look up a user".to_owned(), source: errno.into() }
}
