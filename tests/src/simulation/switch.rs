//! What can befall a replica wherever it waits: it dies there, or is stopped and goes on later.
//!
//! Every await of the engine is a call of the database, a call of a provider, or a pause between two of
//! these, and every call passes here before and after its work. A dead replica never gets past; to the
//! rest of the world it is as if its process were gone.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::Notify, time::Instant};

use super::{faults::Fault, world::World};
use crate::memory::{Fate, Line};

/// Before the work of a call, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// One replica's life.
#[derive(Debug)]
pub(super) struct Switch {
    pub(super) name: String,
    is_dead: AtomicBool,
    died: Notify,
    stopped_until: Mutex<Instant>,
}

impl Switch {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            is_dead: AtomicBool::new(false),
            died: Notify::new(),
            stopped_until: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn kill(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
        self.died.notify_waiters();
        self.died.notify_one();
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Waits until it dies.
    pub(super) async fn died(&self) {
        while !self.is_dead() {
            self.died.notified().await;
        }
    }

    pub(super) fn stop(&self, time: Duration) {
        let mut until = self.stopped_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Instant::now() + time);
    }

    fn stopped_until(&self) -> Instant {
        *self.stopped_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a point of the replica's work, unless it dies here.
    pub(super) async fn pass(&self, world: &World, call: &'static str, when: When) {
        self.befall(world, call, when);
        loop {
            if self.is_dead() {
                std::future::pending::<()>().await;
            }
            let until = self.stopped_until();
            if world.is_calm() || until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn befall(&self, world: &World, call: &'static str, when: When) {
        if self.is_dead() {
            return;
        }
        let terms = &world.terms;
        if world.goes_wrong(terms.kill) {
            world.record.step(|| format!("{} is killed {when:?} {call}", self.name));
            self.kill();
            note_kill(world, call, when);
        } else if world.goes_wrong(terms.stop) {
            let time = world.draws.time(terms.lease / 10, terms.lease * 3);
            world.record.step(|| format!("{} is stopped {when:?} {call} for {time:?}", self.name));
            self.stop(time);
            if time > terms.lease {
                note_long_stop(world, call, when);
            }
        }
    }
}

fn note_kill(world: &World, call: &'static str, when: When) {
    let fault = match (call, when) {
        ("begin_create" | "begin_operation", When::Before) => Fault::KilledBeforeIntent,
        ("begin_create" | "begin_operation", When::After) => Fault::KilledAfterIntent,
        ("claim_due", When::Before) => Fault::KilledBeforeClaim,
        ("claim_due" | "reread_organization", _) | ("send", When::Before) => {
            Fault::KilledBeforeSending
        }
        ("send", When::After) | ("record succeeded", When::Before) => Fault::KilledAfterAnswer,
        ("record succeeded", When::After) => Fault::KilledAfterRecord,
        ("seat", _) => Fault::SeatKilled,
        _ => return,
    };
    world.record.reached(fault);
}

fn note_long_stop(world: &World, call: &'static str, when: When) {
    let fault = match (call, when) {
        ("send" | "reread_organization", When::Before) => Fault::StoppedBeforeSending,
        ("send", When::After) | ("record succeeded", When::Before) => Fault::StoppedAfterAnswer,
        ("seat", _) => Fault::SeatKilled,
        _ => return,
    };
    world.record.reached(fault);
}

/// A replica's line to the database.
#[derive(Debug)]
pub(super) struct ReplicaLine {
    pub(super) world: Arc<World>,
    pub(super) switch: Arc<Switch>,
}

impl ReplicaLine {
    fn note_away(&self, call: &'static str) {
        self.world.record.reached(Fault::DatabaseAway);
        if call == "record succeeded" {
            self.world.record.reached(Fault::AnswerWhileAway);
        }
    }

    fn doubt(&self, call: &'static str) -> Fate {
        let is_done = self.world.draws.chance(0.5);
        let is_begin = matches!(call, "begin_create" | "begin_operation" | "claim_due");
        let fault = match (is_begin, is_done) {
            (true, true) => Some(Fault::CommitInDoubtDone),
            (true, false) => Some(Fault::CommitInDoubtNot),
            (false, true) if call.starts_with("record") => Some(Fault::RecordInDoubt),
            (false, _) => None,
        };
        fault.into_iter().for_each(|fault| self.world.record.reached(fault));
        let name = &self.switch.name;
        self.world.record.step(|| format!("{name}: {call} is in doubt, done: {is_done}"));
        if is_done { Fate::AnswerLost } else { Fate::Away }
    }
}

#[async_trait]
impl Line for ReplicaLine {
    async fn before(&self, call: &'static str) -> Fate {
        let world = &self.world;
        self.switch.pass(world, call, When::Before).await;
        if world.database_is_away() {
            self.note_away(call);
            tokio::time::sleep(world.draws.millis(1, 2_000)).await;
            return Fate::Away;
        }
        if world.goes_wrong(world.terms.doubt) {
            return self.doubt(call);
        }
        if world.goes_wrong(0.02) {
            tokio::time::sleep(world.draws.millis(1, 1_500)).await;
        }
        Fate::Done
    }

    async fn after(&self, call: &'static str) {
        if matches!(call, "begin_create" | "claim_due") {
            self.world.check_budget();
        }
        self.switch.pass(&self.world, call, When::After).await;
    }
}
