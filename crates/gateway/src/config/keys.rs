//! The keys to a partner account: the present one, and the next one while both are about.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::layers::Environment;
use super::reader::Reader;
use super::secret::Named;

const NOT_A_HEADER: &str = "the secret that it names has characters that a header cannot carry";

/// The keys to a partner account.
#[derive(Debug, Clone)]
pub struct ProviderKeys {
    /// The key that is in use.
    pub present: SecretString,
    /// The key that will follow it. It is tried where the present one is refused.
    pub next: Option<SecretString>,
    present_file: Option<PathBuf>,
    next_file: Option<PathBuf>,
}

impl ProviderKeys {
    /// One key that is not read again.
    #[must_use]
    pub fn fixed(present: SecretString) -> Self {
        Self { present, next: None, present_file: None, next_file: None }
    }

    /// The files that they are read from again, in order; those of the environment have none.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.present_file.iter().chain(&self.next_file).cloned().collect()
    }

    /// What those files held, in order.
    #[must_use]
    pub fn contents(&self) -> Vec<SecretString> {
        let next = self.next.clone().unwrap_or_default();
        let present = self.present_file.as_ref().map(|_| self.present.clone());
        present.into_iter().chain(self.next_file.as_ref().map(|_| next)).collect()
    }

    /// The keys now that those files hold this.
    ///
    /// # Errors
    /// A sentence without any of the content.
    pub fn with_contents(&self, contents: Vec<SecretString>) -> Result<Self, String> {
        let mut contents = contents.into_iter();
        let mut keys = self.clone();
        if self.present_file.is_some() {
            keys.present = contents.next().unwrap_or_default();
        }
        if self.next_file.is_some() {
            keys.next = contents.next().and_then(filled);
        }
        keys.check()?;
        Ok(keys)
    }

    /// The next key in the present one's place.
    #[must_use]
    pub fn next_alone(&self) -> Option<Self> {
        self.next.clone().map(Self::fixed)
    }

    /// The present key without the next one.
    #[must_use]
    pub fn present_alone(&self) -> Self {
        Self::fixed(self.present.clone())
    }

    fn check(&self) -> Result<(), String> {
        if self.present.expose_secret().is_empty() {
            return Err("the secret that it names is empty".to_owned());
        }
        let fits = |key: &SecretString| key.expose_secret().bytes().all(|b| b.is_ascii_graphic());
        if fits(&self.present) && self.next.as_ref().is_none_or(fits) {
            return Ok(());
        }
        Err(NOT_A_HEADER.to_owned())
    }
}

fn filled(secret: SecretString) -> Option<SecretString> {
    (!secret.expose_secret().is_empty()).then_some(secret)
}

pub(super) fn parse(
    reader: &mut Reader,
    [present_key, next_key]: [&'static str; 2],
    env: &Environment,
) -> Option<ProviderKeys> {
    let present = header_secret(reader, present_key, env, Reader::needed_secret);
    // There is a next one only while keys are changed, so its file or variable may be empty.
    let next = header_secret(reader, next_key, env, Reader::named_secret_or_empty);
    let present = present?;
    let (next, next_file) = match next {
        Some(next) => (filled(next.value), next.file),
        None => (None, None),
    };
    Some(ProviderKeys { present: present.value, next, present_file: present.file, next_file })
}

/// A secret that is sent as a header's value.
fn header_secret(
    reader: &mut Reader,
    key: &'static str,
    env: &Environment,
    read: fn(&mut Reader, &'static str, &Environment) -> Option<Named>,
) -> Option<Named> {
    let named = read(reader, key, env)?;
    if named.value.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(named);
    }
    reader.fault(key, NOT_A_HEADER);
    None
}
