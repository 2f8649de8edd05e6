//! Waiting for what another program shows only when it is asked.

use std::time::Duration;

use tokio::time::{interval, timeout};

/// Nothing that is waited for takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is asked.
const EVERY: Duration = Duration::from_millis(100);

/// Asks again and again until there is an answer; fails where there is none for long.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        let mut again = interval(EVERY);
        loop {
            again.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    match timeout(PATIENCE, asked).await {
        Ok(seen) => seen,
        Err(_elapsed) => panic!("{what}: not seen within {PATIENCE:?}"),
    }
}
