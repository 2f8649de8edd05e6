//! The one address of the database, and what can happen on the way to it: it leads elsewhere, its
//! connections are cut, they carry nothing any more, one of them is cut as a COMMIT passes, or goes silent at
//! a moment that is chosen.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::servers::{DATABASE, USER};

/// No message of a test is longer.
const LONGEST: usize = 16 * 1024 * 1024;

/// A transaction, told by the first thing that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// It inserts at once: what is meant is written down.
    Intent,
    /// It updates first and then inserts: what came of it is.
    Outcome,
}

/// A COMMIT that is to be lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Whose.
    pub(super) of: Of,
    /// The server does it, and its answer is lost.
    pub(super) done: bool,
    /// From then on nothing leads to the server any more.
    pub(super) away: bool,
}

/// When one connection is to go silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// In a transaction that has changed a row, in the midst of what follows: the server has the statement and
    /// waits, with the row locked, for the word that ends it.
    Midway,
    /// As it comes back from its work, and is asked for a sign of life.
    AsItComesBack,
}

/// Forwards to one of the servers. It stops when it is dropped.
#[derive(Debug)]
pub(super) struct Forwarder {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    carried: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// Where new connections lead; nowhere, and they are closed.
    leads_to: Option<PathBuf>,
    /// Ends the present connections.
    cut: CancellationToken,
    /// Makes the present connections carry nothing more.
    freeze: CancellationToken,
    /// The COMMIT that is to be lost.
    armed: Option<Cut>,
    /// When the next connection is to go silent.
    silence: Option<Silence>,
}

impl Forwarder {
    /// One that leads to this socket.
    ///
    /// # Errors
    /// There is no port.
    pub(super) async fn to(socket: PathBuf) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = State {
            leads_to: Some(socket),
            cut: CancellationToken::new(),
            freeze: CancellationToken::new(),
            armed: None,
            silence: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            carried: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        shared.tasks.spawn(listen(Arc::clone(&shared), listener));
        Ok(Self { address, shared })
    }

    /// The URL by which the gateway reaches the database.
    pub(super) fn url(&self) -> String {
        format!("postgres://{USER}@{}/{DATABASE}?sslmode=disable", self.address)
    }

    /// Leads new connections elsewhere, or nowhere.
    pub(super) fn lead(&self, to: Option<PathBuf>) {
        self.shared.state().leads_to = to;
    }

    /// Ends the present connections.
    pub(super) fn cut(&self) {
        let cut = std::mem::take(&mut self.shared.state().cut);
        cut.cancel();
    }

    /// Makes the present connections carry nothing more, without a word.
    pub(super) fn freeze(&self) {
        let freeze = std::mem::take(&mut self.shared.state().freeze);
        freeze.cancel();
    }

    /// Loses the next COMMIT of this kind.
    pub(super) fn lose(&self, cut: Cut) {
        self.shared.state().armed = Some(cut);
    }

    /// Lets the next connection go silent at such a moment.
    pub(super) fn silence(&self, when: Silence) {
        self.shared.state().silence = Some(when);
    }

    /// One did.
    pub(super) fn has_silenced(&self) -> bool {
        self.shared.state().silence.is_none()
    }

    /// The COMMIT was met and lost.
    pub(super) fn has_lost(&self) -> bool {
        self.shared.state().armed.is_none()
    }

    /// How many connections it has carried.
    pub(super) fn carried(&self) -> u64 {
        self.shared.carried.load(Ordering::SeqCst)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_armed(&self, of: Option<Of>) -> Option<Cut> {
        self.state().armed.take_if(|armed| Some(armed.of) == of)
    }

    fn take_silence(&self, moment: Option<Silence>) -> bool {
        self.state().silence.take_if(|when| Some(*when) == moment).is_some()
    }

    /// A COMMIT was lost.
    fn lost(&self, cut: Cut) {
        if cut.away {
            let mut state = self.state();
            state.leads_to = None;
            std::mem::take(&mut state.cut).cancel();
        }
    }
}

async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    while let Some(taken) = shared.stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = taken else { continue };
        let (leads_to, cut, freeze) = {
            let state = shared.state();
            (state.leads_to.clone(), state.cut.clone(), state.freeze.clone())
        };
        let Some(socket) = leads_to else { continue };
        shared.carried.fetch_add(1, Ordering::SeqCst);
        let (carrier, stop) = (Arc::clone(&shared), shared.stop.clone());
        shared.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = cut.cancelled() => {}
                _ended = carry(&carrier, stream, socket, &freeze) => {}
            }
        });
    }
}

/// Where a connection stands in its transaction.
#[derive(Debug, Default)]
struct Standing {
    in_transaction: bool,
    first: Option<Word>,
    inserts: bool,
    /// The answer to the COMMIT is to be lost.
    withheld: Option<Cut>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Insert,
    Update,
    Other,
}

impl Standing {
    fn of(&self) -> Option<Of> {
        match (self.first?, self.inserts) {
            (Word::Insert, _) => Some(Of::Intent),
            (Word::Update, true) => Some(Of::Outcome),
            (Word::Update, false) | (Word::Other, _) => None,
        }
    }

    /// Which moment it is when the word that ends a statement passes, and `before` is what passed last.
    fn moment(&self, before: u8) -> Option<Silence> {
        if !matches!(before, b'P' | b'B' | b'D' | b'E' | b'C') {
            // It ends nothing: whoever sends it wants an answer.
            return (!self.in_transaction).then_some(Silence::AsItComesBack);
        }
        let has_locks = self.in_transaction && self.first == Some(Word::Update);
        has_locks.then_some(Silence::Midway)
    }

    /// Takes in what the server says that it has done.
    fn note(&mut self, tag: &[u8]) {
        let word = match tag.split(|byte| *byte == b' ' || *byte == 0).next() {
            Some(word @ (b"BEGIN" | b"COMMIT" | b"ROLLBACK")) => {
                *self = Self { in_transaction: word == b"BEGIN", ..Self::default() };
                return;
            }
            Some(b"INSERT") => Word::Insert,
            Some(b"UPDATE") => Word::Update,
            Some(_) | None => Word::Other,
        };
        self.inserts |= word == Word::Insert;
        self.first.get_or_insert(word);
    }
}

async fn carry(
    shared: &Shared,
    client: TcpStream,
    socket: PathBuf,
    freeze: &CancellationToken,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let server = UnixStream::connect(socket).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let standing = Mutex::new(Standing::default());
    let up = async {
        let start = read_message(&mut from_client, false).await?;
        pass(&mut to_server, &start, freeze).await?;
        let mut before = 0;
        loop {
            let message = read_message(&mut from_client, true).await?;
            if message.starts_with(b"S") {
                let moment = standing.lock().unwrap_or_else(PoisonError::into_inner).moment(before);
                if shared.take_silence(moment) {
                    return std::future::pending().await;
                }
            }
            before = message[0];
            if message.starts_with(b"Q") && message.ends_with(b"commit\0") {
                let mut standing = standing.lock().unwrap_or_else(PoisonError::into_inner);
                match shared.take_armed(standing.of()) {
                    Some(cut @ Cut { done: true, .. }) => standing.withheld = Some(cut),
                    Some(cut @ Cut { done: false, .. }) => {
                        shared.lost(cut);
                        return Ok(());
                    }
                    None => {}
                }
            }
            pass(&mut to_server, &message, freeze).await?;
        }
    };
    let down = async {
        loop {
            let message = read_message(&mut from_server, true).await?;
            if message.starts_with(b"C") {
                let mut standing = standing.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(cut) = standing.withheld {
                    shared.lost(cut);
                    return Ok(());
                }
                standing.note(&message[5..]);
            }
            pass(&mut to_client, &message, freeze).await?;
        }
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}

/// One message: its type, unless it is the very first, its length, and the rest.
async fn read_message(from: &mut (impl AsyncRead + Unpin), typed: bool) -> io::Result<Vec<u8>> {
    let mut message = vec![0; if typed { 5 } else { 4 }];
    from.read_exact(&mut message).await?;
    let mut length = [0; 4];
    length.copy_from_slice(&message[message.len() - 4..]);
    let rest = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_sub(4);
    if rest > LONGEST {
        return Err(io::Error::other("no message of the protocol"));
    }
    let head = message.len();
    message.resize(head + rest, 0);
    from.read_exact(&mut message[head..]).await?;
    Ok(message)
}

async fn pass(
    to: &mut (impl AsyncWrite + Unpin),
    message: &[u8],
    freeze: &CancellationToken,
) -> io::Result<()> {
    if freeze.is_cancelled() {
        return std::future::pending().await;
    }
    to.write_all(message).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(tags: &[&str]) -> Standing {
        let mut standing = Standing::default();
        for tag in tags {
            standing.note(format!("{tag}\0").as_bytes());
        }
        standing
    }

    fn of(tags: &[&str]) -> Option<Of> {
        standing(tags).of()
    }

    #[test]
    fn a_transaction_is_told_by_what_it_does_first() {
        assert_eq!(of(&["BEGIN", "INSERT 0 1", "UPDATE 1"]), Some(Of::Intent));
        assert_eq!(of(&["BEGIN", "UPDATE 1", "INSERT 0 1"]), Some(Of::Outcome));
        assert_eq!(of(&["BEGIN", "UPDATE 1"]), None);
        assert_eq!(of(&["BEGIN", "SELECT 1", "INSERT 0 1"]), None);
        assert_eq!(of(&["INSERT 0 1", "BEGIN"]), None);
        assert_eq!(of(&["BEGIN", "INSERT 0 1", "COMMIT"]), None);
    }

    #[test]
    fn a_moment_is_told_by_what_passed_before() {
        let (midway, back) = (Some(Silence::Midway), Some(Silence::AsItComesBack));
        assert_eq!(standing(&["BEGIN", "UPDATE 1"]).moment(b'E'), midway);
        assert_eq!(standing(&["BEGIN", "INSERT 0 1"]).moment(b'E'), None);
        assert_eq!(standing(&["UPDATE 1"]).moment(b'E'), None);
        assert_eq!(standing(&["BEGIN", "UPDATE 1", "COMMIT"]).moment(b'Q'), back);
        assert_eq!(standing(&["SELECT 1"]).moment(b'S'), back);
        assert_eq!(standing(&["BEGIN", "UPDATE 1"]).moment(b'S'), None);
    }

    #[tokio::test]
    async fn messages_are_read_whole() {
        let sent = b"Q\x00\x00\x00\x0bcommit\0rest";
        assert_eq!(read_message(&mut &sent[..], true).await.unwrap(), sent[..12]);
        let short = read_message(&mut &sent[..8], true).await;
        assert!(short.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof));
    }
}
