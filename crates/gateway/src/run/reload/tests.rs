//! What is taken, when, and what is told of it.

use std::sync::{Mutex, PoisonError};

use super::*;

/// A subject whose only file holds `first`, and what was taken of it. `bad` is refused.
fn subject(first: &str) -> (Subject, Arc<Mutex<Vec<String>>>) {
    let taken = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&taken);
    let take = move |found: Vec<SecretString>| {
        let text = found[0].expose_secret().to_owned();
        if text == "bad" {
            return Err("is of no use".to_owned());
        }
        noted.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        Ok(())
    };
    (Subject::new("test", "a.key", vec![PathBuf::from("/key")], vec![first.into()], take), taken)
}

fn holds(text: &str) -> Look {
    Ok(vec![text.into()])
}

fn cannot_be_read() -> Look {
    Err("cannot read /key: there is none".to_owned())
}

fn refused(why: &str) -> Outcome {
    Outcome::Refused(why.to_owned())
}

#[test]
fn new_content_is_taken_when_it_was_seen_twice_and_only_once() {
    let (mut subject, taken) = subject("one");
    assert_eq!(subject.judge(holds("one"), false), Outcome::Unchanged);
    assert_eq!(subject.judge(holds("tw"), false), Outcome::Waiting);
    assert_eq!(subject.judge(holds("two"), false), Outcome::Waiting, "it was being written");
    assert_eq!(subject.judge(holds("two"), false), Outcome::Taken);
    assert_eq!(subject.judge(holds("two"), false), Outcome::Unchanged);
    assert_eq!(*taken.lock().unwrap(), ["two"]);
}

#[test]
fn what_comes_back_to_what_it_was_is_no_change() {
    let (mut subject, taken) = subject("one");
    assert_eq!(subject.judge(holds("two"), false), Outcome::Waiting);
    assert_eq!(subject.judge(holds("one"), false), Outcome::Unchanged);
    assert_eq!(subject.judge(holds("two"), false), Outcome::Waiting);
    assert!(taken.lock().unwrap().is_empty());
}

#[test]
fn who_asks_has_it_at_once() {
    let (mut subject, taken) = subject("one");
    assert_eq!(subject.judge(holds("one"), true), Outcome::Unchanged);
    assert_eq!(subject.judge(holds("two"), true), Outcome::Taken);
    assert_eq!(*taken.lock().unwrap(), ["two"]);
}

#[test]
fn what_is_bad_is_told_once_and_again_where_it_is_asked_for() {
    let (mut subject, taken) = subject("one");
    for (look, why) in
        [(holds("bad"), "is of no use"), (cannot_be_read(), "cannot read /key: there is none")]
    {
        assert_eq!(subject.judge(look.clone(), false), Outcome::Waiting);
        assert_eq!(subject.judge(look.clone(), false), refused(why));
        assert_eq!(subject.judge(look.clone(), false), Outcome::Unchanged);
        assert_eq!(subject.judge(look, true), refused(why));
    }
    assert_eq!(subject.judge(holds("one"), false), Outcome::Unchanged, "it is good again");
    assert_eq!(subject.judge(holds("bad"), true), refused("is of no use"), "and bad anew");
    assert!(taken.lock().unwrap().is_empty());
}

#[test]
fn what_is_good_after_something_bad_is_taken() {
    let (mut subject, taken) = subject("one");
    subject.judge(holds("bad"), true);
    assert_eq!(subject.judge(holds("two"), false), Outcome::Waiting);
    assert_eq!(subject.judge(holds("two"), false), Outcome::Taken);
    assert_eq!(*taken.lock().unwrap(), ["two"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_swapped_by_a_link_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // As Kubernetes mounts a secret: a link to a link to a folder, of which the middle one is swapped.
    for (version, text) in [("v1", "one\n"), ("v2", "two\n")] {
        std::fs::create_dir(path(version)).unwrap();
        std::fs::write(path(version).join("key"), text).unwrap();
    }
    std::os::unix::fs::symlink(path("v1"), path("data")).unwrap();
    std::os::unix::fs::symlink(path("data").join("key"), path("key")).unwrap();
    let (sender, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let take = move |found: Vec<SecretString>| {
        sender.send(found[0].expose_secret().to_owned()).map_err(|error| error.to_string())
    };
    let subject = Subject::new("test", "a.key", vec![path("key")], vec!["one".into()], take);
    let stop = CancellationToken::new();
    let running = run(vec![subject], Arc::default(), stop.clone());
    let swapping = async {
        std::os::unix::fs::symlink(path("v2"), path("next")).unwrap();
        std::fs::rename(path("next"), path("data")).unwrap();
        let found = taken.recv().await;
        stop.cancel();
        found
    };
    let ((), found) = tokio::join!(running, swapping);
    assert_eq!(found.as_deref(), Some("two"));
}
