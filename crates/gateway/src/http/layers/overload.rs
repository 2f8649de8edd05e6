//! What the gateway does not take on, or does not go on with.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::Semaphore;

use super::{Problem, bounds::whole};
use crate::http::extract::{LONGEST_WAIT, wait_of};

/// What a request may take beyond the time that its caller asked it to wait.
const BESIDE_THE_WAIT: Duration = Duration::from_secs(5);

/// Refuses a request when as many as may be are in flight. It is in flight once all of it has come: who
/// sends a byte a second takes nobody's place.
pub(super) async fn shed(
    State(in_flight): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    let full = || Problem::overloaded("the gateway works on as many requests as it can");
    if in_flight.available_permits() == 0 {
        return full().into_response();
    }
    let request = match whole(request).await {
        Ok(request) => request,
        Err(problem) => return problem.into_response(),
    };
    let Ok(_place) = in_flight.try_acquire() else {
        return full().into_response();
    };
    next.run(request).await
}

/// Ends a request that takes longer than `limit`. A caller that asks to wait, by `Prefer: wait=N` or
/// `?wait=N`, has that time and five seconds, if that is more.
pub(super) async fn deadline(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let limit = limit.max(asked_wait(&request) + BESIDE_THE_WAIT);
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Problem::unavailable(format!(
            "there was no answer within {limit:?}; what was begun at a provider goes on"
        ))
        .into_response(),
    }
}

/// How long the caller asks to wait for an outcome; nothing where it does not say.
fn asked_wait(request: &Request) -> Duration {
    let preferred = request.headers().contains_key("prefer").then(|| wait_of(request.headers()));
    let query = request.uri().query().unwrap_or_default();
    let polled = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("wait="))
        .find_map(|seconds| seconds.parse().ok().map(Duration::from_secs));
    preferred.max(polled).unwrap_or_default().min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn asked(uri: &str, prefer: Option<&str>) -> u64 {
        let request = Request::builder().uri(uri);
        let request =
            prefer.iter().fold(request, |request, value| request.header("prefer", *value));
        asked_wait(&request.body(Body::empty()).unwrap()).as_secs()
    }

    #[test]
    fn the_wait_is_taken_from_where_it_may_stand() {
        assert_eq!(asked("/v1/operations/1", None), 0);
        assert_eq!(asked("/v1/operations/1?wait=45", None), 45);
        assert_eq!(asked("/v1/operations/1?include=x&wait=45", None), 45);
        assert_eq!(asked("/v1/operations?await=45", None), 0);
        assert_eq!(asked("/v1/operations/1?wait=soon", None), 0);
        assert_eq!(asked("/v1/organizations", Some("wait=45")), 45);
        assert_eq!(asked("/v1/organizations", Some("respond-async")), 0);
    }

    #[test]
    fn nobody_waits_for_longer_than_a_minute() {
        assert_eq!(asked("/v1/operations/1?wait=86400", Some("wait=7200")), 60);
    }
}
