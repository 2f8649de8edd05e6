//! Signing in at an identity provider, and what must not sign anybody in.

use chrono::{TimeDelta, Utc};
use partner_gateway::auth::{MintRequest, Scope, Tenant, mint};
use secrecy::ExposeSecret;

use crate::{
    browser::{
        identity::{CLIENT, Identity},
        scene::Scene,
    },
    harness::Settings,
};

/// A gateway whose people sign in at the provider.
async fn scene() -> Option<(Scene, Identity)> {
    let identity = Identity::start().await;
    let issuer: &'static str = identity.issuer.clone().leak();
    let settings = Settings::default()
        .with("GATEWAY_AUTH__ISSUER", issuer)
        .with("GATEWAY_CONSOLE__OIDC__ISSUER", issuer)
        .with("GATEWAY_CONSOLE__OIDC__CLIENT_ID", CLIENT.0)
        .with("GATEWAY_CONSOLE__OIDC__CLIENT_SECRET__ENV", "CONSOLE_SECRET")
        .with("CONSOLE_SECRET", CLIENT.1);
    let scene = Scene::new(settings).await?;
    identity.gives(&scene.token());
    Some((scene, identity))
}

/// Goes to the provider's page. The browser is on another site then.
async fn leave(scene: &mut Scene) {
    scene.tab.follow("a[href^='/ops/sign-in/oidc']").await;
    assert_eq!(scene.tab.js("document.querySelector('h1').textContent").await, "Identity");
}

async fn is_refused(scene: &Scene, why: &str) {
    let told = scene.tab.text().await;
    assert!(told.contains(&format!("Not signed in: {why}")), "{why} in {told}");
}

/// Nobody is signed in.
async fn is_out(scene: &mut Scene) {
    scene.tab.open("/ops").await;
    assert!(scene.tab.html().await.contains("action=\"/ops/sign-in\""));
}

#[tokio::test]
async fn a_person_signs_in_at_the_identity_provider_and_is_where_they_wanted_to_be() {
    let Some((mut scene, identity)) = scene().await else { return };
    scene.tab.open("/ops/operations?state=succeeded").await;
    leave(&mut scene).await;
    scene.tab.follow_to("#in", "/ops/operations?state=succeeded").await;
    assert!(scene.tab.text().await.contains("crm-service · crm"));
    scene.tab.open("/ops").await;
    assert!(scene.tab.text().await.contains("Nothing waits for a person"));
    assert_eq!(scene.tab.js("document.cookie").await, "", "no script reads a cookie");
    let (ours, theirs) = (scene.world.anonymous().base().to_owned(), &identity.issuer);
    for asked in scene.tab.requests() {
        assert!(asked.starts_with(&ours) || asked.starts_with(theirs), "{asked}");
    }
    assert_eq!(scene.tab.complaints(), Vec::<String>::new());
    scene.finish_wherever().await;
}

#[tokio::test]
async fn an_answer_of_another_sign_in_or_an_old_one_signs_nobody_in() {
    let Some((mut scene, identity)) = scene().await else { return };
    scene.tab.open("/ops").await;
    leave(&mut scene).await;
    let link = scene.tab.js("document.getElementById('in').href").await;
    let back =
        link.as_str().unwrap().strip_prefix(scene.world.anonymous().base()).unwrap().to_owned();
    let forged = back.replace("state=", "state=x");
    scene.tab.open(&forged).await;
    is_refused(&scene, "this sign-in was not begun in this browser").await;
    // The right answer comes too late: what was under way is over.
    scene.tab.open(&back).await;
    is_refused(&scene, "this sign-in was not begun in this browser").await;
    assert_eq!(identity.given(), 0, "no code was spent");

    // The code of one sign-in in the answer to another: it was begun with another challenge.
    scene.tab.open("/ops").await;
    leave(&mut scene).await;
    scene
        .tab
        .js("document.getElementById('in').href = document.getElementById('in').href
        .replace('code=code-1', 'code=code-0')")
        .await;
    scene.tab.follow("#in").await;
    is_refused(&scene, "the identity provider did not take the code").await;

    // A code that was used: the whole address again, after it signed in.
    scene.tab.open("/ops").await;
    leave(&mut scene).await;
    let link = scene.tab.js("document.getElementById('in').href").await;
    let used =
        link.as_str().unwrap().strip_prefix(scene.world.anonymous().base()).unwrap().to_owned();
    scene.tab.follow_to("#in", "/ops").await;
    scene.tab.open(&used).await;
    is_refused(&scene, "this sign-in was not begun in this browser").await;
    assert_eq!(identity.given(), 1);
    scene.finish_wherever().await;
}

#[tokio::test]
async fn who_is_refused_there_or_brings_what_the_api_refuses_is_told() {
    let Some((mut scene, identity)) = scene().await else { return };
    let request = |scopes: &[Scope]| MintRequest {
        subject: "ada".to_owned(),
        tenant: Tenant::new("crm").unwrap(),
        scopes: scopes.iter().copied().collect(),
        ttl: std::time::Duration::from_secs(60),
    };
    let auth = scene.world.auth();
    let mut elsewhere = auth.clone();
    elsewhere.audience = "another".to_owned();
    let signed = |auth, scopes: &[Scope], at| {
        mint(auth, &request(scopes), at).unwrap().expose_secret().to_owned()
    };
    let read = &[Scope::OrganizationsRead];
    let tokens = [
        (signed(&elsewhere, read, Utc::now()), "the token is not valid"),
        (signed(auth, read, Utc::now() - TimeDelta::hours(1)), "the token has expired"),
        (signed(auth, &[Scope::EventsRead], Utc::now()), "the token lacks the scope"),
        ("opaque".to_owned(), "the token is not valid"),
    ];
    for (token, why) in tokens {
        identity.gives(&token);
        scene.tab.open("/ops").await;
        leave(&mut scene).await;
        scene.tab.follow("#in").await;
        is_refused(&scene, why).await;
        is_out(&mut scene).await;
    }
    identity.gives(&scene.token());
    identity.forgets_the_nonce();
    leave(&mut scene).await;
    scene.tab.follow("#in").await;
    is_refused(&scene, "what the identity provider answered does not belong").await;
    is_out(&mut scene).await;
    identity.denies();
    scene.tab.follow("a[href^='/ops/sign-in/oidc']").await;
    is_refused(&scene, "the identity provider says access_denied").await;
    is_out(&mut scene).await;
    scene.finish_wherever().await;
}

#[tokio::test]
async fn nobody_is_led_away_by_a_sign_in() {
    for evil in
        ["https://evil.test/ops", "//evil.test", "/\\evil.test", "/opsx", "javascript:alert(1)"]
    {
        // Each in a browser of its own: a sign-out would still be on its way when the next one begins.
        let Some((mut scene, _identity)) = scene().await else { return };
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("next", evil).finish();
        scene.tab.open(&format!("/ops/sign-in/oidc?{query}")).await;
        scene.tab.follow_to("#in", "/ops").await;
        assert_eq!(scene.tab.path().await, "/ops", "{evil}");
        scene.finish_wherever().await;
    }
}
