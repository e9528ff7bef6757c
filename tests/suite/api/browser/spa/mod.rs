//! docs/browser.md as its reader builds it: its pages in a browser, behind its nginx and its Caddy, from
//! its dev server, and from another origin.

mod guarded;
mod page;
mod site;

use rstest::rstest;
use serde_json::json;

use self::{
    page::Page,
    site::{Files, Gateway, PASSWORD, Transport, USER},
};
use crate::support::outside::actor::send;

#[rstest]
#[tokio::test]
async fn the_pages_sign_in_use_the_api_and_sign_out(
    #[values(Gateway::Nginx, Gateway::Caddy)] gateway: Gateway,
    #[values(Transport::Session, Transport::Cookie)] transport: Transport,
) {
    let site = Files::of(transport).up(gateway, &[]).await;
    let page = site.open(&site.files.origin).await;
    page.signs_in("not this one").await;
    page.says("password").await;
    page.signs_in(PASSWORD).await;
    page.lists("").await;
    page.submits("new-note", &[("text", "milk")]).await;
    page.lists("milk").await;
    page.0.reload().await;
    page.lists("milk").await;

    // A path that is the app's own, typed into the address bar, with a role that the user lacks.
    page.0.visit(&format!("{}/admin", site.files.origin)).await;
    page.lists("milk").await;
    assert_eq!(page.asks("ask('GET', '/api/admin').then(it => it.status)").await, 403);

    let other = site.open(&site.files.origin).await;
    other.lists("milk").await;
    page.submits("sign-out", &[]).await;
    page.shows("sign-in").await;
    let credential = |name: &str| name.ends_with("-session") || name.ends_with("-refresh");
    let kept = page.0.cookies().await;
    assert!(!kept.iter().any(|cookie| credential(cookie["name"].as_str().expect("a name"))), "{kept:?}");
    // This one does not know it yet.
    other.submits("new-note", &[("text", "bread")]).await;
    other.shows("sign-in").await;
}

#[rstest]
#[tokio::test]
async fn the_account_is_asked_for_as_the_page_says(
    #[values(Transport::Session, Transport::Cookie)] transport: Transport,
) {
    let site = Files::of(transport).up(Gateway::Nginx, &[]).await;
    let page = site.open(&site.files.origin).await;
    page.signs_in(PASSWORD).await;
    page.lists("").await;
    let sessions = "ask('GET', '/v1/sessions').then(it => it.json()).then(it => it.sessions)";
    let status = |arguments: &str| format!("ask({arguments}).then(it => it.status)");
    let elsewhere = site.server.client().signed_in(USER, PASSWORD).await;
    let current = format!("{sessions}.then(all => all.map(it => it.current).sort())");
    assert_eq!(page.asks(&current).await, json!([false, true]));
    let end = status(&format!("'DELETE', '/v1/sessions/' + '{}'", elsewhere.session));
    assert_eq!(page.asks(&end).await, 204);
    assert_eq!(page.asks(&current).await, json!([true]));

    site.server.client().signed_in(USER, PASSWORD).await;
    let all = "ask('POST', '/v1/logout/all?keep=current').then(it => it.json())";
    assert_eq!(page.asks(all).await, json!({ "ended": 1 }));
    let chosen = "{ current: 'correct horse battery', new: 'another fine passphrase' }";
    assert_eq!(page.asks(&status(&format!("'POST', '/v1/password', {chosen}"))).await, 204);
    let wrong = format!("ask('POST', '/v1/password', {chosen}).then(it => it.json()).then(it => it.code)");
    assert_eq!(page.asks(&wrong).await, "wrong_password");
    assert_eq!(page.asks(&status("'GET', '/v1/me'")).await, 200);
}

#[tokio::test]
async fn an_access_token_that_is_refused_is_replaced_once_for_all_who_ask() {
    let site = Files::of(Transport::Cookie).up(Gateway::Nginx, &[]).await;
    let page = site.open(&site.files.origin).await;
    page.signs_in(PASSWORD).await;
    page.lists("").await;
    let heard = "window.fetch = ((asked) => (path, options) => { \
        window.heard = options.headers.authorization ?? window.heard; return asked(path, options); })(fetch)";
    page.0.run(heard).await;
    let statuses = "Promise.all(['/v1/me', '/api/notes', '/v1/sessions', '/api/notes'] \
        .map(path => ask('GET', path))).then(all => all.map(it => it.status))";
    assert_eq!(page.asks(statuses).await, json!([200, 200, 200, 200]));
    let before = site.refreshes().await;

    let token = page.0.eval("heard.slice('Bearer '.length)").await;
    let form = format!("client_id=web&token={}", token.as_str().expect("a token"));
    let revoke = site.server.client().request("POST", "/oauth/revoke").body(form);
    let revoke = revoke.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(revoke).await.status, 200);
    assert_eq!(page.asks(statuses).await, json!([200, 200, 200, 200]));
    assert_eq!(site.refreshes().await, before + 1);
    assert_ne!(page.0.eval("heard.slice('Bearer '.length)").await, token);
}

#[tokio::test]
async fn a_vite_dev_server_serves_the_pages() {
    let files = Files::of(Transport::Session);
    let origin = format!("http://localhost:{}", files.vite.port());
    let mut site = files.up(Gateway::Caddy, &[&origin]).await;
    site.start_vite();
    let page = site.open(&origin).await;
    works(&page).await;
    page.0.visit(&format!("{origin}/admin")).await;
    page.lists("milk").await;
}

#[tokio::test]
async fn keyward_may_be_at_another_origin_of_the_same_site() {
    let files = Files::of(Transport::Cookie);
    let keyward = format!("http://localhost:{}", files.install.listen.port());
    files.change("keyward.js", r#"const KEYWARD = "";"#, &format!("const KEYWARD = {keyward:?};"));
    let origin = files.origin.clone();
    let site = files.with_public_url(&keyward).up(Gateway::Nginx, &[&origin]).await;
    let page = site.open(&origin).await;
    works(&page).await;
    page.0.reload().await;
    page.lists("milk").await;
}

async fn works(page: &Page<'_>) {
    page.signs_in(PASSWORD).await;
    page.lists("").await;
    page.submits("new-note", &[("text", "milk")]).await;
    page.lists("milk").await;
}

#[tokio::test]
async fn what_is_opened_as_127_0_0_1_is_not_localhost() {
    let site = Files::of(Transport::Session).up(Gateway::Nginx, &[]).await;
    let page = site.open(&format!("http://{}", site.files.gateway)).await;
    page.signs_in(PASSWORD).await;
    page.says("origin").await;
    page.0.visit(&site.files.origin).await;
    page.signs_in(PASSWORD).await;
    page.lists("").await;
    page.0.visit(&format!("http://{}", site.files.gateway)).await;
    page.shows("sign-in").await;
}
