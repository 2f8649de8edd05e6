//! The gateway's own sessions at the server.

use std::time::Instant;

use tokio::sync::watch;

use super::{
    connect::{APPLICATION, Store},
    error::{StoreResult, store_error},
    lane::LONGEST_WORK,
    rows::interval,
};

impl Store {
    /// Ends sessions of this gateway, or of others with the same user, that stopped in the midst of a transaction and
    /// are waited for in vain: whoever had one has given it up, and it keeps rows locked. Answers how many.
    ///
    /// # Behavior
    /// A statement leaves in several messages. A server that has all but the last waits for it, in no statement and
    /// not idle either, so that none of its own timeouts ends the session (seen with PostgreSQL 15, 2026-11). No piece
    /// of work here takes longer than two seconds before it is given up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_stalled_sessions(&self) -> StoreResult<i64> {
        sqlx::query_scalar!(
            r#"select count(*) filter (where pg_terminate_backend(pid)) as "ended!"
               from pg_stat_activity
               where application_name = $1 and datname = current_database() and usename = session_user
                 and pid <> pg_backend_pid() and state <> 'idle' and wait_event = 'ClientRead'
                 and state_change < clock_timestamp() - $2::interval"#,
            APPLICATION,
            interval(LONGEST_WORK)
        )
        // Callers may have all of the main pool, and wait for just those rows.
        .fetch_one(&self.outcomes)
        .await
        .map_err(store_error)
    }

    /// Changes whenever a connection went silent, or was found to lead to a former primary.
    #[must_use]
    pub fn connection_doubts(&self) -> watch::Receiver<Option<Instant>> {
        self.pool.doubt().watch()
    }
}
