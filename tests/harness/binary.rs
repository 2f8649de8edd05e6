//! The real program, run as an operator runs it.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
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
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// With an argument that is a path or holds blanks.
    pub(crate) fn arg(mut self, word: &std::path::Path) -> Self {
        self.command.arg(word);
        self
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> Ended {
        self.command.stdin(Stdio::null());
        let output = tokio::time::timeout(PATIENCE, self.command.output()).await;
        let output = output.expect("the command ends").expect("the command runs");
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
        Running { child, lines: BufReader::new(stdout).lines() }
    }
}

/// A command that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// The next line that it prints; `None` at the end of its output.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("it prints a line or ends").expect("its output can be read")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().expect("it has not ended");
        kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
    }

    /// Waits for its end; answers the status and what it told on standard error.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let mut told = String::new();
        let mut stderr = self.child.stderr.take().expect("its errors are ours");
        let ending = async {
            stderr.read_to_string(&mut told).await.expect("its errors can be read");
            self.child.wait().await.expect("it can be waited for")
        };
        let status = tokio::time::timeout(PATIENCE, ending).await.expect("it ends");
        (status, told)
    }
}
