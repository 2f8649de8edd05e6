//! A gateway in a process of its own that has done a bit of everything, so that its metrics and its tables
//! show something.

use sandbox::{Answer, Fault, FaultRule, Operation};
use serde_json::json;

use crate::harness::{
    Client, EventReader, Running, Settings, World, cloud_customer, commitments_customer,
};
use partner_gateway::auth::Scope;

const CREATES: &str = "/v1/organizations";

/// A world whose one gateway is a process of its own.
pub(super) struct Filled {
    pub(super) world: World,
    pub(super) running: Running,
    pub(super) client: Client,
    _file: tempfile::NamedTempFile,
}

impl Filled {
    /// Starts it, and has it do something of everything.
    pub(super) async fn start() -> Self {
        let world = World::with(Settings { gateways: 0, ..Settings::default() }).await;
        let command = world
            .command("serve")
            .env("GATEWAY_TELEMETRY__LOG_LEVEL", "info")
            .env("GATEWAY_TELEMETRY__LOG_FORMAT", "json");
        let (mut running, file) = command.start();
        let token = world.token("operations", Scope::ALL.into_iter().collect());
        let client = Client::of(running.address().await, token);
        let filled = Self { world, running, client, _file: file };
        filled.fill().await;
        filled
    }

    async fn fill(&self) {
        let (client, providers) = (&self.client, self.world.providers());
        let lost = FaultRule::next(Operation::CreateOrganization, Fault::after(Answer::Reset));
        providers.inject(lost).unwrap();
        client.post(CREATES, &cloud_customer("c-1")).wait(30).await.expect(201);
        let org = client.create(&commitments_customer("c-1")).await;
        let lost = FaultRule::next(Operation::RegisterOrg, Fault::after(Answer::Reset));
        providers.inject(lost).unwrap();
        let open = client.post(CREATES, &commitments_customer("c-2")).wait(30).await.expect(202);
        assert_eq!(open["state"], "quarantined");
        let path = format!("{CREATES}/{}", org["id"].as_str().unwrap());
        client.get(&path).await.expect(200);
        client.post(CREATES, &json!({})).await.problem(422, "validation_failed");
        client.with_token("no.token.this").get(CREATES).await.problem(401, "unauthenticated");
        drop(EventReader::open(client, "", None).await.expect("the stream opens"));
        providers.seed(sandbox::Provider::Scaleway, 1).unwrap();
        client.post("/v1/providers/scaleway/sweep", &json!({})).wait(60).await;
    }

    /// The page of metrics.
    pub(super) async fn metrics(&self) -> String {
        let reply = self.client.get("/metrics").await;
        assert_eq!(reply.status, 200);
        reply.text
    }

    /// Ends it in good order.
    pub(super) async fn end(self) {
        self.running.signal(nix::sys::signal::Signal::SIGTERM);
        let (code, told) = self.running.ended().await;
        assert_eq!(code, Some(0), "{told:?}");
        self.world.finish().await;
    }
}
