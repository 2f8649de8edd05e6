//! Tokens that must not be believed, shown to running gateways and to the verifier itself; and keys that
//! come, go and cannot be had.

mod forge;
mod identity;
mod keys;
mod rotation;
mod vectors;

use std::{sync::Arc, time::Instant};

use chrono::Utc;
use futures::future::join_all;
use partner_gateway::{
    auth::{AuthError, KeySource, Verifier},
    config::{AuthConfig, AuthKey, SigningAlgorithm},
};
use tokio_util::task::TaskTracker;
use wiremock::MockServer;

use crate::{
    harness::{Client, World},
    layer::{Layer, Report, Run},
    real::Fault,
};
use identity::KeySet;
use keys::Keys;
use vectors::{Site, Vector, vectors};

pub(crate) const LAYER: Layer = Layer {
    name: "tokens",
    shows: "forged, broken and borrowed tokens, and keys that rotate",
    run,
};

/// Vectors that must be refused, at least.
const REFUSED: u64 = 40;
/// Tokens that must be believed, at least.
const BELIEVED: u64 = 4;
/// Callers that find no keys yet.
const FIRST_CALLERS: usize = 64;

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

/// The gateways, and who is behind their keys.
struct Scene {
    world: World,
    anonymous: Client,
    keys: Keys,
    set: KeySet,
    /// Serves the set for as long as this is held.
    _identity: MockServer,
    attacker: MockServer,
    auths: Vec<AuthConfig>,
}

async fn judge(report: &mut Report) -> Result<(), Fault> {
    let stolen = Keys::new()?;
    let scene = Scene::new(&stolen).await?;
    let begun = Instant::now();
    let now = Utc::now();
    scene.first_callers(report, begun).await?;
    let all = vectors(&scene.keys, &stolen, &scene.attacker.uri(), now.timestamp())?;
    scene.over_http(report, &all).await;
    scene.by_the_verifier(report, &all).await?;
    scene.count_fetches(report, begun).await;
    let rotating = Instant::now();
    let key_set = scene.auths.get(1).ok_or_else(|| Fault("no key set".to_owned()))?;
    let (steps, broken) = rotation::rotate(key_set, &scene.keys, now).await?;
    report.row("steps of keys that rotate", steps, steps, broken.len() as u64, rotating);
    broken.into_iter().for_each(|fault| report.fault(fault));
    scene.world.finish().await;
    Ok(())
}

impl Scene {
    /// A gateway for each site.
    async fn new(stolen: &Keys) -> Result<Self, Fault> {
        let keys = Keys::new()?;
        let set = KeySet::of(&keys.published("idp-"));
        let identity = identity::serve(&set).await;
        let attacker = identity::attacker(&stolen.published("attacker-")).await;
        let url: url::Url =
            format!("{}/keys", identity.uri()).parse().map_err(Fault::of("an address"))?;
        let jwks = |algorithms: &[SigningAlgorithm]| AuthKey::Jwks {
            url: url.clone(),
            algorithms: algorithms.to_vec(),
            ca: None,
            max_stale: std::time::Duration::from_secs(24 * 3600),
        };
        let pem = keys.rsa_pem()?;
        let mut world = World::new().await;
        let mut auths = vec![world.auth().clone()];
        for site in Site::ALL.into_iter().skip(1) {
            let key = match site {
                Site::Secret => continue,
                Site::KeySet => jwks(&SigningAlgorithm::ASYMMETRIC),
                Site::KeySetEs256 => jwks(&[SigningAlgorithm::Es256]),
                Site::RsaPem => {
                    AuthKey::Public { pem: pem.clone(), algorithm: SigningAlgorithm::Rs256 }
                }
            };
            world.reconfigure(|config| config.auth.key = key);
            auths.push(world.auth().clone());
            world.add_gateway().await;
        }
        let anonymous = world.anonymous();
        Ok(Self { world, anonymous, keys, set, _identity: identity, attacker, auths })
    }

    fn client(&self, site: Site) -> Client {
        let place = Site::ALL.iter().position(|one| *one == site).unwrap_or_default();
        self.world.at(place, &self.anonymous)
    }

    /// All come at once, and wait for one fetch.
    async fn first_callers(&self, report: &mut Report, begun: Instant) -> Result<(), Fault> {
        let forge = forge::Forge { keys: &self.keys, now: Utc::now().timestamp() };
        let authorization = format!("Bearer {}", forge.good()?);
        let client = self.client(Site::KeySet);
        let calls = (0..FIRST_CALLERS)
            .map(|_| client.get(PATH).header("Authorization", &authorization).into_future());
        let refused = join_all(calls).await.iter().filter(|reply| reply.status != 200).count();
        report.row("callers at a fresh key set", FIRST_CALLERS as u64, 64, refused as u64, begun);
        Ok(())
    }

    async fn over_http(&self, report: &mut Report, all: &[Vector]) {
        let begun = Instant::now();
        let (mut refused, mut believed, mut broken) = (0, 0, [0, 0]);
        for vector in all {
            let mut call = self.client(vector.site).get(PATH);
            for value in &vector.authorization {
                call = call.header("Authorization", value);
            }
            let reply = call.await;
            let code = reply.json["code"].as_str().unwrap_or_default();
            let challenge = reply.header("www-authenticate");
            let wait = reply.header("retry-after").parse().unwrap_or(0);
            let is_expected = match reply.status {
                200 => vector.challenge.is_none() && challenge.is_empty(),
                401 => code == "unauthenticated" && vector.is_due(Some(challenge)),
                503 => code == "keys_unavailable" && vector.may_wait(wait) && challenge.is_empty(),
                _other => false,
            };
            let is_refusal = vector.challenge.is_some();
            *(if is_refusal { &mut refused } else { &mut believed }) += 1;
            if !is_expected {
                broken[usize::from(is_refusal)] += 1;
                report.fault(format!(
                    "{:?}, {}: answered {} {code} {challenge} {wait}, and not {:?}",
                    vector.site, vector.name, reply.status, vector.challenge
                ));
            }
        }
        let [wrongly_refused, wrongly_believed] = broken;
        report.row("vectors refused over HTTP", refused, REFUSED, wrongly_believed, begun);
        report.row("good tokens believed over HTTP", believed, BELIEVED, wrongly_refused, begun);
    }

    /// The same, without HTTP. Several headers are HTTP's own business.
    async fn by_the_verifier(&self, report: &mut Report, all: &[Vector]) -> Result<(), Fault> {
        let begun = Instant::now();
        let mut verifiers = Vec::new();
        for auth in &self.auths {
            let source: Arc<dyn KeySource> = Arc::new(KeySet::of(&self.keys.published("idp-")));
            let verifier = Verifier::new(auth, |_url| source, &TaskTracker::new());
            verifiers.push(verifier.map_err(Fault::of("a verifier"))?);
        }
        let (mut shown, mut broken) = (0, 0);
        for vector in all.iter().filter(|vector| vector.authorization.len() < 2) {
            let place = Site::ALL.iter().position(|site| *site == vector.site);
            let Some(verifier) = place.and_then(|place| verifiers.get(place)) else { continue };
            let authorization = vector.authorization.first().map(String::as_bytes);
            let outcome = verifier.authenticate_at(authorization, Utc::now()).await;
            let error = outcome.as_ref().err();
            let is_due = match error.and_then(AuthError::retry_after) {
                Some(wait) => vector.may_wait(wait),
                None => vector.is_due(error.and_then(AuthError::challenge).as_deref()),
            };
            shown += 1;
            if !is_due {
                broken += 1;
                report.fault(format!("the verifier, {}: {outcome:?}", vector.name));
            }
        }
        report.row("vectors shown to the verifier", shown, REFUSED + BELIEVED, broken, begun);
        Ok(())
    }

    /// However many made-up keys were named, the set was fetched at most twice in each cooldown, and no other
    /// server was asked for anything.
    async fn count_fetches(&self, report: &mut Report, begun: Instant) {
        const COOLDOWN_SECONDS: u64 = 30;
        // Two of the gateways have the set. Each fetches it when it starts, and once more for an unknown key.
        let allowed = 2 * 2 * (1 + begun.elapsed().as_secs().div_ceil(COOLDOWN_SECONDS));
        let fetches = self.set.fetches();
        let too_many = fetches.saturating_sub(allowed);
        report.row("fetches of the key set", fetches, 2, too_many, begun);
        let asked = self.attacker.received_requests().await.unwrap_or_default().len() as u64;
        report.row("gateways that asked an attacker for keys", asked, 0, asked, begun);
        if too_many > 0 {
            report.fault(format!("the key set was fetched {fetches} times; {allowed} were due"));
        }
        if asked > 0 {
            report.fault(format!("an attacker's server was asked {asked} times"));
        }
    }
}

/// What is asked for: it wants a scope and has no side.
const PATH: &str = "/v1/providers";
