//! The listeners: they take connections, serve them, and go down in order.

use std::{io, pin::pin, time::Duration};

use axum::{Router, body::Body, http::Request};
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

/// Serves until `shutdown`, and then goes down: `/readyz` says so, no more connections are taken, and
/// the requests that have begun are finished, for `drain_timeout` at most; what is then left is cut off.
/// The internal listener goes last, so that probes and metrics can be read meanwhile.
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
    serve(public, internal, &state.draining, config.drain_timeout, shutdown).await;
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
    drain_timeout: Duration,
    shutdown: CancellationToken,
) {
    let last = CancellationToken::new();
    let serve_internal = async {
        if let Some(site) = internal {
            // Nothing there takes long: it is not worth waiting for.
            site.serve(last.clone(), Duration::ZERO).await;
        }
    };
    let serve_public = async {
        let begun = async {
            shutdown.cancelled().await;
            draining.begin();
        };
        tokio::join!(begun, public.serve(shutdown.clone(), drain_timeout));
        last.cancel();
    };
    tokio::join!(serve_public, serve_internal);
}

impl Site {
    async fn serve(self, stop: CancellationToken, drain_timeout: Duration) {
        let connections = Connections {
            tasks: TaskTracker::new(),
            stop: stop.clone(),
            cut_off: CancellationToken::new(),
            router: self.router,
        };
        while let Some(taken) = stop.run_until_cancelled(self.listener.accept()).await {
            connections.take(taken).await;
        }
        // Whoever was let in by the system and not yet by us would be refused without an answer.
        while let Some(taken) = self.listener.accept().now_or_never() {
            connections.take(taken).await;
        }
        drop(self.listener);
        connections.drain(drain_timeout).await;
    }
}

struct Connections {
    tasks: TaskTracker,
    stop: CancellationToken,
    cut_off: CancellationToken,
    router: Router,
}

impl Connections {
    async fn take(&self, taken: io::Result<(TcpStream, std::net::SocketAddr)>) {
        match taken {
            Ok((stream, _peer)) => {
                let cut_off = self.cut_off.clone();
                let served = serve_connection(stream, self.router.clone(), self.stop.clone());
                self.tasks.spawn(async move { cut_off.run_until_cancelled(served).await });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be taken");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            }
        }
    }

    async fn drain(self, drain_timeout: Duration) {
        self.tasks.close();
        if tokio::time::timeout(drain_timeout, self.tasks.wait()).await.is_ok() {
            return;
        }
        let left = self.tasks.len();
        if !drain_timeout.is_zero() {
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

async fn serve_connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection waits before it sends");
    }
    let service = TowerToHyperService::new(
        router.map_request(|request: Request<Incoming>| request.map(Body::new)),
    );
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        // First what has come: a request that is here already is answered before the connection closes.
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
