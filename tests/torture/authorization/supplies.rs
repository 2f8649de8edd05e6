//! What a request of each operation needs beyond a token: ids in its path, and a body. A new endpoint needs a
//! line here where it takes either; without it the layer fails and says so.

use reqwest::Method;
use sandbox::{Answer, ConsoleEdit, Fault as ProviderFault, FaultRule, Operation, Provider};
use serde_json::{Value, json};

use crate::{
    harness::{Client, World, cloud_customer, commitments_customer},
    real::Fault,
};

/// Whose rows they are that the matrix is about.
pub(super) const OWNER: &str = "crm";

/// What is there for one request. Ids are of the tenant [`OWNER`].
#[derive(Debug, Clone, Default)]
pub(super) struct Things {
    /// The customer that has an organization at each provider.
    pub(super) customer: String,
    /// Its organization at Scaleway, which can be locked.
    pub(super) cloud: String,
    /// Its organization at Archera, which can be invited to.
    pub(super) commitments: String,
    /// An operation; one that waits for a person where a person is asked.
    operation: String,
    /// A field that differs at the provider; of the organization at Scaleway.
    discrepancy: String,
    /// An organization at Scaleway that nobody has mapped.
    unmapped: String,
    /// A customer that is not there yet.
    fresh: String,
    /// A webhook, where one is asked for.
    webhook: String,
}

/// A request, but for its token.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// It names a row of one tenant.
    pub(super) is_of_a_tenant: bool,
}

impl Things {
    /// New ones for a request of this path, by the name of this number.
    ///
    /// # Errors
    /// They cannot be made.
    pub(super) async fn new(
        world: &World,
        owner: &Client,
        path: &str,
        number: u64,
    ) -> Result<Self, Fault> {
        let customer = format!("cust-{number}");
        let made = owner.create(&cloud_customer(&customer)).await;
        let cloud = text(&made["id"])?;
        let discrepancy = if path.ends_with("/assign") {
            unassigned(world).await?
        } else if path.starts_with("/v1/discrepancies/") {
            drifted(world, owner, &made).await?
        } else {
            String::new()
        };
        let commitments = text(&owner.create(&commitments_customer(&customer)).await["id"])?;
        let operation = if path.ends_with("/resolve") {
            waiting(world, owner, &commitments, number).await?
        } else {
            let made = owner.get(&format!("/v1/operations?organization_id={cloud}")).await;
            text(&made.json["items"][0]["id"])?
        };
        let seeded = world.providers().seed(Provider::Scaleway, 1);
        let seeded = seeded.map_err(Fault::of("a stranger"))?;
        let unmapped = seeded.first().map(ToString::to_string).unwrap_or_default();
        let fresh = format!("new-{number}");
        let webhook = if path.starts_with("/v1/webhooks/") {
            text(&owner.post("/v1/webhooks", &receiver()).await.expect(201)["id"])?
        } else {
            String::new()
        };
        Ok(Self { customer, cloud, commitments, operation, discrepancy, unmapped, fresh, webhook })
    }

    /// The request of an operation of the document.
    ///
    /// # Errors
    /// Nothing is known of an id in its path, or of its body.
    pub(super) fn asked(
        &self,
        method: &Method,
        path: &str,
        has_body: bool,
    ) -> Result<Asked, Fault> {
        let body = self.body(method, path);
        if has_body && body.is_none() {
            return Err(Fault(format!("{method} {path} needs a body in `supplies.rs`")));
        }
        let mut asked = Asked { path: path.to_owned(), body, is_of_a_tenant: false };
        for (under, name, value, is_of_a_tenant) in self.ids() {
            if path.starts_with(under) && asked.path.contains(name) {
                asked.path = asked.path.replace(name, value);
                asked.is_of_a_tenant |= is_of_a_tenant;
            }
        }
        if asked.path.contains('{') {
            return Err(Fault(format!("{method} {path} needs an id in `supplies.rs`")));
        }
        Ok(asked)
    }

    /// Ids in paths: below which path, the parameter, the id, and whether it is a row of one tenant. The
    /// first that fits is taken.
    fn ids(&self) -> [(&'static str, &'static str, &str, bool); 7] {
        [
            ("/v1/organizations/{id}/members", "{id}", &self.commitments, true),
            ("/v1/organizations/", "{id}", &self.cloud, true),
            ("/v1/operations/", "{id}", &self.operation, true),
            ("/v1/webhooks/", "{id}", &self.webhook, true),
            ("/v1/discrepancies/", "{id}", &self.discrepancy, true),
            ("/v1/customers/", "{customer_id}", &self.customer, true),
            ("/v1/providers/", "{name}", "scaleway", false),
        ]
    }

    /// Bodies, each of a request that is done when it is allowed.
    fn body(&self, method: &Method, path: &str) -> Option<Value> {
        let email = format!("{}@acme.test", self.fresh);
        Some(match (method.as_str(), path) {
            ("POST", "/v1/organizations") => cloud_customer(&self.fresh),
            ("POST", "/v1/organizations/adopt") => json!({
                "provider": "scaleway", "provider_org_id": self.unmapped, "customer_id": self.fresh,
            }),
            ("PATCH", "/v1/organizations/{id}") => json!({ "comment": self.fresh }),
            (
                "POST",
                "/v1/organizations/{id}/lock"
                | "/v1/organizations/{id}/unlock"
                | "/v1/customers/{customer_id}/lock"
                | "/v1/customers/{customer_id}/unlock",
            ) => json!({ "reason": "invoice unpaid" }),
            ("POST", "/v1/organizations/{id}/members") => {
                json!({ "members": [{ "email": email }] })
            }
            ("POST", "/v1/organizations/{id}/admin-role") => {
                json!({ "username": "partner", "email": email, "password": "Pa55-of-the-seat" })
            }
            ("POST", "/v1/operations/{id}/resolve") => {
                json!({ "outcome": "abandoned", "reason": "nobody knows" })
            }
            ("POST", "/v1/discrepancies/{id}/resolve") => json!({ "action": "dismiss" }),
            ("POST", "/v1/discrepancies/{id}/assign") => json!({ "tenant": "crm" }),
            ("POST", "/v1/webhooks") => receiver(),
            ("PATCH", "/v1/webhooks/{id}") => json!({ "description": self.fresh }),
            ("POST", "/v1/webhooks/{id}/replay") => json!({ "after": 0 }),
            ("POST", "/v1/routes/resolve") => json!({ "customer_id": self.fresh }),
            _ => return None,
        })
    }
}

/// A webhook to make. Nobody listens there.
fn receiver() -> Value {
    json!({ "url": "https://hooks.acme.test/events" })
}

/// An organization is renamed at its provider, and that is found.
async fn drifted(world: &World, owner: &Client, made: &Value) -> Result<String, Fault> {
    let (id, there) = (text(&made["id"])?, text(&made["provider_org_id"])?);
    let there = there.parse().map_err(Fault::of("an id at the provider"))?;
    let renamed = ConsoleEdit { name: Some(format!("renamed {id}")), ..ConsoleEdit::default() };
    world.providers().edit(there, renamed).map_err(Fault::of("a rename"))?;
    let sweep = world.admin().post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await;
    let found = owner.get(&format!("/v1/discrepancies?organization_id={id}")).await.json;
    let only = &found["items"][0]["id"];
    only.as_str().map(str::to_owned).ok_or_else(|| Fault(format!("nothing drifted: {sweep:?}")))
}

/// A discrepancy of an unmapped organization that nobody has assigned.
async fn unassigned(world: &World) -> Result<String, Fault> {
    let seeded = world.providers().seed(Provider::Scaleway, 1).map_err(Fault::of("a stranger"))?;
    let wanted = seeded.first().map(ToString::to_string).unwrap_or_default();
    let admin = world.admin();
    let sweep = admin.post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await;
    let mut path = "/v1/discrepancies?kind=unmapped&limit=200".to_owned();
    loop {
        let page = admin.get(&path).await.json;
        let items = page["items"].as_array().into_iter().flatten();
        if let Some(found) = items.into_iter().find(|one| one["provider_org_id"] == wanted) {
            return text(&found["id"]);
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return Err(Fault(format!("nothing unmapped: {sweep:?}")));
        };
        path = format!("/v1/discrepancies?kind=unmapped&limit=200&cursor={cursor}");
    }
}

/// An invitation whose answer was lost, so that it waits for a person.
async fn waiting(
    world: &World,
    owner: &Client,
    organization: &str,
    number: u64,
) -> Result<String, Fault> {
    let lost = FaultRule::next(Operation::InviteUsers, ProviderFault::after(Answer::Reset));
    world.providers().inject(lost).map_err(Fault::of("a lost answer"))?;
    let guest = json!({ "members": [{ "email": format!("guest-{number}@acme.test") }] });
    let path = format!("/v1/organizations/{organization}/members");
    let begun = owner.post(&path, &guest).wait(30).await.expect(202);
    text(&begun["id"])
}

fn text(value: &Value) -> Result<String, Fault> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| Fault(format!("not an id: {value}")))
}
