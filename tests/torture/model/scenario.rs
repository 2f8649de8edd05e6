//! What one search is about: which operations, what the world may do, and which rule is broken on purpose.

use partner_gateway::store::OperationKind;

/// One search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    /// In a few words.
    pub(super) name: &'static str,
    /// The operations, in the order in which they are asked for.
    pub(super) kinds: &'static [OperationKind],
    /// All of them are on one organization that is there already; otherwise each makes its own.
    pub(super) one_organization: bool,
    /// The provider can be read.
    pub(super) readable: bool,
    /// Workers that are alive at once.
    pub(super) workers: usize,
    /// Units that a lease lasts. One unit is a third of the settle window.
    pub(super) lease: u8,
    /// Units for which a lost create counts.
    pub(super) risk_window: u8,
    /// Creates that may be at risk at once.
    pub(super) at_risk: u8,
    /// An operator may settle what is open.
    pub(super) operator: bool,
    /// What the provider may answer beside a 2xx and silence.
    pub(super) answers: Answers,
    /// A request is done or lost, and shown, before any time passes.
    pub(super) is_prompt: bool,
    /// What the promise leaves out.
    pub(super) world: World,
    /// The rule that is broken.
    pub(super) mutation: Option<Mutation>,
}

/// Which answers a provider gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// Every one of the table.
    All,
    /// 2xx, silence and what cannot be read.
    Outage,
    /// The same, and a conflict where the address is taken.
    OutageWithConflicts,
}

/// What the design's promise leaves out. All false: the promise as it stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct World {
    /// A request may be done after the settle window's end.
    pub(super) lands_beyond_the_window: bool,
    /// The provider refuses a second organization with the same e-mail address.
    pub(super) emails_are_unique: bool,
    /// The creates are of different tenants, for the same customer and owner.
    pub(super) same_customer: bool,
}

impl Scenario {
    /// Something is concluded from how long nothing was seen.
    pub(super) fn is_timed(&self) -> bool {
        self.readable && !self.one_organization
    }
}

/// A rule that is broken, to see that the search finds what it is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// A request leaves before its intent is committed.
    SentBeforeCommit,
    /// A lease that ran out makes the operation `accepted`.
    ExpiredSentAsNew,
    /// An outcome is written whatever the epoch and the state.
    OutcomeUnfenced,
    /// Absence is concluded before the settle window's end.
    AbsentBeforeTheEnd,
    /// The first of the two readings counts though it was begun before the settle window's end.
    AbsentSinceBeforeTheEnd,
    /// Absence is concluded from one reading.
    AbsentAfterOneReading,
    /// Absence is concluded from a listing that was not read to its end.
    AbsentByHalfAReading,
    /// A reading counts from when it ended.
    ReadingDatedAtItsEnd,
    /// A 5xx is taken for a refusal.
    ServerErrorIsRefusal,
    /// A conflict at the second send is taken for a refusal.
    SecondConflictRejects,
    /// A candidate that matches on one field is taken for ours.
    WeakOneAdopted,
    /// A worker does not look at its lease before it sends.
    LeaseNotLookedAt,
    /// The sends are not counted.
    ThirdSend,
    /// The creates in doubt are counted without the account's row locked.
    BudgetUnlocked,
    /// Evidence is fenced like an outcome.
    EvidenceFenced,
    /// An operation is taken up while another of its organization is open.
    Overtaking,
    /// A change is taken up though the one before it may still be done by a send that was not accounted for.
    LateSendNotWaitedFor,
    /// That an organization is as a change wants it is taken for its doing, though it was so before.
    WasSoTakenForDone,
    /// A refusal of the second send of a lock is taken for one of the first, too.
    SecondRefusalRejects,
    /// An invite whose outcome is open is sent again.
    InviteSentAgain,
    /// A read-back does not look for open creates of other tenants.
    RivalNotLookedFor,
}

impl Mutation {
    /// Every one.
    pub(super) const ALL: [Self; 21] = [
        Self::SentBeforeCommit,
        Self::ExpiredSentAsNew,
        Self::OutcomeUnfenced,
        Self::AbsentBeforeTheEnd,
        Self::AbsentSinceBeforeTheEnd,
        Self::AbsentAfterOneReading,
        Self::AbsentByHalfAReading,
        Self::ReadingDatedAtItsEnd,
        Self::ServerErrorIsRefusal,
        Self::SecondConflictRejects,
        Self::WeakOneAdopted,
        Self::LeaseNotLookedAt,
        Self::ThirdSend,
        Self::BudgetUnlocked,
        Self::EvidenceFenced,
        Self::Overtaking,
        Self::LateSendNotWaitedFor,
        Self::WasSoTakenForDone,
        Self::SecondRefusalRejects,
        Self::InviteSentAgain,
        Self::RivalNotLookedFor,
    ];

    /// The smallest scenario in which it does harm.
    pub(super) fn scenario(self) -> Scenario {
        let base = match self {
            Self::BudgetUnlocked => BUDGET_OF_ONE,
            Self::Overtaking | Self::SecondRefusalRejects => LOCK_UNLOCK,
            Self::LateSendNotWaitedFor => LOCK_UNLOCK_OUTAGE,
            Self::WasSoTakenForDone => UNLOCK_LOCK_OUTAGE,
            Self::InviteSentAgain => INVITE,
            Self::SecondConflictRejects => BEYOND,
            Self::RivalNotLookedFor => TWO_TENANTS,
            Self::SentBeforeCommit
            | Self::ExpiredSentAsNew
            | Self::OutcomeUnfenced
            | Self::AbsentBeforeTheEnd
            | Self::AbsentSinceBeforeTheEnd
            | Self::AbsentAfterOneReading
            | Self::AbsentByHalfAReading
            | Self::ReadingDatedAtItsEnd
            | Self::ServerErrorIsRefusal
            | Self::WeakOneAdopted
            | Self::LeaseNotLookedAt
            | Self::ThirdSend
            | Self::EvidenceFenced => Scenario { operator: false, ..ONE_CREATE },
        };
        Scenario { mutation: Some(self), ..base }
    }
}

use OperationKind::{Create, Invite, Lock, Unlock};

/// One create at a provider that can be read back.
pub(super) const ONE_CREATE: Scenario = Scenario {
    name: "a create, read back",
    kinds: &[Create],
    one_organization: false,
    readable: true,
    workers: 2,
    lease: 1,
    risk_window: 1,
    at_risk: 3,
    operator: true,
    answers: Answers::All,
    is_prompt: false,
    world: World { lands_beyond_the_window: false, emails_are_unique: false, same_customer: false },
    mutation: None,
};

/// One create at a provider that cannot be read.
pub(super) const UNREADABLE_CREATE: Scenario =
    Scenario { name: "a create, not readable", readable: false, ..ONE_CREATE };

/// One create whose request may land whenever it likes, at a provider that knows e-mail addresses.
pub(super) const BEYOND: Scenario = Scenario {
    name: "a create that lands too late, e-mails unique",
    operator: false,
    world: World { lands_beyond_the_window: true, emails_are_unique: true, same_customer: false },
    ..ONE_CREATE
};

/// Two creates and room for one in doubt.
pub(super) const BUDGET_OF_ONE: Scenario = Scenario {
    name: "two creates in an outage, one at risk",
    kinds: &[Create, Create],
    readable: false,
    at_risk: 1,
    operator: false,
    answers: Answers::Outage,
    ..ONE_CREATE
};

/// Two creates in an outage of a provider that can be read.
pub(super) const TWO_CREATES: Scenario = Scenario {
    name: "two creates in an outage, read back",
    readable: true,
    is_prompt: true,
    workers: 1,
    at_risk: 2,
    ..BUDGET_OF_ONE
};

/// Two tenants create the same customer with the same e-mail address, at a provider that takes an address once.
pub(super) const TWO_TENANTS: Scenario = Scenario {
    name: "two tenants create one customer",
    kinds: &[Create, Create],
    workers: 1,
    at_risk: 2,
    operator: false,
    answers: Answers::OutageWithConflicts,
    is_prompt: true,
    world: World { lands_beyond_the_window: false, emails_are_unique: true, same_customer: true },
    ..ONE_CREATE
};

/// Three creates at a provider that cannot be read, and an operator.
pub(super) const THREE_CREATES: Scenario = Scenario {
    name: "three creates in an outage, two at risk",
    kinds: &[Create, Create, Create],
    at_risk: 2,
    workers: 1,
    operator: true,
    ..BUDGET_OF_ONE
};

/// Four creates in an outage of a provider that cannot be read, and room for three.
pub(super) const OUTAGE: Scenario = Scenario {
    name: "four creates in an outage, three at risk",
    kinds: &[Create, Create, Create, Create],
    at_risk: 3,
    workers: 1,
    ..BUDGET_OF_ONE
};

/// A lock and the unlock behind it.
pub(super) const LOCK_UNLOCK: Scenario =
    Scenario { name: "lock, unlock", kinds: &[Lock, Unlock], one_organization: true, ..ONE_CREATE };

/// The same in an outage.
pub(super) const LOCK_UNLOCK_OUTAGE: Scenario = Scenario {
    name: "lock, unlock, in an outage",
    operator: false,
    answers: Answers::Outage,
    ..LOCK_UNLOCK
};

/// An unlock of what is not locked, and the lock behind it, in an outage.
pub(super) const UNLOCK_LOCK_OUTAGE: Scenario =
    Scenario { name: "unlock, lock, in an outage", kinds: &[Unlock, Lock], ..LOCK_UNLOCK_OUTAGE };

/// A lock, an unlock and a lock, in an outage.
pub(super) const LOCK_UNLOCK_LOCK: Scenario = Scenario {
    name: "lock, unlock, lock, in an outage",
    kinds: &[Lock, Unlock, Lock],
    ..LOCK_UNLOCK_OUTAGE
};

/// An invite.
pub(super) const INVITE: Scenario =
    Scenario { name: "an invite", kinds: &[Invite], one_organization: true, ..ONE_CREATE };

/// An invite behind a lock.
pub(super) const LOCK_INVITE: Scenario =
    Scenario { name: "lock, invite", kinds: &[Lock, Invite], ..LOCK_UNLOCK };
