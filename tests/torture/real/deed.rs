//! One write of one customer: what the gateway and the provider have of it, what an operator would say of
//! it, and what must hold at its end whatever was done to the processes.

use sandbox::Tally;
use serde_json::{Value, json};

use super::{
    Caller, Customer, Fault, Kind, PASSWORD, World, hold,
    provider_side::{Request, upstream},
};

/// One write of one customer.
#[derive(Debug)]
pub(crate) struct Deed<'a> {
    world: &'a World,
    kind: Kind,
    customer: Customer,
    before: Tally,
    /// How often the operator had it sent once more.
    ordered: u64,
}

impl<'a> Deed<'a> {
    /// A write that has not been asked for.
    pub(crate) fn new(world: &'a World, kind: Kind, customer: Customer) -> Self {
        let before = world.providers().tally(kind.operation());
        Self { world, kind, customer, before, ordered: 0 }
    }

    /// The organization at the gateway, where it is known.
    pub(crate) fn organization_id(&self) -> Option<&str> {
        self.customer.organization_id.as_deref()
    }

    /// The request that asks for it, the same each time.
    pub(crate) fn request(&self) -> Request {
        self.kind.request(&self.customer)
    }

    /// The key of that request.
    pub(crate) fn key(&self) -> String {
        format!("key-{}", self.customer.id)
    }

    /// What the provider has of it.
    pub(crate) fn upstream(&self) -> Vec<String> {
        upstream(self.kind, &self.world.providers(), &self.customer)
    }

    /// How often the provider had heard of such operations before.
    pub(crate) fn heard_before(&self) -> u64 {
        self.before.received
    }

    /// How often the provider has heard of it.
    pub(crate) fn received(&self) -> u64 {
        self.world.providers().tally(self.kind.operation()).received - self.before.received
    }

    /// The operation as the gateway has it, if it has it.
    ///
    /// # Errors
    /// There was no answer.
    pub(crate) async fn operation(&mut self, caller: &Caller) -> Result<Option<Value>, Fault> {
        if self.customer.organization_id.is_none() {
            let organization = caller.organization_of(&self.customer.id).await?;
            let id = organization.as_ref().and_then(|organization| organization["id"].as_str());
            self.customer.organization_id = id.map(str::to_owned);
        }
        match &self.customer.organization_id {
            Some(id) => caller.operation_of(id, self.kind.word()).await,
            None => Ok(None),
        }
    }

    /// What an operator who looked at the provider says, and the state that it leads to.
    pub(crate) fn word(&mut self) -> (Value, &'static str) {
        let reason = "seen in the console";
        match self.upstream().first() {
            Some(id) if self.kind.is_create() => {
                let body = json!({
                    "outcome": "applied", "provider_org_id": id, "reason": reason, "confirm_unverified": true,
                });
                (body, "succeeded")
            }
            Some(_) => (json!({ "outcome": "applied", "reason": reason }), "succeeded"),
            None if self.kind.is_create() || self.kind.can_be_settled() => {
                self.ordered += 1;
                let body = json!({ "outcome": "not_applied", "retry": true, "reason": reason });
                (body, "succeeded")
            }
            None => (json!({ "outcome": "not_applied", "reason": reason }), "rejected"),
        }
    }

    /// The operator settles what the machine could not. Answers the state that it comes to.
    ///
    /// # Errors
    /// It was refused, or led elsewhere.
    pub(crate) async fn resolve(
        &mut self,
        caller: &Caller,
        operation: &Value,
    ) -> Result<&'static str, Fault> {
        let (body, leads_to) = self.word();
        let id = operation["id"].as_str().unwrap_or_default();
        let answered = caller.post(&format!("/v1/operations/{id}/resolve"), &body).await?;
        hold(answered.status == 200, || format!("not resolved: {answered}"))?;
        let now = caller.at_rest(operation).await?;
        hold(now["state"] == leads_to, || format!("{leads_to} was expected: {now}"))?;
        Ok(leads_to)
    }

    /// Everything has ended, the provider has it exactly once or not at all, the mapping leads there, and
    /// nothing was sent more often than it may be. `refused` sends were no sends.
    ///
    /// # Errors
    /// A promise was broken.
    pub(crate) async fn has_ended(
        &self,
        caller: &Caller,
        state: &str,
        refused: u64,
    ) -> Result<(), Fault> {
        let there = self.upstream();
        let expected = usize::from(state == "succeeded");
        hold(there.len() == expected, || format!("{state}, and the provider has {there:?}"))?;
        let id = self.organization_id().unwrap_or_default();
        let open = self.world.open_operations(id).await?;
        hold(open == 0, || format!("{open} operations are stuck"))?;
        let organization = caller.get(&format!("/v1/organizations/{id}")).await?;
        hold(self.is_mapped(&organization.json, &there), || {
            format!("the mapping is wrong: {organization}, there is {there:?}")
        })?;
        self.was_sent_seldom(refused)?;
        if self.kind == Kind::Seat {
            let places = self.world.places_of(PASSWORD).await?;
            hold(places.is_empty(), || format!("the password is in {places:?}"))?;
        }
        Ok(())
    }

    fn is_mapped(&self, organization: &Value, there: &[String]) -> bool {
        let is_right = match self.kind {
            Kind::ScalewayCreate | Kind::ArcheraCreate => {
                there.first().map(String::as_str) == organization["provider_org_id"].as_str()
                    && organization["status"] != "pending"
            }
            Kind::Lock => organization["status"] == "locked",
            Kind::Update => organization["name"] != self.customer.id.as_str(),
            Kind::Invite | Kind::Seat => organization["provider_org_id"].is_string(),
        };
        is_right && organization["certainty"] != "unknown"
    }

    fn was_sent_seldom(&self, refused: u64) -> Result<(), Fault> {
        let now = self.world.providers().tally(self.kind.operation());
        let (received, applied) = (self.received(), now.applied - self.before.applied);
        let most = if self.kind.can_be_settled() { 2 } else { 1 } + refused + self.ordered;
        hold(received <= most, || format!("sent {received} times, of {most} at most"))?;
        let is_repeatable = matches!(self.kind, Kind::Lock | Kind::Update);
        hold(applied <= 1 || is_repeatable, || format!("done {applied} times"))
    }
}
