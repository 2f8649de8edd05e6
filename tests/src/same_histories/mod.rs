//! The same histories on the store in memory and on PostgreSQL, call by call: what they answer and what
//! they then hold must be the same. So what the simulation shows over the one is true of the other.
//!
//! Decisions are compared, not times. All pauses, leases and windows are therefore drawn as nothing at all
//! or an hour: the first is over at the next call on either side, the second never is.

mod call;
mod compare;
mod draw;
mod given;
mod sides;
mod told;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Utc};
use partner_gateway::store::{DatabaseSettings, Store, StoreError, embedded_migrations};
use secrecy::SecretString;
use test_database::TestDatabase;

use crate::memory::{Clock, MemoryJournal, SoundLine, Tables};
use draw::Drawn;
use sides::{Memory, Postgres};

/// Why a history could not be played at all.
#[derive(Debug, thiserror::Error)]
pub enum CannotPlay {
    /// There is no database.
    #[error(transparent)]
    NoDatabase(#[from] test_database::Error),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tables could not be read.
    #[error(transparent)]
    Read(#[from] sqlx::Error),
}

/// What came of one history.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// Calls that were made on both.
    pub steps: u64,
    /// The first difference, with every call up to it.
    pub difference: Option<String>,
}

/// A clock that moves on with every call.
#[derive(Debug)]
struct CallClock(AtomicI64);

impl Clock for CallClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::Relaxed)).unwrap_or_default()
    }
}

/// Plays one history of `steps` calls on a database of its own.
///
/// # Errors
/// When there is no database to play on.
pub async fn play(seed: u64, steps: usize) -> Result<Compared, CannotPlay> {
    let database = TestDatabase::new(embedded_migrations()).await?;
    let url = SecretString::from(database.url().to_owned());
    let store = Store::connect(&DatabaseSettings { url, max_connections: 2 }).await?;
    let rows = database.pool().await?;
    let clock = Arc::new(CallClock(AtomicI64::new(1_800_000_000_000_000)));
    let tables = Arc::new(Mutex::new(Tables::default()));
    let journal = MemoryJournal::new(tables, Arc::<CallClock>::clone(&clock), Arc::new(SoundLine));
    let (mut memory, mut postgres) = (Memory::new(journal), Postgres::new(store, rows));
    let mut drawn = Drawn::new(seed);
    let mut told = Vec::new();
    for step in 0..steps {
        let call = drawn.next_call();
        clock.0.fetch_add(1_000, Ordering::Relaxed);
        let (ours, theirs) = (call.make(&mut memory).await, call.make(&mut postgres).await);
        told.push(format!(
            "{step:>3} {call:?}\n      memory:     {ours}\n      postgresql: {theirs}"
        ));
        let held = (memory.rows(), postgres.rows().await?);
        let differs = ours != theirs || held.0 != held.1;
        if differs {
            told.push(compare::tell(&held.0, &held.1));
            let difference = format!("seed {seed}:\n{}", told.join("\n"));
            let steps = u64::try_from(step + 1).unwrap_or(u64::MAX);
            return Ok(Compared { steps, difference: Some(difference) });
        }
        drawn.learn(&memory);
    }
    Ok(Compared { steps: u64::try_from(steps).unwrap_or(u64::MAX), difference: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_few_histories_are_the_same_on_both() {
        for seed in 0..3 {
            let compared = play(seed, 50).await.unwrap();
            assert_eq!(compared.difference, None);
        }
    }
}
