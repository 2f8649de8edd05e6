//! Following an import: the report, the progress, and the sums that are printed at its end.

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

use super::{CliError, progress::Progress, report::Report};
use crate::app::{ImportOutcome, ImportRow, ImportWatch};

/// Follows an import to its end.
#[derive(Debug)]
pub(super) struct Follower {
    applied: bool,
    report: Option<Report>,
    progress: Progress,
    begun: Instant,
    listed: u64,
    looked_at: u64,
    sums: BTreeMap<ImportOutcome, u64>,
}

/// What is said at the end.
#[derive(Debug)]
pub(super) struct Summary {
    /// The table.
    pub(super) text: String,
    /// Rows that failed fail the command.
    pub(super) verdict: Result<(), CliError>,
}

impl Follower {
    pub(super) fn new(applied: bool, report: Option<Report>) -> Self {
        Self {
            applied,
            report,
            progress: Progress::new(),
            begun: Instant::now(),
            listed: 0,
            looked_at: 0,
            sums: BTreeMap::new(),
        }
    }

    fn sum(&self, outcome: ImportOutcome) -> u64 {
        self.sums.get(&outcome).copied().unwrap_or_default()
    }

    /// The sums, once it has ended or broken off.
    pub(super) fn end(&self, requests: u64, is_whole: bool) -> Summary {
        self.progress.end();
        let mut text = format!("{:<16}{:>8}\n", "listed", self.listed);
        for outcome in ImportOutcome::ALL {
            let row = format!(
                "{:<16}{:>8}  {}",
                outcome.word(self.applied),
                self.sum(outcome),
                outcome.meaning()
            );
            text.push_str(row.trim_end());
            text.push('\n');
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        text.push_str(&format!("{requests} requests to the provider in {seconds:.1} s\n"));
        let adopted = self.sum(ImportOutcome::Adopted);
        if !is_whole {
            let told =
                if self.applied { "it broke off; what was adopted stays" } else { "it broke off" };
            text.push_str(&format!("{told}; run it again to go on\n"));
        } else if !self.applied && adopted > 0 {
            text.push_str(&format!("nothing was changed; --apply adopts {adopted}\n"));
        }
        let failed = self.sum(ImportOutcome::Failed);
        let verdict = match failed {
            0 => Ok(()),
            _ => Err(CliError::Failed(format!("the database refused {failed} organizations"))),
        };
        Summary { text, verdict }
    }
}

impl ImportWatch for Follower {
    fn counted(&mut self, so_far: u64, of: Option<u64>) {
        self.listed = so_far;
        self.progress.at("listing", so_far, of.unwrap_or(so_far).max(so_far));
    }

    fn row(&mut self, row: &ImportRow) -> io::Result<()> {
        *self.sums.entry(row.outcome).or_default() += 1;
        self.looked_at += 1;
        match &mut self.report {
            Some(report) => report.write(row, self.applied),
            None => Ok(()),
        }
    }

    fn page_done(&mut self) -> io::Result<()> {
        let doing = if self.applied { "adopting" } else { "judging" };
        self.progress.at(doing, self.looked_at.min(self.listed), self.listed);
        self.report.as_mut().map_or(Ok(()), Report::flush)
    }

    fn pauses(&mut self, why: &str, wait: Duration) {
        let seconds = wait.as_secs_f64();
        self.progress.note(&format!("waiting {seconds:.1} s: {why}"));
    }
}
