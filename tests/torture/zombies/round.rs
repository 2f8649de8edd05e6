//! One round: a replica freezes with an operation in its hands, the others take it over, and the frozen one
//! wakes and goes on as if nothing had been.

use sandbox::{Answer, Fault as Broken, FaultRule};
use serde_json::Value;
use tokio::time::{Duration, Instant};

use super::scenes::{Freeze, Scene};
use crate::real::{Caller, Customer, Deed, Fault, LONG, Replica, World, hold};

/// The variable that arms a point.
const STOP: &str = "GATEWAY_STOP_POINT";
/// Writes that were refused because their worker had lost the operation.
const FENCED: &str = "gateway_operations_fenced_writes_total";
/// How long a provider takes while its caller is being frozen.
const WHILE: Duration = Duration::from_millis(400);
/// Longer than a server lets a frozen transaction stand, and a wake takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked again.
const EVERY: Duration = Duration::from_millis(100);

/// One round.
pub(crate) struct Round<'a> {
    world: &'a World,
    scene: Scene,
    deed: Deed<'a>,
    /// The replicas that take over.
    others: &'a [Replica],
    /// One of them.
    other: Caller,
}

impl<'a> Round<'a> {
    /// A round for this customer, and the replicas that take over.
    pub(crate) fn new(
        world: &'a World,
        scene: Scene,
        customer: Customer,
        others: &'a [Replica],
    ) -> Self {
        let other = world.caller(&others[0]);
        Self { world, scene, deed: Deed::new(world, scene.kind, customer), others, other }
    }

    /// Freezes, takes over, wakes, and looks whether every promise held. Answers how many writes were
    /// fenced at the replica that was frozen.
    ///
    /// # Errors
    /// A promise did not hold, or it was never frozen.
    pub(crate) async fn run(mut self) -> Result<u64, Fault> {
        self.prepare_provider()?;
        let armed = self.scene.freeze.point().map(|point| (STOP, point));
        let zombie = self.world.start(armed).await?;
        let caller = self.world.caller(&zombie);
        let (request, key) = (self.deed.request(), self.deed.key());
        // It is answered when the replica has woken, if at all.
        let asked = caller.send(&request, Some(&key), 0);
        let (_answered, freezing) = tokio::join!(asked, self.freeze(&zombie, &caller));
        let fenced = freezing?;
        zombie.kill().await?;
        Ok(fenced)
    }

    fn prepare_provider(&self) -> Result<(), Fault> {
        let fault = match self.scene.freeze {
            Freeze::WhileWaiting => {
                let millis = u64::try_from(WHILE.as_millis()).unwrap_or(u64::MAX);
                Broken::Latency { millis }
            }
            Freeze::Settling => Broken::after(Answer::Reset),
            Freeze::AtTheIntent
            | Freeze::BeforeSending
            | Freeze::InTheCall
            | Freeze::HavingTheAnswer
            | Freeze::AtTheRecord => return Ok(()),
        };
        let rule = FaultRule::next(self.scene.kind.operation(), fault);
        self.world.providers().inject(rule).map(|_id| ()).map_err(Fault::of("a fault"))
    }

    async fn freeze(&mut self, zombie: &Replica, caller: &Caller) -> Result<u64, Fault> {
        self.is_frozen(zombie).await?;
        let taken_over = self.is_taken_over().await;
        // Awake in any case, so that whoever waits for its answer gets one.
        zombie.go_on()?;
        let operation = taken_over?;
        let is_fenced = self.scene.freeze != Freeze::AtTheIntent;
        let fenced = if is_fenced { fenced_write(caller).await? } else { 0 };
        self.ends(&operation).await?;
        Ok(fenced)
    }

    async fn is_frozen(&self, zombie: &Replica) -> Result<(), Fault> {
        match self.scene.freeze {
            Freeze::WhileWaiting => {
                let (providers, heard) = (self.world.providers(), self.deed.heard_before() + 1);
                let received = providers.until_received(self.scene.kind.operation(), heard);
                tokio::time::timeout(PATIENCE, received)
                    .await
                    .map_err(Fault::of("nothing sent"))?;
                zombie.stop()?;
                zombie.has_stopped().await
            }
            // Any replica may take an open outcome up. This time it is to be the one that freezes.
            Freeze::Settling => {
                self.others.iter().try_for_each(Replica::stop)?;
                let stopped = zombie.has_stopped().await;
                self.others.iter().try_for_each(Replica::go_on)?;
                stopped
            }
            Freeze::AtTheIntent
            | Freeze::BeforeSending
            | Freeze::InTheCall
            | Freeze::HavingTheAnswer
            | Freeze::AtTheRecord => zombie.has_stopped().await,
        }
    }

    /// The others go on without the frozen one, as far as anybody can who does not know what it knows.
    async fn is_taken_over(&mut self) -> Result<Value, Fault> {
        if self.scene.freeze == Freeze::AtTheIntent {
            self.is_asked_elsewhere().await?;
        }
        let operation = self.deed.operation(&self.other).await?;
        let operation = operation.ok_or_else(|| Fault("lost: it was committed".to_owned()))?;
        let operation = self.other.at_rest(&operation).await?;
        let can_be_known =
            self.scene.kind.can_be_settled() || self.scene.freeze == Freeze::AtTheIntent;
        let expected = if can_be_known { "succeeded" } else { "quarantined" };
        hold(operation["state"] == expected, || format!("{expected} was expected: {operation}"))?;
        Ok(operation)
    }

    /// The caller, whom the frozen replica does not answer, asks another one until it is done.
    async fn is_asked_elsewhere(&self) -> Result<(), Fault> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (request, key) = (self.deed.request(), self.deed.key());
            let answered = self.other.send(&request, Some(&key), LONG).await?;
            if answered.status == self.scene.kind.done_status() {
                return Ok(());
            }
            hold(answered.status == 503 && Instant::now() < deadline, || {
                format!("not done elsewhere: {answered}")
            })?;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// What the woken replica knows has settled it, or an operator does; and every promise held.
    async fn ends(&mut self, operation: &Value) -> Result<(), Fault> {
        if self.scene.freeze.knows() {
            self.other.until(operation, |state| state == "succeeded").await?;
        }
        let now = self.other.at_rest(operation).await?;
        if !self.scene.freeze.has_sent() {
            let expected = u64::from(now["state"] == "succeeded");
            let received = self.deed.received();
            hold(received == expected, || format!("{received} sends, and not {expected}"))?;
        }
        let state = match now["state"].as_str().unwrap_or_default() {
            "quarantined" => self.deed.resolve(&self.other, &now).await?,
            ended => ended,
        };
        self.deed.has_ended(&self.other, state, 0).await
    }
}

/// Waits until the woken replica was told that the operation is not its own any more.
async fn fenced_write(caller: &Caller) -> Result<u64, Fault> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let fenced = caller.counter(FENCED).await?;
        if fenced > 0 {
            return Ok(fenced);
        }
        hold(Instant::now() < deadline, || "no write of the woken replica was fenced".to_owned())?;
        tokio::time::sleep(EVERY).await;
    }
}
