//! Key sets that rotate, fail, and are asked for by many at once.

use std::collections::VecDeque;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;

/// Answers in order, the last one for ever; lets a fetch end only while `open` has permits.
struct Scripted {
    answers: StdMutex<VecDeque<Result<Vec<u8>, KeySourceError>>>,
    fetches: AtomicUsize,
    open: Semaphore,
}

#[async_trait]
impl KeySource for Scripted {
    async fn fetch(&self) -> Result<Vec<u8>, KeySourceError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let _permit = self.open.acquire().await.unwrap();
        let mut answers = self.answers.lock().unwrap();
        let next = answers.pop_front().unwrap();
        if answers.is_empty() {
            answers.push_back(next.clone());
        }
        next
    }
}

fn scripted<const N: usize>(
    answers: [Result<Vec<u8>, KeySourceError>; N],
    permits: usize,
) -> (Jwks, Arc<Scripted>) {
    let source = Arc::new(Scripted {
        answers: StdMutex::new(answers.into_iter().collect()),
        fetches: AtomicUsize::new(0),
        open: Semaphore::new(permits),
    });
    let allowed = SigningAlgorithm::ASYMMETRIC.to_vec();
    let keys = Jwks::new(Arc::<Scripted>::clone(&source), allowed, TaskTracker::new());
    (keys, source)
}

fn fetches(source: &Scripted) -> usize {
    source.fetches.load(Ordering::SeqCst)
}

fn ed25519(id: &str) -> Value {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "use": "sig", "alg": "EdDSA" })
}

fn set(keys: &[Value]) -> Result<Vec<u8>, KeySourceError> {
    Ok(serde_json::to_vec(&json!({ "keys": keys })).unwrap())
}

fn failure() -> Result<Vec<u8>, KeySourceError> {
    Err(KeySourceError("connection refused".to_owned()))
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

/// What becomes of a token of this `kid`.
async fn outcome(keys: &Jwks, id: &str, seconds: i64) -> Result<(), AuthError> {
    keys.key_for(Some(id), "EdDSA", at(seconds)).await.map(|_key| ())
}

#[tokio::test]
async fn many_callers_wait_for_one_fetch() {
    let (keys, source) = scripted([set(&[ed25519("a")])], 0);
    let callers = (0..50).map(|_| outcome(&keys, "a", 0));
    let released = async {
        tokio::task::yield_now().await;
        source.open.add_permits(1);
    };
    let (outcomes, ()) = futures::join!(futures::future::join_all(callers), released);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(fetches(&source), 1);
}

#[tokio::test]
async fn an_unknown_kid_fetches_again_but_not_within_the_cooldown() {
    let (keys, source) = scripted([set(&[ed25519("a")]), set(&[ed25519("b")])], 9);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    for second in [1, 10, 29] {
        assert_eq!(outcome(&keys, "b", second).await, Err(AuthError::UnknownKey));
    }
    assert_eq!(fetches(&source), 1);
    assert_eq!(outcome(&keys, "b", 30).await, Ok(()));
    assert_eq!(outcome(&keys, "a", 31).await, Err(AuthError::UnknownKey), "revoked");
    assert_eq!(fetches(&source), 2);
}

#[tokio::test]
async fn the_last_good_set_outlives_failures() {
    let answers = [set(&[ed25519("a")]), failure(), Ok(b"<html>".to_vec()), set(&[])];
    let (keys, source) = scripted(answers, 9);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    for second in [40, 80, 120] {
        assert_eq!(outcome(&keys, "b", second).await, Err(AuthError::UnknownKey));
        assert_eq!(outcome(&keys, "a", second).await, Ok(()));
    }
    assert_eq!(fetches(&source), 4);
}

#[tokio::test]
async fn without_any_keys_the_caller_is_not_to_blame() {
    let (keys, source) = scripted([failure(), failure(), set(&[ed25519("a")])], 9);
    assert_eq!(keys.prepare(at(0)).await, Err(AuthError::KeysUnavailable));
    assert_eq!(outcome(&keys, "a", 1).await, Err(AuthError::KeysUnavailable));
    assert_eq!(fetches(&source), 1, "a failed fetch has its cooldown too");
    assert_eq!(outcome(&keys, "a", 5).await, Err(AuthError::KeysUnavailable));
    assert_eq!(outcome(&keys, "a", 10).await, Ok(()));
}

#[tokio::test]
async fn an_old_set_is_fetched_again_beside_the_request() {
    let (keys, source) = scripted([set(&[ed25519("a")]), set(&[ed25519("b")])], 9);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    assert_eq!(outcome(&keys, "a", 299).await, Ok(()));
    assert_eq!(outcome(&keys, "a", 300).await, Ok(()), "the request does not wait");
    keys.tasks.close();
    keys.tasks.wait().await;
    assert_eq!(fetches(&source), 2);
    assert_eq!(outcome(&keys, "a", 301).await, Err(AuthError::UnknownKey));
}

#[tokio::test]
async fn a_very_old_set_is_not_used_before_a_new_one_was_asked_for() {
    let (keys, _source) = scripted([set(&[ed25519("a")]), set(&[ed25519("b")])], 9);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    assert_eq!(outcome(&keys, "a", 3600).await, Err(AuthError::UnknownKey));
    let (keys, _source) = scripted([set(&[ed25519("a")]), failure()], 9);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    assert_eq!(outcome(&keys, "a", 3600).await, Ok(()), "the last good set stays");
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_fetch() {
    let (keys, source) = scripted([set(&[ed25519("a")])], 0);
    let caller = outcome(&keys, "a", 0);
    assert!(futures::FutureExt::now_or_never(caller).is_none(), "it waits and is dropped");
    source.open.add_permits(1);
    keys.tasks.close();
    keys.tasks.wait().await;
    assert_eq!(outcome(&keys, "a", 1).await, Ok(()));
    assert_eq!(fetches(&source), 1);
}

#[tokio::test]
async fn keys_for_other_purposes_are_passed_over() {
    let with = |id: &str, field: &str, value: Value| {
        let mut key = ed25519(id);
        key[field] = value;
        key
    };
    let odd = [
        json!({ "kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXM", "kid": "oct" }),
        json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "p384" }),
        json!({ "kty": "quantum", "kid": "other" }),
        json!("not an object"),
        with("enc", "use", json!("enc")),
        with("signs", "key_ops", json!(["sign"])),
        with("alg", "alg", json!("ES256")),
        ed25519("good"),
    ];
    let (keys, _source) = scripted([set(&odd)], 9);
    assert_eq!(outcome(&keys, "good", 0).await, Ok(()));
    for id in ["oct", "p384", "other", "enc", "signs", "alg"] {
        for algorithm in ["EdDSA", "ES256", "RS256"] {
            let found = keys.key_for(Some(id), algorithm, at(0)).await.map(|_key| ());
            assert_eq!(found, Err(AuthError::UnknownKey), "{id} {algorithm}");
        }
    }
    let shared = keys.key_for(Some("oct"), "HS256", at(0)).await.map(|_key| ());
    assert_eq!(shared, Err(AuthError::Algorithm));
}

#[tokio::test]
async fn without_a_kid_only_a_lone_key_will_do() {
    let (one, _source) = scripted([set(&[ed25519("a")])], 9);
    assert!(one.key_for(None, "EdDSA", at(0)).await.is_ok());
    let (two, _source) = scripted([set(&[ed25519("a"), ed25519("b")])], 9);
    let found = two.key_for(None, "EdDSA", at(0)).await.map(|_key| ());
    assert_eq!(found, Err(AuthError::UnknownKey));
}
