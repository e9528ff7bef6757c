//! Contract 2.1 in a real browser: what a page of the app can do with the cookies, and what the pages
//! of strangers cannot.
//!
//! The page's origin is the server's host at another port: another origin, but the same site.

mod behind_tls;
mod chromium;
mod passkeys;
mod sites;
mod spa;

use serde_json::Value;

use self::chromium::{Chromium, Tab};
use super::{
    actor::Answer,
    install::{Install, Server},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const REFRESH_COOKIE: &str = "keyward-refresh";
const SESSION_COOKIE: &str = "keyward-session";
const TABS: usize = 5;

/// A server, and a browser for the app `web`.
struct Scene {
    install: Install,
    server: Server,
    chromium: Chromium,
    page: String,
}

impl Scene {
    async fn set() -> Self {
        let install = Install::new();
        install.add_user("alice", PASSWORD, &[]);
        let server = install.start().await;
        let origin = format!("http://{}:{}", install.listen.ip(), sites::page(install.listen.ip()).await);
        install.good(&["app", "add", "web", "--origin", &origin]);
        let page = format!("{origin}/?server={}", server.url);
        Self { chromium: Chromium::start().await, install, server, page }
    }

    /// A tab with the app's page.
    async fn tab(&self) -> Tab<'_> {
        self.chromium.open(&self.page).await
    }

    /// The same page from another site, and from the same site but another origin.
    async fn strangers(&self) -> [(&'static str, Tab<'_>); 2] {
        let far = sites::page("127.0.0.1".parse().expect("an address")).await;
        let near = sites::page(self.install.listen.ip()).await;
        let open = async |host: &str, port: u16| {
            self.chromium.open(&format!("http://{host}:{port}/?server={}", self.server.url)).await
        };
        [
            ("another site", open("localhost", far).await),
            ("the same site", open(&self.install.listen.ip().to_string(), near).await),
        ]
    }

    /// How often a route was answered with this status.
    async fn answered(&self, route: &str, status: u16) -> String {
        let metrics = self.server.client().at(&self.server.management_url).get("/metrics").await.text;
        let [route, status] = [format!("route=\"{route}\""), format!("status=\"{status}\"")];
        let line = metrics.lines().find(|line| line.contains(&route) && line.contains(&status));
        line.and_then(|line| line.split(' ').nth(1)).unwrap_or("0").to_owned()
    }

    /// What the check says to the access token that a tab holds.
    async fn check(&self, tab: &Tab<'_>) -> Answer {
        let access = tab.eval("access").await;
        self.server.client().with_access(access.as_str().expect("a token")).check().await
    }
}

/// What the app's page does to sign in.
fn sign_in() -> String {
    format!("signIn('alice', '{PASSWORD}')")
}

/// The cookies there are, beside what is kept of the device.
async fn cookies(tab: &Tab<'_>) -> Vec<Value> {
    let is_of_device = |cookie: &Value| cookie["name"].as_str().is_some_and(|name| name.ends_with("-device"));
    tab.cookies().await.into_iter().filter(|cookie| !is_of_device(cookie)).collect()
}

/// The only one.
async fn cookie(tab: &Tab<'_>, name: &str) -> Value {
    let mut cookies = cookies(tab).await;
    let cookie = cookies.pop().expect("a cookie");
    assert!(cookies.is_empty() && cookie["name"] == name, "{cookie} {cookies:?}");
    cookie
}

#[track_caller]
fn refused(answer: &Value, code: &str) {
    assert_eq!((&answer["status"], &answer["body"]["code"]), (&401.into(), &code.into()), "{answer}");
}

#[tokio::test]
async fn a_page_that_is_loaded_again_is_signed_in_again() {
    let scene = Scene::set().await;
    let tab = scene.tab().await;
    refused(&tab.eval("ready").await, "token_missing");
    let granted = tab.eval(&sign_in()).await;
    assert_eq!(granted["status"], 200, "{granted}");
    assert_eq!(granted["body"]["refresh_token"], Value::Null, "the cookie alone has it: {granted}");

    let before = cookie(&tab, REFRESH_COOKIE).await;
    assert_eq!(before["httpOnly"], true, "{before}");
    assert_eq!(before["sameSite"], "Strict", "{before}");
    assert_eq!((&before["path"], &before["secure"]), (&"/".into(), &false.into()), "{before}");
    assert_eq!(tab.eval("document.cookie").await, "");

    tab.reload().await;
    assert_eq!(tab.eval("ready.then(answer => answer.status)").await, 200);
    assert_eq!(tab.eval("me()").await["body"]["username"], "alice");
    assert_ne!(cookie(&tab, REFRESH_COOKIE).await["value"], before["value"]);
}

#[tokio::test]
async fn five_tabs_refresh_at_once_and_one_signs_all_out() {
    let scene = Scene::set().await;
    let first = scene.tab().await;
    assert_eq!(first.eval(&sign_in()).await["status"], 200);
    let mut tabs = vec![first];
    while tabs.len() < TABS {
        let tab = scene.tab().await;
        assert_eq!(tab.eval("ready").await["status"], 200);
        tabs.push(tab);
    }
    let host = scene.install.listen.ip();
    let gate = format!("http://{host}:{}", sites::gate(host, &scene.server.url, TABS).await);
    // Twice: the second time, the checks have confirmed the generation that the first brought.
    for _ in 0..2 {
        for tab in &tabs {
            tab.run(&format!("window.refreshing = refresh('{gate}')")).await;
        }
        for tab in &tabs {
            let answer = tab.eval("refreshing").await;
            assert_eq!(answer["status"], 200, "{answer}");
            assert_eq!(scene.check(tab).await.status, 200);
            assert_eq!(tab.eval("me()").await["status"], 200);
        }
    }
    for tab in &tabs {
        assert_eq!(tab.eval("refresh()").await["status"], 200, "the cookie is still good");
    }

    assert_eq!(tabs[0].eval("signOut()").await["status"], 204);
    assert!(cookies(&tabs[0]).await.is_empty());
    for tab in &tabs {
        scene.check(tab).await.refused(401, "token_revoked");
        refused(&tab.eval("me()").await, "token_revoked");
        refused(&tab.eval("refresh()").await, "token_missing");
    }
}

#[tokio::test]
async fn a_strangers_page_can_neither_use_the_cookie_nor_read_an_answer() {
    let scene = Scene::set().await;
    let own = scene.tab().await;
    assert_eq!(own.eval(&sign_in()).await["status"], 200);
    let before = cookie(&own, REFRESH_COOKIE).await;
    let public = "ask('GET', '/.well-known/jwks.json').then(answer => answer.status)";
    assert_eq!(own.eval(public).await, 200);

    for (from, stranger) in scene.strangers().await {
        for attempt in ["ready", "refresh()", &sign_in(), "signOut()", "me()"] {
            let answer = stranger.eval(attempt).await;
            assert_eq!(answer["status"], 0, "{attempt} from {from}: {answer}");
        }
        assert_eq!(stranger.eval(public).await, 0, "{from}");
        for path in ["/v1/refresh", "/v1/logout"] {
            stranger.eval(&format!("ask('POST', '{path}', {{ mode: 'no-cors' }})")).await;
        }
        assert_eq!(cookie(&own, REFRESH_COOKIE).await, before, "{from}");
        assert_eq!(own.eval("me()").await["status"], 200, "{from}");
    }
    // They were heard: from the other site without the cookie, from the same with it.
    for (route, times) in [("/v1/refresh", "3"), ("/v1/logout", "2")] {
        assert_eq!(scene.answered(route, 403).await, times, "{route}");
    }
    assert_eq!(scene.answered("/v1/logout", 401).await, "2");
    own.reload().await;
    assert_eq!(own.eval("ready").await["status"], 200);
}

#[tokio::test]
async fn a_server_rendered_page_is_signed_in_by_its_cookie_alone() {
    let scene = Scene::set().await;
    let me = format!("{}/v1/me", scene.server.url);
    let own = scene.chromium.open(&me).await;
    let body = format!("{{ username: 'alice', password: '{PASSWORD}', transport: 'session' }}");
    let headers = "{ 'Content-Type': 'application/json' }";
    let post = |path: &str, more: &str| {
        format!("fetch('{path}', {{ method: 'POST', {more} }}).then(it => it.status)")
    };
    let login = post("/v1/login", &format!("headers: {headers}, body: JSON.stringify({body})"));
    assert_eq!(own.eval(&login).await, 200);
    let before = cookie(&own, SESSION_COOKIE).await;
    assert_eq!((&before["httpOnly"], &before["sameSite"]), (&true.into(), &"Strict".into()), "{before}");

    own.reload().await;
    let shown = "document.body.textContent";
    assert!(own.eval(shown).await.as_str().is_some_and(|text| text.contains("\"alice\"")));
    assert_eq!(own.eval(&post("/v1/check", "")).await, 200);

    for (from, stranger) in scene.strangers().await {
        assert_eq!(stranger.eval("me()").await["status"], 0, "{from}");
        stranger.eval("ask('POST', '/v1/logout', { mode: 'no-cors' })").await;
        assert_eq!(own.eval(&post("/v1/check", "")).await, 200, "{from}");
        // Where a link leads from another site, the browser leaves the cookie behind.
        stranger.run(&format!("location.href = '{me}'")).await;
        stranger.arrives_at(&me).await;
        let text = stranger.eval(shown).await;
        let expected = if from == "another site" { "token_missing" } else { "\"alice\"" };
        assert!(text.as_str().is_some_and(|text| text.contains(expected)), "{from}: {text}");
    }
    assert_eq!(scene.answered("/v1/logout", 403).await, "1");

    assert_eq!(own.eval(&post("/v1/logout", "")).await, 204);
    assert!(cookies(&own).await.is_empty());
    assert_eq!(own.eval(&post("/v1/check", "")).await, 401);
    own.reload().await;
    assert!(own.eval(shown).await.as_str().is_some_and(|text| text.contains("token_missing")));
}
