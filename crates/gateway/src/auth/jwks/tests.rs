//! Key sets that rotate, fail, grow old, and have many callers at once.

use std::collections::VecDeque;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;

const MAX_STALE: Duration = Duration::from_secs(24 * 3600);

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
    let tasks = TaskTracker::new();
    let keys = Jwks::new(Arc::<Scripted>::clone(&source), allowed, MAX_STALE, tasks);
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

/// The outcome for a token of this `kid` whose signature is right.
async fn outcome(keys: &Jwks, id: &str, seconds: i64) -> Result<(), AuthError> {
    keys.verify(Some(id), "EdDSA", |_key| true, at(seconds)).await
}

fn pending(retry_after: u64) -> Result<(), AuthError> {
    Err(AuthError::KeyPending { retry_after })
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
async fn a_key_that_appears_right_after_a_fetch_is_found_at_once() {
    let (keys, source) = scripted([set(&[ed25519("a")]), set(&[ed25519("b")])], 9);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    assert_eq!(outcome(&keys, "b", 1).await, Ok(()));
    assert_eq!(outcome(&keys, "a", 2).await, pending(29), "revoked, or to be published again");
    assert_eq!(fetches(&source), 2);
    assert_eq!(outcome(&keys, "a", 31).await, Err(AuthError::UnknownKey));
    assert_eq!(fetches(&source), 3);
}

#[tokio::test]
async fn made_up_kids_cause_two_fetches_in_a_cooldown_and_do_not_disturb_known_keys() {
    let (keys, source) = scripted([set(&[ed25519("a")])], 99);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    assert_eq!(outcome(&keys, "x-0", 10).await, Err(AuthError::UnknownKey), "a fetch shows it");
    for (number, second) in (11..40).enumerate() {
        let left = u64::try_from(40 - second).unwrap();
        assert_eq!(outcome(&keys, &format!("x-{number}"), second).await, pending(left));
        assert_eq!(outcome(&keys, "a", second).await, Ok(()));
    }
    assert_eq!(fetches(&source), 2);
    for second in 40..70 {
        let _unknown = outcome(&keys, &format!("y-{second}"), second).await;
        assert_eq!(outcome(&keys, "a", second).await, Ok(()));
    }
    assert_eq!(fetches(&source), 4);
}

#[tokio::test]
async fn a_fetch_that_began_before_the_token_came_does_not_condemn_it() {
    let answers = [set(&[ed25519("a")]), set(&[ed25519("a")]), set(&[ed25519("b")])];
    let (keys, source) = scripted(answers, 1);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    // The first fetch runs when the second token, of a key published since, arrives.
    let (early, late) = (outcome(&keys, "x", 30), outcome(&keys, "b", 30));
    let released = async {
        tokio::task::yield_now().await;
        source.open.add_permits(9);
    };
    let (early, late, ()) = futures::join!(early, late, released);
    assert_eq!((early, late), (Err(AuthError::UnknownKey), Ok(())));
    assert_eq!(fetches(&source), 3);
}

#[tokio::test]
async fn the_last_good_set_outlives_failures_and_an_unknown_kid_is_not_the_callers_fault() {
    let answers = [set(&[ed25519("a")]), failure(), Ok(b"<html>".to_vec()), set(&[])];
    let (keys, source) = scripted(answers, 9);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    for second in [40, 80, 120] {
        assert_eq!(outcome(&keys, "b", second).await, pending(5));
        assert_eq!(outcome(&keys, "b", second + 1).await, pending(4), "no fetch in the cooldown");
        assert_eq!(outcome(&keys, "a", second).await, Ok(()));
    }
    assert_eq!(fetches(&source), 4);
}

#[tokio::test]
async fn a_set_is_used_for_max_stale_while_its_endpoint_fails_and_no_longer() {
    let (keys, _source) = scripted([set(&[ed25519("a")]), failure()], usize::MAX >> 4);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    let day = 24 * 3600;
    for second in [400, 3_600, 40_000, day - 1] {
        assert_eq!(outcome(&keys, "a", second).await, Ok(()), "{second}");
    }
    let stale = |retry_after| Err(AuthError::KeysStale { retry_after });
    assert_eq!(outcome(&keys, "a", day + 9).await, stale(5));
    assert_eq!(outcome(&keys, "a", day + 11).await, stale(3), "the failure has a cooldown");
    keys.tasks.close();
    keys.tasks.wait().await;
}

#[tokio::test]
async fn a_stale_set_is_replaced_as_soon_as_the_endpoint_works() {
    let answers = [set(&[ed25519("a")]), failure(), set(&[ed25519("a")])];
    let (keys, source) = scripted(answers, 9);
    assert_eq!(outcome(&keys, "a", 0).await, Ok(()));
    let day = 24 * 3600;
    assert_eq!(outcome(&keys, "a", day).await, Err(AuthError::KeysStale { retry_after: 5 }));
    assert_eq!(outcome(&keys, "a", day + 5).await, Ok(()));
    assert_eq!(fetches(&source), 3);
}

#[tokio::test]
async fn without_any_keys_the_caller_is_not_to_blame() {
    let (keys, source) = scripted([failure(), failure(), set(&[ed25519("a")])], 9);
    let unavailable = |retry_after| Err(AuthError::KeysUnavailable { retry_after });
    assert_eq!(keys.prepare(at(0)).await, unavailable(5));
    assert_eq!(outcome(&keys, "a", 1).await, unavailable(4));
    assert_eq!(fetches(&source), 1, "a failed fetch has its cooldown too");
    assert_eq!(outcome(&keys, "a", 5).await, unavailable(5));
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
    assert_eq!(outcome(&keys, "a", 331).await, Err(AuthError::UnknownKey));
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
    let (keys, source) = scripted([set(&odd)], 9);
    assert_eq!(outcome(&keys, "good", 0).await, Ok(()));
    for id in ["oct", "p384", "other", "enc", "signs", "alg"] {
        for algorithm in ["EdDSA", "ES256", "RS256"] {
            let found = keys.verify(Some(id), algorithm, |_key| true, at(0)).await;
            assert_eq!(found, Err(AuthError::UnusableKey), "{id} {algorithm}");
        }
    }
    let shared = keys.verify(Some("oct"), "HS256", |_key| true, at(0)).await;
    assert_eq!(shared, Err(AuthError::Algorithm));
    let other = keys.verify(Some("good"), "ES256", |_key| true, at(0)).await;
    assert_eq!(other, Err(AuthError::KeyAlgorithm));
    assert_eq!(fetches(&source), 1, "a key that is there causes no fetch");
}

#[tokio::test]
async fn without_a_kid_every_key_that_fits_is_tried_up_to_a_bound() {
    use std::cell::Cell;

    let many: Vec<Value> = (0..40).map(|number| ed25519(&number.to_string())).collect();
    let (keys, source) = scripted([set(&many)], 99);
    let tried = Cell::new(0);
    let third = |_key: &VerifyingKey| {
        tried.set(tried.get() + 1);
        tried.get() == 3
    };
    assert_eq!(keys.verify(None, "EdDSA", third, at(0)).await, Ok(()));
    assert_eq!(tried.get(), 3);
    tried.set(0);
    let none = |_key: &VerifyingKey| {
        tried.set(tried.get() + 1);
        false
    };
    assert_eq!(keys.verify(None, "EdDSA", none, at(1)).await, Err(AuthError::Signature));
    assert!(tried.get() <= 3 * 16, "{} were tried", tried.get());
    assert_eq!(keys.verify(None, "ES256", |_key| true, at(1)).await, Err(AuthError::UnknownKey));
    assert_eq!(fetches(&source), 1, "tokens without kid do not use up the extra fetch");
}

#[tokio::test]
async fn keys_of_one_kid_are_all_tried_and_a_key_without_kid_is_tried_for_any() {
    let mut unnamed = ed25519("");
    unnamed.as_object_mut().unwrap().remove("kid");
    let (keys, _source) = scripted([set(&[ed25519("a"), ed25519("a"), unnamed])], 99);
    let tried = std::cell::Cell::new(0);
    let second = |_key: &VerifyingKey| {
        tried.set(tried.get() + 1);
        tried.get() == 2
    };
    assert_eq!(keys.verify(Some("a"), "EdDSA", second, at(0)).await, Ok(()));
    let wrong = keys.verify(Some("a"), "EdDSA", |_key| false, at(0)).await;
    assert_eq!(wrong, Err(AuthError::Signature));
    assert_eq!(keys.verify(Some("b"), "EdDSA", |_key| true, at(0)).await, Ok(()));
}
