//! Reading an account's whole list, page by page, at a pace that leaves room for others.

use std::time::Duration;

use partner_core::{ChildOrg, CountMismatch, Error, Kind, OrgQuery, Page, PageToken};
use tokio::time::sleep;

use super::ImportWatch;
use crate::providers::Account;

/// As many as any provider puts on a page.
const PAGE_SIZE: u32 = 100;
/// Failures in a row of one page.
const TRIES: u32 = 6;
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, whatever the provider asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The account's list cannot be read to its end: then nothing is known of what it has.
#[derive(Debug, thiserror::Error)]
#[error("the provider {provider} cannot be discovered: {why}")]
pub struct Undiscoverable {
    provider: String,
    why: String,
    #[source]
    source: Option<Error>,
}

/// One reading of an account's list.
pub(super) struct Listing<'a> {
    account: &'a Account,
    next: Place,
}

enum Place {
    Begin,
    At(PageToken),
    /// The list has ended, in agreement with the provider's own count or not.
    End(Option<CountMismatch>),
}

impl<'a> Listing<'a> {
    pub(super) fn of(account: &'a Account) -> Self {
        Self { account, next: Place::Begin }
    }

    /// Returns the next page, or `None` after the last. Adds the requests that it made to `requests`.
    ///
    /// # Errors
    /// The list cannot be read to its end, or, after its last page, the end disagrees with the provider's own count.
    pub(super) async fn next_page(
        &mut self,
        watch: &mut dyn ImportWatch,
        requests: &mut u64,
    ) -> Result<Option<Page<ChildOrg>>, Undiscoverable> {
        if !self.account.capabilities().list {
            return Err(self.undiscoverable("its organizations cannot be listed", None));
        }
        let token = match &self.next {
            Place::Begin => None,
            Place::At(token) => Some(token.clone()),
            Place::End(None) => return Ok(None),
            Place::End(Some(mismatch)) => {
                return Err(self.undiscoverable(&mismatch.to_string(), None));
            }
        };
        let query = OrgQuery { page_size: Some(PAGE_SIZE), ..OrgQuery::default() };
        let mut failures = 0;
        loop {
            self.account.pace().await;
            *requests += 1;
            let error = match self.account.provider.find_child_orgs(&query, token.as_ref()).await {
                Ok(reply) => {
                    let page = reply.value;
                    self.next = match &page.next {
                        Some(next) => Place::At(next.clone()),
                        None => Place::End(page.mismatch),
                    };
                    return Ok(Some(page));
                }
                Err(error) => error,
            };
            failures += 1;
            match pause_after(&error, failures) {
                Some(wait) => pause(watch, error.message(), wait).await,
                None => return Err(self.undiscoverable(&said(&error), Some(error))),
            }
        }
    }

    fn undiscoverable(&self, why: &str, source: Option<Error>) -> Undiscoverable {
        let provider = self.account.name().to_string();
        Undiscoverable { provider, why: why.to_owned(), source }
    }
}

async fn pause(watch: &mut dyn ImportWatch, why: &str, wait: Duration) {
    let wait = wait.min(LONGEST_PAUSE);
    watch.pauses(why, wait);
    sleep(wait).await;
}

/// How long to wait before a reading is made again; `None` where that would not help.
fn pause_after(error: &Error, failures: u32) -> Option<Duration> {
    let passes = match error.kind() {
        Kind::RateLimited | Kind::Unavailable | Kind::Unexpected => true,
        Kind::Unsupported
        | Kind::InvalidInput
        | Kind::Unauthenticated
        | Kind::PermissionDenied
        | Kind::QuotaExceeded
        | Kind::NotFound
        | Kind::Conflict => false,
    };
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.min(16).saturating_sub(1));
    // Up to half as long again: replicas and scripts that failed together do not come back together.
    let jittered = doubled.mul_f64(1.0 + rand::random::<f64>() / 2.0);
    (passes && failures < TRIES).then(|| error.retry_after().unwrap_or(jittered))
}

fn said(error: &Error) -> String {
    match error.answer().and_then(|answer| answer.message.as_deref()) {
        Some(words) => format!("{}: {words}", error.message()),
        None => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use partner_core::Effect;

    use super::*;

    fn failed(kind: Kind) -> Error {
        Error::new(kind, Effect::Unknown, "x")
    }

    #[test]
    fn what_passes_is_waited_for_longer_and_longer_and_then_given_up() {
        let waits: Vec<_> =
            (1..=TRIES).map(|n| pause_after(&failed(Kind::Unavailable), n)).collect();
        for (n, wait) in waits[..5].iter().enumerate() {
            let least = FIRST_PAUSE * (1 << n);
            assert!((least..=least.mul_f64(1.5)).contains(&wait.unwrap()), "{n}: {wait:?}");
        }
        assert_eq!(waits[5], None);
        assert_eq!(pause_after(&failed(Kind::PermissionDenied), 1), None);
    }

    #[test]
    fn the_provider_says_how_long() {
        let asked = failed(Kind::RateLimited).with_retry_after(Some(Duration::from_secs(7)));
        assert_eq!(pause_after(&asked, 1), Some(Duration::from_secs(7)));
    }
}
