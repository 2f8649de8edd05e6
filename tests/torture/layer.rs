//! What a layer of the torture program is, and what it reports.

use std::time::Instant;

/// How much is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// A few minutes, for every change.
    Ci,
    /// The numbers that are published.
    Full,
}

/// One run of the program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// How much is asked for.
    pub(crate) profile: Profile,
    /// What every layer that draws numbers draws them from.
    pub(crate) seed: u64,
    /// Tell details beside the table: searches, traces.
    pub(crate) details: bool,
}

/// One way to torture the gateway. A layer is plugged in by a line in `main`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    /// By which it is asked for.
    pub(crate) name: &'static str,
    /// What it shows, in a few words.
    pub(crate) shows: &'static str,
    /// Runs it.
    pub(crate) run: fn(&Run) -> Report,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// What was counted.
    pub(crate) what: String,
    /// How many there were.
    pub(crate) reached: u64,
    /// How many were asked for.
    pub(crate) asked: u64,
    /// How often a promise was broken.
    pub(crate) violations: u64,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
}

impl Row {
    /// The number was reached, and nothing was broken.
    pub(crate) fn has_passed(&self) -> bool {
        self.violations == 0 && self.reached >= self.asked
    }
}

/// What a layer found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// Its lines of the table.
    pub(crate) rows: Vec<Row>,
    /// What was broken, or never happened though it should have; each told in full.
    pub(crate) faults: Vec<String>,
    /// What is told on request.
    pub(crate) details: Vec<String>,
}

impl Report {
    /// A line of the table, timed from `begun` to now.
    pub(crate) fn row(
        &mut self,
        what: &str,
        reached: u64,
        asked: u64,
        violations: u64,
        begun: Instant,
    ) {
        let seconds = begun.elapsed().as_secs_f64();
        self.rows.push(Row { what: what.to_owned(), reached, asked, violations, seconds });
    }

    /// Something that was broken, or that never happened though it should have.
    pub(crate) fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Something that is told on request.
    pub(crate) fn detail(&mut self, run: &Run, detail: impl FnOnce() -> String) {
        if run.details {
            self.details.push(detail());
        }
    }

    /// Every number was reached, and nothing was broken.
    #[must_use]
    pub(crate) fn has_passed(&self) -> bool {
        self.faults.is_empty() && self.rows.iter().all(Row::has_passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(reached: u64, asked: u64, violations: u64, faults: &[&str]) -> Report {
        let mut report = Report::default();
        report.row("rounds", reached, asked, violations, Instant::now());
        report.faults = faults.iter().map(|&fault| fault.to_owned()).collect();
        report
    }

    #[test]
    fn it_passes_only_whole_and_clean() {
        assert!(report(10, 10, 0, &[]).has_passed());
        assert!(!report(9, 10, 0, &[]).has_passed(), "a number was not reached");
        assert!(!report(10, 10, 1, &[]).has_passed(), "a promise was broken");
        assert!(!report(10, 10, 0, &["never happened: a crash"]).has_passed());
    }
}
