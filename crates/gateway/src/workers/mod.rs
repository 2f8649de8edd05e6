//! What runs by itself, each with a public `step`. No decisions here, and no HTTP.
//!
//! Any number of replicas run all of them: what must happen once is claimed in the database.

pub mod dispatch;
pub mod gauges;
pub mod notices;
mod outage;
pub mod prune;
pub mod seal;
pub mod sessions;
pub mod sweep;
pub mod webhooks;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;

use crate::app::App;

/// How long a worker that panicked rests.
const REST: Duration = Duration::from_secs(1);

/// Starts every worker on `tasks`, until `stop`. `poll_every` is how soon waiting work is looked at
/// where nothing announced it.
pub fn start(app: &Arc<App>, poll_every: Duration, tasks: &TaskTracker, stop: &CancellationToken) {
    let with = || (Arc::clone(app), stop.clone());
    let (app, token) = with();
    tasks.spawn(keep("dispatch", stop.clone(), move || {
        dispatch::Dispatch::new(Arc::clone(&app), poll_every).run(token.clone())
    }));
    let (app, token) = with();
    tasks.spawn(keep("notices", stop.clone(), move || {
        notices::Notices::new(Arc::clone(&app)).run(token.clone())
    }));
    let (app, token) = with();
    tasks.spawn(keep("seal", stop.clone(), move || {
        seal::Seal::new(Arc::clone(&app), poll_every).run(token.clone())
    }));
    let (app, token) = with();
    tasks.spawn(keep("webhooks", stop.clone(), move || {
        webhooks::TellWebhooks::new(Arc::clone(&app), poll_every).run(token.clone())
    }));
    let (app, token) = with();
    tasks.spawn(keep("gauges", stop.clone(), move || {
        gauges::Gauges::new(Arc::clone(&app)).run(token.clone())
    }));
    let (app, token) = with();
    tasks.spawn(keep("sweep", stop.clone(), move || {
        sweep::Sweep::new(Arc::clone(&app), poll_every).run(token.clone())
    }));
    let (app, token) = with();
    tasks.spawn(keep("prune", stop.clone(), move || {
        prune::Prune::new(Arc::clone(&app)).run(token.clone())
    }));
    let (app, token) = with();
    tasks.spawn(keep("sessions", stop.clone(), move || {
        sessions::Sessions::new(Arc::clone(&app)).run(token.clone())
    }));
}

/// Runs a worker to its end, and a new one in place of one that panicked: a gateway whose work is not
/// taken up would look well and do nothing.
async fn keep<F: Future<Output = ()>>(
    worker: &'static str,
    stop: CancellationToken,
    run: impl Fn() -> F,
) {
    while AssertUnwindSafe(run()).catch_unwind().await.is_err() {
        error!(worker, "a worker panicked, and is started anew");
        if stop.run_until_cancelled(tokio::time::sleep(REST)).await.is_none() {
            return;
        }
    }
}
