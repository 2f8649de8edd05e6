//! Tells an open page that something has changed, so that it loads itself again. It says no more than that:
//! what changed is shown by the page, to whoever may see it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{Response, sse::Event},
};
use futures::Stream;

use super::session::Session;
use crate::{
    app::App,
    http::{
        problem::Problem,
        state::ApiState,
        streams::{self, Lifetime},
    },
    store::{FeedFilter, TenantScope},
};

/// How long a page is asked to wait before it comes again.
const COME_AGAIN: Duration = Duration::from_secs(2);
/// How often a page is told at most, however much happens.
const PACE: Duration = Duration::from_secs(1);

/// A stream that tells when something of the caller's has changed. It ends with the token, and with the
/// process; a page has one of the places that the readers of events have.
pub(super) async fn follow(
    State(state): State<ApiState>,
    session: Session,
) -> Result<Response, Problem> {
    let lifetime = Lifetime::begin(&state, &session.caller)?;
    let reader =
        Reader { scope: session.scope(), after: state.app.store().feed_head().await?.sequence };
    Ok(streams::answer(news(Arc::clone(&state.app), reader, lifetime)))
}

/// Whose page it is.
struct Reader {
    scope: TenantScope,
    /// The last number of the feed that the page may have seen.
    after: i64,
}

fn news(
    app: Arc<App>,
    mut reader: Reader,
    mut lifetime: Lifetime,
) -> impl Stream<Item = Result<Event, Infallible>> {
    async_stream::stream! {
        let mut head = app.feed_news().head();
        yield Ok(told("ready").retry(COME_AGAIN));
        loop {
            let known = *head.borrow_and_update();
            match changed(&app, &mut reader, known).await {
                Ok(true) => yield Ok(told("changed")),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "a page is kept up to date no more: the database failed");
                    return;
                }
            }
            tokio::select! {
                biased;
                () = lifetime.over() => return,
                grown = next(&mut head) => if grown.is_err() { return },
            }
        }
    }
}

/// Waits until the feed has grown, and no less than the pace.
async fn next(
    head: &mut tokio::sync::watch::Receiver<i64>,
) -> Result<(), tokio::sync::watch::error::RecvError> {
    tokio::time::sleep(PACE).await;
    head.changed().await
}

/// Whether an event of the reader's came since it last heard.
async fn changed(app: &App, reader: &mut Reader, known: i64) -> crate::store::StoreResult<bool> {
    let all = FeedFilter::default();
    let found = app.store().feed_after(&reader.scope, &all, reader.after, 1).await?;
    let newest = found.first().map_or(known, |event| known.max(event.sequence));
    reader.after = reader.after.max(newest);
    Ok(!found.is_empty())
}

/// An event without content would not be dispatched.
fn told(name: &str) -> Event {
    Event::default().event(name).data("now")
}
