//! Reads one table of the merged configuration, key by key.
//!
//! Each key is taken once; what has the wrong type is a fault of its key, and what is left over at
//! the end is a key that nobody knows. It must not judge what a value means: the sections do.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use config::{Map, Value, ValueKind};

use super::duration::parse_duration;
use super::faults::Faults;
use super::layers::ENVIRONMENT_ORIGIN;

/// One table, with the path that leads to it.
pub(super) struct Reader {
    path: String,
    table: Map<String, Value>,
    asked: BTreeSet<&'static str>,
    faults: Faults,
}

impl Reader {
    pub(super) fn root(table: Map<String, Value>, faults: Faults) -> Self {
        Self::at(String::new(), table, faults)
    }

    pub(super) fn at(path: String, table: Map<String, Value>, faults: Faults) -> Self {
        Self { path, table, asked: BTreeSet::new(), faults }
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Records a fault of one of this table's keys.
    pub(super) fn fault(&self, key: &str, message: impl Into<String>) {
        self.faults.add(self.path_of(key), message);
    }

    /// Records a fault of the table itself.
    pub(super) fn fault_here(&self, message: impl Into<String>) {
        self.faults.add(self.path.clone(), message);
    }

    /// Records that a key holds something of another type.
    fn expected<T>(&self, key: &str, expected: &str, found: &str) -> Option<T> {
        self.fault(key, format!("expected {expected}, found {found}"));
        None
    }

    /// Whether the key holds anything but an empty string.
    pub(super) fn is_set(&self, key: &str) -> bool {
        match self.table.get(key).map(|value| &value.kind) {
            None | Some(ValueKind::Nil) => false,
            Some(ValueKind::String(text)) => !text.is_empty(),
            Some(_) => true,
        }
    }

    /// Whether the key is there at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether the key holds a table.
    pub(super) fn holds_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| matches!(value.kind, ValueKind::Table(_)))
    }

    /// Drops a key without making it a known one; tells whether it was there.
    pub(super) fn forget(&mut self, key: &str) -> bool {
        self.table.remove(key).is_some()
    }

    /// Drops keys that cannot be judged because of another fault.
    pub(super) fn forgive_unknown(&mut self, keys: &[&str]) {
        self.table.retain(|key, _| !keys.contains(&key.as_str()));
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.insert(key);
        self.table.remove(key)
    }

    /// Text; an empty string counts as not set.
    pub(super) fn string(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        let found = kind_name(&value.kind);
        let ValueKind::String(text) = value.kind else {
            return self.expected(key, "a string", found);
        };
        (!text.is_empty()).then_some(text)
    }

    /// Text that must be there.
    pub(super) fn needed_string(&mut self, key: &'static str) -> Option<String> {
        let missing = !self.is_set(key);
        let text = self.string(key);
        if missing {
            self.fault(key, "is needed");
        }
        text
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        if let ValueKind::Boolean(flag) = value.kind {
            return Some(flag);
        }
        let flag = from_environment(&value).and_then(|text| text.parse().ok());
        flag.or_else(|| self.expected(key, "true or false", kind_name(&value.kind)))
    }

    /// A whole number within `range`.
    pub(super) fn integer(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = self.take(key)?;
        let number = if let ValueKind::I64(number) = value.kind {
            Some(number)
        } else {
            from_environment(&value).and_then(|text| text.parse().ok())
        };
        let Some(number) = number else {
            return self.expected(key, "a whole number", kind_name(&value.kind));
        };
        let fitting = u32::try_from(number).ok().filter(|number| range.contains(number));
        if fitting.is_none() {
            let (least, most) = (range.start(), range.end());
            self.fault(key, format!("{number} is not between {least} and {most}"));
        }
        fitting
    }

    /// A duration, zero included.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let text = self.string(key)?;
        match parse_duration(&text) {
            Ok(duration) => Some(duration),
            Err(message) => {
                self.fault(key, message);
                None
            }
        }
    }

    /// A duration longer than nothing.
    pub(super) fn positive_duration(&mut self, key: &'static str) -> Option<Duration> {
        let duration = self.duration(key)?;
        if duration.is_zero() {
            self.fault(key, "must be longer than zero");
            return None;
        }
        Some(duration)
    }

    /// A list of strings; from the environment, words between commas.
    pub(super) fn strings(&mut self, key: &'static str) -> Option<Vec<String>> {
        let value = self.take(key)?;
        if let Some(text) = from_environment(&value) {
            return Some(text.split(',').map(|word| word.trim().to_owned()).collect());
        }
        let found = kind_name(&value.kind);
        let ValueKind::Array(items) = value.kind else {
            return self.expected(key, "a list", found);
        };
        let mut words = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let found = kind_name(&item.kind);
            let ValueKind::String(word) = item.kind else {
                return self.expected(&format!("{key}[{index}]"), "a string", found);
            };
            words.push(word);
        }
        Some(words)
    }

    /// A table within this one; where there is none, nothing and no fault.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Reader> {
        let value = self.take(key)?;
        let found = kind_name(&value.kind);
        let ValueKind::Table(table) = value.kind else {
            return self.expected(key, "a table", found);
        };
        Some(Reader::at(self.path_of(key), table, self.faults.clone()))
    }

    /// A list of tables (`[[key]]`); where there is none, an empty one.
    pub(super) fn tables(&mut self, key: &'static str) -> Option<Vec<Reader>> {
        let Some(value) = self.take(key) else {
            return Some(Vec::new());
        };
        let ValueKind::Array(items) = value.kind else {
            self.fault(key, format!("expected a list of tables ([[{key}]])"));
            return None;
        };
        let mut readers = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            let ValueKind::Table(table) = item.kind else {
                self.faults.add(path, "expected a table");
                return None;
            };
            readers.push(Reader::at(path, table, self.faults.clone()));
        }
        Some(readers)
    }

    /// Parses the table at `key` and refuses what is left of it.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&mut Reader) -> Option<T>,
    ) -> Option<T> {
        let mut reader = self.table(key)?;
        let parsed = parse(&mut reader);
        reader.finish();
        parsed
    }

    /// Every key with a string for its value; for tables whose keys are the user's own.
    pub(super) fn into_strings(self) -> Option<Vec<(String, String)>> {
        let mut pairs = Vec::with_capacity(self.table.len());
        let mut whole = true;
        for (key, value) in &self.table {
            if let ValueKind::String(text) = &value.kind {
                pairs.push((key.clone(), text.clone()));
            } else {
                self.fault(key, format!("expected a string, found {}", kind_name(&value.kind)));
                whole = false;
            }
        }
        whole.then_some(pairs)
    }

    /// Every key with the words that it holds, one string or a list of strings; for tables whose keys
    /// are the user's own.
    pub(super) fn to_word_lists(&self) -> Option<Vec<(String, Vec<String>)>> {
        let mut keys: Vec<_> = self.table.iter().collect();
        keys.sort_unstable_by_key(|(key, _)| *key);
        let lists = keys.into_iter().map(|(key, value)| {
            let words = words_of(value);
            let expected = "a string or a list of strings";
            let words = words.or_else(|| self.expected(key, expected, kind_name(&value.kind)));
            Some((key.clone(), words?))
        });
        let lists: Vec<_> = lists.collect();
        lists.into_iter().collect()
    }

    /// Refuses, by name, every key that was never asked for.
    pub(super) fn finish(self) {
        let known: Vec<_> = self.asked.iter().copied().collect();
        let mut unknown: Vec<_> = self.table.keys().collect();
        unknown.sort();
        for key in unknown {
            self.fault(key, format!("unknown key; known here: {}", known.join(", ")));
        }
    }
}

/// A string, or the strings of a list.
fn words_of(value: &Value) -> Option<Vec<String>> {
    if let ValueKind::Array(items) = &value.kind {
        return items.iter().map(word_of).collect();
    }
    Some(vec![word_of(value)?])
}

fn word_of(value: &Value) -> Option<String> {
    if let ValueKind::String(word) = &value.kind { Some(word.clone()) } else { None }
}

/// The text of a value that came from the environment, where everything is text.
fn from_environment(value: &Value) -> Option<&str> {
    let ValueKind::String(text) = &value.kind else {
        return None;
    };
    (value.origin() == Some(ENVIRONMENT_ORIGIN)).then_some(text)
}

fn kind_name(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            "a number"
        }
        ValueKind::Float(_) => "a number with a fraction",
        ValueKind::String(_) => "a string",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}
