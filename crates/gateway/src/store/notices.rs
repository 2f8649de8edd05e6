//! Notices from replica to replica, by PostgreSQL's LISTEN and NOTIFY.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{Acquire, PgPool, postgres::PgListener};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    connect::{CHECK_AFTER_IDLE, Store, pool_options, refuse_silent},
    error::{StoreError, StoreResult, store_error},
    lane::{Doubt, bounded},
};

/// How long the connection of a listener may take to close. The network may swallow its last words.
const CLOSING: Duration = Duration::from_secs(3);

/// A message that a replica sends to all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// This operation moved.
    OperationMoved(Uuid),
    /// Events were committed that have no number in the feed yet.
    EventsWritten,
    /// The feed goes up to this number.
    FeedGrew(i64),
}

impl Notice {
    /// The channels that carry notices.
    const CHANNELS: [&str; 3] = ["operations", "events", "event_feed"];

    fn of(channel: &str, payload: &str) -> Option<Self> {
        match channel {
            "operations" => payload.parse().ok().map(Self::OperationMoved),
            "events" => Some(Self::EventsWritten),
            "event_feed" => payload.parse().ok().map(Self::FeedGrew),
            _ => None,
        }
    }
}

/// Listens for notices on a connection of its own.
#[derive(Debug)]
pub struct NoticeListener(PgListener);

impl NoticeListener {
    /// Waits for the next notice.
    ///
    /// # Errors
    /// When the connection was lost, went silent, or leads to a server that is no primary any more. Listen again, and
    /// assume that notices were lost with it.
    pub async fn next(&mut self) -> StoreResult<Notice> {
        loop {
            let Ok(received) = timeout(CHECK_AFTER_IDLE, self.0.try_recv()).await else {
                self.check().await.map_err(store_error)?;
                continue;
            };
            let Some(notice) = received.map_err(store_error)? else {
                let lost = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
                return Err(StoreError::Unavailable(sqlx::Error::Io(lost)));
            };
            // Every role that may connect may also write to the channels.
            if let Some(notice) = Notice::of(notice.channel(), notice.payload()) {
                return Ok(notice);
            }
        }
    }

    /// Tells a quiet connection from a lost one.
    async fn check(&mut self) -> Result<(), sqlx::Error> {
        refuse_silent(self.0.acquire().await?).await
    }
}

/// The connections of all listeners, one pool for each. Clones share them.
///
/// sqlx 0.9.0 returns the connection of a dropped listener on a task that nobody awaits, and tests it on the way. Only
/// the close of its pool waits for that task, and has it close the connection without a test.
#[derive(Debug, Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<Vec<PgPool>>>);

impl Listeners {
    /// Adds the pool of a new listener, and forgets pools that have no connection any more.
    fn add(&self, pool: PgPool) {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.size() > 0);
        pools.push(pool);
    }

    /// Ends all listeners, and waits a bounded time until their connections are closed.
    pub(super) async fn close(&self) {
        let pools = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let closing = futures::future::join_all(pools.iter().map(PgPool::close));
        // A connection to a silent server stays until TCP gives up.
        let _silent = timeout(CLOSING, closing).await;
    }
}

impl Store {
    /// Listens for notices of all replicas.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn listen(&self) -> StoreResult<NoticeListener> {
        // Not from the main pools: a dropped listener gives its place back only when the server has answered it.
        let own = pool_options(1, Doubt::default())
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with((*self.pool.pool().connect_options()).clone());
        self.listeners.add(own.clone());
        bounded(async {
            let mut listener = PgListener::connect_with(&own).await.map_err(store_error)?;
            listener.eager_reconnect(false);
            listener.listen_all(Notice::CHANNELS).await.map_err(store_error)?;
            Ok(NoticeListener(listener))
        })
        .await
    }
}
