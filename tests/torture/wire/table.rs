//! Which fault meets which operation at which provider, and the end that each must reach.

use super::fault::{Break, FAULTS, Proof, Row, Strikes};

/// A provider, as an account has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Scaleway: everything can be read back.
    Scaleway,
    /// Archera: nothing can.
    Archera,
    /// Archera by an account that may list organizations.
    Listing,
}

/// What is asked of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Create,
    Update,
    Lock,
    Unlock,
    Invite,
    Seat,
    /// A reading through to the provider.
    Refresh,
    /// A create whose answer is lost; what is broken is the reading that looks for it.
    ReadBack,
}

/// How it must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// The operation, or the reading, is done.
    Succeeded,
    /// It is refused by this code, and nothing is there.
    Rejected(&'static str),
    /// A person must decide.
    Quarantined,
}

/// One square of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// Where.
    pub(super) profile: At,
    /// What.
    pub(super) ask: Ask,
    /// By which fault.
    pub(super) fault: Row,
    /// The fault strikes when the work is done.
    pub(super) after: bool,
    /// How it must end.
    pub(super) ends: Ends,
    /// How often it must have been sent by then.
    pub(super) sends: usize,
}

const ASKS: &[(At, &[Ask])] = &[
    (
        At::Scaleway,
        &[Ask::Create, Ask::Update, Ask::Lock, Ask::Unlock, Ask::Seat, Ask::Refresh, Ask::ReadBack],
    ),
    (At::Archera, &[Ask::Create, Ask::Invite]),
    (At::Listing, &[Ask::Create, Ask::ReadBack]),
];

/// Every cell.
pub(super) fn cells() -> Vec<Cell> {
    let asks = ASKS.iter().flat_map(|(profile, asks)| asks.iter().map(|ask| (*profile, *ask)));
    asks.flat_map(|(profile, ask)| {
        FAULTS.iter().flat_map(move |&fault| {
            sides(ask, fault.2).iter().filter_map(move |&after| {
                let (ends, sends) = end(profile, ask, fault.3, after)?;
                has_ids(ask, fault.1, after).then_some(())?;
                Some(Cell { profile, ask, fault, after, ends, sends })
            })
        })
    })
    .collect()
}

/// Where a fault strikes; for a reading there is no difference.
fn sides(ask: Ask, strikes: Strikes) -> &'static [bool] {
    let reads = matches!(ask, Ask::Refresh | Ask::ReadBack);
    match strikes {
        Strikes::Before => &[false],
        Strikes::Both if !reads => &[false, true],
        Strikes::After | Strikes::Both => &[true],
    }
}

/// A fault of ids needs an answer that has some.
fn has_ids(ask: Ask, breaks: Break, after: bool) -> bool {
    let of_ids = matches!(breaks, Break::WithoutId | Break::InvalidId);
    !(of_ids && after && ask == Ask::Invite)
}

/// How it must end, and how often it is sent. `None` where there is no such case: where a provider would
/// claim to have done what it did not, or the reverse, or the fault cannot be had.
fn end(profile: At, ask: Ask, proof: Proof, after: bool) -> Option<(Ends, usize)> {
    match ask {
        Ask::Create if profile == At::Scaleway => readable_create(proof, after),
        Ask::Create => unreadable_create(proof, after),
        Ask::Update | Ask::Lock | Ask::Unlock => repeatable(proof, after),
        Ask::Invite => invite(proof, after),
        Ask::Seat => seat(proof, after),
        Ask::Refresh => Some(reading(proof)),
        // Whatever became of the first reading: one more finds it, and nothing is sent again.
        Ask::ReadBack if proof == Proof::NotSent => None,
        Ask::ReadBack if profile == At::Scaleway => Some((Ends::Succeeded, 1)),
        Ask::ReadBack => Some((Ends::Quarantined, 1)),
    }
}

const DONE: Option<(Ends, usize)> = Some((Ends::Succeeded, 1));
const TWICE: Option<(Ends, usize)> = Some((Ends::Succeeded, 2));
const IN_DOUBT: Option<(Ends, usize)> = Some((Ends::Quarantined, 1));
const MISSING: &str = "missing_at_provider";
const CONFLICT: &str = "conflict_at_provider";
const AWAY: &str = "provider_unavailable";

fn refused(code: &'static str) -> Option<(Ends, usize)> {
    Some((Ends::Rejected(code), 1))
}

/// A create that is found by reading, or sent again when it is not.
fn readable_create(proof: Proof, after: bool) -> Option<(Ends, usize)> {
    match (proof, after) {
        (Proof::NotSent | Proof::Done, _) => DONE,
        (Proof::Refused(code), _) => refused(code),
        (Proof::Missing, _) => refused(MISSING),
        (Proof::Conflict, false) => refused(CONFLICT),
        // It conflicts with what it has made itself.
        (Proof::Conflict, true) => DONE,
        (Proof::Limited, _) => TWICE,
        (Proof::Nothing(_) | Proof::Unusable, false) => TWICE,
        (Proof::Nothing(_) | Proof::Unusable, true) => DONE,
    }
}

/// A create that nothing is known of but by its answer.
fn unreadable_create(proof: Proof, after: bool) -> Option<(Ends, usize)> {
    match (proof, after) {
        (Proof::NotSent | Proof::Done, _) => DONE,
        (Proof::Refused(code), _) => refused(code),
        (Proof::Missing, _) => refused(MISSING),
        (Proof::Conflict, false) => refused(CONFLICT),
        (Proof::Conflict, true) => None,
        (Proof::Limited, _) => TWICE,
        (Proof::Nothing(_) | Proof::Unusable, _) => IN_DOUBT,
    }
}

/// An update, a lock, an unlock: read, and sent again where it does not show.
fn repeatable(proof: Proof, after: bool) -> Option<(Ends, usize)> {
    match (proof, after) {
        (Proof::NotSent | Proof::Done, _) => DONE,
        (Proof::Refused(code), _) => refused(code),
        // The organization is so new that it need not show yet.
        (Proof::Missing | Proof::Limited, _) => TWICE,
        (Proof::Conflict, false) => refused(CONFLICT),
        (Proof::Conflict, true) => None,
        (Proof::Nothing(_) | Proof::Unusable, false) => TWICE,
        (Proof::Nothing(_) | Proof::Unusable, true) => DONE,
    }
}

/// An invitation, of which nothing can be read.
fn invite(proof: Proof, after: bool) -> Option<(Ends, usize)> {
    match (proof, after) {
        (Proof::NotSent | Proof::Done, _) => DONE,
        (Proof::Refused(code), _) => refused(code),
        (Proof::Missing, _) => refused(MISSING),
        (Proof::Conflict, false) => refused(CONFLICT),
        (Proof::Conflict, true) => None,
        (Proof::Limited, _) => TWICE,
        (Proof::Nothing(_) | Proof::Unusable, _) => IN_DOUBT,
    }
}

/// A seat: its password is gone after the first try, and its success has nothing to be read.
fn seat(proof: Proof, after: bool) -> Option<(Ends, usize)> {
    match (proof, after) {
        (Proof::NotSent, _) => Some((Ends::Rejected(AWAY), 0)),
        (Proof::Done, _) | (Proof::Unusable, true) => DONE,
        (Proof::Unusable, false) | (Proof::Conflict, true) => None,
        (Proof::Refused(code), _) => refused(code),
        (Proof::Missing, _) => refused(MISSING),
        (Proof::Conflict, false) => refused(CONFLICT),
        (Proof::Limited, _) => refused(AWAY),
        (Proof::Nothing(_), _) => IN_DOUBT,
    }
}

/// A reading that the caller waits for: tried once, and told as it is.
fn reading(proof: Proof) -> (Ends, usize) {
    match proof {
        Proof::NotSent => (Ends::Rejected(AWAY), 0),
        Proof::Done => (Ends::Succeeded, 1),
        Proof::Refused(code) | Proof::Nothing(code) => (Ends::Rejected(code), 1),
        Proof::Missing => (Ends::Rejected(MISSING), 1),
        Proof::Conflict => (Ends::Rejected(CONFLICT), 1),
        Proof::Limited => (Ends::Rejected(AWAY), 1),
        Proof::Unusable => (Ends::Rejected("provider_failed"), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_cells_and_each_fault_has_some() {
        let cells = cells();
        assert!(cells.len() >= 200, "{} cells", cells.len());
        for row in FAULTS {
            assert!(cells.iter().any(|cell| cell.fault == *row), "{row:?}");
        }
    }

    #[test]
    fn nothing_that_cannot_be_repeated_is_sent_twice_without_proof() {
        for Cell { profile, ask, fault, sends, .. } in cells() {
            let may =
                fault.3 == Proof::Limited || (profile == At::Scaleway && !matches!(ask, Ask::Seat));
            assert!(sends <= 1 || may, "{ask:?}, {}", fault.0);
        }
    }
}
