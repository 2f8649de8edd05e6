//! A proxy between the gateway and one provider, which carries what it gets, and on command breaks the
//! next call of a kind. It counts what it hears.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, oneshot},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    fault::Break,
    http1::Request,
    play::{Step, steps},
};

/// A call of a provider's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Create,
    List,
    Get,
    Update,
    Lock,
    Unlock,
    Seat,
    Invite,
    /// Anything that no adapter asks for.
    Stray,
}

/// What is to be broken next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strike {
    /// The call.
    pub(super) call: Call,
    /// How.
    pub(super) breaks: Break,
    /// The work is done first.
    pub(super) after: bool,
}

/// Waits at one address, and carries to another. It stops when it is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    doors: mpsc::Sender<(bool, oneshot::Sender<io::Result<()>>)>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    strikes: Mutex<Vec<Strike>>,
    heard: Mutex<Vec<(Call, Instant)>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Proxy {
    /// A proxy before this server, on a free port.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        let shared = Arc::new(Shared {
            server,
            strikes: Mutex::default(),
            heard: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        });
        let (doors, orders) = mpsc::channel(1);
        shared.tasks.spawn(listen(Arc::clone(&shared), listener, orders));
        Ok(Self { address, shared, doors, stop })
    }

    /// Where it waits, as a base URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks the next such call, after those that are to be broken already.
    pub(super) fn strike(&self, strike: Strike) {
        self.shared.strikes().push(strike);
    }

    /// Gives up what did not strike, and answers it.
    pub(super) fn take_back(&self) -> Vec<Strike> {
        std::mem::take(&mut *self.shared.strikes())
    }

    /// Refuses connections from here on, or takes them again.
    ///
    /// # Errors
    /// The port was lost.
    pub(super) async fn open(&self, open: bool) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = |()| io::Error::other("the proxy has ended");
        self.doors.send((open, done)).await.or(Err(())).map_err(gone)?;
        answer.await.or(Err(())).map_err(gone)?
    }

    /// When it heard such a call, each time.
    pub(super) fn heard(&self, call: Call) -> Vec<Instant> {
        let heard = self.shared.heard();
        heard.iter().filter(|(known, _)| *known == call).map(|(_, at)| *at).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn strikes(&self) -> MutexGuard<'_, Vec<Strike>> {
        self.strikes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) -> MutexGuard<'_, Vec<(Call, Instant)>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hears(&self, call: Call) {
        self.heard().push((call, Instant::now()));
    }

    /// The next strike, where it is one that breaks whatever connection comes.
    fn take_unread(&self) -> Option<Strike> {
        let mut strikes = self.strikes();
        let is_next = strikes.first().is_some_and(|next| next.breaks.is_of_the_connection());
        is_next.then(|| strikes.remove(0))
    }

    /// The first strike that fits.
    fn take(&self, fits: impl Fn(&Strike) -> bool) -> Option<Strike> {
        let mut strikes = self.strikes();
        let at = strikes.iter().position(fits)?;
        Some(strikes.remove(at))
    }
}

/// Takes connections while the doors are open. While they are shut the port is held, but nobody listens.
async fn listen(
    shared: Arc<Shared>,
    listener: TcpListener,
    mut orders: mpsc::Receiver<(bool, oneshot::Sender<io::Result<()>>)>,
) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    let mut held = None;
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            order = orders.recv() => {
                let Some((open, done)) = order else { return };
                let moved = move_doors(open, address, &mut listener, &mut held);
                // Who ordered it may have gone.
                let _ = done.send(moved);
            }
            taken = accept(listener.as_ref()) => {
                if let Ok(stream) = taken {
                    let carried = carry(Arc::clone(&shared), stream);
                    let stop = shared.stop.clone();
                    shared.tasks.spawn(async move { stop.run_until_cancelled(carried).await });
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

fn move_doors(
    open: bool,
    address: SocketAddr,
    listener: &mut Option<TcpListener>,
    held: &mut Option<TcpSocket>,
) -> io::Result<()> {
    if open {
        if let Some(socket) = held.take() {
            *listener = Some(socket.listen(1024)?);
        }
    } else if listener.take().is_some() {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        *held = Some(socket);
    }
    Ok(())
}

/// Carries one request and its answer.
async fn carry(shared: Arc<Shared>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(strike) = shared.take_unread() {
        shared.hears(strike.call);
        return break_unread(strike.breaks, stream).await;
    }
    let Some(request) = Request::read(&mut stream).await? else { return Ok(()) };
    let call = call_of(request.line());
    shared.hears(call);
    let Some(strike) = shared.take(|strike| strike.call == call) else {
        let answer = request.done_by(shared.server).await?;
        stream.write_all(&answer.bytes()).await?;
        return end(stream).await;
    };
    let genuine = match strike.after {
        true => Some(request.done_by(shared.server).await?),
        false => None,
    };
    play(steps(strike.breaks, genuine, &request), stream).await
}

async fn break_unread(how: Break, mut stream: TcpStream) -> io::Result<()> {
    if how == Break::CloseUnread {
        return end(stream).await;
    }
    if how == Break::ResetHalfRead {
        // Into the middle of the first line.
        let mut some = [0; 16];
        stream.read_exact(&mut some).await?;
    } else {
        // A reset that came sooner could be taken for a connection refused, and rightly.
        stream.peek(&mut [0]).await?;
    }
    stream.set_zero_linger()
}

async fn play(steps: Vec<Step>, mut stream: TcpStream) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Bytes(bytes) => stream.write_all(&bytes).await?,
            Step::Pause(length) => tokio::time::sleep(length).await,
            Step::Hang => {
                let mut rest = [0; 64];
                while stream.read(&mut rest).await? > 0 {}
            }
            Step::Reset => return stream.set_zero_linger(),
        }
    }
    end(stream).await
}

/// Closes our side, and waits for the caller's: data left unread would make it a reset.
async fn end(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

fn call_of((method, path): (&str, &str)) -> Call {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match (method, parts.as_slice()) {
        ("POST", ["partner", "v1", "organizations"] | ["v2", "partners", _, "orgs"]) => {
            Call::Create
        }
        ("GET", ["partner", "v1", "organizations"] | ["v1", "orgs"]) => Call::List,
        ("GET", ["partner", "v1", "organizations", _]) => Call::Get,
        ("PATCH", ["partner", "v1", "organizations", _]) => Call::Update,
        ("POST", ["partner", "v1", "organizations", _, "lock"]) => Call::Lock,
        ("POST", ["partner", "v1", "organizations", _, "unlock"]) => Call::Unlock,
        ("POST", ["partner", "v1", "organizations", _, "request-admin-role"]) => Call::Seat,
        ("POST", ["v2", "partners", _, "orgs", _, "invites"]) => Call::Invite,
        _ => Call::Stray,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fault::Cut;

    const CREATE: &[u8] =
        b"POST /partner/v1/organizations HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";

    /// A server that answers everybody the same, and a proxy before it.
    async fn proxied() -> (Proxy, TaskTracker) {
        let (tasks, server) = (TaskTracker::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = server.local_addr().unwrap();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                Request::read(&mut stream).await.unwrap().unwrap();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"a\":42}";
                stream.write_all(answer).await.unwrap();
            }
        });
        (Proxy::before(address).await.unwrap(), tasks)
    }

    /// What comes back for a create, to the end of the connection or its break.
    async fn asked(proxy: &Proxy) -> (String, Option<io::ErrorKind>) {
        let mut stream = match TcpStream::connect(proxy.address).await {
            Ok(stream) => stream,
            Err(error) => return (String::new(), Some(error.kind())),
        };
        if let Err(error) = stream.write_all(CREATE).await {
            return (String::new(), Some(error.kind()));
        }
        let mut read = Vec::new();
        let error = stream.read_to_end(&mut read).await.err().map(|error| error.kind());
        (String::from_utf8(read).unwrap(), error)
    }

    async fn struck(breaks: Break, after: bool) -> (String, Option<io::ErrorKind>) {
        let (proxy, _server) = proxied().await;
        proxy.strike(Strike { call: Call::Create, breaks, after });
        let first = asked(&proxy).await;
        assert!(proxy.take_back().is_empty(), "it struck");
        let (second, _) = asked(&proxy).await;
        assert!(second.ends_with("{\"a\":42}"), "and no more than once: {second}");
        assert_eq!(proxy.heard(Call::Create).len(), 2);
        first
    }

    #[tokio::test]
    async fn what_is_not_to_be_broken_is_carried() {
        let (proxy, _server) = proxied().await;
        proxy.strike(Strike { call: Call::Lock, breaks: Break::Reset, after: false });
        let (answer, error) = asked(&proxy).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"a\":42}"), "{answer}");
        assert_eq!((error, proxy.take_back().len()), (None, 1));
    }

    #[tokio::test]
    async fn a_reset_is_one_on_the_wire() {
        let reset = Some(io::ErrorKind::ConnectionReset);
        for breaks in [Break::ResetUnread, Break::ResetHalfRead, Break::Reset] {
            assert_eq!(struck(breaks, false).await, (String::new(), reset), "{breaks:?}");
        }
        assert_eq!(struck(Break::Close, true).await, (String::new(), None));
    }

    #[tokio::test]
    async fn half_an_answer_ends_in_the_middle() {
        let (half, error) = struck(Break::Cut(Cut::HalfBody), true).await;
        assert!(half.contains("content-length: 8") && half.ends_with("\r\n\r\n{\"a\""), "{half}");
        assert_eq!(error, None);
    }

    #[tokio::test]
    async fn shut_doors_refuse_and_open_again_at_the_same_address() {
        let (proxy, _server) = proxied().await;
        proxy.open(false).await.unwrap();
        assert_eq!(asked(&proxy).await.1, Some(io::ErrorKind::ConnectionRefused));
        proxy.open(true).await.unwrap();
        assert!(asked(&proxy).await.0.ends_with("{\"a\":42}"));
    }
}
