//! How the database fails under load, and what must come of it.

use std::{fmt, sync::atomic::Ordering, time::Duration};

use chrono::{DateTime, Utc};
use sandbox::{Operation, Sandbox, SandboxConfig};
use sqlx::PgConnection;
use tokio::time::Instant;

use super::{
    forwarder::{Cut, Forwarder, Of, Silence},
    load::{Load, circumstances},
    servers::{DATABASE, Pair, execute},
};
use crate::real::{Account, Caller, Fault, Pace, Replica, World, hold};

/// A lease that no outage of a scene outlasts.
const PACE: Pace = Pace {
    lease: Duration::from_secs(20),
    settle_window: Duration::from_millis(600),
    timeout: Duration::from_secs(5),
    poll_every: Duration::from_millis(50),
};
/// Rows that are acknowledged before the trouble, and again after it.
const SOME: usize = 40;

/// What came of a scene.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// From the moment the database could be written to again, to the first acknowledged write.
    pub(super) recovery: Duration,
    /// Acknowledged rows.
    pub(super) acknowledged: u64,
    /// Of which so many are gone.
    pub(super) lost: u64,
    /// Answers that said to come again.
    pub(super) refused: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recovery, acknowledged, lost, refused } = self;
        let after = recovery.as_secs_f64();
        write!(f, "back after {after:.2} s, {acknowledged} rows acknowledged, {lost} lost, ")?;
        write!(f, "{refused} answers to come again")
    }
}

/// Two servers, the address that leads to them, and the gateway.
pub(super) struct Stage {
    pair: Pair,
    way: Forwarder,
    world: World,
    replica: Replica,
}

impl Stage {
    /// Everything is up.
    ///
    /// # Errors
    /// Something does not start.
    pub(super) async fn new() -> Result<Self, Fault> {
        let pair = Pair::start().await?;
        let way = Forwarder::to(pair.primary.socket()).await.map_err(Fault::of("a forwarder"))?;
        let config = SandboxConfig::default();
        let sandbox = Sandbox::start(config).await.map_err(Fault::of("the sandbox"))?;
        let accounts = Account::both(&sandbox);
        let world = World::over(&PACE, sandbox, &accounts, way.url())?;
        let replica = world.start(None).await?;
        Ok(Self { pair, way, world, replica })
    }

    fn caller(&self) -> Caller {
        self.world.caller(&self.replica)
    }

    /// Looks at what was kept, and ends everything.
    async fn end(
        self,
        load: &Load,
        mut database: PgConnection,
        recovery: Duration,
    ) -> Result<Seen, Fault> {
        let lost = load.is_kept(&self.world, &mut database).await?;
        self.replica.kill().await?;
        self.world.end().await;
        let acknowledged = u64::try_from(load.count()).unwrap_or(u64::MAX);
        let refused = load.refused.load(Ordering::SeqCst);
        Ok(Seen { recovery, acknowledged, lost, refused })
    }

    /// The primary dies, and its standby takes its place.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn killed(mut self) -> Result<Seen, Fault> {
        let (load, caller) = (Load::default(), self.caller());
        let (pair, way) = (&mut self.pair, &self.way);
        let trouble = async {
            load.until_more(SOME).await?;
            pair.primary.kill().await?;
            way.lead(None);
            way.cut();
            pair.standby.promote().await?;
            let promoted = Instant::now();
            way.lead(Some(pair.standby.socket()));
            let recovery = load.recovery(promoted).await?;
            load.until_more(SOME).await?;
            Ok(recovery)
        };
        let recovery = load.during(&caller, "killed", trouble).await?;
        let database = self.pair.standby.connect(DATABASE).await?;
        self.end(&load, database, recovery).await
    }

    /// The primary is turned read-only, keeps its connections, and is turned back.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn demoted_and_back(self) -> Result<Seen, Fault> {
        let (load, caller) = (Load::default(), self.caller());
        let trouble = async {
            load.until_more(SOME).await?;
            self.pair.primary.turn(true).await?;
            let before = load.refused.load(Ordering::SeqCst);
            let deadline = Instant::now() + Duration::from_secs(20);
            while load.refused.load(Ordering::SeqCst) < before + 20 {
                hold(Instant::now() < deadline, || "nobody was refused".to_owned())?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            self.pair.primary.turn(false).await?;
            let recovery = load.recovery(Instant::now()).await?;
            load.until_more(SOME).await?;
            Ok(recovery)
        };
        let recovery = load.during(&caller, "back", trouble).await?;
        let database = self.pair.primary.connect(DATABASE).await?;
        self.end(&load, database, recovery).await
    }

    /// The primary is turned read-only and keeps its connections; its standby takes its place for those
    /// that come anew.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn demoted(self) -> Result<Seen, Fault> {
        let (load, caller) = (Load::default(), self.caller());
        let trouble = async {
            load.until_more(SOME).await?;
            self.pair.primary.turn(true).await?;
            self.way.lead(None);
            self.pair.standby.promote().await?;
            let promoted = Instant::now();
            self.way.lead(Some(self.pair.standby.socket()));
            let recovery = load.recovery(promoted).await?;
            load.until_more(SOME).await?;
            Ok(recovery)
        };
        let recovery = load.during(&caller, "demoted", trouble).await?;
        let database = self.pair.standby.connect(DATABASE).await?;
        self.end(&load, database, recovery).await
    }

    /// Every connection goes silent; new ones are well.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn silenced(self) -> Result<Seen, Fault> {
        let (load, caller) = (Load::default(), self.caller());
        let trouble = async {
            load.until_more(SOME).await?;
            self.way.freeze();
            let recovery = load.recovery(Instant::now()).await?;
            load.until_more(SOME).await?;
            Ok(recovery)
        };
        let recovery = load.during(&caller, "silenced", trouble).await?;
        let database = self.pair.primary.connect(DATABASE).await?;
        self.end(&load, database, recovery).await
    }

    /// Every connection goes silent, and one caller comes after the other: none may meet one silent
    /// connection each. The gateway listens anew to what replicas tell each other, too.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn silenced_quietly(self) -> Result<Seen, Fault> {
        let (load, caller) = (Load::default(), self.caller());
        load.during(&caller, "busy", load.until_more(SOME)).await?;
        let frozen_at = Utc::now();
        self.way.freeze();
        let since = Instant::now();
        let mut database = self.pair.primary.connect(DATABASE).await?;
        let creates = async {
            load.create_one(&caller, "quiet").await?;
            let recovery = since.elapsed();
            load.create_one(&caller, "after").await?;
            Ok(recovery)
        };
        let (recovery, ()) = tokio::try_join!(creates, until_it_listens(&mut database, frozen_at))?;
        self.end(&load, database, recovery).await
    }

    /// One connection after the other goes silent in the midst of a transaction: the server waits for the rest
    /// of a statement, with rows locked. What others do is not held up, and what it was about comes to its end.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn silenced_midway(self, rounds: u32) -> Result<Seen, Fault> {
        self.silenced_one_by_one(Silence::Midway, rounds).await
    }

    /// One connection after the other goes silent as it comes back from its work: its place is taken by a new one.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn silenced_coming_back(self, rounds: u32) -> Result<Seen, Fault> {
        self.silenced_one_by_one(Silence::AsItComesBack, rounds).await
    }

    async fn silenced_one_by_one(self, when: Silence, rounds: u32) -> Result<Seen, Fault> {
        let load = Load::default();
        let mut database = self.pair.primary.connect(DATABASE).await?;
        match self.silence_one_by_one(&load, when, rounds).await {
            Ok(slowest) => self.end(&load, database, slowest).await,
            Err(Fault(fault)) => {
                let told = circumstances(&self.world, &mut database).await;
                Err(Fault(format!("{fault}\n{told}")))
            }
        }
    }

    /// Answers how long the slowest of those took that came after a silence.
    async fn silence_one_by_one(
        &self,
        load: &Load,
        when: Silence,
        rounds: u32,
    ) -> Result<Duration, Fault> {
        let caller = self.caller();
        let mut slowest = Duration::ZERO;
        for round in 0..rounds {
            self.way.silence(when);
            let since = Instant::now();
            load.create_one(&caller, &format!("meets-{round}")).await?;
            hold(self.way.has_silenced(), || "no connection went silent".to_owned())?;
            let held_up = since.elapsed();
            hold(held_up < PACE.lease, || format!("{held_up:?}: it was left to its lease"))?;
            let since = Instant::now();
            load.create_one(&caller, &format!("comes-after-{round}")).await?;
            slowest = slowest.max(since.elapsed());
        }
        Ok(slowest)
    }

    /// Every connection of the gateway is ended by the server, again and again.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn terminated(self, storms: u32) -> Result<Seen, Fault> {
        let (load, caller) = (Load::default(), self.caller());
        let mut server = self.pair.primary.connect("postgres").await?;
        let trouble = async {
            let mut last = Instant::now();
            for _ in 0..storms {
                load.until_more(4).await?;
                last = Instant::now();
                let all = "select pg_terminate_backend(pid) from pg_stat_activity
                           where application_name = 'partner-gateway'";
                execute(&mut server, all).await?;
            }
            let recovery = load.recovery(last).await?;
            load.until_more(SOME).await?;
            Ok(recovery)
        };
        let recovery = load.during(&caller, "terminated", trouble).await?;
        hold(self.way.carried() > u64::from(storms), || "nobody was terminated".to_owned())?;
        let database = self.pair.primary.connect(DATABASE).await?;
        self.end(&load, database, recovery).await
    }

    /// A COMMIT is lost, done or not, as what is meant and as what came of it is written down: `rounds` of
    /// each. Nothing is sent twice.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn in_doubt(self, rounds: u32) -> Result<Seen, Fault> {
        let (load, caller) = (Load::default(), self.caller());
        let began = Instant::now();
        for round in 0..rounds {
            for (of, done) in
                [(Of::Intent, false), (Of::Intent, true), (Of::Outcome, false), (Of::Outcome, true)]
            {
                self.way.lose(Cut { of, done, away: false });
                load.create_one(&caller, &format!("{of:?}-{done}-{round}")).await?;
                hold(self.way.has_lost(), || format!("no COMMIT was lost: {of:?}, {done}"))?;
            }
        }
        let recovery = began.elapsed() / (4 * rounds);
        let made = u64::try_from(load.count()).unwrap_or(u64::MAX);
        let sent = self.world.providers().tally(Operation::CreateOrganization).received;
        hold(sent == made, || format!("{made} creates were sent {sent} times"))?;
        let database = self.pair.primary.connect(DATABASE).await?;
        self.end(&load, database, recovery).await
    }

    /// A COMMIT of what is meant is lost, done or not, and the database with it, for longer than the caller is
    /// kept waiting: `rounds` of each. What was committed is seen through all the same, though nobody can
    /// read back whether it was sent.
    ///
    /// # Errors
    /// A promise was broken.
    pub(super) async fn in_doubt_and_away(self, rounds: u32) -> Result<Seen, Fault> {
        let (load, caller) = (Load::default(), self.caller());
        let mut slowest = Duration::ZERO;
        for round in 0..rounds {
            for done in [false, true] {
                self.way.lose(Cut { of: Of::Intent, done, away: true });
                let customer = format!("away-{done}-{round}");
                let back = async {
                    load.until_refused().await?;
                    self.way.lead(Some(self.pair.primary.socket()));
                    Ok::<Instant, Fault>(Instant::now())
                };
                let created = async {
                    load.create_one_unread(&caller, &customer).await?;
                    Ok::<Instant, Fault>(Instant::now())
                };
                let (created, back) = tokio::join!(created, back);
                slowest = slowest.max(created?.saturating_duration_since(back?));
                hold(self.way.has_lost(), || format!("no COMMIT was lost: {done}"))?;
            }
        }
        let database = self.pair.primary.connect(DATABASE).await?;
        self.end(&load, database, slowest).await
    }
}

/// Waits until the gateway listens by a connection that began after a time; server and tests have one clock.
async fn until_it_listens(database: &mut PgConnection, after: DateTime<Utc>) -> Result<(), Fault> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let listens = "select exists (select from pg_stat_activity where backend_start > $1
                   and application_name = 'partner-gateway' and query like 'LISTEN%')";
    loop {
        let found = sqlx::query_scalar(listens).bind(after).fetch_one(&mut *database).await;
        if found.map_err(Fault::of("the listener"))? {
            return Ok(());
        }
        hold(Instant::now() < deadline, || "notices are heard no more".to_owned())?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
