//! What the model knows at one moment: the rows, the workers, and what is really at the provider.
//!
//! Times are counted in units from now, so that two moments that differ by the clock alone are one state.

use partner_gateway::store::OperationState;

/// Operations of one scenario at most.
pub(super) const OPS: usize = 4;
/// Workers, each in a process of its own.
pub(super) const WORKERS: usize = 2;
/// Requests of one operation that are under way or landed, at most.
pub(super) const REQUESTS: usize = 3;
/// An organization that a stranger made.
pub(super) const STRANGER: u8 = u8::MAX;

/// How a listing shows an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum View {
    /// Not yet.
    Hidden,
    /// Mostly: one reading more may miss it.
    Flickering,
    /// Always.
    Shown,
}

/// One request, as the network and the provider have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Request {
    /// There is none, or it can do nothing any more and nobody waits for it.
    None,
    /// It has left, and may still be done. `left`: for so many units.
    UnderWay {
        /// Units until the promise of the settle window is due.
        left: u8,
    },
    /// It was done.
    Landed {
        /// How it is shown.
        view: View,
        /// Units until a listing has to show it.
        left: u8,
    },
    /// It was lost; somebody still waits for its answer.
    Lost,
}

/// What a worker was answered, or found out before it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Answer {
    /// 2xx with an id, that of this request's organization.
    Done(u8),
    /// Not a byte left; sent again.
    NotSent,
    /// Not a byte left for a day; given up.
    NotSentForADay,
    /// 400 or 422.
    Refused,
    /// 401 or 403.
    Denied,
    /// 404, and the organization is so new that it may not be shown yet.
    NotShownYet,
    /// 404.
    Missing,
    /// 409.
    Conflict,
    /// 429.
    RateLimited,
    /// 5xx, a timeout, a reset, half a body, a 2xx that cannot be read.
    Unclear,
}

/// What a reading of the provider saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Seen {
    /// That it was done; for a create, by which request.
    Ours(u8),
    /// Two that must both be ours.
    Two,
    /// A stranger's that looks a little like ours.
    Maybe,
    /// One that an open create of another tenant matches as well.
    Contested,
    /// One that the other tenant's create made, taken for ours.
    Theirs,
    /// Nothing.
    Nothing,
    /// The provider could not be read, or not to the end.
    Failed,
    /// By its id, nothing.
    Missing,
    /// It cannot be read at all.
    Impossible,
}

/// What a reading says of how long nothing has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Absence {
    /// As before.
    Kept,
    /// Since this reading.
    FromHere,
    /// Something was seen.
    Over,
}

/// What a worker made of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// It was done, by this request.
    Done(u8),
    /// It was not done.
    SendAgain,
    /// Nothing is proven.
    LookAgain(Absence),
    /// A person must look.
    Quarantine,
}

/// Where a worker stands. It may stop at any of these for any time, or die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Worker {
    /// It has nothing.
    Idle,
    /// Its attempt is committed; nothing has left.
    Holds { op: u8, epoch: u8 },
    /// A request of its has left.
    Waits { op: u8, epoch: u8, request: u8 },
    /// It knows how its attempt went, and alone knows it.
    Heard { op: u8, epoch: u8, answer: Answer },
    /// It was fenced out with a 2xx in hand, and has added that to the evidence.
    Proved { op: u8 },
    /// It reads once, because its first send was refused as a conflict.
    ReadsOnce { op: u8, epoch: u8, seen: Seen },
    /// It has read the provider, `age` units ago, and has not written down what that means.
    Looks { op: u8, epoch: u8, seen: Seen, verdict: Option<Verdict>, age: u8 },
    /// A mutation's: it has counted the creates in doubt, and lets this one go.
    Counted { op: u8 },
    /// A mutation's: its request has left, and nothing is committed.
    Uncommitted { op: u8, request: u8 },
}

/// One operation's row and, below, what is really at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Op {
    /// `None` until its intent is committed.
    pub(super) state: Option<OperationState>,
    pub(super) epoch: u8,
    pub(super) sends: u8,
    /// Units until its lease ends; below 0, since it ended.
    pub(super) lease: i8,
    /// Units until its settle window ends.
    pub(super) settle: u8,
    /// For how many units complete readings have found nothing.
    pub(super) absent: Option<u8>,
    /// Units for which it counts as in doubt.
    pub(super) doubt: u8,
    /// An operator has had it sent again.
    pub(super) retried: bool,
    /// An operator has given it up.
    pub(super) abandoned: bool,
    /// The request whose organization is mapped; or a stranger's.
    pub(super) mapped: Option<u8>,
    /// The request that a late answer proves to have been done.
    pub(super) proof: Option<u8>,
    /// It has ended, and one of its sends may still be done.
    pub(super) unaccounted: bool,
    /// How many of its requests left without a proof of their refusal.
    pub(super) out: u8,
    pub(super) requests: [Request; REQUESTS],
}

impl Op {
    const NEW: Self = Self {
        state: None,
        epoch: 0,
        sends: 0,
        lease: 0,
        settle: 0,
        absent: None,
        doubt: 0,
        retried: false,
        abandoned: false,
        mapped: None,
        proof: None,
        unaccounted: false,
        out: 0,
        requests: [Request::None; REQUESTS],
    };

    /// It has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.state.is_some_and(OperationState::is_final)
    }

    /// It is the one of its organization that is in flight.
    pub(super) fn is_in_flight(&self) -> bool {
        matches!(
            self.state,
            Some(OperationState::Sending | OperationState::Unknown | OperationState::Quarantined)
        )
    }

    /// The requests that were done.
    pub(super) fn landed(&self) -> impl Iterator<Item = u8> + '_ {
        (0_u8..).zip(&self.requests).filter_map(|(index, request)| match request {
            Request::Landed { .. } => Some(index),
            Request::None | Request::UnderWay { .. } | Request::Lost => None,
        })
    }

    /// A request of its may still be done.
    pub(super) fn has_request_under_way(&self) -> bool {
        self.requests.iter().any(|request| matches!(request, Request::UnderWay { .. }))
    }
}

/// What all replicas know of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Gate {
    /// Units until it opens after a 429.
    pub(super) closed: u8,
    /// The last create whose outcome was lost is later than the last that succeeded.
    pub(super) shaken: bool,
    /// The account was read since then.
    pub(super) read_since: bool,
}

/// Everything at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) ops: [Op; OPS],
    pub(super) workers: [Worker; WORKERS],
    pub(super) gate: Gate,
    /// The organization is locked at the provider.
    pub(super) locked: bool,
    /// The gateway shows it as locked.
    pub(super) believed: bool,
}

impl State {
    /// Nothing has been asked for yet.
    pub(super) const START: Self = Self {
        ops: [Op::NEW; OPS],
        workers: [Worker::Idle; WORKERS],
        gate: Gate { closed: 0, shaken: false, read_since: true },
        locked: false,
        believed: false,
    };
}
