//! A pool whose connections come back only when their work was finished.
//!
//! sqlx 0.9.0 (seen 2026-11): a `begin` whose future was dropped can leave its transaction open in the
//! pool, and the next borrower's writes are acknowledged and lost with it. And a server that vanished
//! without a word is waited for until TCP gives up. So every piece of work here is bounded in time (a stream
//! of rows: each of its rows), its connection's way back to the pool included, and a connection whose work was
//! not seen to its end is closed instead of given back.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{TryStreamExt, future::BoxFuture, stream::BoxStream};
use sqlx::{
    Describe, Either, Error, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr,
    error::DatabaseError,
    pool::PoolConnection,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tracing::{Instrument, info_span};

use super::error::{StoreError, StoreResult, store_error};

/// How long one piece of work may take. The design asks for recovery within 3 s of a server that
/// vanishes; no query of the gateway needs a tenth of this.
pub(super) const LONGEST_WORK: Duration = Duration::from_millis(2000);
/// Work that was given up after this long met a server that says nothing any more; and what comes back to the pool
/// must give a sign of life within it.
const SILENCE: Duration = Duration::from_millis(1000);

/// The SQLSTATE of a server that was turned into a standby, and still answers.
const READ_ONLY: &str = "25006";

/// A pool whose connections come back only when their work was finished.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pool: PgPool,
    doubt: Doubt,
}

/// Since when the connections of a database are in doubt: one of them went silent or turned out to lead to a
/// former primary, and whoever was last heard of before that may do so too. A silent one would have to be waited
/// for, and a former primary does not have what its successor has. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubt(Arc<Mutex<Option<Instant>>>);

impl Doubt {
    /// Whoever was last heard of before `then` is in doubt.
    fn raise(&self, then: Instant) {
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *raised = (*raised).max(Some(then));
    }

    /// Whether a connection that was idle for so long was last heard of before the doubt arose.
    pub(super) fn covers(&self, idle_for: Duration) -> bool {
        let raised = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        raised.is_some_and(|raised| raised.elapsed() < idle_for)
    }
}

/// A transaction. Dropped before it was committed or rolled back, it takes its connection with it.
#[derive(Debug)]
pub(super) struct Tx(Borrowed);

/// A connection that is closed when it is dropped before [`Borrowed::give_back`].
#[derive(Debug)]
struct Borrowed {
    connection: Option<PoolConnection<Postgres>>,
    doubt: Doubt,
    /// When it was last given something to do.
    busy_since: Instant,
}

/// Does work that is given up, connection and all, when it takes too long.
pub(super) async fn bounded<T>(work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    match tokio::time::timeout(LONGEST_WORK, work).await {
        Ok(done) => done,
        Err(_elapsed) => Err(StoreError::Unavailable(too_long())),
    }
}

fn too_long() -> Error {
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the database took too long"))
}

async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(LONGEST_WORK, work).await.unwrap_or_else(|_elapsed| Err(too_long()))
}

/// Does work in a span of its own, in the words of OpenTelemetry's conventions for databases.
pub(super) async fn traced<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    let span = info_span!(
        "db.transaction",
        otel.kind = "client",
        otel.name = name,
        db.system.name = "postgresql",
        db.operation.name = name,
    );
    work.instrument(span).await
}

impl Lane {
    pub(super) fn new(pool: PgPool, doubt: Doubt) -> Self {
        Self { pool, doubt }
    }

    /// The pool itself, for what is no work on rows: its numbers, its options, its end.
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Connections that were last heard of before now may lead to a former primary, or nowhere.
    pub(super) fn distrust(&self) {
        self.doubt.raise(Instant::now());
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self) -> StoreResult<Tx> {
        let begun = in_time(async {
            let mut connection = self.borrow().await?;
            connection.get()?.execute("begin").await?;
            Ok(Tx(connection))
        });
        begun.await.map_err(store_error)
    }

    async fn borrow(&self) -> Result<Borrowed, Error> {
        let connection = Some(self.pool.acquire().await?);
        Ok(Borrowed { connection, doubt: self.doubt.clone(), busy_since: Instant::now() })
    }
}

impl Borrowed {
    fn get(&mut self) -> Result<&mut PgConnection, Error> {
        self.busy_since = Instant::now();
        self.connection.as_deref_mut().ok_or(Error::PoolClosed)
    }

    /// On a task of its own: sqlx asks what comes back for a sign of life, and would wait for it without end, with
    /// the connection's place taken (seen with 0.9.0, 2026-11).
    #[expect(clippy::disallowed_methods, reason = "a drain that closes the pool waits for it")]
    fn give_back(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let (returned, doubt) = (connection.return_to_pool(), self.doubt.clone());
        tokio::spawn(async move {
            let asked = Instant::now();
            if tokio::time::timeout(SILENCE, returned).await.is_err() {
                doubt.raise(asked);
            }
        });
    }

    /// Gives the connection back unless what went wrong was the connection itself, or it leads to a server
    /// that does not write.
    fn end<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        let is_read_only = |error: &dyn DatabaseError| error.code().as_deref() == Some(READ_ONLY);
        let is_sound = match &result {
            Ok(_) | Err(Error::RowNotFound) => true,
            Err(Error::Database(error)) => !is_read_only(error.as_ref()),
            Err(_) => false,
        };
        if let Err(Error::Database(error)) = &result
            && is_read_only(error.as_ref())
        {
            // So may others that were made when it still was a primary.
            self.doubt.raise(Instant::now());
        }
        if is_sound {
            self.give_back();
        }
        result
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            if self.busy_since.elapsed() >= SILENCE {
                self.doubt.raise(Instant::now());
            }
            // Without a goodbye, which might not be heard.
            drop(connection.detach());
        }
    }
}

impl Tx {
    /// The connection within the transaction.
    pub(super) fn get(&mut self) -> StoreResult<&mut PgConnection> {
        self.0.get().map_err(store_error)
    }

    /// Commits. An error says nothing of whether it was done.
    pub(super) async fn commit(self) -> Result<(), Error> {
        self.close("commit").await
    }

    /// Undoes everything.
    pub(super) async fn rollback(self) -> StoreResult<()> {
        self.close("rollback").await.map_err(store_error)
    }

    async fn close(mut self, how: &'static str) -> Result<(), Error> {
        in_time(async { self.0.get()?.execute(how).await }).await?;
        self.0.give_back();
        Ok(())
    }
}

impl<'p> Executor<'p> for &'p Lane {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async_stream::try_stream! {
            let mut connection = self.borrow().await?;
            let mut ended = Ok(());
            {
                let mut answers = connection.get()?.fetch_many(query);
                loop {
                    match in_time(answers.try_next()).await {
                        Ok(Some(answer)) => yield answer,
                        Ok(None) => break,
                        Err(error) => {
                            ended = Err(error);
                            break;
                        }
                    }
                }
            }
            connection.end(ended)?;
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let mut connection = self.borrow().await?;
            let row = in_time(connection.get()?.fetch_optional(query)).await;
            connection.end(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move {
            let mut connection = self.borrow().await?;
            let statement = in_time(connection.get()?.prepare_with(sql, parameters)).await;
            connection.end(statement)
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move {
            let mut connection = self.borrow().await?;
            let described = in_time(connection.get()?.describe(sql)).await;
            connection.end(described)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_is_of_those_that_were_heard_of_before_it() {
        let doubt = Doubt::default();
        assert!(!doubt.covers(Duration::from_secs(3600)));
        doubt.clone().raise(Instant::now());
        assert!(doubt.covers(Duration::from_secs(3600)));
        assert!(!doubt.covers(Duration::ZERO), "it was heard of since");
        let long_ago = Instant::now().checked_sub(Duration::from_secs(7200)).unwrap();
        doubt.raise(long_ago);
        assert!(doubt.covers(Duration::from_secs(3600)), "a later doubt stands");
    }
}
