//! A page that stays open shows what happens, and disturbs nobody.

use crate::{
    browser::scene::{Scene, quarantined, with_candidates},
    harness::{Settings, Tab, commitments_customer},
};

/// The page hears of what changes.
async fn is_live(tab: &Tab) {
    tab.until("document.getElementById('live-state').textContent === 'Kept up to date.'").await;
}

#[tokio::test]
async fn what_happens_is_shown_without_loading_again() {
    let Some(mut scene) = Scene::new(Settings::default()).await else { return };
    let client = scene.world.client();
    scene.sign_in().await;
    is_live(&scene.tab).await;
    scene.tab.js("window.mark = 1").await;
    quarantined(&scene.world, &client, &commitments_customer("c-1")).await;
    scene.tab.until("document.querySelector('[data-count=quarantined]').textContent === '1'").await;
    assert!(scene.tab.text().await.contains("1 operation waits for a person"));

    scene.world.client_of("shop").create(&commitments_customer("theirs")).await;
    client.create(&commitments_customer("c-2")).await;
    scene.tab.until("document.querySelector('[data-count=active]').textContent === '1'").await;
    assert_eq!(scene.tab.js("window.mark").await, 1, "it is the same page");
    scene.finish().await;
}

#[tokio::test]
async fn focus_scroll_and_what_is_typed_stay() {
    let Some(mut scene) = Scene::new(with_candidates()).await else { return };
    let client = scene.world.client();
    let first = quarantined(&scene.world, &client, &commitments_customer("c-1")).await;
    let path = format!("/ops/operations/{}", first["id"].as_str().unwrap());
    scene.sign_in().await;
    scene.tab.size(900, 500).await;
    scene.tab.open(&path).await;
    is_live(&scene.tab).await;
    let tab = &scene.tab;
    tab.click("[data-key=applied] summary").await;
    tab.click("#applied-form input[type=radio]").await;
    tab.fill("#applied-reason", "half a sen").await;
    let as_of = tab.js("document.getElementById('as-of').textContent").await;
    let scroll = tab.js("scrollY").await;
    assert!(scroll.as_f64().unwrap() > 0.0);
    // Something else of the tenant's happens, and the page is loaded again for it.
    client.create(&commitments_customer("c-2")).await;
    tab.until(&format!("document.getElementById('as-of').textContent !== {as_of}")).await;
    assert_eq!(tab.js("document.activeElement.id").await, "applied-reason");
    assert_eq!(tab.js("scrollY").await, scroll);
    tab.type_text("tence").await;
    assert_eq!(tab.js("document.activeElement.value").await, "half a sentence");
    assert_eq!(tab.js("document.querySelector('[data-key=applied]').open").await, true);
    assert_eq!(
        tab.js("document.querySelector('#applied-form input[type=radio]').checked").await,
        true
    );

    // Somebody else settles it: what is being filled in is not taken away, and that is told.
    let settled = serde_json::json!({ "outcome": "not_applied", "retry": false, "reason": "no" });
    let resolve = format!("/v1/operations/{}/resolve", first["id"].as_str().unwrap());
    client.post(&resolve, &settled).await.expect(200);
    tab.until("!document.getElementById('live-notice').hidden").await;
    let told = tab.js("document.getElementById('live-notice').textContent").await;
    assert!(told.as_str().unwrap().contains("changed while you were filling in"), "{told}");
    assert_eq!(tab.js("document.activeElement.value").await, "half a sentence");
    scene.finish().await;
}

#[tokio::test]
async fn a_row_keeps_the_focus_when_others_come() {
    let Some(mut scene) = Scene::new(Settings::default()).await else { return };
    let client = scene.world.client();
    let mine = client.create(&commitments_customer("c-1")).await;
    scene.sign_in().await;
    scene.tab.open("/ops/organizations").await;
    is_live(&scene.tab).await;
    let link = format!("/ops/organizations/{}", mine["id"].as_str().unwrap());
    scene.tab.js(&format!("document.querySelector('a[href=\"{link}\"]').focus()")).await;
    client.create(&commitments_customer("c-2")).await;
    scene.tab.until("document.querySelectorAll('tbody tr').length === 2").await;
    assert_eq!(scene.tab.js("document.activeElement.getAttribute('href')").await, link);
    assert_eq!(scene.tab.js("document.querySelector('tbody tr code').textContent").await, "c-2");
    scene.finish().await;
}

#[tokio::test]
async fn a_page_says_that_its_sign_in_has_ended() {
    let Some(mut scene) = Scene::new(Settings::default()).await else { return };
    scene.sign_in().await;
    is_live(&scene.tab).await;
    scene.tab.forget_cookies().await;
    scene.world.client().create(&commitments_customer("c-1")).await;
    scene.tab.until("document.getElementById('live-notice')?.hidden === false").await;
    let told = scene.tab.js("document.getElementById('live-notice').textContent").await;
    assert!(told.as_str().unwrap().contains("The sign-in has ended"), "{told}");
    assert!(scene.tab.text().await.contains("Overview"), "what was there stays to be read");
    scene.finish().await;
}

#[tokio::test]
async fn an_open_page_does_not_keep_the_process_from_ending() {
    let Some(mut scene) = Scene::new(Settings::default()).await else { return };
    scene.sign_in().await;
    is_live(&scene.tab).await;
    scene.world.stop_gateway().await;
    let cut = "document.getElementById('live-state').textContent.startsWith('Not connected')";
    scene.tab.until(cut).await;
    scene.finish_wherever().await;
}
