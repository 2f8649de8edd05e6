//! Why a command ended without having done its work, and the exit code for it.

use crate::config::ConfigError;

/// Why a command ended early. Shown as it is, without secrets: one line, or one a fault of the
/// configuration.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments or the configuration do not allow what was asked.
    #[error("{0}")]
    Usage(String),
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The work was begun and failed.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    /// 1 for work that failed, 2 for bad usage or configuration.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Config(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}
