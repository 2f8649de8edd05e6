//! Everything that can be asked of the gateway, with canaries in it, and every way in which it can go wrong.

use reqwest::Method;
use sandbox::{Answer, Control, Fault as ProviderFault, FaultRule, Operation};
use serde_json::{Value, json};

use super::canaries::{cloud, commitments, guests, password, seat};
use crate::{
    harness::{Client, Reply},
    real::Fault,
};

/// An answer, and what it was to.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) what: String,
    pub(super) reply: Reply,
}

/// Asks, and keeps what it hears.
pub(super) struct Flows {
    pub(super) client: Client,
    pub(super) anonymous: Client,
    pub(super) token: String,
    pub(super) keys: [String; 2],
    pub(super) providers: Control,
    pub(super) heard: Vec<Heard>,
    /// What was not answered as it should be, so that it tests nothing.
    pub(super) missed: Vec<String>,
    number: u64,
}

/// Operations at the providers that an error is said back to: the operation, and the request that needs it.
const ECHOED: [(Operation, &str); 7] = [
    (Operation::CreateOrganization, "create"),
    (Operation::RegisterOrg, "register"),
    (Operation::UpdateOrganization, "patch"),
    (Operation::LockOrganization, "lock"),
    (Operation::RequestAdminRole, "seat"),
    (Operation::InviteUsers, "invite"),
    (Operation::GetOrganization, "refresh"),
];

impl Flows {
    /// Nothing asked yet.
    pub(super) fn new(
        client: Client,
        anonymous: Client,
        token: String,
        keys: [String; 2],
        providers: Control,
    ) -> Self {
        let (heard, missed) = (Vec::new(), Vec::new());
        Self { client, anonymous, token, keys, providers, heard, missed, number: 0 }
    }

    fn customer(&mut self) -> String {
        self.number += 1;
        format!("cust-{}", self.number)
    }

    /// Keeps an answer that must have one of these statuses.
    fn hear(&mut self, what: &str, reply: Reply, due: &[u16]) -> Value {
        if !due.contains(&reply.status) {
            self.missed.push(format!("{what}: answered {} {}", reply.status, reply.text));
        }
        let json = reply.json.clone();
        self.heard.push(Heard { what: what.to_owned(), reply });
        json
    }

    async fn post(&mut self, what: &str, path: &str, body: &Value, due: &[u16]) -> Value {
        let reply = self.client.post(path, body).wait(20).await;
        self.hear(what, reply, due)
    }

    async fn get(&mut self, what: &str, path: &str, due: &[u16]) -> Value {
        let reply = self.client.get(path).await;
        self.hear(what, reply, due)
    }

    /// Organizations to work on: one at each provider.
    async fn organizations(&mut self) -> (String, String, String) {
        let customer = self.customer();
        let path = "/v1/organizations";
        let cloud = self.post("a create at Scaleway", path, &cloud(&customer), &[201]).await;
        let other = commitments(&customer);
        let commitments = self.post("a create at Archera", path, &other, &[201]).await;
        let id = |organization: &Value| organization["id"].as_str().unwrap_or_default().to_owned();
        (customer, id(&cloud), id(&commitments))
    }

    /// What is done.
    pub(super) async fn good(&mut self) {
        let (customer, cloud_id, commitments_id) = self.organizations().await;
        let at = |id: &str, what: &str| format!("/v1/organizations/{id}{what}");
        let patch =
            json!({ "owner": { "last_name": "Cnrymartineau-Roux" }, "comment": "cnry-remark 2" });
        let reply = self.client.patch(&at(&cloud_id, ""), &patch).wait(20).await;
        self.hear("a patch", reply, &[200]);
        self.post("a lock", &at(&cloud_id, "/lock"), &json!({}), &[200]).await;
        self.post("an unlock", &at(&cloud_id, "/unlock"), &json!({}), &[200]).await;
        self.post("a seat", &at(&cloud_id, "/admin-role"), &seat(&customer), &[204]).await;
        self.post("guests", &at(&commitments_id, "/members"), &guests(&customer), &[200]).await;
        let strangers = self.providers.seed(sandbox::Provider::Scaleway, 1).unwrap_or_default();
        let adopted = json!({
            "provider": "scaleway", "customer_id": format!("{customer}-adopted"),
            "provider_org_id": strangers.first().map(ToString::to_string),
            "comment": "cnry-remark of an adoption",
        });
        self.post("an adoption", "/v1/organizations/adopt", &adopted, &[201]).await;
        let dry = "/v1/organizations?dry_run=true";
        self.post("a dry run", dry, &cloud("cust-dry"), &[200]).await;
        let route = cloud("cust-route");
        self.post("a route", "/v1/routes/resolve", &route, &[200]).await;
        for path in [
            at(&cloud_id, "?refresh=true&include=provider_data"),
            at(&commitments_id, "/members"),
            format!("/v1/customers/{customer}"),
            format!("/v1/organizations?email=cnry-owner-{customer}@acme.test"),
            format!("/v1/organizations?q=Acme&customer_id={customer}"),
            format!("/v1/operations?organization_id={cloud_id}"),
            "/v1/providers".to_owned(),
        ] {
            self.get("a reading", &path, &[200]).await;
        }
    }

    /// What the gateway itself refuses.
    pub(super) async fn refused_by_us(&mut self) {
        let (customer, cloud_id, _) = self.organizations().await;
        let organizations = "/v1/organizations";
        let email = "cnry-refused@acme@test";
        for (name, value) in [
            (
                "owner",
                json!({ "email": email, "first_name": 7, "last_name": "Cnrymartineau\u{7}" }),
            ),
            ("owner", json!(email)),
            ("siren_number", json!("+33199887766")),
            ("domain", json!("cnry-refused@acme.test")),
            ("address", json!({ "line1": "7 Cnrystreet", "country": "Cnrystreet" })),
            ("members", json!([{ "email": email, "role": "cnry-remark" }])),
            ("marketplace_offers", json!({ "aws": "cnry-remark" })),
            ("provider", json!("cnry-remark")),
            ("comment", json!({ "cnry": "cnry-remark" })),
            ("labels", json!("cnry-remark")),
        ] {
            let mut body = cloud("cust-refused");
            body[name] = value;
            self.post("a faulty create", organizations, &body, &[422]).await;
        }
        let text = cloud("cust-broken").to_string();
        let broken = text.get(..text.len() - 9).unwrap_or_default();
        let reply = self.client.call(Method::POST, organizations).text(broken).await;
        self.hear("a broken body", reply, &[400]);
        let seats = format!("/v1/organizations/{cloud_id}/admin-role");
        for (name, value) in [
            ("email", json!(email)),
            ("username", json!(["cnry-seat"])),
            ("password", json!({ "of": password() })),
            ("pass", json!(password())),
        ] {
            let mut body = seat(&customer);
            body[name] = value;
            self.post("a faulty seat", &seats, &body, &[422]).await;
        }
        for query in [
            "email=".to_owned(),
            "limit=cnry-refused@acme.test".to_owned(),
            "status=cnry-refused".to_owned(),
            format!("access_token={}", self.token),
            "order_by=cnry-remark".to_owned(),
        ] {
            self.get("a faulty query", &format!("/v1/organizations?{query}"), &[422]).await;
        }
        let key = "one-key";
        let reply = self.client.post(organizations, &cloud("cust-key")).key(key).wait(20).await;
        self.hear("a create with a key", reply, &[201]);
        let reply = self.client.post(organizations, &cloud("cust-key-2")).key(key).await;
        self.hear("a key that is used again", reply, &[422]);
        let mut other = cloud(&customer);
        other["owner"]["first_name"] = json!("Cnryadeline-Maud");
        self.post("another create of the customer", organizations, &other, &[409]).await;
        let mut taken = cloud("cust-taken");
        taken["owner"]["email"] = json!(format!("cnry-owner-{customer}@acme.test"));
        self.post("an e-mail that is taken", organizations, &taken, &[409, 422]).await;
    }

    /// Tokens that are not believed.
    pub(super) async fn refused_tokens(&mut self) {
        let token = self.token.clone();
        let changed = format!("{}x", token.get(..token.len() - 1).unwrap_or_default());
        for (what, value) in [
            ("a changed token", format!("Bearer {changed}")),
            ("a token without a scheme", token.clone()),
            ("a token as a password", format!("Basic {token}")),
            ("two tokens", format!("Bearer {token}, Bearer {token}")),
        ] {
            let reply = self.anonymous.get("/v1/providers").header("Authorization", &value).await;
            self.hear(what, reply, &[401]);
        }
        let path = format!("/v1/providers?access_token={token}");
        let reply = self.anonymous.get(&path).await;
        self.hear("a token in the address", reply, &[401]);
    }

    /// The provider refuses, fails or answers nonsense, and says back what it was sent, our key included.
    pub(super) async fn echoed(&mut self) -> Result<(), Fault> {
        for (operation, request) in ECHOED {
            for status in [400, 401, 403, 404, 409, 422, 429, 500, 503] {
                let answer = |said: &str| {
                    ProviderFault::before(Answer::Status { status, body: Some(error_of(said)) })
                };
                self.struck(operation, request, &format!("{status}"), answer).await?;
            }
            let nonsense = |said: &str| {
                ProviderFault::after(Answer::Status { status: 200, body: Some(success_of(said)) })
            };
            self.struck(operation, request, "nonsense", nonsense).await?;
            let plain = |said: &str| {
                ProviderFault::before(Answer::Status { status: 502, body: Some(said.to_owned()) })
            };
            self.struck(operation, request, "plain text", plain).await?;
        }
        Ok(())
    }

    /// The answer is lost.
    pub(super) async fn lost(&mut self) -> Result<(), Fault> {
        for (operation, request) in ECHOED {
            for (what, fault) in [
                ("lost", ProviderFault::after(Answer::Reset)),
                ("half", ProviderFault::after(Answer::HalfBody)),
                ("hanging", ProviderFault::after(Answer::Hang)),
            ] {
                self.struck(operation, request, what, |_said| fault).await?;
            }
        }
        Ok(())
    }

    /// One request, while the provider does something else than it should.
    async fn struck(
        &mut self,
        operation: Operation,
        request: &str,
        how: &str,
        fault: impl FnOnce(&str) -> ProviderFault,
    ) -> Result<(), Fault> {
        let (customer, cloud_id, commitments_id) = self.organizations().await;
        let rule = FaultRule::next(operation, fault(&self.said_back(request, &customer)));
        let id = self.providers.inject(rule).map_err(Fault::of("a provider's fault"))?;
        let at = |id: &str, what: &str| format!("/v1/organizations/{id}{what}");
        let call = match request {
            "create" => self.client.post("/v1/organizations", &cloud(&format!("{customer}-b"))),
            "register" => {
                self.client.post("/v1/organizations", &commitments(&format!("{customer}-b")))
            }
            "patch" => {
                let patch = json!({ "owner": { "first_name": "Cnryadeline-Zoé" } });
                self.client.patch(&at(&cloud_id, ""), &patch)
            }
            "lock" => self.client.post(&at(&cloud_id, "/lock"), &json!({})),
            "seat" => self.client.post(&at(&cloud_id, "/admin-role"), &seat(&customer)),
            "invite" => self.client.post(&at(&commitments_id, "/members"), &guests(&customer)),
            _refresh => self.client.get(&at(&cloud_id, "?refresh=true")),
        };
        let reply = call.wait(4).await;
        self.heard.push(Heard { what: format!("{request}, {how}"), reply });
        let fired = self.providers.fault(id).map_or(0, |report| report.fired);
        if fired == 0 {
            self.missed.push(format!("never happened: {request}, {how}"));
        }
        self.settle().await;
        Ok(())
    }

    /// A person settles what waits, so that no account is left alone for what is open there.
    async fn settle(&mut self) {
        for state in ["unknown", "quarantined", "accepted"] {
            let page = self.client.get(&format!("/v1/operations?state={state}")).await;
            let items = page.json["items"].as_array().cloned().unwrap_or_default();
            self.heard.push(Heard { what: format!("what is {state}"), reply: page });
            for item in items {
                let id = item["id"].as_str().unwrap_or_default();
                let path = format!("/v1/operations/{id}/resolve");
                let word = json!({ "outcome": "abandoned", "reason": "nobody will find out" });
                let reply = self.client.post(&path, &word).await;
                self.heard.push(Heard { what: "a resolution".to_owned(), reply });
                let reply = self.client.get(&format!("/v1/operations/{id}")).await;
                self.heard.push(Heard { what: "an operation".to_owned(), reply });
            }
        }
    }

    /// What the provider was sent, as somebody would repeat it, our key with it.
    fn said_back(&self, request: &str, customer: &str) -> String {
        let [scaleway, archera] = &self.keys;
        let made = format!("{customer}-b");
        let (key, sent) = match request {
            "create" => (scaleway, cloud(&made).to_string()),
            "register" => (archera, commitments(&made).to_string()),
            "invite" => (archera, guests(customer).to_string()),
            "seat" => (scaleway, format!("{} {} {}", seat(customer), password(), cloud(customer))),
            "patch" => (scaleway, format!("Cnryadeline-Zoé {}", cloud(customer))),
            _lock_or_refresh => (scaleway, cloud(customer).to_string()),
        };
        format!("{sent} by {key}")
    }
}

/// An error that says this back, in the shapes of both providers.
fn error_of(said: &str) -> String {
    json!({
        "type": format!("invalid {said}"),
        "message": format!("cannot read {said}"),
        "help_message": said,
        "code": said,
        "detail": { "body": said },
        "details": [
            { "argument_name": "email", "reason": "format", "help_message": said },
            { "argument_name": said, "reason": said, "help_message": said },
        ],
        "errors": { "json": { "users": [said], "name": { "deep": [said] } } },
        "resource": said,
    })
    .to_string()
}

/// A success that cannot be used, for what it says.
fn success_of(said: &str) -> String {
    json!({ "id": said, "name": 7, "status": said, "organization_id": [said], "created_at": said })
        .to_string()
}
