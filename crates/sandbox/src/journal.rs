//! The state on disk: an append-only file, one JSON entry a line, written anew at each start. An
//! entry is in the file before the answer that tells of it is sent, so it outlives a killed
//! process. It does not wait for the disk itself: a power cut may lose the last entries.

use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// An open journal. A second one on the same path is refused while it lives.
pub(crate) struct Journal {
    file: File,
    length: u64,
    _lock: File,
}

impl Journal {
    /// Takes the path for this process and reads what an earlier one left, oldest entry first.
    ///
    /// # Errors
    ///
    /// When another process holds the path, or when the file cannot be read.
    pub(crate) fn open<E: DeserializeOwned>(path: &Path) -> io::Result<(Opened, Vec<E>)> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let lock = take_lock(path)?;
        let entries = match fs::read(path) {
            Ok(content) => parse(&content, path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let opened = Opened { path: path.to_owned(), lock };
        Ok((opened, entries))
    }

    /// Appends entries in one write; either all of them are kept or none.
    pub(crate) fn append<E: Serialize>(&mut self, entries: &[E]) -> io::Result<()> {
        let lines = to_lines(entries)?;
        if let Err(error) = self.file.write_all(&lines) {
            // What was half written must not stand before the next entry.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += lines.len() as u64;
        Ok(())
    }
}

/// A path that is ours, its entries read, not yet written to.
pub(crate) struct Opened {
    path: PathBuf,
    lock: File,
}

impl Opened {
    /// Replaces the file by one that holds just these entries, and goes on from there.
    pub(crate) fn rewrite<E: Serialize>(self, entries: &[E]) -> io::Result<Journal> {
        let fresh = with_suffix(&self.path, ".new");
        let lines = to_lines(entries)?;
        let mut file = private_file().truncate(true).open(&fresh)?;
        file.write_all(&lines)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        Ok(Journal {
            file: private_file().append(true).open(&self.path)?,
            length: lines.len() as u64,
            _lock: self.lock,
        })
    }
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600);
    options
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn take_lock(path: &Path) -> io::Result<File> {
    let file = private_file().open(with_suffix(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!("{} is in use by another sandbox", path.display()),
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn to_lines<E: Serialize>(entries: &[E]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn parse<E: DeserializeOwned>(content: &[u8], path: &Path) -> io::Result<Vec<E>> {
    // A last line without its end was cut off while it was written, so it was never answered.
    let whole = content.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    content[..whole]
        .split(|&byte| byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|error| {
                let place = format!("{}, line {}: {error}", path.display(), index + 1);
                io::Error::new(io::ErrorKind::InvalidData, place)
            })
        })
        .collect()
}
