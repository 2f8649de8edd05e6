//! A pool whose connections come back only when their work was finished.
//!
//! sqlx 0.9.0 (seen 2026-11): a `begin` whose future was dropped can leave its transaction open in the
//! pool, and the next borrower's writes are acknowledged and lost with it. And a server that vanished
//! without a word is waited for until TCP gives up. So every piece of work here is bounded in time, and a
//! connection whose work was not seen to its end is closed instead of given back.

use std::{future::Future, time::Duration};

use futures::{TryStreamExt, future::BoxFuture, stream::BoxStream};
use sqlx::{
    Describe, Either, Error, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr,
    pool::PoolConnection,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use super::error::{StoreError, StoreResult, store_error};

/// How long one piece of work may take. The design asks for recovery within 3 s of a server that
/// vanishes; no query of the gateway needs a tenth of this.
const LONGEST_WORK: Duration = Duration::from_millis(2500);

/// A pool whose connections come back only when their work was finished.
#[derive(Debug, Clone)]
pub(super) struct Lane(PgPool);

/// A transaction. Dropped before it was committed or rolled back, it takes its connection with it.
#[derive(Debug)]
pub(super) struct Tx(Borrowed);

/// A connection that is closed when it is dropped before [`Borrowed::give_back`].
#[derive(Debug)]
struct Borrowed(Option<PoolConnection<Postgres>>);

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

impl Lane {
    pub(super) fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// The pool itself, for what is no work on rows: its numbers, its end, migrations, notices.
    pub(super) fn pool(&self) -> &PgPool {
        &self.0
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
        Ok(Borrowed(Some(self.0.acquire().await?)))
    }
}

impl Borrowed {
    fn get(&mut self) -> Result<&mut PgConnection, Error> {
        self.0.as_deref_mut().ok_or(Error::PoolClosed)
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }

    /// Gives the connection back unless what went wrong was the connection itself.
    fn end<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        if matches!(&result, Ok(_) | Err(Error::Database(_) | Error::RowNotFound)) {
            self.give_back();
        }
        result
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
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
