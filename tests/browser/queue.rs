//! The main thing that a person on call does: what waits is found, understood, and settled.

use crate::{
    browser::scene::{Scene, quarantined, with_candidates},
    harness::commitments_customer,
};

#[tokio::test]
async fn a_lost_create_is_found_understood_and_settled() {
    let Some(mut scene) = Scene::new(with_candidates()).await else { return };
    let client = scene.world.client();
    let operation = quarantined(&scene.world, &client, &commitments_customer("c-1")).await;
    let [made] = &scene.world.providers().archera_orgs()[..] else { panic!("not exactly one") };
    let made = made.id.to_string();
    scene.sign_in().await;
    let tab = &mut scene.tab;
    let overview = tab.text().await;
    assert!(overview.contains("1 operation waits for a person"), "{overview}");

    tab.follow("nav a[href='/ops/operations']").await;
    assert!(tab.text().await.contains("For a person to settle"));
    let path = format!("/ops/operations/{}", operation["id"].as_str().unwrap());
    tab.follow(&format!("a[href='{path}']")).await;
    let seen = tab.text().await;
    for told in ["Attempt 1", "was lost before it answered", "Candidates at the provider", &made] {
        assert!(seen.contains(told), "{told} in {seen}");
    }

    tab.click("[data-key=applied] summary").await;
    tab.click(&format!("#applied-form input[value='{made}']")).await;
    tab.fill("#applied-reason", "seen in the console of the provider").await;
    tab.click("#applied-form button").await;
    assert_eq!(
        tab.js("document.querySelector('#applied-confirm').matches(':invalid')").await,
        true
    );
    tab.click("#applied-confirm").await;
    tab.follow("#applied-form button").await;
    assert_eq!(tab.path().await, path);
    let settled = tab.text().await;
    assert!(
        settled.contains("It was done.") && settled.contains("Settled by crm-service"),
        "{settled}"
    );
    assert!(settled.contains("seen in the console of the provider"), "{settled}");

    tab.follow("nav a[href='/ops/operations']").await;
    assert!(!tab.html().await.contains(&path), "it is in the queue no more");
    let org = operation["organization_id"].as_str().unwrap();
    tab.open(&format!("/ops/organizations/{org}")).await;
    let shown = tab.text().await;
    assert!(shown.contains(&made) && shown.contains("operation.resolved"), "{shown}");
    assert_eq!(tab.js("document.querySelector('h1 .chip').textContent").await, "active");
    let read = client.get(&format!("/v1/organizations/{org}")).await.expect(200);
    assert_eq!((&read["status"], &read["provider_org_id"]), (&"active".into(), &made.into()));
    scene.finish().await;
}
