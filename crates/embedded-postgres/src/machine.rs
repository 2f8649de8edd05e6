//! What this machine tells of itself: the few environment variables that matter here. The only
//! place of the crate that reads the environment.

use std::env;
use std::path::PathBuf;

/// The folders of `PATH`.
pub(crate) fn path_folders() -> Vec<PathBuf> {
    env::var_os("PATH").map_or_else(Vec::new, |path| env::split_paths(&path).collect())
}

/// The user's state folder, by the XDG base directory rules; `home` is where `HOME` is not set.
pub(crate) fn state_home(home: PathBuf) -> PathBuf {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .unwrap_or_else(|| absolute("HOME").unwrap_or(home).join(".local/state"))
}
