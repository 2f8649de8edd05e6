//! The listeners: they take connections, serve them, and go down in order.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, Request, Response, header},
};
use futures::FutureExt;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use metrics::counter;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::{
    router,
    state::{ApiState, Draining},
    tls::Tls,
};
use crate::{
    config::ServerConfig,
    telemetry::metrics::{HTTP_CONNECTIONS_REFUSED, TLS_HANDSHAKES_FAILED},
};

/// How long a request's head may take to arrive. A kept connection on which nothing comes for as long is
/// closed, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A head of more bytes is answered 431 by the server itself, without a document. What is above the
/// layers' own bound and below this gets one.
const LARGEST_HEAD: usize = 32 * 1024;
/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller may take nothing of its answer while there is more for it. Streams are silent for longer
/// only where there is nothing to send.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Who says, to our own pages, that a request came by TLS.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Has browsers use https alone for this host, for a year (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// How long to wait where the process has no descriptors left: some must be closed first.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// For how long a drain leaves idle connections open. Closed at once, each could cross with a request
/// that its caller would then not know the end of; so the next answer says that it is the last.
const LINGER: Duration = Duration::from_millis(500);

/// Serves until `shutdown`, and then goes down: `/readyz` says so, no more connections are taken, kept
/// ones are closed after their next answer, and the requests that have begun are finished, for
/// `drain_timeout` at most; what is then left is cut off. The internal listener goes last, so that probes
/// and metrics can be read meanwhile. Where there is `tls`, the public one speaks nothing else; the internal
/// one stays plain.
///
/// # Behavior
/// Comes back when the last connection is closed. Work that requests have begun and that outlives them
/// is not waited for here.
pub async fn run(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    internal: Option<TcpListener>,
    state: ApiState,
    config: ServerConfig,
    shutdown: CancellationToken,
) {
    let most = usize::try_from(config.max_connections).unwrap_or(Semaphore::MAX_PERMITS);
    let router = router::public(&state, &config);
    let router = if tls.is_some() { by_https(router) } else { router };
    let public = Site { listener, tls, router, most };
    let internal = internal.map(|listener| {
        let router = router::internal(&state, &config);
        Site { listener, tls: None, router, most }
    });
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
    tls: Option<Arc<Tls>>,
    router: Router,
    /// Connections that may be open at one time.
    most: usize,
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
            tls: self.tls,
            router: self.router,
            places: Arc::new(Semaphore::new(self.most.min(Semaphore::MAX_PERMITS))),
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
    tls: Option<Arc<Tls>>,
    router: Router,
    places: Arc<Semaphore>,
    drain: Drain,
}

impl Connections {
    async fn take(&self, taken: io::Result<(TcpStream, std::net::SocketAddr)>) {
        match taken {
            Ok((stream, _peer)) => match Arc::clone(&self.places).try_acquire_owned() {
                Ok(place) => self.begin(stream, place),
                // Closed before anything of it is read, so its caller may well come again.
                Err(_full) => counter!(HTTP_CONNECTIONS_REFUSED).increment(1),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be taken");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            }
        }
    }

    fn begin(&self, stream: TcpStream, place: OwnedSemaphorePermit) {
        let (router, stop) = (self.router.clone(), self.stop.clone());
        let (cut_off, tls, linger) = (self.cut_off.clone(), self.tls.clone(), self.drain.linger);
        let served = async move {
            let _place = place;
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection waits before it sends");
            }
            match tls {
                None => serve_connection(stream, router, stop, linger).await,
                Some(tls) => serve_by_tls(stream, &tls, router, stop, linger).await,
            }
        };
        self.tasks.spawn(async move { cut_off.run_until_cancelled(served).await });
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

async fn serve_by_tls(
    stream: TcpStream,
    tls: &Tls,
    router: Router,
    stop: CancellationToken,
    linger: Duration,
) {
    let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.shake_hands(stream)).await;
    match shaken.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => serve_connection(stream, router, stop, linger).await,
        Err(error) => {
            counter!(TLS_HANDSHAKES_FAILED).increment(1);
            tracing::debug!(%error, "a handshake failed");
        }
    }
}

/// Has each request say that it came by TLS, whatever its caller says.
fn by_https(router: Router) -> Router {
    let says_https = axum::middleware::map_request(async |mut request: Request<Body>| {
        request.headers_mut().insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
        request
    });
    let has_hsts = axum::middleware::map_response(async |mut response: Response<Body>| {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        response
    });
    router.layer(says_https).layer(has_hsts)
}

async fn serve_connection<S: AsyncRead + AsyncWrite>(
    stream: S,
    router: Router,
    stop: CancellationToken,
    linger: Duration,
) {
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(UNREAD_TIMEOUT));
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
