//! How many event streams may be open, for each tenant and in all, and how each begins and ends. A stream holds
//! its connection for as long as its token is good, so it is not counted among the requests in flight.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    http::HeaderName,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use chrono::{DateTime, Utc};
use futures::Stream;
use metrics::gauge;
use tokio::time::{Instant, Sleep};

use super::{
    problem::Problem,
    state::{ApiState, Draining},
};
use crate::{auth::Caller, config::LimitsConfig, telemetry::metrics::EVENT_STREAMS};

/// How long a stream may be silent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// After how many seconds to try again: a stream that ends does so without notice.
const TRY_AGAIN: u64 = 5;

/// The streams that are open at this process.
#[derive(Debug)]
pub struct EventStreams {
    each: u32,
    in_all: u32,
    open: Mutex<HashMap<String, u32>>,
}

/// The place of one open stream; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Arc<EventStreams>,
    tenant: String,
}

impl EventStreams {
    /// None is open.
    #[must_use]
    pub fn new(config: &LimitsConfig) -> Arc<Self> {
        let open = Mutex::new(HashMap::new());
        Arc::new(Self { each: config.event_streams, in_all: config.event_streams_in_all, open })
    }

    /// Takes a place for one more stream of a tenant's.
    ///
    /// # Errors
    /// 429 `too_many_streams` where the tenant has as many as it may, 503 `overloaded` where all have.
    pub(crate) fn enter(self: &Arc<Self>, tenant: &str) -> Result<Place, Problem> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(tenant).copied().unwrap_or(0);
        let refused = if own >= self.each {
            let most = self.each;
            Some(Problem::too_many_streams(format!("the tenant may have {most} streams open here")))
        } else if open.values().sum::<u32>() >= self.in_all {
            Some(Problem::overloaded("the gateway has as many streams open as it can"))
        } else {
            None
        };
        if let Some(problem) = refused {
            return Err(Problem { retry_after: Some(TRY_AGAIN), ..problem });
        }
        open.insert(tenant.to_owned(), own + 1);
        gauge!(EVENT_STREAMS).increment(1.0);
        Ok(Place { streams: Arc::clone(self), tenant: tenant.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.tenant);
            }
        }
        gauge!(EVENT_STREAMS).decrement(1.0);
    }
}

/// How long one stream lasts: while its token is good and the process goes on. It has a place meanwhile.
#[derive(Debug)]
pub(crate) struct Lifetime {
    _place: Place,
    draining: Draining,
    expiry: Pin<Box<Sleep>>,
}

impl Lifetime {
    /// Begins a stream of a caller's.
    ///
    /// # Errors
    /// 503 while the process is going down, and what [`EventStreams::enter`] refuses.
    pub(crate) fn begin(state: &ApiState, caller: &Caller) -> Result<Self, Problem> {
        if state.draining.has_begun() {
            return Err(Problem::unavailable("the process is going down"));
        }
        let place = state.streams.enter(caller.tenant.as_str())?;
        Ok(Self::until(caller.expires_at, place, state.draining.clone()))
    }

    fn until(expires_at: DateTime<Utc>, place: Place, draining: Draining) -> Self {
        let left = (expires_at - Utc::now()).to_std().unwrap_or_default();
        Self { _place: place, draining, expiry: Box::pin(tokio::time::sleep(left)) }
    }

    /// Whether the stream must end.
    pub(crate) fn is_over(&self) -> bool {
        // Whether the timer has elapsed is known to it only once it was waited for.
        self.draining.has_begun() || self.expiry.deadline() <= Instant::now()
    }

    /// Comes back once it must. It may be broken off and called again.
    pub(crate) async fn over(&mut self) {
        tokio::select! {
            () = self.draining.begun() => {}
            () = &mut self.expiry => {}
        }
    }
}

/// Answers with a stream that nothing between here and its reader should hold back.
pub(crate) fn answer<S>(events: S) -> Response
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("");
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    (unbuffered, Sse::new(events).keep_alive(keep_alive)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Arc<EventStreams> {
        EventStreams::new(&LimitsConfig {
            requests_per_second: 1,
            burst: 1,
            event_streams: 2,
            event_streams_in_all: 3,
        })
    }

    #[test]
    fn a_tenant_has_so_many_and_all_have_so_many_and_places_come_back() {
        let streams = streams();
        let refusal = |tenant: &str| streams.enter(tenant).unwrap_err();
        let (first, _second) = (streams.enter("crm").unwrap(), streams.enter("crm").unwrap());
        assert_eq!(
            (refusal("crm").code.as_str(), refusal("crm").status),
            ("too_many_streams", 429)
        );
        let _theirs = streams.enter("shop").unwrap();
        assert_eq!((refusal("shop").code.as_str(), refusal("shop").status), ("overloaded", 503));
        assert_eq!(refusal("crm").retry_after, Some(TRY_AGAIN));
        drop(first);
        let _again = streams.enter("crm").unwrap();
        assert_eq!(streams.open.lock().unwrap().values().sum::<u32>(), 3);
    }

    #[tokio::test]
    async fn a_stream_that_is_never_waited_for_ends_with_its_token_too() {
        let begin = |expires_at: DateTime<Utc>, draining: &Draining| {
            Lifetime::until(expires_at, streams().enter("crm").unwrap(), draining.clone())
        };
        let draining = Draining::default();
        let soon = Utc::now() + Duration::from_secs(3600);
        assert!(begin(Utc::now(), &draining).is_over());
        assert!(!begin(soon, &draining).is_over());
        draining.begin();
        assert!(begin(soon, &draining).is_over());
    }

    #[test]
    fn a_tenant_without_streams_takes_no_room() {
        let streams = streams();
        for n in 0..100 {
            drop(streams.enter(&format!("tenant-{n}")).unwrap());
        }
        assert!(streams.open.lock().unwrap().is_empty());
    }
}
