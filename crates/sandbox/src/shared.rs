//! What the listeners, the running requests and the control handle have in common.

use crate::{
    SandboxConfig,
    archera::{self, Rights},
    clock::Clock,
    config::Latency,
    fault::{Family, Fault, FaultRule},
    fault_book::FaultBook,
    operation::Provider,
    rate_limit::RateLimit,
    request_log::RequestLog,
    scaleway,
    state::State,
    wire::{Call, Reply, Route},
};
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) struct Shared {
    state: Mutex<State>,
    faults: Mutex<FaultBook>,
    rate_limit: Mutex<RateLimit>,
    late: Mutex<Vec<Job>>,
    list_orgs: AtomicBool,
    pub(crate) log: RequestLog,
    pub(crate) latency: Latency,
    pub(crate) clock: Clock,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// A request whose work can be done now or later.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) sequence: u64,
    pub(crate) provider: Provider,
    pub(crate) route: Route,
    pub(crate) call: Arc<Call>,
}

impl Shared {
    pub(crate) fn new(config: &SandboxConfig) -> io::Result<Self> {
        let mut faults = FaultBook::default();
        for rule in config.faults.rules(config.fault_seed) {
            faults.inject(rule);
        }
        let state = State::open(config.state_path.as_deref(), config.clock.clone())?;
        Ok(Self {
            state: Mutex::new(state),
            faults: Mutex::new(faults),
            rate_limit: Mutex::new(RateLimit::new(config.rate_limit)),
            late: Mutex::default(),
            list_orgs: AtomicBool::new(config.archera_list_orgs),
            log: RequestLog::new(),
            latency: config.latency,
            clock: config.clock.clone(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultBook> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rate_limit(&self) -> MutexGuard<'_, RateLimit> {
        let limit = self.rate_limit.lock();
        limit.unwrap_or_else(PoisonError::into_inner)
    }

    fn late(&self) -> MutexGuard<'_, Vec<Job>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn allow_list_orgs(&self, allowed: bool) {
        self.list_orgs.store(allowed, Ordering::SeqCst);
    }

    pub(crate) fn inject(&self, rules: Vec<FaultRule>) {
        let mut faults = self.faults();
        for rule in rules {
            faults.inject(rule);
        }
    }

    /// Does the work of a request, and writes down whether it changed anything.
    pub(crate) fn perform(&self, job: &Job) -> Reply {
        let mut state = self.state();
        let done = match job.provider {
            Provider::Scaleway => scaleway::perform(&mut state, &job.route, &job.call),
            Provider::Archera => {
                let list_orgs = self.list_orgs.load(Ordering::SeqCst);
                archera::perform(&mut state, &job.route, &job.call, Rights { list_orgs })
            }
        };
        let Some(operation) = job.route.operation() else {
            return done.reply;
        };
        if let Some(id) = done.created {
            // Under the state's lock: nobody may see it before it is hidden.
            let lag = self.faults().choose(operation, Family::Lag);
            if let Some(Fault::Lag { until }) = lag.map(|struck| struck.fault) {
                state.hide(id, until);
            }
        }
        drop(state);
        if done.applied {
            self.log.mark_applied(job.sequence, operation);
        }
        done.reply
    }

    pub(crate) fn put_off(&self, job: Job) {
        self.late().push(job);
    }

    /// Does all work that was put off, in the order it came in; how many requests it was.
    pub(crate) fn release_late(&self) -> usize {
        let jobs = std::mem::take(&mut *self.late());
        for job in &jobs {
            self.perform(job);
        }
        jobs.len()
    }

    pub(crate) fn late_count(&self) -> usize {
        self.late().len()
    }

    /// Ends everything that runs and lets go of the state's file.
    pub(crate) fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.state().close();
    }
}
