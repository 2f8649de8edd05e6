//! Records in the order they were made, found by id. Where two of a kind must not share a word
//! (an e-mail), that word is indexed too.

use std::collections::HashMap;
use uuid::Uuid;

/// Something a registry can hold.
pub(crate) trait Record {
    fn id(&self) -> Uuid;
    /// The word that no other record may have, in the form it is compared in.
    fn unique_word(&self) -> Option<String>;
}

/// Records in the order they were made.
pub(crate) struct Registry<R> {
    records: Vec<R>,
    by_id: HashMap<Uuid, usize>,
    by_word: HashMap<String, Uuid>,
}

impl<R> Default for Registry<R> {
    fn default() -> Self {
        Self { records: Vec::new(), by_id: HashMap::new(), by_word: HashMap::new() }
    }
}

impl<R: Record> Registry<R> {
    pub(crate) fn all(&self) -> &[R] {
        &self.records
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&R> {
        self.records.get(*self.by_id.get(&id)?)
    }

    /// The record that has this unique word.
    pub(crate) fn find(&self, word: &str) -> Option<&R> {
        self.get(*self.by_word.get(word)?)
    }

    /// Whether a record other than `own` has this unique word.
    pub(crate) fn is_taken(&self, word: &str, own: Option<Uuid>) -> bool {
        self.by_word.get(word).is_some_and(|id| Some(*id) != own)
    }

    /// Adds a record, or replaces the one with its id in its place.
    pub(crate) fn put(&mut self, record: R) {
        let id = record.id();
        if let Some(&place) = self.by_id.get(&id) {
            if let Some(word) = self.records[place].unique_word() {
                self.by_word.remove(&word);
            }
            self.index_word(&record);
            self.records[place] = record;
        } else {
            self.index_word(&record);
            self.by_id.insert(id, self.records.len());
            self.records.push(record);
        }
    }

    pub(crate) fn remove(&mut self, id: Uuid) -> bool {
        let Some(place) = self.by_id.remove(&id) else {
            return false;
        };
        let gone = self.records.remove(place);
        if let Some(word) = gone.unique_word() {
            self.by_word.remove(&word);
        }
        for (index, record) in self.records.iter().enumerate().skip(place) {
            self.by_id.insert(record.id(), index);
        }
        true
    }

    fn index_word(&mut self, record: &R) {
        if let Some(word) = record.unique_word() {
            self.by_word.insert(word, record.id());
        }
    }
}
