//! Who may do what: every operation of the OpenAPI document, asked for with every kind of token, over rows of
//! one tenant. The document says which scope an operation wants; the rest is the same for all.

mod routes;
mod supplies;

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use partner_gateway::auth::{MintRequest, Scope, ScopeSet, Tenant, mint};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::{
    harness::{Client, Reply, Settings, World},
    layer::{Layer, Report, Run},
    real::Fault,
};
use routes::{Documented, documented, undocumented};
use supplies::{Asked, OWNER, Things};

pub(crate) const LAYER: Layer = Layer {
    name: "authorization",
    shows: "every route of the document, every kind of token, every tenant",
    run,
};

/// Another platform than the one whose rows they are.
const OTHER: &str = "shop";

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is done.
    Allowed,
    /// Nobody knows who asks.
    Unauthenticated,
    /// The token does not allow it.
    Forbidden,
    /// For this caller there is no such row.
    NotFound,
}

/// A kind of token.
#[derive(Debug, Clone)]
struct Bearer {
    name: String,
    client: Client,
    /// Whose it is; `None` where nobody believes it.
    tenant: Option<&'static str>,
    scopes: ScopeSet,
}

fn run(_run: &Run) -> Report {
    let mut report = Report::default();
    let judged = tokio::runtime::Runtime::new()
        .map_err(Fault::of("no runtime"))
        .and_then(|runtime| runtime.block_on(judge(&mut report)));
    if let Err(fault) = judged {
        report.fault(fault.to_string());
    }
    report
}

async fn judge(report: &mut Report) -> Result<(), Fault> {
    let begun = Instant::now();
    // What differs at a provider is found at once.
    let settings = Settings { settle_window: "0s", ..Settings::default() };
    let world = World::with(settings).await;
    // More is asked in a second than an account may do. The answer that says so would shut the account's gate, and a
    // seat cannot wait before it.
    world.providers().set_rate_limit(Some(u32::MAX));
    let document = world.anonymous().get("/openapi.json").await.expect(200);
    let operations = documented(&document)?;
    let anonymous = world.anonymous();
    let owner = world.client_of(OWNER);
    let mut matrix = Matrix { world: &world, owner, things: 0, cells: 0, broken: 0, untouched: 0 };
    let mut bearers = 0;
    for operation in &operations {
        let all = bearers_for(&world, &anonymous, operation)?;
        bearers = all.len();
        if let Err(fault) = matrix.row(operation, &all, report).await {
            report.fault(fault.to_string());
        }
    }
    let asked = (operations.len() * bearers) as u64;
    report.row("cells: operation × token × tenant", matrix.cells, asked, matrix.broken, begun);
    let rows = operations.len() as u64;
    report.row("rows that refusals left untouched", matrix.untouched, rows, 0, begun);
    let (looked_at, found) = undocumented(&matrix.owner, &operations).await?;
    report.row("routes and methods, none undocumented", looked_at, rows, found.len() as u64, begun);
    found.into_iter().for_each(|fault| report.fault(fault));
    world.finish().await;
    Ok(())
}

/// Every kind of token that an operation can be asked for with.
fn bearers_for(
    world: &World,
    anonymous: &Client,
    operation: &Documented,
) -> Result<Vec<Bearer>, Fault> {
    let nobody = |name: &str, client: Client| Bearer {
        name: name.to_owned(),
        client,
        tenant: None,
        scopes: ScopeSet::default(),
    };
    let somebody = |name: String, tenant: &'static str, scopes: Vec<Scope>| Bearer {
        name,
        client: anonymous.with_token(world.token(tenant, scopes.iter().copied().collect())),
        tenant: Some(tenant),
        scopes: scopes.into_iter().collect(),
    };
    let needed = |scope: &Scope| operation.scopes.iter().any(|it| it == scope.name());
    let not_admin = |scope: &Scope| *scope != Scope::Admin;
    let good = world.token(OWNER, Scope::ALL.into_iter().collect());
    let changed = good.rsplit_once('.').map(|(signed, _)| format!("{signed}.{}", "A".repeat(43)));
    let mut all = vec![
        nobody("no token", anonymous.clone()),
        nobody("garbage", anonymous.with_token("garbage")),
        nobody("a changed signature", anonymous.with_token(changed.unwrap_or_default())),
        nobody("an expired token", anonymous.with_token(expired(world)?)),
        somebody("no scope".to_owned(), OWNER, Vec::new()),
        somebody(
            "all scopes but the one needed".to_owned(),
            OWNER,
            Scope::ALL.into_iter().filter(|it| not_admin(it) && !needed(it)).collect(),
        ),
    ];
    for scope in Scope::ALL {
        all.push(somebody(format!("{} alone", scope.name()), OWNER, vec![scope]));
    }
    all.push(somebody(
        "all scopes but admin, of another tenant".to_owned(),
        OTHER,
        Scope::ALL.into_iter().filter(not_admin).collect(),
    ));
    all.push(somebody(
        "the scope needed, of another tenant".to_owned(),
        OTHER,
        Scope::ALL.into_iter().filter(needed).collect(),
    ));
    all.push(somebody("no scope, of another tenant".to_owned(), OTHER, Vec::new()));
    all.push(somebody("admin of another tenant".to_owned(), OTHER, vec![Scope::Admin]));
    Ok(all)
}

/// A token with every scope that was good an hour ago.
fn expired(world: &World) -> Result<String, Fault> {
    let request = MintRequest {
        subject: "svc-crm".to_owned(),
        tenant: Tenant::new(OWNER).map_err(Fault::of("the tenant"))?,
        scopes: Scope::ALL.into_iter().collect(),
        ttl: Duration::from_secs(60),
    };
    let token = mint(world.auth(), &request, Utc::now() - TimeDelta::hours(1));
    Ok(token.map_err(Fault::of("a token"))?.expose_secret().to_owned())
}

/// What must become of a request with this token.
fn fate(operation: &Documented, asked: &Asked, bearer: &Bearer) -> Fate {
    if operation.scopes.is_empty() {
        return Fate::Allowed;
    }
    let Some(tenant) = bearer.tenant else { return Fate::Unauthenticated };
    let is_admin = bearer.scopes.iter().any(|it| it == Scope::Admin);
    let has = |scope: &String| bearer.scopes.iter().any(|it| it.name() == scope);
    let has_scope = operation.scopes.iter().all(has);
    match (is_admin, has_scope) {
        (false, false) => Fate::Forbidden,
        // An unmapped organization belongs to no tenant: the scope alone does not suffice.
        (false, true) if operation.path == "/v1/organizations/adopt" => Fate::Forbidden,
        (false, true) if asked.is_of_a_tenant && tenant != OWNER => Fate::NotFound,
        (false, true) | (true, _) => Fate::Allowed,
    }
}

struct Matrix<'a> {
    world: &'a World,
    owner: Client,
    things: u64,
    cells: u64,
    broken: u64,
    /// Operations whose refusals changed nothing.
    untouched: u64,
}

impl Matrix<'_> {
    /// Asks for one operation with every token.
    async fn row(
        &mut self,
        operation: &Documented,
        bearers: &[Bearer],
        report: &mut Report,
    ) -> Result<(), Fault> {
        let common = self.things(operation).await?;
        let before = self.seen(&common).await;
        let (mut allowed, mut refused) = (Vec::new(), Vec::new());
        for bearer in bearers {
            let asked = common.asked(&operation.method, &operation.path, operation.has_body)?;
            let fate = fate(operation, &asked, bearer);
            let cells = if fate == Fate::Allowed { &mut allowed } else { &mut refused };
            cells.push((bearer, fate));
        }
        for (bearer, fate) in refused {
            self.cell(operation, &common, bearer, fate, report).await?;
        }
        if self.seen(&common).await == before {
            self.untouched += 1;
        } else {
            report.fault(format!(
                "{} {}: a refusal changed something",
                operation.method, operation.path
            ));
        }
        for (bearer, fate) in allowed {
            let things = self.things(operation).await?;
            self.cell(operation, &things, bearer, fate, report).await?;
        }
        Ok(())
    }

    async fn things(&mut self, operation: &Documented) -> Result<Things, Fault> {
        self.things += 1;
        Things::new(self.world, &self.owner, &operation.path, self.things).await
    }

    /// What the owner sees of it.
    async fn seen(&self, things: &Things) -> [Value; 3] {
        let owner = &self.owner;
        let organizations = format!("/v1/customers/{}", things.customer);
        let members = format!("/v1/organizations/{}/members", things.commitments);
        let operations = format!("/v1/operations?organization_id={}", things.cloud);
        [
            owner.get(&organizations).await.json,
            owner.get(&members).await.json,
            owner.get(&operations).await.json,
        ]
    }

    async fn cell(
        &mut self,
        operation: &Documented,
        things: &Things,
        bearer: &Bearer,
        fate: Fate,
        report: &mut Report,
    ) -> Result<(), Fault> {
        let asked = things.asked(&operation.method, &operation.path, operation.has_body)?;
        let mut call = bearer.client.call(operation.method.clone(), &asked.path);
        if let Some(body) = &asked.body {
            call = call.json(body);
        }
        let reply = call.wait(30).await;
        self.cells += 1;
        let is_stranger = bearer.tenant.is_some_and(|tenant| tenant != OWNER)
            && !bearer.scopes.iter().any(|scope| scope == Scope::Admin);
        let shows = is_stranger && asked_for_nothing(things, &asked) && shows(&reply, things);
        if !is_so(fate, &reply) || shows {
            self.broken += 1;
            report.fault(format!(
                "{} {} with {}: {fate:?} is due, and not {} {}",
                operation.method, asked.path, bearer.name, reply.status, reply.text
            ));
        }
        Ok(())
    }
}

/// The request names nothing of the owner's, so that its answer must not either.
fn asked_for_nothing(things: &Things, asked: &Asked) -> bool {
    !asked.path.contains(&things.customer)
}

/// The answer shows something of the owner's.
fn shows(reply: &Reply, things: &Things) -> bool {
    let quoted = |id: &str| reply.text.contains(&format!("\"{id}\""));
    quoted(&things.customer) || quoted(&things.cloud) || quoted(&things.commitments)
}

fn is_so(fate: Fate, reply: &Reply) -> bool {
    let has = |status: u16, code: &str| {
        reply.status == status
            && reply.json["code"] == code
            && reply.header("content-type") == "application/problem+json"
    };
    match fate {
        Fate::Allowed => (200..300).contains(&reply.status),
        Fate::Unauthenticated => {
            has(401, "unauthenticated") && reply.header("www-authenticate").starts_with("Bearer")
        }
        Fate::Forbidden => has(403, "forbidden"),
        Fate::NotFound => has(404, "not_found"),
    }
}
