//! The sockets: takes connections, reads requests, sends answers, and cuts connections short where
//! an exchange asks for it. What an answer says is not decided here.

use crate::{
    control_http,
    exchange::{Outgoing, exchange},
    operation::Provider,
    shared::Shared,
    wire::{Call, Reply},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited, combinators::BoxBody};
use hyper::{
    body::{Body, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub(crate) type ReplyBody = BoxBody<Bytes, Infallible>;

const LARGEST_REQUEST: usize = 4 * 1024 * 1024;

/// One connection, and the two ways to cut it short.
#[derive(Clone)]
struct Connection {
    provider: Provider,
    peer: SocketAddr,
    reset: CancellationToken,
    end: CancellationToken,
}

/// Takes connections until the sandbox stops.
pub(crate) async fn listen(shared: Arc<Shared>, provider: Provider, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = Connection {
                    provider,
                    peer,
                    reset: CancellationToken::new(),
                    end: CancellationToken::new(),
                };
                let tasks = shared.tasks.clone();
                tasks.spawn(serve(Arc::clone(&shared), connection, stream));
            }
            // Such as too many open files: others must get the chance to close theirs.
            Err(error) => {
                tracing::warn!(%error, "the sandbox cannot take a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(shared: Arc<Shared>, connection: Connection, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection has gone already");
    }
    let (reset, end) = (connection.reset.clone(), connection.end.clone());
    let stop = shared.stop.clone();
    let service = service_fn(move |request| {
        let (shared, connection) = (Arc::clone(&shared), connection.clone());
        async move { Ok::<_, Infallible>(answer(shared, connection, request).await) }
    });
    let mut served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), Box::new(service));
    tokio::select! {
        biased;
        finished = &mut served => {
            if let Err(error) = finished {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        () = reset.cancelled() => {
            let stream = served.into_parts().io.into_inner();
            if let Err(error) = stream.set_zero_linger() {
                tracing::debug!(%error, "the connection has gone already");
            }
        }
        () = end.cancelled() => {}
        () = stop.cancelled() => {}
    }
}

async fn answer(
    shared: Arc<Shared>,
    connection: Connection,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    if control_http::is_for_control(request.uri()) {
        return control_http::answer(shared, connection.peer, request).await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_REQUEST).collect().await else {
        return to_response(Reply::empty(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let call =
        Call { method: head.method, uri: head.uri, headers: head.headers, body: body.to_bytes() };
    // On a task of its own: a real provider goes on when its caller has hung up.
    let tasks = shared.tasks.clone();
    let running = tasks.spawn(exchange(shared, connection.provider, call));
    match running.await.unwrap_or(Outgoing::Reset) {
        Outgoing::Reply(reply) => to_response(reply),
        Outgoing::Half(reply) => to_half_response(reply, connection.end),
        Outgoing::Reset => {
            connection.reset.cancel();
            std::future::pending().await
        }
        Outgoing::Hang => std::future::pending().await,
    }
}

pub(crate) fn to_response(reply: Reply) -> Response<ReplyBody> {
    let body = http_body_util::Full::new(reply.body).boxed();
    respond(reply.status, *reply.headers, body)
}

fn respond(status: StatusCode, headers: http::HeaderMap, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn to_half_response(reply: Reply, end: CancellationToken) -> Response<ReplyBody> {
    let length = reply.body.len();
    let half = reply.body.slice(..reply.body.len() / 2);
    let reply = reply.with_length(length);
    let body = HalfBody { half: Some(half), end };
    respond(reply.status, *reply.headers, body.boxed())
}

/// Gives half of a body, and ends the connection once that has been handed to the socket.
struct HalfBody {
    half: Option<Bytes>,
    end: CancellationToken,
}

impl Body for HalfBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(half) = self.half.take().filter(|half| !half.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        // hyper flushes what it has when a body has no more for now; the connection's task looks
        // at `end` only after that.
        self.end.cancel();
        Poll::Pending
    }
}

/// Opens a listener.
///
/// # Errors
///
/// When the address cannot be listened on; the message names it.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("the sandbox cannot listen on {address}: {error}"))
    })
}
