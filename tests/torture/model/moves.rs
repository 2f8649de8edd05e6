//! The steps that there are, by name, and the list of all that can happen next.

use std::fmt;

use super::{scenario::Scenario, state::State, violation::Violation};

/// What happens in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum What {
    TimePasses,
    CommitsIntent,
    TakesUp,
    LeaseExpires,
    Sends,
    FindsLeaseOver,
    RequestLands,
    RequestLandsAfterItsLease,
    RequestIsLost,
    IsShown,
    HearsDone,
    HearsNothingClear,
    HearsNotSent,
    GivesUpAfterADay,
    HearsRefused,
    HearsDenied,
    HearsNotShownYet,
    HearsMissing,
    HearsConflict,
    HearsRateLimit,
    WritesOutcome,
    IsFenced,
    AddsLateEvidence,
    LiftsByEvidence,
    ReadsOurs,
    ReadsTwo,
    ReadsACandidate,
    ReadsAContestedOne,
    ReadsTheirs,
    ReadsNothing,
    MissesWhatIsThere,
    FailsToRead,
    ReadsThatItIsMissing,
    CannotRead,
    ConcludesReading,
    Dies,
    OperatorApplies,
    OperatorSendsAgain,
    OperatorRefuses,
    OperatorAbandons,
    /// A mutation's alone.
    CountsBudget,
}

impl What {
    /// What must have happened somewhere in a profile: else the search did not see what it claims to.
    pub(super) const EXPECTED: [Self; 38] = [
        Self::TimePasses,
        Self::CommitsIntent,
        Self::TakesUp,
        Self::LeaseExpires,
        Self::Sends,
        Self::FindsLeaseOver,
        Self::RequestLands,
        Self::RequestLandsAfterItsLease,
        Self::RequestIsLost,
        Self::IsShown,
        Self::HearsDone,
        Self::HearsNothingClear,
        Self::HearsNotSent,
        Self::GivesUpAfterADay,
        Self::HearsRefused,
        Self::HearsDenied,
        Self::HearsNotShownYet,
        Self::HearsMissing,
        Self::HearsConflict,
        Self::HearsRateLimit,
        Self::WritesOutcome,
        Self::IsFenced,
        Self::AddsLateEvidence,
        Self::LiftsByEvidence,
        Self::ReadsOurs,
        Self::ReadsACandidate,
        Self::ReadsAContestedOne,
        Self::ReadsNothing,
        Self::MissesWhatIsThere,
        Self::FailsToRead,
        Self::ReadsThatItIsMissing,
        Self::CannotRead,
        Self::ConcludesReading,
        Self::Dies,
        Self::OperatorApplies,
        Self::OperatorSendsAgain,
        Self::OperatorRefuses,
        Self::OperatorAbandons,
    ];

    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::TimePasses => "a unit of time passes",
            Self::CommitsIntent => "commits the intent",
            Self::TakesUp => "takes it up",
            Self::LeaseExpires => "the lease runs out",
            Self::Sends => "sends it",
            Self::FindsLeaseOver => "finds its lease over, and does not send",
            Self::RequestLands => "the provider does it",
            Self::RequestLandsAfterItsLease => "the provider does it, after the lease",
            Self::RequestIsLost => "the request is lost",
            Self::IsShown => "the provider begins to show it",
            Self::HearsDone => "is answered 2xx",
            Self::HearsNothingClear => "is answered nothing that proves anything",
            Self::HearsNotSent => "could not connect",
            Self::GivesUpAfterADay => "could not connect for a day",
            Self::HearsRefused => "is answered 400",
            Self::HearsDenied => "is answered 403",
            Self::HearsNotShownYet => "is answered 404, soon after the create",
            Self::HearsMissing => "is answered 404",
            Self::HearsConflict => "is answered 409",
            Self::HearsRateLimit => "is answered 429",
            Self::WritesOutcome => "writes the outcome down",
            Self::IsFenced => "is fenced out",
            Self::AddsLateEvidence => "is fenced out, and adds its 2xx to the evidence",
            Self::LiftsByEvidence => "settles it by that evidence",
            Self::ReadsOurs => "reads the provider: it is there",
            Self::ReadsTwo => "reads the provider: two are there",
            Self::ReadsACandidate => "reads the provider: a stranger's looks like it",
            Self::ReadsAContestedOne => "reads the provider: one that both tenants' creates match",
            Self::ReadsTheirs => "reads the provider: the other tenant's, taken for its own",
            Self::ReadsNothing => "reads the provider: nothing",
            Self::MissesWhatIsThere => "reads the provider, which does not show what is there",
            Self::FailsToRead => "cannot read the provider to the end",
            Self::ReadsThatItIsMissing => "is told that there is no such organization",
            Self::CannotRead => "finds that the provider cannot be read",
            Self::ConcludesReading => "writes down what the reading means",
            Self::Dies => "is killed",
            Self::OperatorApplies => "an operator says: it was done",
            Self::OperatorSendsAgain => "an operator says: not done, send it again",
            Self::OperatorRefuses => "an operator says: not done",
            Self::OperatorAbandons => "an operator gives it up",
            Self::CountsBudget => "counts the creates in doubt",
        }
    }

    /// It is a person's doing, so that nothing may depend on it.
    pub(super) fn is_by_operator(self) -> bool {
        matches!(
            self,
            Self::OperatorApplies
                | Self::OperatorSendsAgain
                | Self::OperatorRefuses
                | Self::OperatorAbandons
        )
    }
}

/// One step: what, by whom, of which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) what: What,
    pub(super) worker: Option<usize>,
    pub(super) op: Option<usize>,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(op) = self.op {
            write!(f, "operation {}: ", op + 1)?;
        }
        if self.worker.is_some() {
            f.write_str("a worker ")?;
        }
        f.write_str(self.what.words())
    }
}

/// A step and where it leads.
pub(super) type Step = (Move, Result<State, Violation>);

/// Gathers the steps that can be taken from one state.
pub(super) struct Steps<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) from: State,
    pub(super) found: Vec<Step>,
}

impl Steps<'_> {
    /// All that can happen next, in canonical form, each looked at.
    pub(super) fn of(scenario: &Scenario, from: State) -> Vec<Step> {
        let mut steps = Steps { scenario, from, found: Vec::with_capacity(24) };
        steps.time();
        steps.provider();
        steps.workers();
        steps.operator();
        let check = |(step, to): Step| {
            let seen = to.and_then(|after| match scenario.check(&from, step, &after) {
                Some(violation) => Err(violation),
                None => Ok(after.canonical(!scenario.one_organization, scenario.is_timed())),
            });
            (step, seen)
        };
        steps.found.into_iter().map(check).collect()
    }

    /// One more step, by what it changes.
    pub(super) fn add(
        &mut self,
        what: What,
        worker: Option<usize>,
        op: Option<usize>,
        change: impl FnOnce(&mut State) -> Result<(), Violation>,
    ) {
        let mut to = self.from;
        let result = change(&mut to).map(|()| to);
        self.found.push((Move { what, worker, op }, result));
    }
}
