//! The console by the keyboard alone.

use crate::{
    browser::scene::{Scene, quarantined},
    harness::{ENTER, SPACE, Settings, TAB, Tab, commitments_customer},
};

/// What has the focus, and how far it can be seen that it has.
const FOCUS: &str = "(() => {
    const it = document.activeElement, style = getComputedStyle(it);
    const name = it.id ? '#' + it.id : it.getAttribute('href') || it.textContent.trim();
    return { name, shown: it.matches(':focus-visible') && style.outlineStyle !== 'none'
        && parseFloat(style.outlineWidth) >= 2 };
})()";

/// Presses Tab until something has the focus. Wherever it comes by, it can be seen.
async fn tab_to(tab: &Tab, wanted: &str) {
    for _ in 0..80 {
        tab.press(TAB).await;
        let focus = tab.js(FOCUS).await;
        assert_eq!(focus["shown"], true, "the focus on {focus} cannot be seen");
        if focus["name"].as_str() == Some(wanted) {
            return;
        }
    }
    panic!("{wanted} cannot be reached: {}", tab.html().await);
}

#[tokio::test]
async fn everything_is_reached_and_done_by_the_keyboard() {
    let Some(mut scene) = Scene::new(Settings::default()).await else { return };
    let client = scene.world.client();
    let operation = quarantined(&scene.world, &client, &commitments_customer("c-1")).await;
    let [made] = &scene.world.providers().archera_orgs()[..] else { panic!("not exactly one") };
    let (made, token) = (made.id.to_string(), scene.token());
    let tab = &mut scene.tab;
    tab.open("/ops").await;
    assert_eq!(tab.js(FOCUS).await["name"], "#token", "one can begin to type");
    tab.type_text(&token).await;
    tab.enter().await;
    assert_eq!(tab.path().await, "/ops");

    tab.press(TAB).await;
    assert_eq!(tab.js(FOCUS).await["name"], "#main", "the first leads past the navigation");
    tab_to(tab, "/ops/operations").await;
    tab.enter().await;
    let path = format!("/ops/operations/{}", operation["id"].as_str().unwrap());
    tab_to(tab, &path).await;
    tab.enter().await;
    assert_eq!(tab.path().await, path);

    tab_to(tab, "It was done").await;
    tab.press(ENTER).await;
    tab_to(tab, "#provider-org-id").await;
    tab.type_text(&made).await;
    tab_to(tab, "#applied-reason").await;
    tab.type_text("seen there").await;
    tab_to(tab, "#applied-confirm").await;
    tab.press(SPACE).await;
    tab_to(tab, "Record it as done").await;
    tab.enter().await;
    assert!(tab.text().await.contains("Settled by crm-service"), "{}", tab.text().await);
    let read = client.get(&format!("/v1/operations/{}", operation["id"].as_str().unwrap())).await;
    assert_eq!(read.expect(200)["state"], "succeeded");
    scene.finish().await;
}
