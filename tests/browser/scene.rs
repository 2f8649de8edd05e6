//! A world with a bit of everything, for a browser to look at.

use sandbox::{Answer, ConsoleEdit, Fault, FaultRule, Operation};
use serde_json::{Value, json};

use partner_gateway::auth::Scope;

use crate::harness::{
    Chromium, Client, Settings, Tab, World, cloud_customer, commitments_customer,
};

/// A world, a browser, and a tab of it.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) chromium: Chromium,
    pub(super) tab: Tab,
}

impl Scene {
    /// `None` where there is no browser.
    pub(super) async fn new(settings: Settings) -> Option<Self> {
        let chromium = Chromium::start().await?;
        let world = World::with(settings).await;
        let tab = chromium.tab(world.anonymous().base()).await;
        Some(Self { world, chromium, tab })
    }

    /// A token of the usual tenant with all scopes but an admin's.
    pub(super) fn token(&self) -> String {
        let scopes = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin);
        self.world.token("crm", scopes.collect())
    }

    /// Signs in by the page, and is on the overview.
    pub(super) async fn sign_in(&mut self) {
        let token = self.token();
        self.tab.open("/ops").await;
        self.tab.fill("#token", &token).await;
        self.tab.follow("main button[type=submit]").await;
        assert_eq!(self.tab.path().await, "/ops", "{}", self.tab.text().await);
    }

    /// Ends all, and holds what is true of every visit: nothing was asked elsewhere, and no policy was
    /// violated.
    pub(super) async fn finish(self) {
        let origin = format!("{}/", self.world.anonymous().base());
        let requests = self.tab.requests();
        let elsewhere: Vec<_> = requests.iter().filter(|url| !url.starts_with(&origin)).collect();
        assert!(!requests.is_empty() && elsewhere.is_empty(), "asked elsewhere: {elsewhere:?}");
        let complaints = self.tab.complaints();
        assert!(complaints.is_empty(), "{complaints:?}");
        self.finish_wherever().await;
    }

    /// Ends all.
    pub(super) async fn finish_wherever(self) {
        self.chromium.close().await;
        self.world.finish().await;
    }
}

/// The settings of a world in which Archera can be listed, so that lost creates have candidates.
pub(super) fn with_candidates() -> Settings {
    Settings { archera_lists: true, settle_window: "0s", ..Settings::default() }
}

/// Loses the answer to a create at Archera that was done, and answers its operation.
pub(super) async fn quarantined(world: &World, client: &Client, body: &Value) -> Value {
    let lost = Fault::after(Answer::Reset);
    world.providers().inject(FaultRule::next(Operation::RegisterOrg, lost)).unwrap();
    let operation = client.post("/v1/organizations", body).wait(30).await.expect(202);
    assert_eq!(operation["state"], "quarantined", "{operation}");
    operation
}

/// What fills every page, and the addresses of all pages.
pub(super) struct Everything {
    /// The page of a create that waits for a person.
    pub(super) waiting: String,
    /// The page of an organization with locks, members, operations and events.
    pub(super) organization: String,
    /// Every page.
    pub(super) pages: Vec<String>,
}

/// Fills a world: an organization that is locked, one that has members, a drift, and a create that waits.
pub(super) async fn fill(world: &World) -> Everything {
    let client = world.client();
    let id = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let cloud = client.create(&cloud_customer("northwind-logistics")).await;
    let there = id(&cloud, "provider_org_id").parse().unwrap();
    let path = format!("/v1/organizations/{}", id(&cloud, "id"));
    let lock = json!({ "reason": "invoice overdue" });
    client.post(&format!("{path}/lock"), &lock).wait(30).await.expect(200);
    let edit = ConsoleEdit { name: Some("By Hand".to_owned()), ..ConsoleEdit::default() };
    world.providers().edit(there, edit).unwrap();
    let sweep = world.admin().post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await;
    assert_eq!(sweep.expect(202)["drifted"], 1);
    let mut invited = commitments_customer("contoso");
    invited["members"] = json!([{ "email": "grace@contoso.test", "role": "admin" }]);
    client.create(&invited).await;
    let operation = quarantined(world, &client, &commitments_customer("fabrikam")).await;
    let drift = client.get("/v1/discrepancies").await.expect(200);
    let waiting = format!("/ops/operations/{}", id(&operation, "id"));
    let organization = format!("/ops/organizations/{}", id(&cloud, "id"));
    let pages = [
        "/ops",
        "/ops/operations",
        "/ops/operations?state=succeeded",
        &waiting,
        "/ops/organizations",
        "/ops/organizations?locked_by=partner&status=locked",
        &organization,
        "/ops/discrepancies",
        &format!("/ops/discrepancies/{}", id(&drift["items"][0], "id")),
        "/ops/providers",
        "/ops/nowhere",
    ];
    let pages = pages.map(str::to_owned).to_vec();
    Everything { waiting, organization, pages }
}
