//! The feed as a stream of server-sent events.
//!
//! The socket sets the pace: a page is read from the database once the one before it is gone, so a reader that
//! is slow costs one page. Whatever ends a stream, its reader goes on after the last `id` it was given.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{HeaderMap, HeaderName, header},
    response::{Response, sse::Event},
};
use futures::Stream;

use super::event_out::EventOut;
use crate::{
    app::App,
    http::{
        problem::Problem,
        state::ApiState,
        streams::{self, Lifetime},
    },
    store::{FeedEvent, FeedFilter, TenantScope},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const STREAM: &str = "text/event-stream";
/// Events that are read from the database at once.
const PAGE: i64 = 100;
/// How long a reader is asked to wait before it comes again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// Which events a stream shows.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) scope: TenantScope,
    pub(crate) filter: FeedFilter,
    /// After which event it begins; `None` for what comes from now on.
    pub(crate) after: Option<i64>,
}

/// Whether the caller would have a stream rather than a page.
pub(crate) fn wants_stream(headers: &HeaderMap) -> bool {
    let (mut stream, mut page) = (0.0, 0.0);
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in accepted.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        let quality = quality.unwrap_or(1.0);
        if media_type.eq_ignore_ascii_case(STREAM) {
            stream = quality;
        } else if media_type.eq_ignore_ascii_case("application/json") {
            page = quality;
        }
    }
    stream > 0.0 && stream >= page
}

/// After which event a reader that comes again goes on.
///
/// # Errors
/// 400 where `Last-Event-ID` is no number of an event.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    // As a stream writes it: no sign, no leading zero.
    let read = |text: &str| text.parse().ok().filter(|number: &i64| number.to_string() == text);
    match value.to_str().ok().and_then(read) {
        Some(number @ 0..) => Ok(Some(number)),
        Some(_) | None => Err(Problem::bad_request("Last-Event-ID must be the number of an event")),
    }
}

/// Responds with a stream.
///
/// # Errors
/// 409 `unknown_position` where the feed ends before the position that the reader continues after; 503 when the
/// database fails.
pub(crate) async fn answer(
    state: &ApiState,
    reader: Reader,
    lifetime: Lifetime,
) -> Result<Response, Problem> {
    let after = match reader.after {
        Some(after) => {
            state.app.check_position(after).await?;
            after
        }
        None => state.app.store().feed_head().await?.sequence,
    };
    Ok(streams::answer(follow(Arc::clone(&state.app), reader, after, lifetime)))
}

fn follow(
    app: Arc<App>,
    reader: Reader,
    mut after: i64,
    mut lifetime: Lifetime,
) -> impl Stream<Item = Result<Event, Infallible>> {
    async_stream::stream! {
        let mut head = app.feed_news().head();
        // The answer's head leaves with its first byte: a reader learns at once that it is heard.
        yield Ok(Event::default().comment("the events follow").retry(COME_AGAIN));
        loop {
            head.mark_unchanged();
            let page = app.store().feed_after(&reader.scope, &reader.filter, after, PAGE).await;
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "a stream of events was ended: the database failed");
                    return;
                }
            };
            let is_all = i64::try_from(page.len()).unwrap_or(PAGE) < PAGE;
            for event in page {
                if lifetime.is_over() {
                    return;
                }
                after = event.sequence;
                match shown(event) {
                    Ok(event) => yield Ok(event),
                    Err(error) => {
                        tracing::error!(%error, sequence = after, "an event cannot be shown");
                        return;
                    }
                }
            }
            if !is_all {
                continue;
            }
            tokio::select! {
                biased;
                () = lifetime.over() => return,
                grown = head.changed() => if grown.is_err() { return },
            }
        }
    }
}

fn shown(event: FeedEvent) -> Result<Event, axum::Error> {
    let (id, kind) = (event.sequence.to_string(), event.event_type.clone());
    Event::default().id(id).event(kind).json_data(EventOut::new(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let pairs = values.iter().map(|value| (name.clone(), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        pairs.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn a_stream_is_for_who_asks_for_one() {
        let wants = |values: &[&str]| wants_stream(&headers(header::ACCEPT, values));
        assert!(wants(&["text/event-stream"]) && wants(&["Text/Event-Stream; q=0.9, */*;q=0.1"]));
        assert!(wants(&["application/json;q=0.5", "text/event-stream;q=0.6"]));
        assert!(!wants(&[]) && !wants(&["*/*"]) && !wants(&["text/*"]));
        assert!(!wants(&["text/event-stream;q=0"]) && !wants(&["application/json"]));
        assert!(!wants(&["application/json, text/event-stream;q=0.5"]));
    }

    #[test]
    fn the_last_event_id_is_a_number() {
        let read = |value: &str| last_event_id(&headers(LAST_EVENT_ID, &[value]));
        assert_eq!(last_event_id(&HeaderMap::new()).unwrap(), None);
        assert_eq!(read("17").unwrap(), Some(17));
        assert_eq!(read("0").unwrap(), Some(0));
        for wrong in ["", "-1", "+1", "01", "x", "1.5", "99999999999999999999"] {
            assert_eq!(read(wrong).unwrap_err().code, "bad_request", "{wrong}");
        }
    }
}
