//! The feed of events: sealing it, reading it, and hearing that it grew.

use tokio::sync::{Notify, watch};

use super::{
    App,
    error::{AppError, AppResult},
};
use crate::store::{FeedEvent, FeedFilter, Sealed, StoreResult, TenantScope};

/// What is known of the feed at this replica, so that nobody who waits for it need ask the database.
#[derive(Debug)]
pub struct FeedNews {
    written: Notify,
    head: watch::Sender<i64>,
}

impl Default for FeedNews {
    fn default() -> Self {
        Self { written: Notify::new(), head: watch::Sender::new(0) }
    }
}

impl FeedNews {
    /// Events were committed that have no number yet.
    pub fn wrote(&self) {
        self.written.notify_one();
    }

    /// Comes back once events were committed since it last did.
    pub async fn written(&self) {
        self.written.notified().await;
    }

    /// The feed goes up to this number, at least.
    pub fn grew(&self, head: i64) {
        self.head.send_if_modified(|known| {
            let grows = head > *known;
            *known = head.max(*known);
            grows
        });
    }

    /// The last number that is known, and whoever waits for a higher one.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }
}

/// One page of the feed.
#[derive(Debug, Clone)]
pub struct FeedPage {
    /// What is on it.
    pub items: Vec<FeedEvent>,
    /// After which number the next one begins; `None` at the end.
    pub next: Option<i64>,
    /// How many events the list has, where that was asked.
    pub total_count: Option<i64>,
}

/// Which page of the feed is asked for.
#[derive(Debug, Clone, Copy)]
pub struct FeedRequest {
    /// After which number the list begins.
    pub after: i64,
    /// After which number the page begins, where it is not the first.
    pub page_after: Option<i64>,
    /// How many events at most.
    pub limit: i64,
    /// Count all events of the list too.
    pub include_total: bool,
}

impl App {
    /// What is known of the feed at this replica.
    #[must_use]
    pub fn feed_news(&self) -> &FeedNews {
        &self.feed_news
    }

    /// Gives committed events their numbers, and tells who waits for them here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seal_events(&self) -> StoreResult<Sealed> {
        let sealed = self.store.seal_events().await?;
        self.feed_news.grew(sealed.head);
        Ok(sealed)
    }

    /// Checks that the feed goes up to a position, so that a reader can continue after it.
    ///
    /// # Errors
    /// `UnknownPosition` where the feed ends before it: the reader was given it by another feed, or by this one
    /// before its database was restored to an earlier state.
    pub async fn check_position(&self, position: i64) -> AppResult<()> {
        if position == 0 {
            return Ok(());
        }
        let head = self.store.feed_head().await?.sequence;
        if position > head {
            return Err(AppError::UnknownPosition { position, head });
        }
        Ok(())
    }

    /// One page of the caller's events.
    ///
    /// # Errors
    /// `UnknownPosition` where the feed ends before the position; when the database fails.
    pub async fn events(
        &self,
        scope: &TenantScope,
        filter: &FeedFilter,
        request: &FeedRequest,
    ) -> AppResult<FeedPage> {
        let total_count = if request.include_total {
            Some(self.store.count_feed(scope, filter, request.after).await?)
        } else {
            None
        };
        let after = request.page_after.map_or(request.after, |page| page.max(request.after));
        let one_more = request.limit.saturating_add(1);
        let mut items = self.store.feed_after(scope, filter, after, one_more).await?;
        if items.is_empty() {
            // A position that was handed out is never after the head: what follows it proves it known.
            self.check_position(after).await?;
        }
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let is_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| is_more).map(|event| event.sequence);
        Ok(FeedPage { items, next, total_count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_hears_of_growth_alone() {
        let news = FeedNews::default();
        let mut head = news.head();
        news.grew(3);
        assert!(head.has_changed().unwrap());
        assert_eq!(*head.borrow_and_update(), 3);
        for older in [3, 2, 0] {
            news.grew(older);
            assert!(!head.has_changed().unwrap(), "{older} is no growth");
        }
        assert_eq!(*news.head().borrow(), 3);
    }
}
