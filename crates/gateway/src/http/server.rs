//! The listeners: they take connections, serve them, and go down in order.

use std::{io, pin::pin, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, header},
};
use futures::FutureExt;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::{
    router,
    state::{ApiState, Draining},
};
use crate::config::ServerConfig;

/// How long a request's head may take to arrive. A kept connection on which nothing comes for as long is
/// closed, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A head of more bytes is answered 431 by the server itself, without a document. What is above the
/// layers' own bound and below this gets one.
const LARGEST_HEAD: usize = 32 * 1024;
/// How long to wait where the process has no descriptors left: some must be closed first.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// For how long a drain leaves idle connections open. Closed at once, each could cross with a request
/// that its caller would then not know the end of; so the next answer says that it is the last.
const LINGER: Duration = Duration::from_millis(500);

/// Serves until `shutdown`, and then goes down: `/readyz` says so, no more connections are taken, kept
/// ones are closed after their next answer, and the requests that have begun are finished, for
/// `drain_timeout` at most; what is then left is cut off. The internal listener goes last, so that probes
/// and metrics can be read meanwhile.
///
/// # Behavior
/// Comes back when the last connection is closed. Work that requests have begun and that outlives them
/// is not waited for here.
pub async fn run(
    listener: TcpListener,
    internal: Option<TcpListener>,
    state: ApiState,
    config: ServerConfig,
    shutdown: CancellationToken,
) {
    let public = Site { listener, router: router::public(&state, &config) };
    let internal =
        internal.map(|listener| Site { listener, router: router::internal(&state, &config) });
    let drain =
        Drain { linger: LINGER.min(config.drain_timeout / 2), timeout: config.drain_timeout };
    serve(public, internal, &state.draining, drain, shutdown).await;
}

/// How long a listener's end may take.
#[derive(Clone, Copy)]
struct Drain {
    /// For how long idle connections stay open.
    linger: Duration,
    /// After how long what is left is cut off.
    timeout: Duration,
}

impl Drain {
    /// For requests of which none takes long enough to be worth waiting for.
    const AT_ONCE: Self = Self { linger: Duration::ZERO, timeout: Duration::ZERO };
}

/// A listener and what it serves.
struct Site {
    listener: TcpListener,
    router: Router,
}

async fn serve(
    public: Site,
    internal: Option<Site>,
    draining: &Draining,
    drain: Drain,
    shutdown: CancellationToken,
) {
    let last = CancellationToken::new();
    let serve_internal = async {
        if let Some(site) = internal {
            site.serve(last.clone(), Drain::AT_ONCE).await;
        }
    };
    let serve_public = async {
        let begun = async {
            shutdown.cancelled().await;
            draining.begin();
        };
        tokio::join!(begun, public.serve(shutdown.clone(), drain));
        last.cancel();
    };
    tokio::join!(serve_public, serve_internal);
}

impl Site {
    async fn serve(self, stop: CancellationToken, drain: Drain) {
        let connections = Connections {
            tasks: TaskTracker::new(),
            stop: stop.clone(),
            cut_off: CancellationToken::new(),
            router: self.router,
            drain,
        };
        while let Some(taken) = stop.run_until_cancelled(self.listener.accept()).await {
            connections.take(taken).await;
        }
        // Whoever was let in by the system and not yet by us would be refused without an answer.
        while let Some(taken) = self.listener.accept().now_or_never() {
            connections.take(taken).await;
        }
        drop(self.listener);
        connections.drain().await;
    }
}

struct Connections {
    tasks: TaskTracker,
    stop: CancellationToken,
    cut_off: CancellationToken,
    router: Router,
    drain: Drain,
}

impl Connections {
    async fn take(&self, taken: io::Result<(TcpStream, std::net::SocketAddr)>) {
        match taken {
            Ok((stream, _peer)) => {
                let cut_off = self.cut_off.clone();
                let (router, stop) = (self.router.clone(), self.stop.clone());
                let served = serve_connection(stream, router, stop, self.drain.linger);
                self.tasks.spawn(async move { cut_off.run_until_cancelled(served).await });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be taken");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            }
        }
    }

    async fn drain(self) {
        self.tasks.close();
        if tokio::time::timeout(self.drain.timeout, self.tasks.wait()).await.is_ok() {
            return;
        }
        let left = self.tasks.len();
        if !self.drain.timeout.is_zero() {
            tracing::warn!(left, "connections were cut off: their requests took too long");
        }
        self.cut_off.cancel();
        self.tasks.wait().await;
    }
}

/// The peer went away before it was let in.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

async fn serve_connection(
    stream: TcpStream,
    router: Router,
    stop: CancellationToken,
    linger: Duration,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection waits before it sends");
    }
    let stopping = stop.clone();
    let service =
        router.map_request(|request: Request<Incoming>| request.map(Body::new)).map_response(
            move |response| if stopping.is_cancelled() { last(response) } else { response },
        );
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let to_be_closed = async {
        stop.cancelled().await;
        tokio::time::sleep(linger).await;
    };
    let ended = tokio::select! {
        // First what has come: a request that is here already is answered before the connection closes.
        biased;
        ended = connection.as_mut() => ended,
        () = to_be_closed => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The last answer of its connection.
fn last(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests;
