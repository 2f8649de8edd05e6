//! The embedded server in a temporary folder, which goes when the process ends, however it ends.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use embedded_postgres::{Binaries, Durability, EmbeddedPostgres, Options};
use tempfile::TempDir;

use crate::Error;

/// Waits for our end of the pipe to close, which the kernel sees to, and removes the folder. The
/// server may still be writing its last, hence the repetition.
const CLEANER: &str = r#"
cat >/dev/null
tries=0
while [ -e "$1" ] && [ ! -e "$1/keep" ] && [ "$tries" -lt 100 ]; do
    rm -rf -- "$1" && break
    tries=$((tries + 1))
    sleep 0.1
done
"#;

/// A server, and who clears up after it.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) postgres: EmbeddedPostgres,
    folder: PathBuf,
    /// Holds our end of the pipe.
    _cleaner: Child,
}

impl Local {
    pub(crate) async fn start() -> Result<Self, Error> {
        let folder = TempDir::with_prefix("test-database-")
            .map_err(Error::of("cannot make a temporary folder"))?;
        // As root the server runs as another user, who must get in.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))
            .map_err(Error::of("cannot open a temporary folder"))?;
        let cleaner = clean_after_us(folder.path()).map_err(Error::of("cannot start a cleaner"))?;
        let options = Options {
            state_dir: Some(folder.path().to_owned()),
            binaries: Binaries::Find,
            durability: Durability::Throwaway,
            database: "postgres".to_owned(),
        };
        let postgres = EmbeddedPostgres::start(options)
            .await
            .map_err(Error::of("cannot start the embedded server"))?;
        Ok(Self { postgres, folder: folder.keep(), _cleaner: cleaner })
    }

    /// Leaves the folder where it is when the process ends; answers where that is.
    pub(crate) fn keep(&self) -> Result<&Path, Error> {
        fs::write(self.folder.join("keep"), "").map_err(Error::of("cannot keep the folder"))?;
        Ok(&self.folder)
    }
}

fn clean_after_us(folder: &Path) -> std::io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", CLEANER, "test-database-cleaner"])
        .arg(folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        // Whoever reads the tests' output must not wait for the cleaner.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C at the terminal is for the tests.
        .process_group(0)
        .spawn()
}
