//! The client over real sockets: what each end of a request proves, what goes out, and what is never
//! told to anybody.

mod ends;
mod keys;
mod outgoing;
mod secrets;
mod seen;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use http::{HeaderName, Method};
use partner_core::{Effect, Error, Kind, ProviderName, Reply};
use provider_http::{Answer, Call, ClientConfig, HttpClient, Refusal, Unreadable};
use serde_json::Value;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

const SECRET: &str = "s3cret-key-of-ours";

fn config(base_url: &str) -> ClientConfig {
    ClientConfig {
        provider: ProviderName::new("acme").expect("a name"),
        base_url: base_url.parse().expect("a URL"),
        auth_header: HeaderName::from_static("x-auth-token"),
        secret: SECRET.into(),
        next_secret: None,
        ca_pem: None,
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(10),
    }
}

fn client(base_url: &str) -> HttpClient {
    HttpClient::new(config(base_url)).expect("a client")
}

async fn serve(answer: ResponseTemplate) -> (MockServer, HttpClient) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let client = client(&server.uri());
    (server, client)
}

fn read(answer: &Answer) -> Result<Value, Unreadable> {
    answer.require_document().cloned()
}

fn read_refusal(answer: &Answer) -> Refusal {
    let text = |name: &str| Some(answer.document()?.get(name)?.as_str()?.to_owned());
    Refusal { error_type: text("type"), message: text("message"), ..Refusal::default() }
}

async fn get(client: &HttpClient) -> Result<Reply<Value>, Error> {
    let call = Call::new("get_it", Method::GET, &["it"]);
    client.call(call, read, read_refusal).await
}

async fn post(client: &HttpClient) -> Result<Reply<Value>, Error> {
    let call = Call::new("make_it", Method::POST, &["it"]).json(&serde_json::json!({"a": 1}));
    client.call(call, read, read_refusal).await
}

fn ending(error: &Error) -> (Kind, Effect) {
    (error.kind(), error.effect())
}

/// A server in a thread that does one thing with each connection, and counts them. The thread ends with
/// the test's process.
struct RawServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl RawServer {
    fn start(handle: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                handle(stream);
            }
        });
        Self { address, connections }
    }

    /// Answers each request in full with `answer`, on one connection for as long as it lasts; one thread
    /// a connection.
    fn answering(answer: &'static str) -> Self {
        Self::start(move |mut stream| {
            thread::spawn(move || while read_request(&mut stream) && write(&mut stream, answer) {});
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads one request with its body. False when the connection ended before.
fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return false,
            Ok(n) => request.extend_from_slice(&chunk[..n]),
        }
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .and_then(|length| length.trim().parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return true;
            }
        }
    }
}

fn write(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(text.as_bytes()).is_ok()
}
