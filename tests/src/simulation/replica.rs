//! Replicas: the real engine with its loop, killed, stopped, drained and started anew.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use partner_gateway::{
    operations::{Engine, EngineSettings},
    providers::{Account, Registry},
};

use super::{
    faults::Fault,
    port::Port,
    switch::{ReplicaLine, Switch},
    world::{CREATES_AT_RISK, World},
};
use crate::draws::jitter;
use crate::memory::{Clock, Line, MemoryJournal};

/// One replica of the gateway, from its start to its end.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) engine: Arc<Engine>,
    pub(super) journal: MemoryJournal,
    pub(super) switch: Arc<Switch>,
    is_ending: AtomicBool,
}

/// All replicas, by their places.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) world: Arc<World>,
    templates: Vec<Account>,
    places: Mutex<Vec<Arc<Replica>>>,
}

impl Fleet {
    /// The first replica at each place. `templates` are the accounts with their real providers.
    pub(super) fn new(world: Arc<World>, templates: Vec<Account>) -> Arc<Self> {
        let count = world.terms.replicas;
        let fleet = Self { world, templates, places: Mutex::default() };
        for place in 0..count {
            let replica = fleet.start(place);
            fleet.places().push(replica);
        }
        Arc::new(fleet)
    }

    /// The replica at a place, dead or alive.
    pub(super) fn at(&self, place: usize) -> Option<Arc<Replica>> {
        let places = self.places();
        places.get(place.checked_rem(places.len()).unwrap_or(0)).cloned()
    }

    /// Any replica.
    pub(super) fn any(&self) -> Option<Arc<Replica>> {
        self.at(self.world.draws.below(self.world.terms.replicas))
    }

    fn places(&self) -> MutexGuard<'_, Vec<Arc<Replica>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, place: usize) -> Arc<Replica> {
        let world = &self.world;
        let switch = Arc::new(Switch::new(format!("replica {place}.{}", world.number())));
        let line: Arc<dyn Line> =
            Arc::new(ReplicaLine { world: Arc::clone(world), switch: Arc::clone(&switch) });
        let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
        let journal = MemoryJournal::new(Arc::clone(&world.tables), clock, line)
            .whose_clock_is_ahead_by(wrong_by(place));
        let registry: Registry =
            (0..).zip(&self.templates).map(|(i, t)| self.account(i, t, &switch)).collect();
        let settings = EngineSettings {
            lease: world.terms.lease,
            creates_at_risk: CREATES_AT_RISK,
            risk_window: world.terms.risk_window,
            jitter,
        };
        let engine = Engine::new(Arc::new(journal.clone()), registry, settings);
        Arc::new(Replica { engine, journal, switch, is_ending: AtomicBool::new(false) })
    }

    fn account(&self, index: usize, template: &Account, switch: &Arc<Switch>) -> Account {
        let mut account = template.reached_by(Arc::new(Port {
            world: Arc::clone(&self.world),
            switch: Arc::clone(switch),
            account: index,
            name: template.name().clone(),
            capabilities: template.capabilities().clone(),
        }));
        if !account.settle_window.is_zero() {
            account.settle_window = self.world.terms.settle;
        }
        account
    }

    /// Keeps a replica running at a place, one after another.
    pub(super) async fn keep(self: Arc<Self>, place: usize) {
        while let Some(replica) = self.at(place) {
            replica.run(&self.world).await;
            let pause = if self.world.is_calm() { 100 } else { 8_000 };
            tokio::time::sleep(self.world.draws.millis(10, pause)).await;
            let next = self.start(place);
            if let Some(slot) = self.places().get_mut(place) {
                *slot = next;
            }
        }
    }
}

/// How far the clock of a replica is ahead: nothing may be concluded by it.
fn wrong_by(place: usize) -> TimeDelta {
    TimeDelta::minutes([0, 40, -40][place % 3])
}

impl Replica {
    /// As SIGTERM does: no more work is taken up, and what was begun is ended.
    pub(super) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    async fn run(&self, world: &World) {
        tokio::select! {
            biased;
            () = self.switch.died() => {}
            () = self.work(world) => {}
        }
    }

    async fn work(&self, world: &World) {
        while !self.is_ending.load(Ordering::Relaxed) {
            // A step that fails is made again, as the worker does it.
            let pause = match self.engine.step().await {
                Ok(_) => world.terms.poll,
                Err(_) => Duration::from_millis(500),
            };
            // Announced or not, it is time to look again.
            drop(tokio::time::timeout(pause, self.engine.work_announced()).await);
        }
        world.record.step(|| format!("{} drains", self.switch.name));
        self.engine.drain().await;
        world.record.reached(Fault::Drained);
    }
}
