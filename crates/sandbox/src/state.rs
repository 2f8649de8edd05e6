//! All that the simulators know: the partner's keys, the organizations, and which of them are not
//! to be seen yet. Every change goes through here, and onto disk before it counts. No HTTP.

use crate::{
    archera::ArcheraOrg,
    clock::Clock,
    fault::Lag,
    identity::Identity,
    journal::Journal,
    operation::Provider,
    registry::{Record, Registry},
    scaleway::ScalewayOrganization,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, io, path::Path};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Identity(Identity),
    Scaleway(Box<ScalewayOrganization>),
    Archera(Box<ArcheraOrg>),
    Removed(Uuid),
}

impl Record for ScalewayOrganization {
    fn id(&self) -> Uuid {
        self.id
    }

    fn unique_word(&self) -> Option<String> {
        Some(self.email.to_lowercase())
    }
}

impl Record for ArcheraOrg {
    fn id(&self) -> Uuid {
        self.id
    }

    fn unique_word(&self) -> Option<String> {
        None
    }
}

enum Storage {
    Memory,
    Disk(Journal),
    Closed,
}

enum Hidden {
    ForReads(u32),
    UntilRevealed,
    UntilTime(DateTime<Utc>),
}

/// What the simulators know.
pub(crate) struct State {
    pub(crate) identity: Identity,
    /// The keys that a provider takes, where they are not the one of the identity.
    keys: HashMap<Provider, Vec<String>>,
    scaleway: Registry<ScalewayOrganization>,
    archera: Registry<ArcheraOrg>,
    hidden: HashMap<Uuid, Hidden>,
    clock: Clock,
    last_time: DateTime<Utc>,
    storage: Storage,
}

impl State {
    /// The state kept at `path`, or a new one; without a path it lives in memory alone.
    ///
    /// # Errors
    ///
    /// When the path cannot be read or written, or another sandbox holds it.
    pub(crate) fn open(path: Option<&Path>, clock: Clock) -> io::Result<Self> {
        let mut state = Self {
            identity: Identity::generate(),
            keys: HashMap::new(),
            scaleway: Registry::default(),
            archera: Registry::default(),
            hidden: HashMap::new(),
            clock,
            last_time: DateTime::UNIX_EPOCH,
            storage: Storage::Memory,
        };
        if let Some(path) = path {
            let (opened, entries) = Journal::open(path)?;
            for entry in entries {
                state.take_in(entry);
            }
            state.storage = Storage::Disk(opened.rewrite(&state.as_entries())?);
        }
        Ok(state)
    }

    /// Has a provider take these keys and no others, until it is started again.
    pub(crate) fn take_keys(&mut self, provider: Provider, keys: Vec<String>) {
        self.keys.insert(provider, keys);
    }

    /// Whether a provider takes this key.
    pub(crate) fn takes(&self, provider: Provider, key: &str) -> bool {
        match (self.keys.get(&provider), provider) {
            (Some(keys), _) => keys.iter().any(|taken| taken == key),
            (None, Provider::Scaleway) => self.identity.scaleway_secret_key == key,
            (None, Provider::Archera) => self.identity.archera_api_key == key,
        }
    }

    fn as_entries(&self) -> Vec<Entry> {
        let scaleway = self.scaleway.all().iter().cloned();
        let archera = self.archera.all().iter().cloned();
        std::iter::once(Entry::Identity(self.identity.clone()))
            .chain(scaleway.map(|org| Entry::Scaleway(Box::new(org))))
            .chain(archera.map(|org| Entry::Archera(Box::new(org))))
            .collect()
    }

    fn take_in(&mut self, entry: Entry) {
        match entry {
            Entry::Identity(identity) => self.identity = identity,
            Entry::Scaleway(org) => {
                let locks = org.provider_lock.as_ref().map(|lock| lock.since);
                let latest = org.partner_locked_at.max(locks).max(Some(org.created_at));
                self.last_time = self.last_time.max(latest.unwrap_or_default());
                self.scaleway.put(*org);
            }
            Entry::Archera(org) => {
                self.last_time = self.last_time.max(org.created_at);
                self.archera.put(*org);
            }
            Entry::Removed(id) => {
                self.hidden.remove(&id);
                let _ = self.scaleway.remove(id) || self.archera.remove(id);
            }
        }
    }

    /// Makes changes: on disk first, then in memory.
    ///
    /// # Errors
    ///
    /// When they cannot be written, or the sandbox has been shut down. Then nothing has changed.
    pub(crate) fn commit(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        match &mut self.storage {
            Storage::Memory => {}
            Storage::Disk(journal) => journal.append(&entries)?,
            Storage::Closed => return Err(io::Error::other("the sandbox has been shut down")),
        }
        for entry in entries {
            self.take_in(entry);
        }
        Ok(())
    }

    /// Lets go of the file; nothing can be changed from here on.
    pub(crate) fn close(&mut self) {
        self.storage = Storage::Closed;
    }

    pub(crate) fn scaleway(&self) -> &Registry<ScalewayOrganization> {
        &self.scaleway
    }

    pub(crate) fn archera(&self) -> &Registry<ArcheraOrg> {
        &self.archera
    }

    /// A time for a change: now, but later than any time given before, so that order shows.
    pub(crate) fn stamp(&mut self) -> DateTime<Utc> {
        let next = self.last_time + TimeDelta::microseconds(1);
        self.last_time = self.clock.now().max(next);
        self.last_time
    }

    pub(crate) fn hide(&mut self, id: Uuid, until: Lag) {
        let hidden = match until {
            Lag::Reads(count) => Hidden::ForReads(count),
            Lag::Command => Hidden::UntilRevealed,
            Lag::Millis(millis) => {
                let span = TimeDelta::try_milliseconds(i64::try_from(millis).unwrap_or(i64::MAX))
                    .unwrap_or(TimeDelta::MAX);
                let end = self.clock.now().checked_add_signed(span);
                Hidden::UntilTime(end.unwrap_or(DateTime::<Utc>::MAX_UTC))
            }
        };
        self.hidden.insert(id, hidden);
    }

    /// Ends every lag.
    pub(crate) fn reveal(&mut self) {
        self.hidden.clear();
    }

    pub(crate) fn any_hidden(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Whether a lookup sees this organization. One that does not brings its lag nearer to its end.
    pub(crate) fn look_up(&mut self, id: Uuid) -> bool {
        let now = self.clock.now();
        let seen = match self.hidden.get_mut(&id) {
            None => return true,
            Some(Hidden::UntilRevealed) => false,
            Some(Hidden::UntilTime(end)) => *end <= now,
            Some(Hidden::ForReads(left)) => {
                let over = *left == 0;
                *left = left.saturating_sub(1);
                over
            }
        };
        if seen {
            self.hidden.remove(&id);
        }
        seen
    }
}
