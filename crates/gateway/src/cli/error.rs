//! Why a command ended without having done its work, and the exit code for it.

use crate::{
    config::ConfigError,
    run::{StartError, with_causes},
    telemetry::TelemetryError,
};

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
    /// Work failed by this error; told with its causes in one line.
    pub(super) fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Failed(with_causes(error))
    }

    /// 1 for work that failed, 2 for bad usage or configuration.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Config(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Configuration(line) => Self::Usage(line),
            StartError::Failed(line) => Self::Failed(line),
        }
    }
}

impl From<TelemetryError> for CliError {
    fn from(error: TelemetryError) -> Self {
        match error {
            TelemetryError::Otlp(_) | TelemetryError::Filter(_) => Self::Usage(with_causes(&error)),
            TelemetryError::Metrics(_) => Self::failed(&error),
        }
    }
}
