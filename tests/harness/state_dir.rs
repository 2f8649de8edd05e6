//! A folder in which an embedded server may live.

use std::{fs, os::unix::fs::PermissionsExt};

/// A folder for `database.state_dir`, gone when the test ends. Where tests run as root, the server runs
/// as somebody else, who must get in.
pub(crate) fn state_dir() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}
