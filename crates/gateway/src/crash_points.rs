//! Places at which a process that was built to be tortured ends or freezes itself, as a power cut or a
//! stalled machine would: without a word, between one instruction and the next.
//!
//! Without the feature `crash-points`, which no release has, nothing of it is compiled. It must never
//! change what the service does: a point that is not armed is passed by.

/// A place that a tortured process can be told to end or to freeze at. Its name stands in
/// `crash_points::POINTS`.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "crash-points")]
        {
            const { assert!($crate::crash_points::is_known($name), "not in `POINTS`") };
            $crate::crash_points::pass($name);
        }
    };
}

#[cfg(feature = "crash-points")]
pub use armed::{POINTS, arm, is_known, pass};

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };

    use nix::sys::signal::{Signal, raise};

    use crate::config::Environment;

    /// Every point: what is being done, and how far it has come.
    pub const POINTS: [&str; 26] = [
        "intent.begin",
        "intent.commit",
        "intent.committed",
        "claim.commit",
        "claim.committed",
        "expire.commit",
        "expire.committed",
        "send.before",
        "send.call",
        "send.answered",
        "gate.closed",
        "evidence.begin",
        "evidence.committed",
        "record.begin",
        "record.evidence",
        "record.commit",
        "record.committed",
        "settle.claimed",
        "settle.read",
        "settle.record",
        "settle.recorded",
        "resolve.begin",
        "resolve.decided",
        "resolve.recorded",
        "answer.begin",
        "answer.made",
    ];

    /// `name` or `name:n`: at the n-th passage of a point the process kills itself (SIGKILL).
    const CRASH: &str = "GATEWAY_CRASH_POINT";
    /// The same, and it stops (SIGSTOP), until somebody lets it go on.
    const STOP: &str = "GATEWAY_STOP_POINT";
    /// The same, and the task that passes panics.
    const PANIC: &str = "GATEWAY_PANIC_POINT";

    static ARMED: OnceLock<Vec<Armed>> = OnceLock::new();

    #[derive(Debug)]
    struct Armed {
        name: String,
        at: u64,
        passages: AtomicU64,
        /// `None` where it panics.
        signal: Option<Signal>,
    }

    /// Whether there is a point of this name.
    #[must_use]
    pub const fn is_known(name: &str) -> bool {
        let mut at = 0;
        while at < POINTS.len() {
            if is_same(POINTS[at].as_bytes(), name.as_bytes()) {
                return true;
            }
            at += 1;
        }
        false
    }

    const fn is_same(one: &[u8], other: &[u8]) -> bool {
        let mut at = 0;
        while at < one.len() && at < other.len() && one[at] == other[at] {
            at += 1;
        }
        at == one.len() && at == other.len()
    }

    /// Arms the points that the environment names, once a process.
    ///
    /// # Errors
    /// One line: a variable names no point, or no passage of one.
    pub fn arm(environment: &Environment) -> Result<(), String> {
        let mut armed = Vec::new();
        let deeds = [(CRASH, Some(Signal::SIGKILL)), (STOP, Some(Signal::SIGSTOP)), (PANIC, None)];
        for (variable, signal) in deeds {
            if let Some(text) = environment.get(variable) {
                armed.push(read(text, signal).ok_or_else(|| {
                    format!("{variable}: `{text}` is not the name of a point, or name:n")
                })?);
            }
        }
        ARMED.set(armed).map_err(|_again| "crash points are armed once".to_owned())
    }

    fn read(text: &str, signal: Option<Signal>) -> Option<Armed> {
        let (name, at) = match text.split_once(':') {
            Some((name, at)) => (name, at.parse().ok().filter(|at| *at > 0)?),
            None => (text, 1),
        };
        let point = Armed { name: name.to_owned(), at, passages: AtomicU64::new(0), signal };
        is_known(name).then_some(point)
    }

    /// Passes a point, or does not.
    #[expect(clippy::panic, reason = "it is told to")]
    pub fn pass(name: &'static str) {
        for point in ARMED.get().into_iter().flatten().filter(|point| point.name == name) {
            if point.passages.fetch_add(1, Ordering::SeqCst) + 1 == point.at {
                match point.signal {
                    // To this very thread, so that not one instruction more is done by it.
                    Some(signal) => {
                        let _cannot_fail = raise(signal);
                    }
                    None => panic!("the point {name} was told to panic"),
                }
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_point_is_armed_by_its_name_and_passage() {
            let armed =
                |text| read(text, Some(Signal::SIGSTOP)).map(|point| (point.name, point.at));
            assert_eq!(armed("send.before"), Some(("send.before".to_owned(), 1)));
            assert_eq!(armed("send.before:3"), Some(("send.before".to_owned(), 3)));
            for wrong in ["send", "send.before:", "send.before:0", "send.before:x", "", ":1"] {
                assert_eq!(armed(wrong), None, "{wrong}");
            }
        }

        #[test]
        fn every_point_stands_in_the_code_and_has_one_name() {
            let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            let text = all_text(&source);
            for (at, name) in POINTS.iter().enumerate() {
                assert!(text.contains(&format!("crash_point!(\"{name}\")")), "{name} is nowhere");
                assert!(!POINTS[at + 1..].contains(name), "{name} stands there twice");
            }
        }

        fn all_text(folder: &std::path::Path) -> String {
            let mut text = String::new();
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    text += &all_text(&path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    text += &std::fs::read_to_string(&path).unwrap();
                }
            }
            text
        }
    }
}
