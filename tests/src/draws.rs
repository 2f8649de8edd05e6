//! The numbers that a history is made of: the same seed draws the same, on every machine and version.

use std::{
    cell::Cell,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A stream of numbers from a seed (splitmix64).
#[derive(Debug)]
pub(crate) struct Draws(Mutex<u64>);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        step(&mut state)
    }

    /// A number below `limit`; 0 where that is 0.
    pub(crate) fn below(&self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(limit).unwrap_or(0)).unwrap_or(0)
    }

    /// True once in `1 / share` times.
    pub(crate) fn chance(&self, share: f64) -> bool {
        fraction(self.next()) < share
    }

    /// A time from `least` to `most`, in whole milliseconds.
    pub(crate) fn time(&self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).mul_f64(fraction(self.next()));
        Duration::from_millis(u64::try_from((least + span).as_millis()).unwrap_or(u64::MAX))
    }

    /// A time from `least` to `most` milliseconds.
    pub(crate) fn millis(&self, least: u64, most: u64) -> Duration {
        self.time(Duration::from_millis(least), Duration::from_millis(most))
    }

    /// One of them.
    pub(crate) fn pick<T: Copy, const N: usize>(&self, from: [T; N]) -> T {
        from[self.below(N)]
    }
}

fn step(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// As a number in 0..1.
fn fraction(bits: u64) -> f64 {
    let high = u32::try_from(bits >> 32).unwrap_or(0);
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}

thread_local! {
    static JITTER: Cell<u64> = const { Cell::new(0) };
}

/// Begins the jitter of a history, on this thread.
pub(crate) fn seed_jitter(seed: u64) {
    JITTER.set(seed);
}

/// The engine's draws, from the history's seed.
pub(crate) fn jitter() -> f64 {
    let mut state = JITTER.get();
    let drawn = step(&mut state);
    JITTER.set(state);
    fraction(drawn)
}
