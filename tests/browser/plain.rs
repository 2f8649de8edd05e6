//! The console in a browser that runs no scripts.

use crate::browser::scene::{Scene, fill, with_candidates};

#[tokio::test]
async fn without_scripts_everything_works() {
    let Some(mut scene) = Scene::new(with_candidates()).await else { return };
    let everything = fill(&scene.world).await;
    scene.tab.without_scripts().await;
    scene.sign_in().await;
    let tab = &mut scene.tab;
    for page in &everything.pages {
        tab.open(page).await;
        assert!(!tab.text().await.contains("Kept up to date"), "{page}: no script ran");
    }
    tab.open("/ops/organizations").await;
    tab.fill("#filter-customer_id", "northwind-logistics").await;
    tab.follow("#filters button").await;
    assert!(tab.path().await.contains("customer_id=northwind-logistics"));
    assert_eq!(tab.js("document.querySelectorAll('tbody tr').length").await, 1);
    tab.follow("tbody a").await;
    assert_eq!(tab.path().await, everything.organization);
    tab.click("details.finding summary").await;
    let shown = tab.text().await;
    for told in ["by the partner", "invoice overdue", "organization.locked", "Attempt 1"] {
        assert!(shown.contains(told), "{told} in {shown}");
    }

    tab.open(&everything.waiting).await;
    tab.click("[data-key=not_applied] summary").await;
    tab.fill("#not_applied-reason", "nothing is there").await;
    tab.click("#not_applied-confirm").await;
    tab.follow("#not_applied-form button").await;
    assert!(tab.text().await.contains("Settled by crm-service"), "{}", tab.text().await);
    tab.follow("form.who button").await;
    assert!(tab.text().await.contains("Sign in"), "{}", tab.text().await);
    tab.open("/ops/operations").await;
    assert!(tab.html().await.contains("action=\"/ops/sign-in\""), "the sign-in is gone");
    scene.finish().await;
}
