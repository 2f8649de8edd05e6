//! The faults that a run must have met. A number is the row of the design's table that it belongs to; a
//! run in which one of them never happened has shown nothing about it, and has failed.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $row:literal, $text:literal;)+) => {
        /// Something that went wrong, or an end that only a fault brings about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $(#[doc = $text] $name),+ }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The row of the fault table.
            #[must_use]
            pub fn row(self) -> u8 {
                match self { $(Self::$name => $row),+ }
            }

            /// In words.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

faults! {
    KilledBeforeIntent = 1, "killed before the intent was committed";
    KilledAfterIntent = 2, "killed after the intent was committed, before the answer";
    KilledBeforeClaim = 3, "killed before a claim was committed";
    CommitInDoubtDone = 4, "a first commit was in doubt, and done";
    CommitInDoubtNot = 4, "a first commit was in doubt, and not done";
    KilledBeforeSending = 5, "killed after the claim, before anything was sent";
    Refused = 6, "the connection was refused";
    RequestLost = 7, "the request was lost";
    AnswerLost = 8, "the work was done and the answer lost";
    FailedUndone = 8, "the provider failed, and the work was not done";
    LandedLate = 9, "the request landed after the caller had given up";
    KilledAfterAnswer = 10, "killed with the answer in hand";
    AnswerWhileAway = 11, "answered while the database was away";
    RecordInDoubt = 11, "the commit of an outcome was in doubt, and done";
    KilledAfterRecord = 12, "killed after the outcome was committed";
    CallerHungUp = 12, "the caller hung up";
    StoppedBeforeSending = 13, "stopped before sending, for longer than the lease";
    StoppedAfterAnswer = 14, "stopped with the answer in hand, for longer than the lease";
    LateAnswer = 14, "an answer came after the operation was taken over";
    QuarantineLifted = 14, "a late answer lifted a quarantine";
    LaggingList = 15, "a listing or a reading lagged behind";
    PagedList = 15, "a listing had three pages or more";
    SameKeyTwice = 16, "a key came twice, and was replayed";
    SameCustomerTwice = 16, "a customer came twice, and had one";
    CreatesHeldBack = 17, "creates were held back while others were in doubt";
    RateLimited = 18, "the provider asked for a pause";
    DatabaseAway = 19, "the database was away";
    Drained = 20, "a replica was told to end under load";
    LockSettledByReading = 21, "an unknown lock was settled by reading";
    UnlockWaited = 21, "an unlock waited for an unknown lock";
    ProviderLockUnderOurs = 21, "a provider's lock came to light under ours";
    SeatKilled = 22, "killed or stopped while an administrator's seat was asked for";
    LeaseExpired = 5, "a lease ran out";
    CreateFound = 8, "a lost create was found by reading";
    SentAgain = 7, "an operation was sent a second time";
    EmailTaken = 8, "an owner's address was taken at the provider";
    EditedByPerson = 15, "a person changed an organization at the provider";
    AdoptedByPerson = 14, "a person mapped what a lost create had made";
    ResolvedByPerson = 14, "a person settled an operation";
    ContentRefused = 8, "the provider refused the content";
}
