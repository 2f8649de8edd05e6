//! A real Chromium without a window, driven over the DevTools protocol.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Once,
    time::Duration,
};

use chromiumoxide::{Browser, BrowserConfig};
use futures::StreamExt;
use partner_gateway::config::Environment;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::tab::Tab;

/// A browser that has to share the machine with other tests begins late.
const LAUNCH: Duration = Duration::from_secs(120);
/// Longer than any answer of the browser takes; what takes longer never comes.
const ANSWER: Duration = Duration::from_secs(60);

/// A browser with a profile of its own. To be ended by [`Chromium::close`].
pub(crate) struct Chromium {
    browser: Browser,
    /// What reads the browser's answers.
    handler: JoinSet<()>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts one. `None`, told once on standard error, where the machine has none; on one that checks
    /// changes (`CI=true`) it must be there.
    pub(crate) async fn start() -> Option<Self> {
        let environment = Environment::of_process();
        let Some(executable) = on_path(&environment) else {
            let must = environment.get("CI") == Some("true");
            assert!(
                !must,
                "there is no `chromium` on PATH, and CI=true: install it (Debian: chromium)"
            );
            say_once();
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut config = BrowserConfig::builder()
            .chrome_executable(executable)
            .user_data_dir(profile.path())
            .new_headless_mode()
            .viewport(None)
            .launch_timeout(LAUNCH)
            .request_timeout(ANSWER)
            // Nothing of the browser's own goes out, and every tab counts as looked at.
            .args([
                "no-default-browser-check",
                "disable-component-update",
                "disable-gpu",
                "hide-scrollbars",
            ]);
        if nix::unistd::geteuid().is_root() {
            config = config.no_sandbox();
        }
        let (browser, mut handler) = Browser::launch(config.build().unwrap()).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { while handler.next().await.is_some() {} });
        Some(Self { browser, handler: tasks, _profile: profile })
    }

    /// An empty tab that goes to pages of this origin.
    pub(crate) async fn tab(&self, origin: &str) -> Tab {
        Tab::new(self.browser.new_page("about:blank").await.unwrap(), origin).await
    }

    /// Ends it.
    pub(crate) async fn close(mut self) {
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
        self.handler.shutdown().await;
    }
}

fn on_path(environment: &Environment) -> Option<PathBuf> {
    let folders = environment.get("PATH")?;
    std::env::split_paths(folders).map(|folder| folder.join("chromium")).find(|file| file.is_file())
}

/// To the terminal, also where the output of tests is captured.
fn say_once() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let line = "the tests in a browser are NOT RUN: there is no `chromium` on PATH";
        let _unheard = writeln!(io::stderr(), "e2e: {line}");
    });
}
