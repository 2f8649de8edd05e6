//! One round: a request, a death on its way, a restart, and the look at what became of it.

use sandbox::{Answer, Fault as Broken, FaultId, FaultRule};
use serde_json::Value;

use super::cells::{Cell, Then, Way};
use crate::real::{
    Answered, Caller, Customer, Deed, Draw, Fault, Kind, LONG, Replica, World, hold,
};

/// The variable that arms a point.
const CRASH: &str = "GATEWAY_CRASH_POINT";

/// One round.
pub(crate) struct Round<'a> {
    world: &'a World,
    cell: Cell,
    deed: Deed<'a>,
    draw: Draw,
    fault: Option<FaultId>,
    /// The state that the operator's word leads to, where it was said before the death.
    said: Option<&'static str>,
}

impl<'a> Round<'a> {
    /// A round for this customer.
    pub(crate) fn new(world: &'a World, cell: Cell, customer: Customer, draw: Draw) -> Self {
        let deed = Deed::new(world, cell.kind, customer);
        Self { world, cell, deed, draw, fault: None, said: None }
    }

    /// Kills, restarts, and looks whether every promise held.
    ///
    /// # Errors
    /// One did not, or the point was never passed.
    pub(crate) async fn run(mut self) -> Result<(), Fault> {
        self.break_provider()?;
        self.die().await?;
        if let Some(id) = self.fault {
            let fired = self.world.providers().fault(id).map_or(0, |report| report.fired);
            hold(fired > 0, || "the provider's fault never struck".to_owned())?;
        }
        let mut replicas = vec![self.world.start(None).await?];
        if self.draw.one_in(3) {
            replicas.push(self.world.start(None).await?);
        }
        let caller = self.world.caller(&replicas[0]);
        let state = self.settles(&caller).await?;
        let operation = self.is_repeated(&caller, state.as_deref()).await?;
        let state = match operation["state"].as_str().unwrap_or_default() {
            "quarantined" => self.deed.resolve(&caller, &operation).await?,
            ended => ended,
        };
        let refused = u64::from(self.cell.way == Way::Limited);
        self.deed.has_ended(&caller, state, refused).await?;
        for replica in replicas {
            replica.kill().await?;
        }
        Ok(())
    }

    fn break_provider(&mut self) -> Result<(), Fault> {
        let is_done = self.draw.one_in(2);
        let broken = |answer| if is_done { Broken::after(answer) } else { Broken::before(answer) };
        let fault = match self.cell.way {
            Way::Straight | Way::Expired => return Ok(()),
            Way::Limited => Broken::before(Answer::TooManyRequests { retry_after_seconds: None }),
            Way::Lost | Way::Resolved => broken(Answer::Reset),
            Way::Conflict => broken(Answer::Status { status: 409, body: None }),
            Way::Again => Broken::before(Answer::Reset),
        };
        let rule = FaultRule::next(self.cell.kind.operation(), fault);
        let injected = self.world.providers().inject(rule);
        self.fault = Some(injected.map_err(Fault::of("a fault"))?);
        Ok(())
    }

    async fn die(&mut self) -> Result<(), Fault> {
        let point = self.cell.point;
        if self.cell.way == Way::Expired {
            let first = if self.draw.one_in(2) { "send.call" } else { "send.answered" };
            let mut replica = self.world.start(Some((CRASH, first))).await?;
            self.ask(&replica).await;
            replica.has_died().await?;
            return self.world.launch(Some((CRASH, point)))?.has_died().await;
        }
        let mut replica = self.world.start(Some((CRASH, point))).await?;
        let answered = self.ask(&replica).await;
        if self.cell.way == Way::Resolved {
            let operation = answered.map(|answered| answered.json).unwrap_or_default();
            self.say(&self.world.caller(&replica), &operation).await?;
        }
        replica.has_died().await
    }

    /// Sends the request. That no answer comes is what a death does.
    async fn ask(&mut self, replica: &Replica) -> Option<Answered> {
        let waits = self.cell.way == Way::Resolved
            || self.cell.name().starts_with("answer.")
            || self.cell.kind == Kind::Seat
            || self.draw.one_in(2);
        let wait = if waits { LONG } else { 0 };
        let (request, key) = (self.deed.request(), self.deed.key());
        self.world.caller(replica).send(&request, Some(&key), wait).await.ok()
    }

    /// The operator says what the provider knows; the process dies of it.
    async fn say(&mut self, caller: &Caller, operation: &Value) -> Result<(), Fault> {
        hold(operation["state"] == "quarantined", || format!("not quarantined: {operation}"))?;
        let (body, leads_to) = self.deed.word();
        let id = operation["id"].as_str().unwrap_or_default();
        let _dies = caller.post(&format!("/v1/operations/{id}/resolve"), &body).await;
        self.said = Some(leads_to);
        Ok(())
    }

    /// Waits for what the restarted gateway makes of it by itself. Answers the state, none where nothing
    /// was ever written down.
    async fn settles(&mut self, caller: &Caller) -> Result<Option<String>, Fault> {
        let Some(operation) = self.deed.operation(caller).await? else {
            hold(self.cell.then == Then::Nothing, || "lost: it was committed".to_owned())?;
            let there = self.deed.upstream();
            hold(there.is_empty(), || format!("made and forgotten: {there:?}"))?;
            return Ok(None);
        };
        let operation = caller.at_rest(&operation).await?;
        let state = operation["state"].as_str().unwrap_or_default();
        let expected = match self.cell.then {
            Then::Nothing => "nothing",
            Then::Waiting | Then::Done => "succeeded",
            Then::Open if self.cell.kind.can_be_settled() => "succeeded",
            Then::Spent if !self.deed.upstream().is_empty() => "succeeded",
            Then::Open | Then::Spent => "quarantined",
            Then::Resolved => self.said.unwrap_or("unsaid"),
        };
        hold(state == expected, || format!("{expected} was expected: {operation}"))?;
        Ok(Some(state.to_owned()))
    }

    /// The caller, who never got an answer, sends the same request again, and is told of the same
    /// organization. Answers the operation.
    async fn is_repeated(&mut self, caller: &Caller, state: Option<&str>) -> Result<Value, Fault> {
        let known = self.deed.organization_id().map(str::to_owned);
        let (request, key) = (self.deed.request(), self.deed.key());
        let answered = caller.send(&request, Some(&key), LONG).await?;
        let is_right = match state {
            Some("quarantined") => answered.status == 202,
            Some("rejected") => answered.status >= 400,
            Some(_) | None => answered.status == self.cell.kind.done_status(),
        };
        hold(is_right, || format!("{state:?}, and the same request again: {answered}"))?;
        let operation = self.deed.operation(caller).await?.unwrap_or_default();
        let told = match (self.cell.kind.is_create(), answered.status) {
            (_, 202) => answered.json["organization_id"].as_str(),
            (true, 201) => answered.json["id"].as_str(),
            (true | false, _) => operation["organization_id"].as_str(),
        };
        let now = operation["organization_id"].as_str();
        hold(told == now && (known.is_none() || known.as_deref() == now), || {
            format!("another organization than {known:?}: {answered}, {operation}")
        })?;
        Ok(operation)
    }
}
