//! What `dev` keeps between two starts, beside the database and the sandbox's own file: the secret of
//! its tokens, and the sandbox's ports.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use sandbox::Sandbox;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::cli::CliError;

const SECRET_BYTES: usize = 32;

/// The sandbox's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ports {
    pub(super) scaleway: u16,
    pub(super) archera: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { scaleway: 8181, archera: 8182 }
    }
}

/// The folder of what is kept.
#[derive(Debug)]
pub(super) struct DevState {
    folder: PathBuf,
}

impl DevState {
    /// Makes the folder where it is missing.
    pub(super) fn open(folder: &Path) -> Result<Self, CliError> {
        make_folder(folder).map_err(|error| cannot("make", folder, &error))?;
        Ok(Self { folder: folder.to_owned() })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The secret that tokens are signed with, made at the first call.
    pub(super) fn token_secret(&self) -> Result<SecretString, CliError> {
        let path = self.path("token-secret");
        match fs::read_to_string(&path) {
            Ok(secret) => return Ok(SecretString::from(secret.trim())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot("read", &path, &error)),
        }
        let mut bytes = [0_u8; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|error| CliError::failed(&error))?;
        let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.keep("token-secret", &secret)?;
        Ok(SecretString::from(secret))
    }

    /// Where the sandbox was the last time. A file that cannot be read is as good as none.
    pub(super) fn sandbox_ports(&self) -> Ports {
        let kept = fs::read(self.path("sandbox-ports.json")).ok();
        kept.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Remembers where the sandbox is.
    pub(super) fn keep_sandbox_ports(&self, sandbox: &Sandbox) -> Result<(), CliError> {
        let port = |url: &str| Url::parse(url).ok().and_then(|url| url.port());
        let (scaleway, archera) = (port(&sandbox.scaleway_url()), port(&sandbox.archera_url()));
        let (Some(scaleway), Some(archera)) = (scaleway, archera) else {
            return Ok(());
        };
        let text = serde_json::to_string(&Ports { scaleway, archera });
        self.keep("sandbox-ports.json", &text.map_err(|error| CliError::failed(&error))?)
    }

    /// Writes a file that no other user may read, whole or not at all.
    fn keep(&self, name: &str, text: &str) -> Result<(), CliError> {
        let (path, fresh) = (self.path(name), self.path(&format!("{name}.new")));
        let write = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(true).write(true).mode(0o600);
            let mut file = options.open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)
        };
        write().map_err(|error| cannot("write", &path, &error))
    }
}

/// Makes a folder and those above it. The embedded server does not run as root, so root's must let
/// others through; what is secret is closed file by file.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    let mode = if nix::unistd::geteuid().is_root() { 0o755 } else { 0o700 };
    fs::set_permissions(folder, Permissions::from_mode(mode))
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> CliError {
    CliError::Failed(format!("cannot {verb} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let state = DevState::open(&folder.path().join("a/b")).unwrap();
        let first = state.token_secret().unwrap();
        assert_eq!(first.expose_secret().len(), 2 * SECRET_BYTES);
        let again = DevState::open(&folder.path().join("a/b")).unwrap().token_secret().unwrap();
        assert_eq!(again.expose_secret(), first.expose_secret());
        let mode = fs::metadata(state.path("token-secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn ports_that_cannot_be_read_are_those_of_a_first_start() {
        let folder = tempfile::tempdir().unwrap();
        let state = DevState::open(folder.path()).unwrap();
        assert_eq!(state.sandbox_ports(), Ports::default());
        state.keep("sandbox-ports.json", r#"{"scaleway": 1, "archera": 2}"#).unwrap();
        assert_eq!(state.sandbox_ports(), Ports { scaleway: 1, archera: 2 });
        state.keep("sandbox-ports.json", "half of").unwrap();
        assert_eq!(state.sandbox_ports(), Ports::default());
    }
}
