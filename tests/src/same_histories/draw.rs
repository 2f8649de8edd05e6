//! Which calls are made: drawn so that most of them meet something, and some of them what they must not.

use std::time::Duration;

use partner_gateway::store::{CreateBudget, OperationKind};
use uuid::Uuid;

use super::{
    call::{Call, Changed, Next, Planned, Terms},
    sides::{Memory, Side},
};
use crate::draws::Draws;

const HOUR: Duration = Duration::from_secs(3600);
const PROVIDERS: [&str; 2] = ["scaleway", "archera"];

/// The calls of one history.
#[derive(Debug)]
pub(super) struct Drawn {
    draws: Draws,
    ids: u128,
    organizations: Vec<Uuid>,
    operations: Vec<Uuid>,
    seen: usize,
}

impl Drawn {
    pub(super) fn new(seed: u64) -> Self {
        let (organizations, operations) = (Vec::new(), Vec::new());
        Self { draws: Draws::new(seed), ids: 0, organizations, operations, seen: 0 }
    }

    /// Takes in what there is to call about.
    pub(super) fn learn(&mut self, memory: &Memory) {
        let tables = memory.tables();
        self.organizations = tables.organizations().map(|org| org.id).collect();
        self.operations = tables.operations().map(|operation| operation.id).collect();
        self.seen = memory.seen_so_far();
    }

    fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128((0x0190_7000 << 96) | self.ids)
    }

    fn small(&self) -> u32 {
        u32::try_from(self.draws.below(6)).unwrap_or(0)
    }

    fn one_of(&self, known: &[Uuid]) -> Uuid {
        known.get(self.draws.below(known.len())).copied().unwrap_or(Uuid::max())
    }

    fn time(&self, long: f64) -> Duration {
        if self.draws.chance(long) { HOUR } else { Duration::ZERO }
    }

    fn terms(&self) -> Terms {
        let budget = CreateBudget {
            at_risk: self.draws.pick([1, 3, 3, 3]),
            window: self.time(0.6),
            readable: self.draws.chance(0.5),
        };
        Terms { lease: self.time(0.5), budget }
    }

    fn key(&self) -> Option<u32> {
        self.draws.chance(0.3).then(|| self.small())
    }

    pub(super) fn next_call(&mut self) -> Call {
        let provider = self.draws.pick(PROVIDERS);
        match self.draws.below(30) {
            0..6 => Call::BeginCreate {
                org: self.id(),
                operation: self.id(),
                tenant: self.draws.pick(["crm", "crm", "shop"]),
                provider,
                customer: self.small(),
                key: self.key(),
                terms: self.terms(),
            },
            6..10 => Call::BeginOperation {
                org: self.one_of(&self.organizations),
                operation: self.id(),
                scope: self.draws.pick([None, Some("crm"), Some("crm"), Some("shop")]),
                plan: self.plan(),
                key: self.key(),
                terms: self.terms(),
            },
            10 => Call::Adopt {
                org: self.id(),
                provider,
                customer: self.small(),
                id: self.small(),
                key: self.key(),
            },
            11..14 => Call::ClaimDue {
                provider,
                creates: self.draws.chance(0.5),
                limit: self.draws.pick([1, 2, 20]),
                terms: self.terms(),
            },
            14..23 => self.record(),
            23 => Call::ExpireLeases { provider, settle: self.time(0.5) },
            number => self.look(number, provider),
        }
    }

    fn look(&self, number: usize, provider: &'static str) -> Call {
        let operation = self.one_of(&self.operations);
        match number {
            // All of them: which of two that fell due at once comes first is nobody's decision.
            24 => Call::ClaimUnknown { provider, limit: 100, lease: self.time(0.5) },
            25 => Call::ClaimOne {
                operation,
                epoch_off: self.draws.pick([0, 0, 0, 1]),
                lease: self.time(0.5),
            },
            26 if !self.operations.is_empty() => {
                let id = self.draws.chance(0.5).then(|| self.small());
                Call::AddEvidence { operation, id }
            }
            27 if self.draws.chance(0.5) => Call::OpenCreates { provider, customer: self.small() },
            27 => Call::Proven { operation },
            28 if self.draws.chance(0.5) => Call::Mapped { provider },
            28 => Call::LastOperation {
                org: self.one_of(&self.organizations),
                kind: self.draws.pick([OperationKind::Create, OperationKind::Lock]),
            },
            29 if self.draws.chance(0.3) => Call::CloseGate { provider, wait: self.time(0.15) },
            _ => Call::NoteReading { provider },
        }
    }

    fn plan(&self) -> Planned {
        match self.draws.below(8) {
            0..4 => Planned::Send {
                kind: self.draws.pick([
                    OperationKind::Lock,
                    OperationKind::Unlock,
                    OperationKind::Invite,
                ]),
                must_send_now: false,
            },
            4 => Planned::Send { kind: OperationKind::AdminRole, must_send_now: true },
            5 => Planned::Rename { customer: self.small() },
            6 => Planned::Note {
                comment: self.small(),
                customer: self.draws.chance(0.4).then(|| self.small()),
            },
            _ => Planned::Refuse,
        }
    }

    fn record(&self) -> Call {
        let next = match self.draws.below(9) {
            0..3 => Next::Succeeded,
            3 => Next::Rejected,
            4 => Next::Accepted { after: self.time(0.2), give_back: self.draws.chance(0.6) },
            5..8 => Next::Unknown {
                look_after: self.time(0.2),
                is_absent: self.draws.chance(0.5),
                settles_late: self.draws.chance(0.5),
            },
            _ => Next::Quarantined,
        };
        let change = match (next, self.draws.below(8)) {
            (Next::Succeeded, 0..6) => Changed::There(self.small()),
            (Next::Rejected, 0..6) => Changed::Failed,
            (_, 6) => Changed::Customer(self.small()),
            (_, 7) => Changed::Doubted,
            _ => Changed::Nothing,
        };
        // Mostly what was seen last; at times what somebody else has moved on since.
        let back = if self.draws.chance(0.75) { self.draws.below(3) } else { self.draws.below(20) };
        Call::Record {
            seen: self.seen.saturating_sub(1 + back),
            next,
            change,
            evidence: self.draws.chance(0.3).then(|| self.small()),
            has_event: self.draws.chance(0.5),
            is_accounted: self.draws.chance(0.3),
        }
    }
}
