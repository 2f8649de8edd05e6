//! Passes over what a provider lists: asked for, taken up, and carried on page by page.
//!
//! A pass observes. What it does not find to agree it writes down for a person, and corrects nothing itself.

use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::histogram;
use partner_core::{ChildOrg, Error, Kind, OrgQuery, PageToken, ProviderOrgId};
use tokio::time::Instant;
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    App,
    context::WriteContext,
    error::{AppError, AppResult},
};
use crate::{
    actors::GatewayActor,
    operations::{differences, observe_state, shown_fields},
    providers::Account,
    store::{
        EventContext, FieldDifference, Organization, ReadBy, StoreResult, Sweep, SweepPhase,
        SweepState, SweptPage, Unlisted,
    },
    telemetry::metrics::SWEEP_DURATION,
};

/// What a list is asked for at a time.
const PAGE_SIZE: u32 = 100;
/// Rows of the mapping that are looked through at a time for what the list did not show.
const CHUNK: i64 = 1000;
/// After so many failures in a row a pass breaks off; a provider that only asks for patience gets more.
const MOST_FAILURES: i32 = 8;
const MOST_REFUSALS: i32 = 30;
/// Pauses after a failure: doubled each time.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A provider that asks for a longer pause is asked again sooner.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// What became of a step of a pass.
#[derive(Debug, Clone)]
pub enum SweepStep {
    /// It has more to do.
    GoesOn(Sweep),
    /// It was let go of for a while: the provider needs a pause.
    Rests,
    /// It has ended.
    Ended(Sweep),
    /// Somebody else has it.
    Lost,
}

impl App {
    /// Has an account swept now, or answers the pass that is under way. With `lease` a new one is the
    /// caller's to carry on; the second part of the answer says whether it is.
    ///
    /// # Errors
    /// `NotFound` where there is no such account, `Unsupported` where it has no list.
    pub async fn request_sweep(
        &self,
        name: &str,
        by: (&str, &str),
        lease: Option<Duration>,
    ) -> AppResult<(Sweep, bool)> {
        let account = self.engine.registry().get(name).ok_or(AppError::NotFound("provider"))?;
        if !account.capabilities().list {
            return Err(AppError::Unsupported(format!(
                "the provider `{name}` cannot list its organizations, so what exists there cannot be discovered"
            )));
        }
        let requested = self.store.request_sweep(name, account.sweep_every, by, lease).await?;
        self.sweep_wanted.notify_waiters();
        Ok(requested)
    }

    /// Has an account swept now, for a caller of the API. The second part of the answer says that an earlier
    /// request is answered again.
    ///
    /// # Errors
    /// As [`Self::request_sweep`].
    pub async fn sweep_now(&self, context: &WriteContext, name: &str) -> AppResult<(Sweep, bool)> {
        let claim = match self.claim_key(context).await? {
            Ok(claim) => claim,
            Err(record) => {
                let id = record.operation_ids.first().ok_or(AppError::NotFound("sweep"))?;
                return Ok((self.sweep(*id).await?, true));
            }
        };
        let by = (context.actor.as_str(), context.request_id.as_str());
        let (sweep, _) = self.request_sweep(name, by, None).await?;
        if let Some(claim) = &claim {
            self.store.take_idempotency_key(claim, &[sweep.id]).await?;
        }
        Ok((sweep, false))
    }

    /// Waits until a pass has ended, at most for `limit`, and answers how it then stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn await_sweep(&self, mut sweep: Sweep, limit: Duration) -> AppResult<Sweep> {
        let deadline = Instant::now() + limit;
        while sweep.state == SweepState::Running && Instant::now() < deadline {
            tokio::time::sleep_until(deadline.min(Instant::now() + self.poll_every)).await;
            sweep = self.sweep(sweep.id).await?;
        }
        Ok(sweep)
    }

    /// Waits until a pass is asked for at this replica.
    pub async fn sweep_wanted(&self) {
        self.sweep_wanted.notified().await;
    }

    /// Plans the next pass of an account, where none is planned yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn plan_sweep(&self, name: &str) -> StoreResult<()> {
        match self.engine.registry().get(name) {
            Some(account) => self.store.schedule_sweep(name, account.sweep_every).await,
            None => Ok(()),
        }
    }

    /// Takes up the pass of an account that is due or that nobody holds any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_sweep(&self, account: &Account) -> StoreResult<Option<Sweep>> {
        let name = account.name().as_str();
        self.store.begin_due_sweep(name, account.sweep_every).await?;
        self.store.claim_sweep(name, self.engine.lease()).await
    }

    /// Carries a pass on by one request, or by what needs none.
    ///
    /// # Errors
    /// When the database fails; the pass is then taken up again when its lease is over.
    pub async fn step_sweep(&self, account: &Account, sweep: Sweep) -> StoreResult<SweepStep> {
        match sweep.phase {
            SweepPhase::Listing => self.list_page(account, sweep).await,
            SweepPhase::Confirming => self.confirm(account, sweep).await,
        }
    }

    async fn list_page(&self, account: &Account, sweep: Sweep) -> StoreResult<SweepStep> {
        account.pace().await;
        let Some(asked_at) = self.clock_unless_shut(account, &sweep).await? else {
            return Ok(SweepStep::Rests);
        };
        let query = OrgQuery { page_size: Some(PAGE_SIZE), ..OrgQuery::default() };
        let token = sweep.place.clone().map(PageToken);
        match account.provider.find_child_orgs(&query, token.as_ref()).await {
            Ok(reply) => {
                account.note_answer();
                let page = reply.value;
                let then = match (&page.next, page.mismatch) {
                    (Some(next), _) => (SweepPhase::Listing, Some(next.0.as_str())),
                    (None, None) => (SweepPhase::Confirming, None),
                    // A replica that takes the pass over reads this page again, and confirms no absence.
                    (None, Some(_)) => (SweepPhase::Listing, sweep.place.as_deref()),
                };
                let items = (&*page.items, ReadBy::List);
                let recorded = self.record_page(account, &sweep, items, asked_at, then).await?;
                let Some((sweep, again)) = recorded else { return Ok(SweepStep::Lost) };
                if let Some(mismatch) = page.mismatch {
                    warn!(provider = %account.name(), %mismatch, "sweep failed: incomplete list");
                    return self.end_sweep(&sweep, Some(&mismatch.to_string())).await;
                }
                self.look_again(account, sweep, again).await
            }
            Err(error) => self.stumble(account, sweep, &error).await,
        }
    }

    /// Reads by their ids what the list may have shown as it was before a write of ours. What cannot be read is
    /// left for the next pass.
    async fn look_again(
        &self,
        account: &Account,
        mut sweep: Sweep,
        ids: Vec<ProviderOrgId>,
    ) -> StoreResult<SweepStep> {
        for id in ids.into_iter().filter(|_| account.is_readable()) {
            account.pace().await;
            let Some(asked_at) = self.clock_unless_shut(account, &sweep).await? else {
                return Ok(SweepStep::Rests);
            };
            let Ok(reply) = account.provider.get_child_org(&id).await else { continue };
            let place = sweep.place.clone();
            let then = (sweep.phase, place.as_deref());
            let items = (std::slice::from_ref(&reply.value), ReadBy::IdAgain);
            match self.record_page(account, &sweep, items, asked_at, then).await? {
                Some((moved, _)) => sweep = moved,
                None => return Ok(SweepStep::Lost),
            }
        }
        Ok(SweepStep::GoesOn(sweep))
    }

    /// Asks for the next organization that the list did not show.
    async fn confirm(&self, account: &Account, sweep: Sweep) -> StoreResult<SweepStep> {
        let behind = sweep.place.as_deref().unwrap_or_default();
        let (last, unlisted) =
            self.store.unlisted(&sweep, behind, CHUNK, account.settle_window).await?;
        let (Some(last), unlisted) = (last, unlisted.into_iter().next()) else {
            return self.end_sweep(&sweep, None).await;
        };
        let Some(unlisted) = unlisted else {
            let (phase, lease) = (SweepPhase::Confirming, self.engine.lease());
            let moved = self.store.move_sweep(&sweep, phase, Some(&last), lease).await?;
            return Ok(moved.map_or(SweepStep::Lost, SweepStep::GoesOn));
        };
        if !account.is_readable() {
            let (asked_at, _) = self.store.sweep_clock(&sweep.provider).await?;
            return self.record_missing(account, &sweep, &unlisted, asked_at).await;
        }
        account.pace().await;
        let Some(asked_at) = self.clock_unless_shut(account, &sweep).await? else {
            return Ok(SweepStep::Rests);
        };
        let then = (SweepPhase::Confirming, Some(unlisted.provider_org_id.as_str()));
        match account.provider.get_child_org(&unlisted.provider_org_id).await {
            // A list that moves while it is paged can skip one.
            Ok(reply) => {
                let items = (std::slice::from_ref(&reply.value), ReadBy::Id);
                let recorded = self.record_page(account, &sweep, items, asked_at, then).await?;
                Ok(recorded.map_or(SweepStep::Lost, |(moved, _)| SweepStep::GoesOn(moved)))
            }
            Err(error) if error.kind() == Kind::NotFound => {
                self.record_missing(account, &sweep, &unlisted, asked_at).await
            }
            Err(error) => self.stumble(account, sweep, &error).await,
        }
    }

    /// The time at the database; `None` where the account's gate is shut, and then the pass rests.
    async fn clock_unless_shut(
        &self,
        account: &Account,
        sweep: &Sweep,
    ) -> StoreResult<Option<DateTime<Utc>>> {
        let (now, shut_until) = self.store.sweep_clock(account.name().as_str()).await?;
        let Some(until) = shut_until else { return Ok(Some(now)) };
        let pause = (until - now).to_std().unwrap_or_default();
        self.store.rest_sweep(sweep, pause, false).await?;
        Ok(None)
    }

    async fn record_page(
        &self,
        account: &Account,
        sweep: &Sweep,
        items: (&[ChildOrg], ReadBy),
        asked_at: DateTime<Utc>,
        then: (SweepPhase, Option<&str>),
    ) -> StoreResult<Option<(Sweep, Vec<ProviderOrgId>)>> {
        let judge = |org: &mut Organization, child: &ChildOrg| -> Vec<FieldDifference> {
            observe_state(org, child, account.is_readable(), asked_at);
            differences(account.capabilities(), org, child)
        };
        let page = self.page(account, items, asked_at, then, &judge, sweep);
        self.store.record_page(sweep, &page).await
    }

    async fn record_missing(
        &self,
        account: &Account,
        sweep: &Sweep,
        unlisted: &Unlisted,
        asked_at: DateTime<Utc>,
    ) -> StoreResult<SweepStep> {
        let then = (SweepPhase::Confirming, Some(unlisted.provider_org_id.as_str()));
        let judge = |_: &mut Organization, _: &ChildOrg| Vec::new();
        let page = self.page(account, (&[], ReadBy::Id), asked_at, then, &judge, sweep);
        let is_proven = account.is_readable();
        let moved = self.store.record_missing(sweep, unlisted, &page, is_proven).await?;
        Ok(moved.map_or(SweepStep::Lost, SweepStep::GoesOn))
    }

    fn page<'a>(
        &self,
        account: &Account,
        (items, read_by): (&'a [ChildOrg], ReadBy),
        asked_at: DateTime<Utc>,
        then: (SweepPhase, Option<&'a str>),
        judge: &'a crate::store::Judge<'a>,
        sweep: &Sweep,
    ) -> SweptPage<'a> {
        SweptPage {
            items,
            read_by,
            asked_at,
            settle_window: account.settle_window,
            lease: self.engine.lease(),
            then,
            event: EventContext {
                actor: GatewayActor::Sweep.as_str().to_owned(),
                request_id: sweep.request_id.clone(),
                provider_request_id: None,
                operation_id: None,
            },
            judge,
            describe: &shown_fields,
        }
    }

    /// The provider failed: the pass rests, or breaks off where that will not help. One that breaks off has
    /// proven no absence.
    async fn stumble(
        &self,
        account: &Account,
        sweep: Sweep,
        error: &Error,
    ) -> StoreResult<SweepStep> {
        let patience = match error.kind() {
            Kind::RateLimited => MOST_REFUSALS,
            Kind::Unavailable | Kind::Unexpected | Kind::NotFound | Kind::Conflict => MOST_FAILURES,
            Kind::Unauthenticated
            | Kind::PermissionDenied
            | Kind::QuotaExceeded
            | Kind::Unsupported
            | Kind::InvalidInput => 0,
        };
        if sweep.failures >= patience {
            warn!(provider = %account.name(), kind = error.kind().as_str(), "a sweep broke off");
            return self.end_sweep(&sweep, Some(error.message())).await;
        }
        let doublings = u32::try_from(sweep.failures).unwrap_or(0).min(10);
        let pause = (SHORTEST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        let pause = error.retry_after().map_or(pause, |wish| wish.min(LONGEST_WISH));
        info!(provider = %account.name(), kind = error.kind().as_str(), ?pause, "a sweep rests");
        self.store.rest_sweep(&sweep, pause, true).await?;
        Ok(SweepStep::Rests)
    }

    async fn end_sweep(&self, sweep: &Sweep, error: Option<&str>) -> StoreResult<SweepStep> {
        let Some(ended) = self.store.end_sweep(sweep, error).await? else {
            return Ok(SweepStep::Lost);
        };
        let took = ended.finished_at.and_then(|at| (at - ended.begun_at).to_std().ok());
        histogram!(
            SWEEP_DURATION,
            "provider" => ended.provider.clone(),
            "state" => ended.state.as_str(),
        )
        .record(took.unwrap_or_default());
        info!(
            provider = ended.provider,
            state = ended.state.as_str(),
            listed = ended.listed,
            unmapped = ended.unmapped,
            missing = ended.missing,
            drifted = ended.drifted,
            requests = ended.requests,
            "a sweep has ended"
        );
        Ok(SweepStep::Ended(ended))
    }

    /// Lets go of a pass, so that another replica can go on with it at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn let_go_of_sweep(&self, sweep: &Sweep) -> StoreResult<()> {
        self.store.rest_sweep(sweep, Duration::ZERO, false).await
    }

    /// One pass.
    ///
    /// # Errors
    /// When the database fails, or there is no such pass.
    pub async fn sweep(&self, id: Uuid) -> AppResult<Sweep> {
        self.store.get_sweep(id).await?.ok_or(AppError::NotFound("sweep"))
    }
}
