//! What is killed where: every point that a kind of operation passes, and how it gets there.

use crate::real::Kind;

/// How an operation gets to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// All goes well.
    Straight,
    /// The provider asks to wait at first, so that a worker takes it up later.
    Limited,
    /// The provider's answer is lost, its work done or not.
    Lost,
    /// The provider refuses it, as if it were there already; and it may be.
    Conflict,
    /// The process dies while it sends; the next one takes up what it left.
    Expired,
    /// The first send is lost and never done, so there is a second.
    Again,
    /// An operator settles it.
    Resolved,
}

/// How the operation stands at the provider and in the database when the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing is written down.
    Nothing,
    /// It is accepted, and nothing of it can be on its way.
    Waiting,
    /// It may be on its way, or be done.
    Open,
    /// It may be done, and was sent as often as it may be.
    Spent,
    /// Its outcome is written down.
    Done,
    /// The operator's word is written down.
    Resolved,
}

/// One thing to kill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    /// What is done.
    pub(crate) kind: Kind,
    /// How it gets to its point.
    pub(crate) way: Way,
    /// Where the process kills itself: `name` or `name:n`.
    pub(crate) point: &'static str,
    /// How it then stands.
    pub(crate) then: Then,
}

impl Cell {
    /// Its point without the number of the passage.
    pub(crate) fn name(&self) -> &'static str {
        self.point.split_once(':').map_or(self.point, |(name, _)| name)
    }

    /// How many processes die of it.
    pub(crate) fn kills(&self) -> u64 {
        if self.way == Way::Expired { 2 } else { 1 }
    }
}

type Points = &'static [(&'static str, Then)];

const ALL: &[Kind] = &[
    Kind::ScalewayCreate,
    Kind::ArcheraCreate,
    Kind::Lock,
    Kind::Update,
    Kind::Invite,
    Kind::Seat,
];
/// An administrator's seat is never sent again: its password is kept nowhere.
const REPEATED: &[Kind] =
    &[Kind::ScalewayCreate, Kind::ArcheraCreate, Kind::Lock, Kind::Update, Kind::Invite];
const SETTLED: &[Kind] = &[Kind::ScalewayCreate, Kind::Lock, Kind::Update];
const NEEDING_A_PERSON: &[Kind] = &[Kind::ArcheraCreate, Kind::Invite, Kind::Seat];

const STRAIGHT: Points = &[
    ("intent.begin", Then::Nothing),
    ("intent.commit", Then::Nothing),
    ("intent.committed", Then::Open),
    ("send.before", Then::Open),
    ("send.call", Then::Open),
    ("send.answered", Then::Open),
    ("record.begin", Then::Open),
    ("record.evidence", Then::Open),
    ("record.commit", Then::Open),
    ("record.committed", Then::Done),
    ("answer.begin", Then::Done),
    ("answer.made", Then::Done),
];
const LIMITED: Points = &[
    ("gate.closed", Then::Open),
    ("record.commit", Then::Open),
    ("record.committed", Then::Waiting),
    ("claim.commit", Then::Waiting),
    ("claim.committed", Then::Open),
];
const LOST: Points = &[
    ("record.committed", Then::Open),
    ("settle.claimed", Then::Open),
    ("settle.read", Then::Open),
    ("settle.record", Then::Open),
    ("settle.recorded", Then::Open),
];
const CONFLICT: Points = &[("evidence.begin", Then::Open), ("evidence.committed", Then::Open)];
const EXPIRED: Points = &[("expire.commit", Then::Open), ("expire.committed", Then::Open)];
const AGAIN: Points = &[("send.call:2", Then::Spent), ("send.answered:2", Then::Spent)];
const RESOLVED: Points = &[
    ("resolve.begin", Then::Open),
    ("resolve.decided", Then::Open),
    ("resolve.recorded", Then::Resolved),
];

const WAYS: [(Way, &[Kind], Points); 7] = [
    (Way::Straight, ALL, STRAIGHT),
    (Way::Limited, REPEATED, LIMITED),
    (Way::Lost, ALL, LOST),
    (Way::Conflict, &[Kind::ScalewayCreate], CONFLICT),
    (Way::Expired, ALL, EXPIRED),
    (Way::Again, SETTLED, AGAIN),
    (Way::Resolved, NEEDING_A_PERSON, RESOLVED),
];

/// Everything that is killed.
pub(crate) fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (way, kinds, points) in WAYS {
        for &kind in kinds {
            cells.extend(points.iter().map(|&(point, then)| Cell { kind, way, point, then }));
        }
    }
    cells
}

/// So many kills, at least: every cell in turn.
pub(crate) fn rounds(kills: u64) -> Vec<Cell> {
    let mut left = kills;
    let mut rounds = Vec::new();
    for cell in all().into_iter().cycle() {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(cell.kills());
        rounds.push(cell);
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_run_kills_at_every_point_of_every_kind() {
        assert!(rounds(200).len() >= all().len(), "{} cells", all().len());
    }

    #[test]
    fn so_many_are_killed_as_are_asked_for() {
        for asked in [1, 200, 1800] {
            let killed: u64 = rounds(asked).iter().map(Cell::kills).sum();
            assert!(killed == asked || killed == asked + 1, "{killed} for {asked}");
        }
    }

    #[cfg(feature = "crash-points")]
    #[test]
    fn every_point_is_killed_at() {
        let cells = all();
        for point in partner_gateway::crash_points::POINTS {
            assert!(cells.iter().any(|cell| cell.name() == point), "nothing dies at {point}");
        }
    }
}
