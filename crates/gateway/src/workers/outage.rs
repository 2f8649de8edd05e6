//! Failures of a worker, told once when they begin and once when they are over.

use std::{error::Error, time::Duration};

use tracing::{info, warn};

/// The longest pause between two tries: a database that is back must be noticed soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// Whether a worker's last tries failed.
#[derive(Debug)]
pub(super) struct Outage {
    worker: &'static str,
    failures: u32,
}

impl Outage {
    pub(super) fn new(worker: &'static str) -> Self {
        Self { worker, failures: 0 }
    }

    /// Takes in how a try went. Answers its value, if it went well.
    pub(super) fn note<T, E: Error + 'static>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                if self.failures > 0 {
                    info!(worker = self.worker, failures = self.failures, "a worker works again");
                }
                self.failures = 0;
                Some(value)
            }
            Err(error) => {
                if self.failures == 0 {
                    let error: &(dyn Error + 'static) = &error;
                    warn!(worker = self.worker, error, "a worker failed, and goes on trying");
                }
                self.failures = self.failures.saturating_add(1);
                None
            }
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.failures > 0
    }

    /// How long to wait before the next try; `None` while all is well.
    pub(super) fn pause(&self) -> Option<Duration> {
        let doublings = self.failures.checked_sub(1)?.min(10);
        Some((SHORTEST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Result<(), std::io::Error> {
        Err(std::io::Error::other("away"))
    }

    #[test]
    fn pauses_grow_while_it_fails_and_end_with_the_first_success() {
        let mut outage = Outage::new("test");
        assert_eq!(outage.pause(), None);
        assert_eq!(outage.note(failed()), None);
        assert_eq!(outage.pause(), Some(Duration::from_millis(50)));
        assert_eq!(outage.note(failed()), None);
        assert_eq!(outage.pause(), Some(Duration::from_millis(100)));
        for _ in 0..40 {
            assert_eq!(outage.note(failed()), None);
        }
        assert_eq!(outage.pause(), Some(LONGEST_PAUSE));
        assert_eq!(outage.note(Ok::<_, std::io::Error>(7)), Some(7));
        assert_eq!(outage.pause(), None);
    }
}
