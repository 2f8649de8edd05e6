//! Callers that create customers without end, come again where they are told to, and remember what they
//! were acknowledged.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::real::{Caller, Fault, LONG, Request, World, commitments_body, create_body, hold};

/// Callers at once.
const WRITERS: usize = 8;
/// Lines of the log that are told of something that did not end.
const LINES_TOLD: usize = 60;
/// Of three customers, the one that goes to the provider that cannot be read back.
const UNREAD: usize = 2;
/// How long a caller waits before it comes again.
const AGAIN: Duration = Duration::from_millis(20);
/// How long everything may take to end after the database is back.
const PATIENCE: Duration = Duration::from_secs(60);

/// A row that a caller was told of.
#[derive(Debug, Clone)]
struct Acknowledged {
    customer: String,
    organization: String,
    /// When it was asked for, in the request that was not refused.
    asked: Instant,
    at: Instant,
}

/// What the callers saw.
#[derive(Debug, Default)]
pub(super) struct Load {
    over: AtomicBool,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Answers that said to come again.
    pub(super) refused: AtomicU64,
    faults: Mutex<Vec<Fault>>,
}

impl Load {
    /// Runs the callers while `trouble` goes on, and answers what that answers.
    pub(super) async fn during<T>(
        &self,
        caller: &Caller,
        label: &str,
        trouble: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let writers = (0..WRITERS).map(|writer| self.write(caller, label, writer));
        let troubled = async {
            let ended = trouble.await;
            self.over.store(true, Ordering::SeqCst);
            ended
        };
        let (_, ended) = tokio::join!(futures::future::join_all(writers), troubled);
        let faults =
            std::mem::take(&mut *self.faults.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        ended
    }

    /// Creates one customer, with nobody else about.
    ///
    /// # Errors
    /// It was never taken.
    pub(super) async fn create_one(&self, caller: &Caller, customer: &str) -> Result<(), Fault> {
        self.create(caller, customer.to_owned(), 0).await
    }

    /// Creates one customer at a provider that cannot be read back, with nobody else about.
    ///
    /// # Errors
    /// It was never taken.
    pub(super) async fn create_one_unread(
        &self,
        caller: &Caller,
        customer: &str,
    ) -> Result<(), Fault> {
        self.create(caller, customer.to_owned(), UNREAD).await
    }

    /// Waits until a caller was told to come again.
    ///
    /// # Errors
    /// None ever was.
    pub(super) async fn until_refused(&self) -> Result<(), Fault> {
        let (before, deadline) = (self.refused.load(Ordering::SeqCst), Instant::now() + PATIENCE);
        while self.refused.load(Ordering::SeqCst) == before {
            hold(Instant::now() < deadline, || "nobody was refused".to_owned())?;
            tokio::time::sleep(AGAIN).await;
        }
        Ok(())
    }

    async fn write(&self, caller: &Caller, label: &str, writer: usize) {
        let mut number = 0;
        while !self.over.load(Ordering::SeqCst) {
            let customer = format!("{label}-{writer}-{number}");
            if let Err(fault) = self.create(caller, customer, number).await {
                self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
                return;
            }
            number += 1;
        }
    }

    /// Creates one customer: comes again until it is acknowledged, with the same key.
    async fn create(&self, caller: &Caller, customer: String, number: usize) -> Result<(), Fault> {
        let body = match number % 3 {
            UNREAD => commitments_body(&customer),
            _ => create_body(&customer),
        };
        let request = Request { method: Method::POST, path: "/v1/organizations".to_owned(), body };
        let wait = if number.is_multiple_of(2) { LONG } else { 0 };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let asked = Instant::now();
            let answered = caller.send(&request, Some(&format!("key-{customer}")), wait).await?;
            let code = answered.json["code"].as_str();
            let organization = match answered.status {
                201 => answered.json["id"].as_str(),
                202 => answered.json["organization_id"].as_str(),
                503 => {
                    hold(answered.retry_after.is_some(), || format!("no Retry-After: {answered}"))?;
                    self.refused.fetch_add(1, Ordering::SeqCst);
                    None
                }
                409 if code == Some("idempotency_in_progress") => None,
                _ => return Err(Fault(format!("{customer} was answered {answered}"))),
            };
            if let Some(organization) = organization {
                let (organization, at) = (organization.to_owned(), Instant::now());
                self.acknowledged().push(Acknowledged { customer, organization, asked, at });
                return Ok(());
            }
            hold(Instant::now() < deadline, || format!("{customer} was never taken: {answered}"))?;
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn acknowledged(&self) -> MutexGuard<'_, Vec<Acknowledged>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many rows were acknowledged.
    pub(super) fn count(&self) -> usize {
        self.acknowledged().len()
    }

    /// Waits until so many more were acknowledged.
    ///
    /// # Errors
    /// They never were.
    pub(super) async fn until_more(&self, more: usize) -> Result<(), Fault> {
        let (wanted, deadline) = (self.count() + more, Instant::now() + PATIENCE);
        while self.count() < wanted {
            hold(Instant::now() < deadline, || "nothing is acknowledged any more".to_owned())?;
            tokio::time::sleep(AGAIN).await;
        }
        Ok(())
    }

    /// How long it took from `since` to the first row acknowledged that was asked for after it: what was
    /// committed before may be acknowledged still.
    ///
    /// # Errors
    /// None ever was.
    pub(super) async fn recovery(&self, since: Instant) -> Result<Duration, Fault> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let first = self.acknowledged().iter().find(|row| row.asked > since).map(|row| row.at);
            if let Some(first) = first {
                return Ok(first - since);
            }
            hold(Instant::now() < deadline, || "it never recovered".to_owned())?;
            tokio::time::sleep(AGAIN / 4).await;
        }
    }

    /// Everything ends, every acknowledged row is in the database, and its organization is at the provider
    /// exactly once; nothing else is there. Answers how many rows were lost.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn is_kept(
        &self,
        world: &World,
        database: &mut PgConnection,
    ) -> Result<u64, Fault> {
        if let Err(Fault(fault)) = until_all_has_ended(database).await {
            return Err(Fault(format!("{fault}\n{}", circumstances(world, database).await)));
        }
        let mut lost = 0;
        let acknowledged = self.acknowledged().clone();
        for row in &acknowledged {
            let kept: i64 = sqlx::query_scalar(
                "select count(*) from organizations
                 where id = $1::uuid and customer_id = $2 and provider_org_id is not null",
            )
            .bind(&row.organization)
            .bind(&row.customer)
            .fetch_one(&mut *database)
            .await
            .map_err(Fault::of("a row"))?;
            lost += u64::from(kept != 1);
        }
        let mut there: Vec<String> = Vec::new();
        let providers = world.providers();
        there.extend(providers.scaleway_organizations().into_iter().map(|org| org.customer_id));
        there.extend(providers.archera_orgs().into_iter().map(|org| org.name));
        let made = there.len();
        there.sort();
        there.dedup();
        hold(made == there.len(), || format!("{} were made twice", made - there.len()))?;
        let mapped: i64 = sqlx::query_scalar(
            "select count(distinct provider_org_id) from organizations where provider_org_id is not null",
        )
        .fetch_one(&mut *database)
        .await
        .map_err(Fault::of("the mappings"))?;
        let mapped = usize::try_from(mapped).unwrap_or_default();
        hold(mapped == made, || format!("{made} were made, and {mapped} are mapped"))?;
        Ok(lost)
    }
}

/// What helps to find out why something did not end: what the database's connections do, and what the gateway
/// told last.
pub(super) async fn circumstances(world: &World, database: &mut PgConnection) -> String {
    let activity: Result<Vec<String>, _> = sqlx::query_scalar(
        "select concat_ws(' ', pid, state, wait_event_type, wait_event, now() - state_change, left(query, 100))
         from pg_stat_activity where application_name = 'partner-gateway'",
    )
    .fetch_all(database)
    .await;
    let told = world.told().unwrap_or_else(|fault| fault.to_string());
    let lines: Vec<&str> = told.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n");
    format!("connections:\n{}\nthe log's end:\n{last}", activity.unwrap_or_default().join("\n"))
}

async fn until_all_has_ended(database: &mut PgConnection) -> Result<(), Fault> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let open: Vec<String> = sqlx::query_scalar(
            "select state || ' ' || kind from operations where state not in ('succeeded', 'rejected')",
        )
        .fetch_all(&mut *database)
        .await
        .map_err(Fault::of("the open operations"))?;
        if open.is_empty() {
            return Ok(());
        }
        hold(Instant::now() < deadline, || format!("{} stay open: {open:?}", open.len()))?;
        tokio::time::sleep(AGAIN).await;
    }
}
