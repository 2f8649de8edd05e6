//! The gateway's own sessions at the server.

use std::time::Duration;

use super::{
    connect::{APPLICATION, Store},
    error::{StoreResult, store_error},
    lane::LONGEST_WORK,
    rows::interval,
};

/// Who has waited for so long in the midst of a transaction waits in vain: no piece of work here takes longer.
pub const STALLED_AFTER: Duration = LONGEST_WORK;

impl Store {
    /// Ends sessions of this gateway, or of others with the same user, that for `after` have waited in the midst of a
    /// transaction for whoever began it: it was given up, and keeps rows locked. Answers how many.
    ///
    /// # Behavior
    /// A statement leaves in several messages. A server that has all but the last waits for it, in no statement and
    /// not idle either, so that none of its own timeouts ends the session (seen with PostgreSQL 15, 2026-11).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_stalled_sessions(&self, after: Duration) -> StoreResult<u64> {
        let ended = sqlx::query_scalar!(
            r#"select count(*) filter (where pg_terminate_backend(pid)) as "ended!"
               from pg_stat_activity
               where application_name = $1 and datname = current_database() and usename = session_user
                 and pid <> pg_backend_pid() and state <> 'idle' and wait_event = 'ClientRead'
                 and state_change < clock_timestamp() - $2::interval"#,
            APPLICATION,
            interval(after)
        )
        // Callers may have all of the main pool, and wait for just those rows.
        .fetch_one(&self.outcomes)
        .await
        .map_err(store_error)?;
        Ok(u64::try_from(ended).unwrap_or(0))
    }
}
