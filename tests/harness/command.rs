//! The program's commands, run in a world: on its database, with its providers.

use std::io::Write;

use tempfile::NamedTempFile;

use super::{Binary, World};

/// A command in a world. The file that it is configured by lives as long as this.
pub(crate) struct Configured {
    binary: Binary,
    file: NamedTempFile,
}

impl World {
    /// `partner-gateway` with these words, configured as this world's gateways are.
    pub(crate) fn command(&self, words: &str) -> Configured {
        let (text, variables) = self.configuration();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let mut binary = Binary::new(words).word("--config").arg(file.path());
        for (name, value) in variables {
            binary = binary.env(name, &value);
        }
        Configured { binary, file }
    }
}

impl Configured {
    /// With a word and a path after it.
    pub(crate) fn with(mut self, word: &str, path: &std::path::Path) -> Self {
        self.binary = self.binary.word(word).arg(path);
        self
    }

    /// With a variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.binary = self.binary.env(name, value);
        self
    }

    /// Runs it to its end.
    pub(crate) async fn run(self) -> super::binary::Ended {
        let ended = self.binary.run().await;
        drop(self.file);
        ended
    }

    /// Starts it, to be ended by a signal.
    pub(crate) fn start(self) -> (super::Running, NamedTempFile) {
        (self.binary.start(), self.file)
    }
}
