//! Secrets that are read again from their files while the gateway runs.
//!
//! Files are looked at every second, by content: names, links and times tell too little where a whole folder
//! is swapped. New content is taken once two looks in a row have found the same, so that a file which is
//! being written is not read by half; whoever asks for it by SIGHUP has it taken at once. What is bad is
//! told once and leaves the last good one in force. No content is ever told.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use metrics::counter;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{config::read_secret_file, telemetry::metrics::RELOADS};

const LOOK_EVERY: Duration = Duration::from_secs(1);

type Take = Box<dyn Fn(Vec<SecretString>) -> Result<(), String> + Send + Sync>;

/// What was found in files that belong together, in their order; else why they cannot be read.
type Look = Result<Vec<SecretString>, String>;

/// Settings that are taken together, and the files they are read from.
pub(super) struct Subject {
    /// For the metric.
    what: &'static str,
    /// The settings, for the log.
    settings: String,
    files: Vec<PathBuf>,
    take: Take,
    in_force: Vec<SecretString>,
    /// What was found, and not yet twice.
    seen: Option<Look>,
    /// What was found and is not to be told again.
    refused: Option<Look>,
}

/// What a look came to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Unchanged,
    /// It is new, and may not be whole.
    Waiting,
    Taken,
    Refused(String),
}

impl Subject {
    /// Files that now hold `in_force`. `take` puts new content into force, or says why it cannot.
    pub(super) fn new(
        what: &'static str,
        settings: impl Into<String>,
        files: Vec<PathBuf>,
        in_force: Vec<SecretString>,
        take: impl Fn(Vec<SecretString>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let take = Box::new(take);
        let settings = settings.into();
        Self { what, settings, files, take, in_force, seen: None, refused: None }
    }

    /// How many files it is read from.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    fn judge(&mut self, look: Look, at_once: bool) -> Outcome {
        let is = |other: &Option<Look>| other.as_ref().is_some_and(|other| same(other, &look));
        if look.as_ref().is_ok_and(|found| same_contents(found, &self.in_force)) {
            (self.seen, self.refused) = (None, None);
            return Outcome::Unchanged;
        }
        if !at_once && is(&self.refused) {
            return Outcome::Unchanged;
        }
        if !at_once && !is(&self.seen) {
            self.seen = Some(look);
            return Outcome::Waiting;
        }
        self.seen = None;
        let taken = look.clone().and_then(|found| (self.take)(found.clone()).map(|()| found));
        match taken {
            Ok(found) => {
                (self.in_force, self.refused) = (found, None);
                Outcome::Taken
            }
            Err(why) => {
                self.refused = Some(look);
                Outcome::Refused(why)
            }
        }
    }

    /// Judges what was found, and tells what came of it.
    fn step(&mut self, look: Look, at_once: bool) {
        let outcome = self.judge(look, at_once);
        let (what, settings) = (self.what, self.settings.as_str());
        let count = |outcome| counter!(RELOADS, "what" => what, "outcome" => outcome).increment(1);
        match outcome {
            Outcome::Unchanged | Outcome::Waiting => {}
            Outcome::Taken => {
                info!(settings, "read again, and in force from now on");
                count("taken");
            }
            Outcome::Refused(why) => {
                warn!(settings, why, "read again and refused; the last good one stays in force");
                count("refused");
            }
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn same(one: &Look, other: &Look) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => same_contents(one, other),
        (Err(one), Err(other)) => one == other,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

fn same_contents(one: &[SecretString], other: &[SecretString]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.expose_secret() == other.expose_secret())
}

/// Looks at the files of all subjects until `stop`, and at once when `asked` says so.
pub(super) async fn run(mut subjects: Vec<Subject>, asked: Arc<Notify>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let next = async |tick: &mut tokio::time::Interval| {
        tokio::select! {
            () = asked.notified() => true,
            _ = tick.tick() => false,
        }
    };
    while let Some(at_once) = stop.run_until_cancelled(next(&mut tick)).await {
        for subject in &mut subjects {
            let files = subject.files.clone();
            // Files may lie where reading takes long.
            let look = tokio::task::spawn_blocking(move || {
                files.iter().map(|file| read_secret_file(file)).collect::<Look>()
            });
            match stop.run_until_cancelled(look).await {
                None => return,
                Some(Ok(look)) => subject.step(look, at_once),
                Some(Err(error)) => warn!(%error, "files of secrets could not be looked at"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
