//! The console, as a browser asks for it: signing in, every page, and a sign-in that is refused.

use reqwest::Method;

use super::flows::{Flows, Heard};
use crate::{
    harness::{Client, Reply},
    real::Fault,
};

/// Signs in, looks at every page, and keeps what is shown.
///
/// # Errors
/// It lets nobody in.
pub(super) async fn look(flows: &mut Flows, base: &str) -> Result<(), Fault> {
    let browser = Client::without_token(base);
    let token = flows.token.clone();
    let refused = sign_in(&browser, base, &format!("{token}x")).await;
    if refused.status < 400 {
        return Err(Fault(format!("the console let a changed token in: {}", refused.status)));
    }
    flows.heard.push(Heard { what: "a sign-in that is refused".to_owned(), reply: refused });
    let reply = sign_in(&browser, base, &token).await;
    let cookie = reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    if reply.status != 303 || cookie.is_empty() {
        return Err(Fault(format!("the console lets nobody in: {} {}", reply.status, reply.text)));
    }
    flows.heard.push(Heard { what: "a sign-in".to_owned(), reply });
    let first = |page: &Reply| page.json["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    let operation = first(&flows.client.get("/v1/operations").await);
    let organization = first(&flows.client.get("/v1/organizations").await);
    for (path, due) in [
        ("/ops".to_owned(), 200),
        ("/ops/operations".to_owned(), 200),
        (format!("/ops/operations/{operation}"), 200),
        ("/ops/organizations?q=Acme".to_owned(), 200),
        (format!("/ops/organizations/{organization}"), 200),
        ("/ops/providers".to_owned(), 200),
        ("/ops/sign-in/callback?code=x&state=y".to_owned(), 404),
        ("/ops/organizations/cnry-refused".to_owned(), 404),
        ("/ops/nowhere".to_owned(), 404),
    ] {
        let reply = browser.get(&path).header("Cookie", &cookie).await;
        if reply.status != due {
            flows.missed.push(format!("{path}: answered {} {:.300}", reply.status, reply.text));
        }
        flows.heard.push(Heard { what: format!("the page {path}"), reply });
    }
    let reply = browser.get("/ops").header("Cookie", &format!("{cookie}x")).await;
    flows.heard.push(Heard { what: "a page with a changed cookie".to_owned(), reply });
    Ok(())
}

/// The form of the sign-in page, sent by that page.
async fn sign_in(browser: &Client, base: &str, token: &str) -> Reply {
    let call = browser.call(Method::POST, "/ops/sign-in").form(&format!("token={token}"));
    call.header("Origin", base).header("Sec-Fetch-Site", "same-origin").await
}
