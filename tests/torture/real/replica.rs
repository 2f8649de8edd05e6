//! One process of the gateway: started, killed, frozen, let go on.

use std::{
    fs::File,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::atomic::Ordering,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    time::Instant,
};

use super::{Fault, WORD, caller::Caller, world::World};

/// No start and no death takes nearly as long on a machine that works.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(10);

/// A gateway that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Replica {
    child: Child,
    told: PathBuf,
    base: String,
}

impl World {
    /// Starts a gateway, with a point armed such as `GATEWAY_CRASH_POINT=send.before`; it answers when
    /// this returns.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn start<'a>(
        &self,
        armed: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Replica, Fault> {
        let mut replica = self.launch(armed)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(address) = address_in(&replica.told()?) {
                replica.base = format!("http://{address}");
                return Ok(replica);
            }
            let ended = replica.child.try_wait().map_err(Fault::of("waiting for a gateway"))?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(Fault(format!("a gateway did not start:\n{}", replica.told()?)));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Starts a gateway that may be dead before it answers.
    ///
    /// # Errors
    /// There is no such program.
    pub(crate) fn launch<'a>(
        &self,
        armed: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Replica, Fault> {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        let told = self.folder.path().join(format!("gateway-{number}.log"));
        let log = File::create(&told).map_err(Fault::of("a log"))?;
        let program = std::env::current_exe().map_err(Fault::of("this program"))?;
        let mut command = Command::new(program);
        command.arg(WORD).arg("serve").arg("--config").arg(self.configuration());
        command.env_clear().envs(self.variables()).envs(armed);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let child = command.spawn().map_err(Fault::of("a gateway"))?;
        Ok(Replica { child, told, base: String::new() })
    }

    /// Runs another command of the program to its end, and answers what it printed.
    ///
    /// # Errors
    /// It failed.
    pub(crate) async fn command(&self, words: &[&str]) -> Result<String, Fault> {
        let program = std::env::current_exe().map_err(Fault::of("this program"))?;
        let mut command = Command::new(program);
        command.arg(WORD).args(words).arg("--config").arg(self.configuration());
        command.env_clear().envs(self.variables()).stdin(Stdio::null()).kill_on_drop(true);
        let ended = command.output().await.map_err(Fault::of("a command"))?;
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if ended.status.success() {
            return Ok(told(&ended.stdout));
        }
        let (stdout, stderr) = (told(&ended.stdout), told(&ended.stderr));
        Err(Fault(format!("{words:?} ended by {}: {stdout}{stderr}", ended.status)))
    }

    /// A caller of one gateway.
    pub(crate) fn caller(&self, replica: &Replica) -> Caller {
        Caller::new(self.http.clone(), replica.base.clone(), self.token.clone())
    }
}

/// The address in the line that says that it runs.
fn address_in(told: &str) -> Option<String> {
    let line = told.lines().find(|line| line.contains("the gateway runs"))?;
    let (_, rest) = line.split_once("\"listen\":\"")?;
    rest.split_once('"').map(|(address, _)| address.to_owned())
}

impl Replica {
    /// Where it answers.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// What it has told so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn told(&self) -> Result<String, Fault> {
        std::fs::read_to_string(&self.told).map_err(Fault::of("a log"))
    }

    /// Waits until it has killed itself.
    ///
    /// # Errors
    /// It lives on, or ended otherwise.
    pub(crate) async fn has_died(&mut self) -> Result<(), Fault> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        match ended {
            Ok(Ok(status)) if is_killed(status) => Ok(()),
            Ok(Ok(status)) => Err(Fault(format!("it ended by {status}:\n{}", self.told()?))),
            Ok(Err(error)) => Err(Fault::of("waiting for a gateway")(error)),
            Err(_elapsed) => Err(Fault("the point was never passed".to_owned())),
        }
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// It does not end.
    pub(crate) async fn end(mut self) -> Result<(), Fault> {
        self.signal(Signal::SIGTERM)?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        match ended {
            Ok(Ok(_status)) => Ok(()),
            Ok(Err(error)) => Err(Fault::of("waiting for a gateway")(error)),
            Err(_elapsed) => Err(Fault("a gateway did not end".to_owned())),
        }
    }

    /// Kills it, whatever it does.
    ///
    /// # Errors
    /// It cannot be killed.
    pub(crate) async fn kill(mut self) -> Result<(), Fault> {
        self.child.kill().await.map_err(Fault::of("killing a gateway"))
    }

    /// Kills it, and keeps what it told.
    ///
    /// # Errors
    /// It cannot be killed.
    pub(crate) async fn kill_now(&mut self) -> Result<(), Fault> {
        self.child.kill().await.map_err(Fault::of("killing a gateway"))
    }

    /// Waits until it has frozen.
    ///
    /// # Errors
    /// It did not.
    pub(crate) async fn has_stopped(&self) -> Result<(), Fault> {
        let deadline = Instant::now() + PATIENCE;
        while self.state()? != 'T' {
            if Instant::now() > deadline {
                return Err(Fault("it never stopped".to_owned()));
            }
            tokio::time::sleep(EVERY).await;
        }
        Ok(())
    }

    /// Freezes it from outside.
    ///
    /// # Errors
    /// It is not there any more.
    pub(crate) fn stop(&self) -> Result<(), Fault> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It is not there any more.
    pub(crate) fn go_on(&self) -> Result<(), Fault> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), Fault> {
        kill(self.pid()?, signal).map_err(Fault::of("a signal"))
    }

    fn pid(&self) -> Result<Pid, Fault> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        pid.map(Pid::from_raw).ok_or_else(|| Fault("the gateway has ended".to_owned()))
    }

    /// The kernel's letter for what the process does: `T` where it is stopped.
    fn state(&self) -> Result<char, Fault> {
        let path = format!("/proc/{}/stat", self.pid()?);
        let stat = std::fs::read_to_string(path).map_err(Fault::of("the state of a process"))?;
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        after_name.chars().next().ok_or_else(|| Fault("no state of a process".to_owned()))
    }
}

fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::SIGKILL as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_log() {
        let line = r#"{"message":"the gateway runs","listen":"127.0.0.1:7","providers":2}"#;
        let told = format!("{{\"message\":\"x\"}}\n{line}\n");
        assert_eq!(address_in(&told).as_deref(), Some("127.0.0.1:7"));
        assert_eq!(address_in("{\"listen\":\"127.0.0.1:7\"}"), None);
    }
}
