//! Why a receiver did not answer: for the owner of its URL, and for the operator.

use std::io;

/// Why a receiver did not answer, as far as the owner of the URL may know.
///
/// What happens on the way to an address that is not public is always [`HookFailureKind::Unreachable`]: otherwise the
/// owner could find out which names and ports exist in a private network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookFailureKind {
    /// There is no connection: the name is unknown, an address is not allowed, or nothing accepts a connection there.
    #[error(
        "the receiver cannot be reached: its name must be public, and it must accept connections"
    )]
    Unreachable,
    /// A public receiver did not answer in time.
    #[error("the receiver did not answer in time")]
    Timeout,
    /// The TLS handshake with a public receiver failed.
    #[error("the TLS handshake with the receiver failed: {0}")]
    Tls(String),
    /// The connection to a public receiver ended before an answer.
    #[error("the connection ended before an answer")]
    Interrupted,
}

/// A receiver could not be asked, or did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} ({reason})")]
pub struct HookFailure {
    /// The part that the owner of the URL may know.
    pub kind: HookFailureKind,
    /// The exact reason in one line, without the URL. For the operator alone.
    pub reason: String,
}

impl HookFailure {
    pub(super) fn unreachable(reason: String) -> Self {
        Self { kind: HookFailureKind::Unreachable, reason }
    }

    pub(super) fn of(error: &reqwest::Error, is_public: bool) -> Self {
        let kind = if !is_public {
            HookFailureKind::Unreachable
        } else if let Some(fault) = tls_fault(error) {
            HookFailureKind::Tls(fault)
        } else if error.is_timeout() {
            HookFailureKind::Timeout
        } else if error.is_connect() {
            HookFailureKind::Unreachable
        } else {
            HookFailureKind::Interrupted
        };
        Self { kind, reason: told(error) }
    }
}

/// Returns the TLS library's text for a failed handshake. The library wraps its errors into I/O errors.
fn tls_fault(error: &reqwest::Error) -> Option<String> {
    if !error.is_connect() {
        return None;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<io::Error>()
            && matches!(fault.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        {
            return Some(one_line(&fault.to_string()));
        }
        cause = error.source();
    }
    None
}

/// An error and its causes in one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    one_line(&line)
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
