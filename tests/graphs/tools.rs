//! Programs of the machine's, and the files that are deployed.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Once,
};

/// The program of this name; `None` where this machine has none, which is told once and fails in CI.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration but the environment")]
pub(super) fn tool(name: &str) -> Option<PathBuf> {
    static TOLD: Once = Once::new();
    let path = std::env::var("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|at| at.is_file());
    if found.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "{name} is not on the PATH: install Debian's package `prometheus`");
        TOLD.call_once(|| {
            // Past the test's own capture, so that it is seen when all is well.
            let line = "the tests of alert rules and graphs are not run: no prometheus on the PATH";
            let _unheard = writeln!(std::io::stderr(), "e2e: {line}");
        });
    }
    found
}

/// A file or folder that is deployed.
pub(super) fn deployed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path)
}

/// The files of a folder with this ending, by name; none where there is no such folder.
pub(super) fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(deployed(folder)) else { return Vec::new() };
    let mut found: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}
