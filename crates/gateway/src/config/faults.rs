//! What is wrong with a configuration: collected, never thrown one by one.
//!
//! A fault names the key and says what to do. It must never hold the value of a secret.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// One fault of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key's full path, such as `providers[0].secret_key`, or the name of a file or variable.
    pub key: String,
    /// What is wrong, in words for an operator.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// All the faults of a configuration that was refused. Shown one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

impl ConfigError {
    /// The faults, in the order of the sections.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The error of these faults, if there are any.
    pub(super) fn unless_none(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self { faults }) }
    }

    pub(super) fn one(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { faults: vec![Fault { key: key.into(), message: message.into() }] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The faults found so far, shared by all the readers of one configuration.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Rc<RefCell<Vec<Fault>>>);

impl Faults {
    pub(super) fn add(&self, key: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(Fault { key: key.into(), message: message.into() });
    }

    /// `value` if nothing was found, else all that was.
    pub(super) fn unless_any<T>(&self, value: Option<T>) -> Result<T, ConfigError> {
        let faults = self.0.take();
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            Some(_) | None => Err(ConfigError { faults }),
        }
    }
}
