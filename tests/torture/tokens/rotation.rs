//! Keys that come and go while a verifier runs, in time that is given and not waited for; each step says what
//! becomes of a token, and how often the set was fetched for it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use partner_gateway::{
    auth::{KeySource, Verifier},
    config::{AuthConfig, AuthKey},
};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::{
    forge::Forge,
    identity::KeySet,
    keys::{Keys, Signing},
};
use crate::real::Fault;

/// Callers that come at the same moment.
const CALLERS: usize = 200;

/// A verifier whose keys come from a set that changes.
struct Rotation<'a> {
    keys: &'a Keys,
    set: KeySet,
    verifier: Verifier,
    tasks: TaskTracker,
    began: DateTime<Utc>,
    steps: u64,
    broken: Vec<String>,
}

/// Turns the keys, and answers how many steps there were and which of them went wrong.
///
/// # Errors
/// A token cannot be made.
pub(super) async fn rotate(
    auth: &AuthConfig,
    keys: &Keys,
    began: DateTime<Utc>,
) -> Result<(u64, Vec<String>), Fault> {
    let AuthKey::Jwks { .. } = &auth.key else {
        return Err(Fault("the configuration has no key set".to_owned()));
    };
    let set = KeySet::of(&named(keys, &["a"]));
    let tasks = TaskTracker::new();
    let source: Arc<dyn KeySource> = Arc::new(set.clone());
    let verifier = Verifier::new(auth, |_url| source, &tasks).map_err(Fault::of("a verifier"))?;
    let mut turn = Rotation { keys, set, verifier, tasks, began, steps: 0, broken: Vec::new() };
    turn.come_and_go().await?;
    turn.outlive_failures().await?;
    turn.be_asked_by_many().await?;
    Ok((turn.steps, turn.broken))
}

/// The Ed25519 key under each of these ids: what counts here is the id.
fn named(keys: &Keys, ids: &[&str]) -> Vec<Value> {
    let published = keys.published("");
    let ed = published.into_iter().find(|key| key["kid"] == "ed").unwrap_or_default();
    let under = |id: &&str| {
        let mut key = ed.clone();
        key["kid"] = json!(id);
        key
    };
    ids.iter().map(under).collect()
}

impl Rotation<'_> {
    /// Shows a token by this key at this second, and holds what becomes of it, and how many fetches there
    /// have been since the start.
    async fn step(
        &mut self,
        second: i64,
        kid: &str,
        is_believed: bool,
        fetches: u64,
    ) -> Result<(), Fault> {
        let believed = self.is_believed(second, kid).await?;
        // A fetch beside a request belongs to it.
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
        self.hold(&format!("second {second}, key {kid}"), believed, is_believed, fetches);
        Ok(())
    }

    fn hold(&mut self, what: &str, believed: bool, is_believed: bool, fetches: u64) {
        self.steps += 1;
        let found = self.set.fetches();
        if (believed, found) != (is_believed, fetches) {
            self.broken.push(format!(
                "{what}: believed {believed} after {found} fetches, and not {is_believed} after {fetches}"
            ));
        }
    }

    async fn is_believed(&self, second: i64, kid: &str) -> Result<bool, Fault> {
        let now = self.began + TimeDelta::seconds(second);
        let forge = Forge { keys: self.keys, now: now.timestamp() };
        let header = json!({ "alg": "EdDSA", "kid": kid });
        let token = forge.token(Signing::EdDsa, &header, &forge.claims())?;
        Ok(self.verifier.verify_at(&token, now).await.is_ok())
    }

    fn publish(&self, ids: &[&str]) {
        self.set.publish(&named(self.keys, ids));
    }

    async fn come_and_go(&mut self) -> Result<(), Fault> {
        self.step(0, "a", true, 1).await?;
        // A new key is found at once, by one more fetch.
        self.publish(&["a", "b"]);
        self.step(10, "b", true, 2).await?;
        // The next new key has to wait until the cooldown is over.
        self.publish(&["a", "b", "n"]);
        self.step(11, "n", false, 2).await?;
        self.step(39, "n", false, 2).await?;
        self.step(40, "n", true, 3).await?;
        self.step(41, "a", true, 3).await?;
        // A revoked key is accepted until the set is five minutes old.
        self.publish(&["b"]);
        self.step(42, "a", true, 3).await?;
        self.step(339, "a", true, 3).await?;
        self.step(341, "b", true, 4).await?;
        self.step(342, "a", false, 5).await?;
        // After a long silence the set is fetched before any token is accepted.
        self.publish(&["c"]);
        self.step(10_000, "b", false, 6).await?;
        self.step(10_001, "c", true, 6).await
    }

    async fn outlive_failures(&mut self) -> Result<(), Fault> {
        let oct = json!([{ "kty": "oct", "kid": "c", "k": "c2VjcmV0", "alg": "HS256" }]);
        let encrypts = {
            let mut key = named(self.keys, &["d"]);
            key[0]["use"] = json!("enc");
            key
        };
        let answers: [(u16, String); 6] = [
            (503, String::new()),
            (200, "<html>".to_owned()),
            (200, "{}".to_owned()),
            (200, json!({ "keys": [] }).to_string()),
            (200, json!({ "keys": oct }).to_string()),
            (200, json!({ "keys": encrypts }).to_string()),
        ];
        // Not so late that the set's age has it fetched besides.
        let mut second = 10_040;
        for (fetches, (status, document)) in (7..).zip(answers) {
            self.set.answer(status, document);
            self.step(second, "d", false, fetches).await?;
            self.step(second + 1, "c", true, fetches).await?;
            self.step(second + 4, "d", false, fetches).await?;
            second += 6;
        }
        Ok(())
    }

    async fn be_asked_by_many(&mut self) -> Result<(), Fault> {
        self.publish(&["c", "e"]);
        let before = self.set.fetches();
        // All wait for one fetch.
        let all = join_all((0..CALLERS).map(|_| self.is_believed(10_100, "e"))).await;
        let all: Result<Vec<bool>, Fault> = all.into_iter().collect();
        let believed = all?.into_iter().all(|believed| believed);
        self.hold("many callers with a new key", believed, true, before + 1);
        // Made-up ids cause two fetches and no flood.
        let ids: Vec<String> = (0..CALLERS).map(|number| format!("made-up-{number}")).collect();
        let any = join_all(ids.iter().map(|id| self.is_believed(10_131, id))).await;
        let any: Result<Vec<bool>, Fault> = any.into_iter().collect();
        let believed = any?.into_iter().any(|believed| believed);
        self.hold("many made-up ids", believed, false, before + 3);
        Ok(())
    }
}
