//! Secrets: named in the configuration, never a plain value in it.
//!
//! Nothing here may put a secret, or a value given in place of one, into a message.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use config::ValueKind;
use secrecy::{ExposeSecret, SecretString};

use super::layers::Environment;
use super::reader::Reader;

const FORM: &str = "name it as { env = \"NAME\" } or { file = \"path\" }";

/// More than any secret or chain of certificates has, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// A secret, and the file that it can be read from again; none for one of the environment, which cannot
/// change.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) value: SecretString,
    pub(super) file: Option<PathBuf>,
}

impl Reader {
    /// The secret named at `key`; nothing, and no fault, where the key is not set.
    pub(super) fn secret(&mut self, key: &'static str, env: &Environment) -> Option<SecretString> {
        self.named_secret(key, env).map(|named| named.value)
    }

    /// As [`Reader::secret`], with where it is read from again.
    pub(super) fn named_secret(&mut self, key: &'static str, env: &Environment) -> Option<Named> {
        let named = self.named_secret_or_empty(key, env)?;
        if named.value.expose_secret().is_empty() {
            self.fault(key, "the secret that it names is empty");
            return None;
        }
        Some(named)
    }

    /// As [`Reader::named_secret`], and the secret may be empty.
    pub(super) fn named_secret_or_empty(
        &mut self,
        key: &'static str,
        env: &Environment,
    ) -> Option<Named> {
        if !self.is_set(key) {
            self.take(key);
            return None;
        }
        let ValueKind::Table(table) = self.take(key)?.kind else {
            self.fault(key, format!("a secret is never a plain value; {FORM}"));
            return None;
        };
        let mut reference = Reader::at(self.path_of(key), table, self.faults().clone());
        let secret = named(&mut reference, env);
        reference.finish();
        secret
    }

    /// As [`Reader::named_secret`], and a fault where the key is not set.
    pub(super) fn needed_secret(&mut self, key: &'static str, env: &Environment) -> Option<Named> {
        if !self.is_set(key) {
            self.take(key);
            self.fault(key, format!("is needed; {FORM}"));
            return None;
        }
        self.named_secret(key, env)
    }
}

/// A secret read from one of the two places a reference can name; faults carry the reference's key.
fn named(reference: &mut Reader, env: &Environment) -> Option<Named> {
    let variable = reference.string("env");
    let file = reference.string("file").map(PathBuf::from);
    let secret = match (variable, &file) {
        (Some(name), None) => from_variable(&name, env),
        (None, Some(path)) => read_secret_file(path),
        (Some(_), Some(_)) | (None, None) => Err(FORM.to_owned()),
    };
    match secret {
        Ok(value) => Some(Named { value, file }),
        Err(message) => {
            reference.fault_here(message);
            None
        }
    }
}

fn from_variable(name: &str, env: &Environment) -> Result<SecretString, String> {
    match env.get(name) {
        Some(value) => Ok(SecretString::from(value)),
        None if env.has_unreadable(name) => {
            Err(format!("the value of environment variable {name} must be UTF-8"))
        }
        None => Err(format!("environment variable {name} is not set")),
    }
}

/// The secret in a file, without the newline at its end. It blocks.
///
/// # Errors
/// A sentence that names the file and shows nothing of its content.
pub fn read_secret_file(path: &Path) -> Result<SecretString, String> {
    let bytes = read_bounded(path)?;
    let text = String::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_not_text| format!("cannot read {}: it is not text", path.display()))?;
    let trimmed = text.expose_secret().trim_end_matches(['\r', '\n']);
    Ok(SecretString::from(trimmed))
}

/// A file's content, unless it is too long to be what it should.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("cannot read {shown}: it has more than {LARGEST_FILE} bytes"));
    }
    Ok(bytes)
}
