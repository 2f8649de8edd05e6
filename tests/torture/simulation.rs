//! The layer `simulation`: seeded histories of the real engine over a store in memory.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use e2e::simulation::{Fault, History, accounts, play};
use partner_gateway::providers::Account;

use crate::layer::{Layer, Profile, Report, Run};

/// The layer, for the program's list.
pub(crate) const LAYER: Layer =
    Layer { name: "simulation", shows: "the real engine in seeded histories full of faults", run };

/// Operations of a history.
const SIZE: usize = 100;
/// Threads that play histories, each one of its own.
const THREADS: usize = 2;
/// Failures that are told in full.
const TOLD: usize = 3;

/// What all histories came to.
#[derive(Debug, Default)]
struct Sum {
    histories: u64,
    operations: u64,
    violations: u64,
    reached: BTreeMap<Fault, u64>,
    failed: Vec<History>,
}

impl Sum {
    fn add(&mut self, history: History) {
        self.histories += 1;
        self.operations += history.operations;
        self.violations += u64::try_from(history.violations.len()).unwrap_or(u64::MAX);
        for (fault, count) in &history.reached {
            *self.reached.entry(*fault).or_default() += count;
        }
        if !history.violations.is_empty() {
            self.failed.push(history);
        }
    }

    fn join(&mut self, other: Self) {
        self.histories += other.histories;
        self.operations += other.operations;
        self.violations += other.violations;
        for (fault, count) in other.reached {
            *self.reached.entry(fault).or_default() += count;
        }
        self.failed.extend(other.failed);
    }
}

fn run(run: &Run) -> Report {
    let (histories, operations) = match run.profile {
        Profile::Ci => (800, 80_000),
        Profile::Full => (10_000, 1_000_000),
    };
    let begun = Instant::now();
    let mut report = Report::default();
    let accounts = match accounts() {
        Ok(accounts) => accounts,
        Err(error) => {
            report.fault(format!("there are no accounts: {error}"));
            return report;
        }
    };
    let sum = play_all(run.seed, histories, &accounts, &mut report);
    report.row("histories", sum.histories, histories, 0, begun);
    report.row("operations", sum.operations, operations, sum.violations, begun);
    let every = u64::try_from(Fault::ALL.len()).unwrap_or(u64::MAX);
    let met = u64::try_from(sum.reached.len()).unwrap_or(0);
    report.row("kinds of fault met", met, every, 0, begun);
    for fault in Fault::ALL {
        let count = sum.reached.get(fault).copied().unwrap_or(0);
        if count == 0 {
            report.fault(format!("never happened: {} (row {})", fault.text(), fault.row()));
        }
        report.detail(run, || format!("{count:>9} × row {:>2}: {}", fault.row(), fault.text()));
    }
    for failed in sum.failed.iter().take(TOLD) {
        tell(failed, &accounts, &mut report);
    }
    report
}

/// Plays the histories of as many seeds, from `first` on.
fn play_all(first: u64, histories: u64, accounts: &[Account], report: &mut Report) -> Sum {
    let next = AtomicU64::new(0);
    let work = || {
        let mut sum = Sum::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= histories {
                return Ok(sum);
            }
            sum.add(play(first.wrapping_add(number), SIZE, accounts, false)?);
        }
    };
    let ends: Vec<std::io::Result<Sum>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let gone = |_panic| Err(std::io::Error::other("a history panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(gone)).collect()
    });
    let mut whole = Sum::default();
    for end in ends {
        match end {
            Ok(sum) => whole.join(sum),
            Err(error) => report.fault(format!("the histories broke off: {error}")),
        }
    }
    whole.failed.sort_by_key(|history| history.seed);
    whole
}

/// Plays a failed history again, and tells its steps.
fn tell(failed: &History, accounts: &[Account], report: &mut Report) {
    let seed = failed.seed;
    report.fault(format!(
        "seed {seed}: {}; again with --layer simulation --seed {seed}",
        failed.violations.join("; ")
    ));
    match play(seed, SIZE, accounts, true) {
        Ok(again) if again.violations == failed.violations => {
            report.fault(format!("its steps:\n{}", again.steps.join("\n")));
        }
        Ok(_) => report.fault(format!("seed {seed} went otherwise when it was played again")),
        Err(error) => report.fault(format!("seed {seed} could not be played again: {error}")),
    }
}
