//! One cell: an ask, the fault that strikes it, and the look at what came of it, everywhere.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    asks::{Customer, create},
    fault::{Break, Proof},
    proxy::{Call, Proxy, Strike},
    table::{Ask, At, Cell, Ends},
};
use crate::real::{Account, Answered, Caller, Fault, PASSWORD, World, hold};

/// What a Retry-After of one second must make of the time between two sends, clocks being what they are.
const ASKED_TO_WAIT: Duration = Duration::from_millis(900);

/// Longer than any cell takes, in seconds.
const WAIT: u32 = 55;

/// An account with a wire of its own, where one cell is tried after the other.
pub(super) struct Lane<'a> {
    pub(super) world: &'a World,
    pub(super) caller: Caller,
    pub(super) account: &'a Account,
    pub(super) profile: At,
    pub(super) proxy: &'a Proxy,
}

impl Lane<'_> {
    /// Tries one cell.
    ///
    /// # Errors
    /// It ended otherwise than its table says, or the fault never struck.
    pub(super) async fn attempt(&self, cell: &Cell, number: usize) -> Result<(), Fault> {
        let customer = self.prepare(cell.ask, number).await?;
        let before = self.proxy.heard(cell.ask.counted_call()).len();
        let (customer, answered) = self.ask(cell, customer).await?;
        let unstruck = self.proxy.take_back();
        hold(unstruck.is_empty(), || format!("the fault never struck: {answered}"))?;
        self.is_told(cell, &answered)?;
        let heard = self.proxy.heard(cell.ask.counted_call()).split_off(before);
        hold(heard.len() == cell.sends, || {
            format!("sent {} times, not {}: {answered}", heard.len(), cell.sends)
        })?;
        if let (Break::Limit(Some("1")), [first, second]) = (cell.fault.1, heard.as_slice()) {
            let pause = *second - *first;
            hold(pause >= ASKED_TO_WAIT, || format!("sent again after {pause:?}"))?;
        }
        hold(self.proxy.heard(Call::Stray).is_empty(), || "a redirect was followed".to_owned())?;
        if cell.ask == Ask::Refresh {
            return self.was_only_read(cell, &customer, &answered).await;
        }
        self.stands(cell, &customer).await?;
        self.recovers(number).await
    }

    /// Makes what the ask is for, over a wire that works.
    async fn prepare(&self, ask: Ask, number: usize) -> Result<Customer, Fault> {
        let id = format!("{}-{number}", self.account.name);
        let mut customer = Customer { id, organization: String::new() };
        if ask.is_create() {
            return Ok(customer);
        }
        let made = self.make(&customer.id).await?;
        customer.organization = made["id"].as_str().unwrap_or_default().to_owned();
        if ask == Ask::Unlock {
            let lock = Ask::Lock.request(self.profile, &self.account.name, &customer);
            let locked = self.caller.send(&lock, None, WAIT).await?;
            hold(locked.json["status"] == "locked", || format!("not locked: {locked}"))?;
        }
        Ok(customer)
    }

    async fn make(&self, customer: &str) -> Result<Value, Fault> {
        let body = create(self.profile, &self.account.name, customer);
        let made = self.caller.post("/v1/organizations", &body).await?;
        hold(made.status == 201, || format!("not made: {made}"))?;
        Ok(made.json)
    }

    /// Asks while the wire is broken, and once more where the answer did not say how it ended.
    async fn ask(
        &self,
        cell: &Cell,
        mut customer: Customer,
    ) -> Result<(Customer, Answered), Fault> {
        let request = cell.ask.request(self.profile, &self.account.name, &customer);
        let key = format!("key-{}", customer.id);
        if cell.fault.1 == Break::Refused {
            return self.ask_refused(cell, customer, &request, &key).await;
        }
        if cell.ask == Ask::ReadBack {
            let lost = Strike { call: Call::Create, breaks: Break::Reset, after: true };
            self.proxy.strike(lost);
        }
        let (call, breaks) = (cell.ask.broken_call(), cell.fault.1);
        self.proxy.strike(Strike { call, breaks, after: cell.after });
        let answered = self.caller.send(&request, Some(&key), WAIT).await?;
        self.find(cell, &mut customer).await?;
        Ok((customer, answered))
    }

    /// Asks where nobody listens. What can wait is seen to wait, and is done once somebody does.
    async fn ask_refused(
        &self,
        cell: &Cell,
        mut customer: Customer,
        request: &crate::real::Request,
        key: &str,
    ) -> Result<(Customer, Answered), Fault> {
        self.proxy.open(false).await.map_err(Fault::of("the doors"))?;
        let waits = !matches!(cell.ask, Ask::Seat | Ask::Refresh);
        let wait = if waits { 0 } else { WAIT };
        let mut answered = self.caller.send(request, Some(key), wait).await?;
        if waits {
            hold(answered.status == 202, || format!("not taken: {answered}"))?;
            let is_so = |now: &Value| {
                now["state"] == "accepted" && now["evidence"]["send_phase"] == "not_sent"
            };
            self.caller.seen(&answered.json, is_so).await?;
        }
        self.proxy.open(true).await.map_err(Fault::of("the doors"))?;
        if waits {
            self.caller.at_rest(&answered.json).await?;
            answered = self.caller.send(request, Some(key), WAIT).await?;
        }
        self.find(cell, &mut customer).await?;
        Ok((customer, answered))
    }

    async fn find(&self, cell: &Cell, customer: &mut Customer) -> Result<(), Fault> {
        if cell.ask.is_create() {
            let found = self.caller.organization_of(&customer.id).await?;
            let id = found.as_ref().and_then(|org| org["id"].as_str());
            customer.organization = id.unwrap_or_default().to_owned();
        }
        Ok(())
    }

    /// The answer tells whose fault it was, and nothing of ours.
    fn is_told(&self, cell: &Cell, answered: &Answered) -> Result<(), Fault> {
        let status = match cell.ends {
            Ends::Succeeded => cell.ask.done_status(),
            Ends::Rejected(code) => status_of(code),
            Ends::Quarantined => 202,
        };
        hold(answered.status == status, || format!("{status} was expected: {answered}"))?;
        match cell.ends {
            Ends::Succeeded => {}
            Ends::Rejected(code) => {
                hold(answered.json["code"] == code, || format!("not {code}: {answered}"))?;
                let told = matches!(cell.fault.3, Proof::NotSent | Proof::Nothing(_));
                let theirs = &answered.json["provider"]["name"];
                hold(told || *theirs == self.account.name.as_str(), || {
                    format!("the provider's own answer is not told: {answered}")
                })?;
                hold(status != 503 || answered.retry_after.is_some(), || {
                    format!("no Retry-After: {answered}")
                })?;
            }
            Ends::Quarantined => {
                let state = &answered.json["state"];
                hold(state == "quarantined", || format!("not quarantined: {answered}"))?;
                let candidates = answered.json["evidence"]["candidates"].as_array();
                let seen = candidates.map_or(0, Vec::len);
                let expected = usize::from(self.is_listed(cell));
                hold(seen == expected, || format!("{expected} candidates expected: {answered}"))?;
            }
        }
        self.is_discreet(answered)
    }

    fn is_discreet(&self, answered: &Answered) -> Result<(), Fault> {
        let text = answered.to_string();
        let mut secrets = self.world.secrets().to_vec();
        secrets.push(PASSWORD.to_owned());
        let leaked = secrets.iter().any(|secret| text.contains(secret));
        hold(!leaked, || "a secret of ours was repeated".to_owned())
    }

    /// The account could list what was made.
    fn is_listed(&self, cell: &Cell) -> bool {
        let was_made = cell.after || cell.ask == Ask::ReadBack;
        let was_read = cell.ask != Ask::ReadBack || cell.fault.3 == Proof::Done;
        self.profile == At::Listing && was_made && was_read
    }

    /// A reading has changed nothing, whatever it saw.
    async fn was_only_read(
        &self,
        cell: &Cell,
        customer: &Customer,
        answered: &Answered,
    ) -> Result<(), Fault> {
        let path = format!("/v1/organizations/{}", customer.organization);
        let now = self.caller.get(&path).await?;
        let is_whole = now.json["certainty"] == "observed" && now.json["status"] == "locked";
        hold(is_whole, || format!("the reading changed it: {now}, {answered}"))?;
        let there = cell.ask.upstream(self.profile, &self.world.providers(), &customer.id);
        hold(there.len() == 1, || format!("{there:?} at the provider"))
    }

    /// The operation, the organization and the provider say the same.
    async fn stands(&self, cell: &Cell, customer: &Customer) -> Result<(), Fault> {
        let operation = self.caller.operation_of(&customer.organization, cell.ask.word()).await?;
        let operation = operation.ok_or_else(|| Fault("there is no operation".to_owned()))?;
        let state = match cell.ends {
            Ends::Succeeded => "succeeded",
            Ends::Rejected(_) => "rejected",
            Ends::Quarantined => "quarantined",
        };
        hold(operation["state"] == state, || format!("{state} was expected: {operation}"))?;
        let there = cell.ask.upstream(self.profile, &self.world.providers(), &customer.id);
        let is_made = cell.ends == Ends::Succeeded
            || (cell.ends == Ends::Quarantined && (cell.after || cell.ask == Ask::ReadBack));
        hold(there.len() == usize::from(is_made), || format!("{there:?} at the provider"))?;
        if cell.ends == Ends::Quarantined {
            self.is_open(cell, customer).await?;
            return self.resolve(cell, customer, &operation, &there).await;
        }
        self.is_mapped(cell, customer, &there).await
    }

    async fn is_open(&self, cell: &Cell, customer: &Customer) -> Result<(), Fault> {
        let path = format!("/v1/organizations/{}", customer.organization);
        let org = self.caller.get(&path).await?;
        let pending = (org.json["status"] == "pending") == cell.ask.is_create();
        let is_so = org.json["certainty"] == "unknown" && pending;
        hold(is_so, || format!("what is in doubt is told as known: {org}"))
    }

    async fn is_mapped(
        &self,
        cell: &Cell,
        customer: &Customer,
        there: &[String],
    ) -> Result<(), Fault> {
        let path = format!("/v1/organizations/{}", customer.organization);
        let org = self.caller.get(&path).await?;
        let certainty = match self.profile {
            At::Scaleway => "observed",
            At::Archera | At::Listing => "asserted",
        };
        let is_right = if cell.ask.is_create() && there.is_empty() {
            org.json["status"] == "failed" && org.json["provider_org_id"].is_null()
        } else if cell.ask.is_create() {
            org.json["provider_org_id"] == json!(there[0]) && org.json["certainty"] == certainty
        } else {
            org.json["provider_org_id"].is_string() && org.json["certainty"] == certainty
        };
        hold(is_right, || format!("the mapping is wrong: {org}, there is {there:?}"))
    }

    /// An operator says what is at the provider.
    async fn resolve(
        &self,
        cell: &Cell,
        customer: &Customer,
        operation: &Value,
        there: &[String],
    ) -> Result<(), Fault> {
        let reason = "seen in the console";
        let body = match there.first() {
            Some(id) if cell.ask.is_create() => {
                json!({
                    "outcome": "applied", "provider_org_id": id, "reason": reason, "confirm_unverified": true,
                })
            }
            Some(_) => json!({ "outcome": "applied", "reason": reason }),
            None => json!({ "outcome": "not_applied", "reason": reason }),
        };
        let id = operation["id"].as_str().unwrap_or_default();
        let resolved = self.caller.post(&format!("/v1/operations/{id}/resolve"), &body).await?;
        hold(resolved.status == 200, || format!("not resolved: {resolved}"))?;
        self.is_mapped(cell, customer, there).await
    }

    /// The account is worked with again as if nothing had been.
    async fn recovers(&self, number: usize) -> Result<(), Fault> {
        self.make(&format!("{}-{number}-after", self.account.name)).await?;
        Ok(())
    }
}

/// The status that a code has in the API: a provider's fault is none of the caller's.
fn status_of(code: &str) -> u16 {
    match code {
        "provider_unavailable" => 503,
        "provider_failed" | "provider_refused_gateway" => 502,
        "conflict_at_provider" | "missing_at_provider" => 409,
        _ => 422,
    }
}
