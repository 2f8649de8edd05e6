//! A server on the loopback interface, as its callers and its operator see it.

use std::{net::SocketAddr, sync::Arc};

use axum::routing::get;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
};

use super::*;

/// A server with one endpoint that says when it was entered and answers when it is told to.
struct Running {
    address: SocketAddr,
    internal: SocketAddr,
    entered: Arc<Notify>,
    leave: Arc<Notify>,
    draining: Draining,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

async fn site(router: Router) -> (SocketAddr, Site) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    (listener.local_addr().unwrap(), Site { listener, tls: None, router, most: 100 })
}

/// A drain that closes idle connections at once, and has this time for the others.
fn within(timeout: Duration) -> Drain {
    Drain { linger: Duration::ZERO, timeout }
}

async fn start(drain: Drain) -> Running {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waits = {
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        async move || {
            entered.notify_one();
            leave.notified().await;
            "done"
        }
    };
    let quick = get(async || "quick");
    let (address, public) =
        site(Router::new().route("/waits", get(waits)).route("/quick", quick)).await;
    let (internal, inner) = site(Router::new().route("/quick", get(async || "within"))).await;
    let (draining, shutdown) = (Draining::default(), CancellationToken::new());
    let tasks = TaskTracker::new();
    tasks.spawn({
        let (draining, shutdown) = (draining.clone(), shutdown.clone());
        async move { serve(public, Some(inner), &draining, drain, shutdown).await }
    });
    tasks.close();
    Running { address, internal, entered, leave, draining, shutdown, tasks }
}

async fn open(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

fn ask(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: gateway.acme.test\r\n\r\n")
}

/// Everything until the server closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that was cut off may end in an error: what came before it counts.
    let _cut_off = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

/// One answer with a body, on a connection that stays open.
async fn answer(stream: &mut TcpStream, body: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(body) {
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = start(within(Duration::from_secs(20))).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(ask("/quick").as_bytes()).await.unwrap();
        assert!(answer(&mut stream, "quick").await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn a_drain_finishes_what_has_begun_and_then_takes_nothing_more() {
    let server = start(within(Duration::from_secs(20))).await;
    let mut kept = open(server.address, &ask("/quick")).await;
    answer(&mut kept, "quick").await;
    let waiting = open(server.address, &ask("/waits")).await;
    server.entered.notified().await;

    server.shutdown.cancel();
    assert_eq!(rest(kept).await, "", "an idle connection is closed");
    assert!(server.draining.has_begun());
    let mut probe = open(server.internal, &ask("/quick")).await;
    assert!(answer(&mut probe, "within").await.contains("200 OK"), "probes are answered still");

    server.leave.notify_one();
    let answered = rest(waiting).await;
    assert!(answered.starts_with("HTTP/1.1 200 OK"), "{answered}");
    assert!(answered.ends_with("done"), "{answered}");
    assert!(answered.to_lowercase().contains("connection: close"), "{answered}");
    server.tasks.wait().await;
    for address in [server.address, server.internal] {
        assert!(TcpStream::connect(address).await.is_err(), "no connection is taken");
    }
}

#[tokio::test]
async fn a_kept_connection_is_told_that_it_closes_before_it_does() {
    let hour = Duration::from_secs(3600);
    let server = start(Drain { linger: hour, timeout: hour * 2 }).await;
    let mut kept = open(server.address, &ask("/quick")).await;
    answer(&mut kept, "quick").await;
    server.shutdown.cancel();
    kept.write_all(ask("/quick").as_bytes()).await.unwrap();
    let answered = rest(kept).await.to_lowercase();
    assert!(answered.contains("connection: close") && answered.ends_with("quick"), "{answered}");
    server.tasks.wait().await;
}

#[tokio::test]
async fn a_request_that_came_before_the_drain_is_answered() {
    let server = start(within(Duration::from_secs(20))).await;
    let stream = open(server.address, &ask("/quick")).await;
    server.shutdown.cancel();
    assert!(rest(stream).await.ends_with("quick"));
    server.tasks.wait().await;
}

#[tokio::test]
async fn a_drain_ends_at_its_time_and_cuts_off_the_rest() {
    let server = start(within(Duration::from_millis(50))).await;
    let waiting = open(server.address, &ask("/waits")).await;
    server.entered.notified().await;
    server.shutdown.cancel();
    server.tasks.wait().await;
    assert_eq!(rest(waiting).await, "");
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_hold_up_the_drain() {
    let server = start(within(Duration::from_secs(3600))).await;
    let waiting = open(server.address, &ask("/waits")).await;
    server.entered.notified().await;
    drop(waiting);
    server.shutdown.cancel();
    server.tasks.wait().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = start(within(Duration::from_secs(20))).await;
    let large = format!("x-large: {}\r\n\r\n", "x".repeat(LARGEST_HEAD));
    let request = ask("/quick").replace("\r\n\r\n", &format!("\r\n{large}"));
    let stream = open(server.address, &request).await;
    assert!(rest(stream).await.starts_with("HTTP/1.1 431 "));
    let many = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let request = ask("/quick").replace("\r\n\r\n", &format!("\r\n{many}\r\n"));
    assert!(rest(open(server.address, &request).await).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_closes_the_connection() {
    let server = start(within(Duration::from_secs(20))).await;
    let stream = open(server.address, "GET /quick HTTP/1.1\r\nhost:").await;
    assert_eq!(rest(stream).await, "");
}

mod limits;
