//! What alerts look for is measured when it happens.

use sandbox::{Answer, Fault, FaultRule, Operation};

use super::filled::Filled;
use crate::harness::{cloud_customer, until};

const CREATES: &str = "/v1/organizations";

impl Filled {
    /// Waits until this line is on the page of metrics.
    async fn shows(&self, line: &str) {
        until(line, async || self.metrics().await.lines().any(|at| at == line).then_some(())).await;
    }
}

fn health(state: &str, value: u8) -> String {
    format!("gateway_provider_health{{provider=\"scaleway\",state=\"{state}\"}} {value}")
}

#[tokio::test]
async fn refused_keys_shut_gates_and_lost_databases_are_shown() {
    let filled = Filled::start().await;
    let (client, providers) = (&filled.client, filled.world.providers());
    filled.shows("gateway_ready 1").await;
    filled.shows(&health("up", 1)).await;
    filled.shows("gateway_provider_gate_shut{provider=\"scaleway\"} 0").await;
    filled.shows("gateway_duplicate_upstream_total{provider=\"scaleway\"} 0").await;

    let refused = Fault::before(Answer::Status { status: 401, body: None });
    providers.inject(FaultRule::next(Operation::CreateOrganization, refused)).unwrap();
    let create = client.post(CREATES, &cloud_customer("c-refused")).await;
    create.problem(502, "provider_refused_gateway");
    filled.shows(&health("refused", 1)).await;
    filled.shows(&health("up", 0)).await;

    let wait = Fault::before(Answer::TooManyRequests { retry_after_seconds: Some(600) });
    providers.inject(FaultRule::next(Operation::CreateOrganization, wait)).unwrap();
    client.post(CREATES, &cloud_customer("c-limited")).respond_async().await.expect(202);
    filled.shows("gateway_provider_gate_shut{provider=\"scaleway\"} 1").await;

    filled
        .world
        .change_database("update _sqlx_migrations set success = false where version = 1")
        .await;
    filled.shows("gateway_ready 0").await;
    filled.world.change_database("update _sqlx_migrations set success = true").await;
    filled.shows("gateway_ready 1").await;
    filled.end().await;
}
