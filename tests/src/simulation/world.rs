//! What all who act in a history share: the tables, the providers, the clock, the weather and the record.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use partner_gateway::store::{Operation, OperationKind, OperationState};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{
    faults::Fault,
    record::{Record, short},
    terms::Terms,
    upstream::Upstream,
};
use crate::draws::Draws;
use crate::memory::{Clock, MemoryJournal, SoundLine, Tables};

/// When every history begins.
const EPOCH: i64 = 1_800_000_000;

/// The creates of an account that may be in doubt at once.
pub(super) const CREATES_AT_RISK: i64 = 3;

/// The runtime's paused clock, as a time of day.
#[derive(Debug)]
pub(super) struct VirtualClock(Instant);

impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        let elapsed = i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX);
        DateTime::from_timestamp_micros(EPOCH * 1_000_000 + elapsed).unwrap_or_default()
    }
}

/// What an account does to every call for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storm {
    /// Nothing special.
    Calm,
    /// It answers 503; some of the work is done all the same.
    Failing,
    /// It takes no connection.
    Refusing,
    /// It asks for a pause.
    Limiting,
    /// It takes requests and does not answer.
    Silent,
}

#[derive(Debug)]
struct Weather {
    database_away_until: Instant,
    storms: Vec<(Storm, Instant)>,
}

/// One history's world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) draws: Draws,
    pub(super) terms: Terms,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) tables: Arc<Mutex<Tables>>,
    pub(super) upstreams: Vec<Upstream>,
    pub(super) record: Arc<Record>,
    /// Requests that are on their way to a provider, whoever waits for them.
    pub(super) wire: TaskTracker,
    weather: Mutex<Weather>,
    is_calm: AtomicBool,
    ids: AtomicU64,
}

impl World {
    /// A world from a seed. To be made within a paused runtime.
    pub(super) fn new(seed: u64, upstreams: Vec<Upstream>, keeps_steps: bool) -> Arc<Self> {
        let draws = Draws::new(seed);
        let terms = Terms::draw(&draws);
        let record = Arc::new(Record::new(keeps_steps));
        let now = Instant::now();
        let storms = vec![(Storm::Calm, now); upstreams.len()];
        let tables = Tables::watched(Arc::<Record>::clone(&record));
        Arc::new(Self {
            draws,
            terms,
            clock: Arc::new(VirtualClock(now)),
            tables: Arc::new(Mutex::new(tables)),
            upstreams,
            record,
            wire: TaskTracker::new(),
            weather: Mutex::new(Weather { database_away_until: now, storms }),
            is_calm: AtomicBool::new(false),
            ids: AtomicU64::new(0),
        })
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number of this history.
    pub(super) fn number(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The next id of this history; ids rise.
    pub(super) fn id(&self) -> Uuid {
        Uuid::from_u128((0x0190_7000 << 96) | u128::from(self.number()))
    }

    /// A connection to the tables that nothing befalls.
    pub(super) fn sound_journal(&self) -> MemoryJournal {
        let clock: Arc<dyn Clock> = Arc::<VirtualClock>::clone(&self.clock);
        MemoryJournal::new(Arc::clone(&self.tables), clock, Arc::new(SoundLine))
    }

    /// Nothing more goes wrong from here.
    pub(super) fn become_calm(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
        let mut weather = self.weather();
        weather.database_away_until = Instant::now();
        for storm in &mut weather.storms {
            storm.0 = Storm::Calm;
        }
    }

    pub(super) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    /// True at this share of times, while things go wrong.
    pub(super) fn goes_wrong(&self, share: f64) -> bool {
        !self.is_calm() && self.draws.chance(share)
    }

    pub(super) fn take_database_away(&self, time: Duration) {
        self.weather().database_away_until = Instant::now() + time;
    }

    pub(super) fn database_is_away(&self) -> bool {
        Instant::now() < self.weather().database_away_until
    }

    pub(super) fn brew(&self, account: usize, storm: Storm, time: Duration) {
        if let Some(slot) = self.weather().storms.get_mut(account) {
            *slot = (storm, Instant::now() + time);
        }
    }

    pub(super) fn storm(&self, account: usize) -> Storm {
        match self.weather().storms.get(account) {
            Some((storm, until)) if Instant::now() < *until => *storm,
            Some(_) | None => Storm::Calm,
        }
    }

    /// Never more creates at risk than the budget has.
    pub(super) fn check_budget(&self) {
        let now = self.now();
        let tables = self.tables();
        for upstream in &self.upstreams {
            let name = upstream.name.as_str();
            let (in_flight, in_doubt) = tables.creates_at_risk(name, self.terms.risk_window, now);
            if in_flight + in_doubt > CREATES_AT_RISK {
                self.record.violate(|| {
                    format!("{name}: {in_flight} creates in flight and {in_doubt} in doubt")
                });
            }
            if in_doubt >= CREATES_AT_RISK {
                self.record.reached(Fault::CreatesHeldBack);
            }
        }
    }

    /// Whoever sends an operation must have it, by what is committed, and nothing may go before it.
    pub(super) fn check_send(&self, id: Uuid) {
        let now = self.now();
        let tables = self.tables();
        let Some(operation) = tables.operation(id) else {
            self.record.violate(|| format!("{} was sent and never committed", short(id)));
            return;
        };
        let has_lease = operation.lease_until.is_some_and(|until| until > now);
        if operation.state != OperationState::Sending || !has_lease {
            let state = operation.state;
            self.record.violate(|| format!("{} was sent while it was {state}", short(id)));
        }
        if operation.kind == OperationKind::Unlock && waited_for_lock(&tables, operation) {
            self.record.reached(Fault::UnlockWaited);
        }
        let overtaken = tables.open_operations().find(|other| {
            other.organization_id == operation.organization_id
                && (other.created_at, other.id) < (operation.created_at, operation.id)
        });
        if let Some(other) = overtaken {
            let other = other.id;
            self.record.violate(|| format!("{} was sent before {}", short(id), short(other)));
        }
    }

    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An unlock that was asked for while the lock before it was in doubt.
fn waited_for_lock(tables: &Tables, unlock: &Operation) -> bool {
    tables.operations().any(|lock| {
        lock.organization_id == unlock.organization_id
            && lock.kind == OperationKind::Lock
            && lock.created_at < unlock.created_at
            && lock.unknown_since.is_some()
            && lock.finished_at.is_some_and(|at| at > unlock.created_at)
    })
}
