//! Why the gateway did not start.

use std::error::Error;

/// Why the gateway did not start: one line, without secrets.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is well-formed and cannot be used all the same.
    #[error("{0}")]
    Configuration(String),
    /// Something the gateway needs is not there.
    #[error("{0}")]
    Failed(String),
}

impl StartError {
    /// Something failed: an error with all its causes, in one line.
    pub(crate) fn failed(error: &(dyn Error + 'static)) -> Self {
        Self::Failed(with_causes(error))
    }
}

/// An error and its causes in one line, each once.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the outer")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the inner\nof two lines: {0}")]
    struct Inner(#[source] std::io::Error);

    #[test]
    fn causes_follow_in_one_line_each_once() {
        let error = Outer(Inner(std::io::Error::other("refused")));
        assert_eq!(with_causes(&error), "the outer: the inner of two lines: refused");
    }
}
