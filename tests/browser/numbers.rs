//! What the overview says there is, is there: counted by hand in the database.

use sqlx::{PgPool, Row};

use crate::{
    browser::scene::{Scene, fill, with_candidates},
    harness::{Tab, commitments_customer},
};

/// By name, and what the database has.
const COUNTS: &str = "
    select state as word, count(*) from operations
        where tenant = 'crm' and finished_at is null group by state
    union all
    select state, count(*) from operations
        where tenant = 'crm' and finished_at > now() - interval '24 hours' group by state
    union all
    select status, count(*) from organizations where tenant = 'crm' group by status";

async fn number(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

/// The sum of a chart's bars.
async fn bars(tab: &Tab, series: &str) -> i64 {
    let sum = format!(
        "[...document.querySelectorAll('[data-series={series}] rect')]
            .reduce((sum, bar) => sum + Number(bar.dataset.value), 0)"
    );
    tab.js(&sum).await.as_i64().unwrap()
}

#[tokio::test]
async fn the_numbers_on_the_page_are_the_databases() {
    let Some(mut scene) = Scene::new(with_candidates()).await else { return };
    fill(&scene.world).await;
    for at in 0..7 {
        scene.world.client().create(&commitments_customer(&format!("more-{at}"))).await;
    }
    scene.world.client_of("shop").create(&commitments_customer("theirs")).await;
    // What ended, and what was created, before what the page tells of.
    scene
        .world
        .change_database(
            "alter table operations disable trigger operations_guard;
             update operations set finished_at = finished_at - interval '25 hours'
                 where id = (select id from operations where tenant = 'crm' and state = 'succeeded' limit 1);
             alter table operations enable trigger operations_guard;
             update organizations set created_at = created_at - interval '3 days'
                 where id in (select id from organizations where tenant = 'crm' limit 2);
             update organizations set created_at = created_at - interval '40 days'
                 where id = (select id from organizations where tenant = 'crm'
                     order by created_at desc limit 1)",
        )
        .await;
    scene.sign_in().await;
    let pool = PgPool::connect(scene.world.database_url()).await.unwrap();
    let counted = sqlx::query(COUNTS).fetch_all(&pool).await.unwrap();
    let mut checked = 0;
    for row in &counted {
        let (word, count): (String, i64) = (row.get(0), row.get(1));
        let text = format!("document.querySelector('[data-count={word}]').textContent");
        assert_eq!(scene.tab.js(&text).await, count.to_string(), "{word}");
        checked += count;
    }
    let shown = scene.tab.js(
        "[...document.querySelectorAll('[data-count]')].reduce((sum, it) => sum + Number(it.textContent), 0)",
    );
    assert_eq!(shown.await, checked, "what is not in the database is not on the page");
    let created = "select count(*) from organizations where tenant = 'crm'
        and created_at >= date_trunc('day', now(), 'UTC') - interval '13 days'";
    assert_eq!(bars(&scene.tab, "created").await, number(&pool, created).await);
    let ended = "select count(*) from operations where tenant = 'crm'
        and finished_at >= date_trunc('hour', now(), 'UTC') - interval '23 hours'";
    assert_eq!(bars(&scene.tab, "ended").await, number(&pool, ended).await);
    let old = number(&pool, "select count(*) from organizations where tenant = 'crm'").await;
    assert!(bars(&scene.tab, "created").await < old, "what is older is not in the chart");
    let told = scene.tab.js("document.querySelector('[data-series=created] svg').ariaLabel").await;
    assert!(told.as_str().unwrap().starts_with("Organizations created, day by day"), "{told}");
    pool.close().await;
    scene.finish().await;
}
