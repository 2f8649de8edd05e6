//! Where a replica is frozen, and what the others and it make of that.

use crate::real::Kind;

/// Where a replica is frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freeze {
    /// In the transaction that writes down what is meant, the account's gate locked by it.
    AtTheIntent,
    /// It has the operation, and has not begun to send.
    BeforeSending,
    /// It is within the call, and no byte has left.
    InTheCall,
    /// The request has left; the answer comes while it is frozen.
    WhileWaiting,
    /// It has read the answer.
    HavingTheAnswer,
    /// It is within the transaction that writes the outcome down, rows locked by it.
    AtTheRecord,
    /// It has taken up an open outcome, and read the provider.
    Settling,
}

impl Freeze {
    /// The point to stop at; none where the replica is frozen from outside.
    pub(crate) fn point(self) -> Option<&'static str> {
        match self {
            Self::AtTheIntent => Some("intent.commit"),
            Self::BeforeSending => Some("send.before"),
            Self::InTheCall => Some("send.call"),
            Self::WhileWaiting => None,
            Self::HavingTheAnswer => Some("send.answered"),
            Self::AtTheRecord => Some("record.commit"),
            Self::Settling => Some("settle.read"),
        }
    }

    /// Whether the frozen replica may have sent anything, ever.
    pub(crate) fn has_sent(self) -> bool {
        !matches!(self, Self::AtTheIntent | Self::BeforeSending | Self::InTheCall)
    }

    /// Whether what it knows alone settles the operation when it wakes.
    pub(crate) fn knows(self) -> bool {
        matches!(self, Self::HavingTheAnswer | Self::AtTheRecord)
    }
}

/// One thing to freeze.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    /// What is done.
    pub(crate) kind: Kind,
    /// Where it is frozen.
    pub(crate) freeze: Freeze,
}

const FREEZES: [Freeze; 7] = [
    Freeze::BeforeSending,
    Freeze::HavingTheAnswer,
    Freeze::AtTheIntent,
    Freeze::InTheCall,
    Freeze::WhileWaiting,
    Freeze::AtTheRecord,
    Freeze::Settling,
];
const KINDS: [Kind; 4] = [Kind::ScalewayCreate, Kind::ArcheraCreate, Kind::Lock, Kind::Invite];

/// So many rounds: every freeze of the creates first, then of the others.
pub(crate) fn rounds(count: usize) -> Vec<Scene> {
    let kinds = KINDS.chunks(2);
    let scenes = kinds.flat_map(|kinds| {
        let each = FREEZES
            .iter()
            .flat_map(|&freeze| kinds.iter().map(move |&kind| Scene { kind, freeze }));
        each.collect::<Vec<_>>()
    });
    scenes.collect::<Vec<_>>().into_iter().cycle().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_run_freezes_both_creates_everywhere() {
        let rounds = rounds(20);
        for freeze in FREEZES {
            for kind in [Kind::ScalewayCreate, Kind::ArcheraCreate] {
                let there = |scene: &Scene| scene.freeze == freeze && scene.kind == kind;
                assert!(rounds.iter().any(there), "{kind:?} {freeze:?}");
            }
        }
    }
}
