//! Secrets: named in the configuration, read once, never a plain value in it.
//!
//! Nothing here may put a secret, or a value given in place of one, into a message.

use config::ValueKind;
use secrecy::{ExposeSecret, SecretString};

use super::layers::Environment;
use super::reader::Reader;

const FORM: &str = "name it as { env = \"NAME\" } or { file = \"path\" }";

impl Reader {
    /// The secret named at `key`; nothing, and no fault, where the key is not set.
    pub(super) fn secret(&mut self, key: &'static str, env: &Environment) -> Option<SecretString> {
        if !self.is_set(key) {
            self.take(key);
            return None;
        }
        let ValueKind::Table(table) = self.take(key)?.kind else {
            self.fault(key, format!("a secret is never a plain value; {FORM}"));
            return None;
        };
        let mut reference = Reader::at(self.path_of(key), table, self.faults().clone());
        let secret = named_secret(&mut reference, env);
        reference.finish();
        secret
    }

    /// As [`Reader::secret`], and a fault where the key is not set.
    pub(super) fn needed_secret(
        &mut self,
        key: &'static str,
        env: &Environment,
    ) -> Option<SecretString> {
        if !self.is_set(key) {
            self.take(key);
            self.fault(key, format!("is needed; {FORM}"));
            return None;
        }
        self.secret(key, env)
    }
}

/// A secret read from one of the two places a reference can name; faults carry the reference's key.
fn named_secret(reference: &mut Reader, env: &Environment) -> Option<SecretString> {
    let variable = reference.string("env");
    let file = reference.string("file");
    let secret = match (variable, file) {
        (Some(name), None) => from_variable(&name, env),
        (None, Some(path)) => from_file(&path),
        (Some(_), Some(_)) | (None, None) => Err(FORM.to_owned()),
    };
    match secret {
        Ok(secret) if secret.expose_secret().is_empty() => {
            reference.fault_here("the secret that it names is empty");
            None
        }
        Ok(secret) => Some(secret),
        Err(message) => {
            reference.fault_here(message);
            None
        }
    }
}

fn from_variable(name: &str, env: &Environment) -> Result<SecretString, String> {
    match env.get(name) {
        Some(value) => Ok(SecretString::from(value)),
        None => Err(format!("environment variable {name} is not set")),
    }
}

fn from_file(path: &str) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(path)
        .map(SecretString::from)
        .map_err(|error| format!("cannot read {path}: {error}"))?;
    let trimmed = text.expose_secret().trim_end_matches(['\r', '\n']);
    Ok(SecretString::from(trimmed))
}
