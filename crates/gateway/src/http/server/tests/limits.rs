//! Callers that take their time, or are too many.

use axum::body::Bytes;
use tokio::time::{Instant, advance};

use super::*;
use crate::config::{Config, Environment, Sources};

/// A site that serves until the test ends.
async fn serving(change: impl FnOnce(&mut Site), router: Router) -> SocketAddr {
    let (address, mut site) = site(router).await;
    change(&mut site);
    let tasks = TaskTracker::new();
    tasks.spawn(site.serve(CancellationToken::new(), Drain::AT_ONCE));
    address
}

fn quick() -> Router {
    Router::new().route("/quick", get(async || "quick"))
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_cut_off_at_its_time() {
    let address = serving(|_| {}, quick()).await;
    let begun = Instant::now();
    let mut stream =
        open(address, "GET /quick HTTP/1.1\r\nhost: gateway.acme.test\r\nx-slow: ").await;
    let mut told = [0; 64];
    // Each byte is one more that came in time, and none makes the time longer.
    let read = loop {
        let mut reading = pin!(stream.read(&mut told));
        let read = tokio::select! {
            read = reading.as_mut() => Some(read),
            () = advance(Duration::from_secs(1)) => None,
        };
        match read {
            Some(read) => break read.unwrap_or(0),
            None => drop(stream.write_all(b"x").await),
        }
        assert!(begun.elapsed() < HEAD_TIMEOUT * 3, "it goes on for ever");
    };
    assert_eq!(read, 0, "nothing is answered");
    assert!(begun.elapsed() >= HEAD_TIMEOUT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_too_many_is_closed_unread_and_places_come_back() {
    let address = serving(|site| site.most = 1, quick()).await;
    let mut first = open(address, &ask("/quick")).await;
    answer(&mut first, "quick").await;
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0, "it is closed");
    first.write_all(ask("/quick").as_bytes()).await.unwrap();
    assert!(answer(&mut first, "quick").await.contains("200 OK"), "who is in stays in");
    drop(first);
    loop {
        let mut next = TcpStream::connect(address).await.unwrap();
        let mut told = [0; 12];
        // Its predecessor's end may not have been seen yet; then it is one too many.
        let asked = next.write_all(ask("/quick").as_bytes()).await;
        if asked.is_ok() && next.read_exact(&mut told).await.is_ok() {
            assert_eq!(&told, b"HTTP/1.1 200");
            break;
        }
    }
}

fn tls() -> Arc<Tls> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let base = "[server.tls]\ncertificate = { env = \"CHAIN\" }\nkey = { env = \"KEY\" }\n\
                [auth]\nissuer = \"https://id.acme.test\"\nhmac_secret = { env = \"SECRET\" }\n\
                [database]\nurl = \"embedded\"\n";
    let environment: Environment = [
        ("CHAIN", made.cert.pem()),
        ("KEY", made.signing_key.serialize_pem()),
        ("SECRET", "x".repeat(32)),
    ]
    .into_iter()
    .collect();
    let sources =
        Sources { base: base.to_owned(), environment, is_root: true, ..Sources::default() };
    let config = Config::from_sources(&sources).unwrap();
    Arc::new(Tls::new(&config.server.tls.unwrap()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_come_is_ended_and_gives_its_place_back() {
    let with_tls = |site: &mut Site| {
        site.tls = Some(tls());
        site.most = 1;
    };
    let address = serving(with_tls, quick()).await;
    let begun = Instant::now();
    for _ in 0..2 {
        let silent = TcpStream::connect(address).await.unwrap();
        assert_eq!(rest(silent).await, "");
    }
    assert!(begun.elapsed() >= HANDSHAKE_TIMEOUT, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_takes_nothing_of_its_answer_is_cut_off() {
    struct Gone(Arc<Notify>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let gone = Arc::new(Notify::new());
    let noted = Arc::clone(&gone);
    let endless = async move || {
        let held = Gone(Arc::clone(&noted));
        let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
        Body::from_stream(futures::stream::repeat_with(move || {
            let _held = &held;
            Ok::<_, io::Error>(chunk.clone())
        }))
    };
    let address = serving(|_| {}, Router::new().route("/endless", get(endless))).await;
    let begun = Instant::now();
    let taker = open(address, &ask("/endless")).await;
    gone.notified().await;
    assert!(begun.elapsed() >= UNREAD_TIMEOUT, "{:?}", begun.elapsed());
    drop(taker);
}
