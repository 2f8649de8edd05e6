//! The real program, run as an operator runs it.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

/// No command takes nearly as long: one that does hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command line of the program, in an environment of its own.
#[derive(Debug)]
pub(crate) struct Binary {
    command: Command,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; `None` where a signal killed it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it told on standard error.
    pub(crate) stderr: String,
}

impl Binary {
    /// `partner-gateway` with these words. Of the environment it has the search path alone.
    pub(crate) fn new(words: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway-under-test"));
        command.args(words.split_whitespace()).env_clear().kill_on_drop(true);
        for (name, value) in
            std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME")
        {
            command.env(name, value);
        }
        Self { command }
    }

    /// With a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With one more word.
    pub(crate) fn word(mut self, word: &str) -> Self {
        self.command.arg(word);
        self
    }

    /// With an argument that is a path.
    pub(crate) fn arg(mut self, path: &std::path::Path) -> Self {
        self.command.arg(path);
        self
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> Ended {
        self.command.stdin(Stdio::null());
        let output = in_time(self.command.output()).await.expect("the command runs");
        let text = |bytes| String::from_utf8(bytes).expect("the output is text");
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Starts it, to be ended by a signal.
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the command runs");
        let stdout = child.stdout.take().expect("its output is ours");
        let stderr = child.stderr.take().expect("its errors are ours");
        Running {
            child,
            output: BufReader::new(stdout).lines(),
            errors: BufReader::new(stderr).lines(),
        }
    }
}

/// A command that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    errors: Lines<BufReader<ChildStderr>>,
}

impl Running {
    /// The next line that it prints; `None` at the end of its output.
    pub(crate) async fn line(&mut self) -> Option<String> {
        in_time(self.output.next_line()).await.expect("its output can be read")
    }

    /// The next line that it tells on standard error; `None` at its end.
    pub(crate) async fn told(&mut self) -> Option<String> {
        in_time(self.errors.next_line()).await.expect("its errors can be read")
    }

    /// Waits until it says where it listens, and answers that; its log must be JSON.
    pub(crate) async fn address(&mut self) -> String {
        loop {
            let line = self.told().await.expect("it says that it runs");
            let listens =
                line.split_once("\"listen\":\"").filter(|_| line.contains("the gateway runs"));
            if let Some((address, _)) = listens.and_then(|(_, rest)| rest.split_once('"')) {
                return format!("http://{address}");
            }
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().expect("it has not ended");
        kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
    }

    /// Waits for its end; answers its exit code and what else it told on standard error.
    pub(crate) async fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let mut told = Vec::new();
        while let Some(line) = self.told().await {
            told.push(line);
        }
        let status = in_time(self.child.wait()).await.expect("it can be waited for");
        (status.code(), told)
    }
}

async fn in_time<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, awaited).await.expect("the command does not hang")
}
