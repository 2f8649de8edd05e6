//! `audit verify`, run as an operator runs it.

use sqlx::PgPool;
use tempfile::TempDir;

use crate::{
    events::sealed,
    harness::{Binary, Ended, World, cloud_customer},
};

/// Runs it on the world's database, with nothing configured but that.
async fn verify(world: &World, more: &str) -> Ended {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.toml");
    std::fs::write(&file, "[database]\nurl = { env = \"TEST_DATABASE\" }\n").unwrap();
    let command = Binary::new(&format!("audit verify {more} --config")).arg(&file);
    command.env("TEST_DATABASE", world.database_url()).run().await
}

/// As whoever has all rights in the database, and no respect for its triggers.
async fn tamper(world: &World, statements: &[&str]) {
    let pool = PgPool::connect(world.database_url()).await.unwrap();
    let mut tamperer = pool.acquire().await.unwrap();
    for statement in ["set session_replication_role = replica"].iter().chain(statements) {
        let statement = sqlx::AssertSqlSafe((*statement).to_owned());
        sqlx::query(statement).execute(&mut *tamperer).await.unwrap();
    }
    drop(tamperer);
    pool.close().await;
}

fn line<'a>(ended: &'a Ended, name: &str) -> &'a str {
    let found = ended.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_else(|| panic!("no {name}: {}{}", ended.stdout, ended.stderr))
}

#[tokio::test]
async fn a_clean_feed_is_clean_and_a_changed_one_is_told_with_its_place() {
    let world = World::new().await;
    let client = world.client();
    for n in 0..3 {
        client.create(&cloud_customer(&format!("cust-{n}"))).await;
    }
    sealed(&world).await;
    let clean = verify(&world, "").await;
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert_eq!((line(&clean, "checked"), line(&clean, "faults")), ("3", "0"));
    let head = line(&clean, "head").to_owned();
    assert!(head.starts_with("3:") && head.len() == 66, "{head}");
    client.create(&cloud_customer("cust-9")).await;
    sealed(&world).await;
    assert_eq!(
        verify(&world, &format!("--head {head}")).await.code,
        Some(0),
        "it lies on the chain"
    );

    tamper(&world, &["update events set actor = 'nobody' where id = (select event_id from event_feed where sequence = 2)"]).await;
    let changed = verify(&world, "").await;
    assert_eq!((changed.code, line(&changed, "faults")), (Some(1), "1"), "{}", changed.stderr);
    let told = changed.stderr.lines().last().unwrap();
    assert!(told.starts_with("error: ") && told.contains("number 2, organization "), "{told}");
    assert!(told.contains("altered"), "{told}");
    assert_eq!(line(&changed, "checked"), "4", "it goes on after what it finds");
    world.finish().await;
}

#[tokio::test]
async fn who_rewrites_everything_is_found_by_a_head_that_was_noted() {
    let world = World::new().await;
    let client = world.client();
    for n in 0..3 {
        client.create(&cloud_customer(&format!("cust-{n}"))).await;
    }
    sealed(&world).await;
    let noted = line(&verify(&world, "").await, "head").to_owned();
    // The tamperer lets the gateway seal the changed story anew.
    tamper(
        &world,
        &[
            "update events set actor = 'nobody'",
            "delete from event_feed",
            "update event_feed_head set sequence = 0, hash = decode(repeat('00', 32), 'hex')",
            "insert into events_unsealed select id from events",
        ],
    )
    .await;
    sealed(&world).await;
    let rewritten = verify(&world, "").await;
    assert_eq!(rewritten.code, Some(0), "nothing in the database can tell: {}", rewritten.stderr);
    let found = verify(&world, &format!("--head {noted}")).await;
    assert_eq!(found.code, Some(1));
    assert!(found.stderr.contains("number 3, organization not known, noted_head_missing"));
    world.finish().await;
}

#[tokio::test]
async fn bad_usage_is_2_and_what_is_not_sealed_is_no_fault() {
    let world = World::new().await;
    for head in ["7", "7:beef", "-1:00", "x:y"] {
        assert_eq!(verify(&world, &format!("--head={head}")).await.code, Some(2), "{head}");
    }
    let pool = PgPool::connect(world.database_url()).await.unwrap();
    // Whoever holds the head's row is the one sealer; while that is us, nobody seals.
    let mut sealer = pool.begin().await.unwrap();
    sqlx::query("select from event_feed_head for update").execute(&mut *sealer).await.unwrap();
    world.client().create(&cloud_customer("cust-1")).await;
    let waits = verify(&world, "").await;
    assert_eq!(waits.code, Some(0), "{}", waits.stderr);
    assert_eq!((line(&waits, "checked"), line(&waits, "not sealed yet")), ("0", "1"));
    sealer.rollback().await.unwrap();
    pool.close().await;
    world.finish().await;
}
