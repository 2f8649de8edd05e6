//! How the database fails us.

/// The result of work at the database.
pub type StoreResult<T> = Result<T, StoreError>;

/// What went wrong at the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or has no connection to spare.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// It refused a row; the constraint's name says why.
    #[error("the database refused the row by {constraint}")]
    Constraint {
        /// The constraint's name in `migrations/`.
        constraint: String,
        /// What it said.
        #[source]
        source: sqlx::Error,
    },
    /// It holds something that the gateway never writes.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
    /// It is not at the version this gateway was built for.
    #[error("{0}")]
    Migration(String),
    /// It breaks a rule that the gateway depends on, such as its encoding; the message names the repair.
    #[error("{0}")]
    Unsuitable(String),
    /// Everything else.
    #[error("the database failed")]
    Other(#[source] sqlx::Error),
}

impl StoreError {
    /// The server lacks what was committed.
    pub(super) fn behind() -> Self {
        Self::Unavailable(sqlx::Error::Protocol("the server lacks what was committed".into()))
    }

    /// A commit was not answered for so long that nobody can be kept waiting for it.
    #[must_use]
    pub fn in_doubt() -> Self {
        let late = "whether it was committed is not known yet";
        Self::Unavailable(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, late)))
    }

    /// The name of the constraint that refused the row.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint { constraint, .. } => Some(constraint),
            Self::Unavailable(_)
            | Self::Corrupt(_)
            | Self::Migration(_)
            | Self::Unsuitable(_)
            | Self::Other(_) => None,
        }
    }
}

/// SQLSTATE classes and codes that mean "not now": connection trouble, shutdown, read-only, time-outs.
fn is_passing(code: &str) -> bool {
    code.starts_with("08")
        || code.starts_with("53")
        || matches!(
            code,
            "57P01" | "57P02" | "57P03" | "57014" | "25006" | "55P03" | "40001" | "40P01"
        )
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlx::Error is non-exhaustive, and what is not known to pass is a failure"
)]
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(ref database) => {
            if let Some(constraint) = database.constraint() {
                return StoreError::Constraint { constraint: constraint.to_owned(), source: error };
            }
            if database.code().is_some_and(|code| is_passing(&code)) {
                return StoreError::Unavailable(error);
            }
            StoreError::Other(error)
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => StoreError::Unavailable(error),
        other => StoreError::Other(other),
    }
}
