//! Contract 2.1, transport `cookie`: a browser keeps the refresh token where no script can read it,
//! and only pages of the server and of the app can use it.

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::json;

use super::{
    actor::Answer,
    install::{Install, Server},
    secrets,
};
use crate::support::outside::documented;

const PASSWORD: &str = "seven words make a fine passphrase indeed";
const PAGE: &str = "https://app.example.com";

pub async fn send(request: RequestBuilder) -> Answer {
    secrets::register_request(&request);
    let asked = request.try_clone();
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    secrets::register_answer(&headers, &text);
    let answer = Answer { status, headers, text };
    documented::check(asked, &answer);
    answer
}

/// A browser on a page of the app `web`.
struct Browser {
    server: Server,
    cookie: String,
}

impl Browser {
    async fn sign_in(install: &Install) -> (Self, Answer) {
        install.good(&["app", "add", "web", "--origin", PAGE]);
        install.add_user("alice", PASSWORD, &[]);
        let server = install.start().await;
        let body = json!({ "username": "alice", "password": PASSWORD, "app": "web", "transport": "cookie" });
        let login = server.client().request("POST", "/v1/login").header("origin", PAGE).json(&body);
        let answer = send(login).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = cookie(&answer.headers).expect("a cookie").split(';').next().expect("a pair").to_owned();
        (Self { server, cookie }, answer)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.server.client().request("POST", path).header("cookie", &self.cookie)
    }
}

/// The one cookie of an answer, beside what it says of the device.
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    let mut cookies = set_cookies(headers).into_iter().filter(|cookie| !is_of_device(cookie));
    let first = cookies.next();
    assert!(cookies.next().is_none(), "{headers:?}");
    first
}

/// What an answer has a browser keep of the device.
pub fn device_cookie(headers: &HeaderMap) -> Option<String> {
    set_cookies(headers).into_iter().find(|cookie| is_of_device(cookie))
}

fn is_of_device(cookie: &str) -> bool {
    cookie.trim_start_matches("__Host-").starts_with("keyward-device=")
}

fn set_cookies(headers: &HeaderMap) -> Vec<String> {
    headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("ASCII").to_owned()).collect()
}

#[tokio::test]
async fn over_plain_http_on_a_loopback_the_cookie_has_no_prefix_and_is_not_secure() {
    let (_browser, answer) = Browser::sign_in(&Install::new()).await;
    let set = cookie(&answer.headers).expect("a cookie");
    assert!(set.starts_with("keyward-refresh=kwr_"), "{set}");
    assert!(set.ends_with("; Max-Age=604800; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    assert!(!answer.text.contains("kwr_"), "the token is in the cookie alone: {answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host() {
    let install = Install::new().with("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com");
    let (browser, answer) = Browser::sign_in(&install).await;
    let set = cookie(&answer.headers).expect("a cookie");
    assert!(set.starts_with("__Host-keyward-refresh=kwr_"), "{set}");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{set}");
    assert_eq!(send(browser.post("/v1/refresh").header("origin", PAGE)).await.status, 200);
    let unprefixed = browser.cookie.replace("__Host-", "");
    let refused = browser.server.client().request("POST", "/v1/refresh").header("cookie", unprefixed);
    send(refused.header("origin", PAGE)).await.problem(401, "token_missing");
    let out = send(browser.post("/v1/logout").header("origin", PAGE)).await;
    // What a browser is to forget must be named and guarded like what it keeps.
    let cleared = "__Host-keyward-refresh=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure";
    assert_eq!(cookie(&out.headers).as_deref(), Some(cleared));
}

#[tokio::test]
async fn a_cookie_is_not_kept_for_longer_than_its_session() {
    let install = Install::new().with("KEYWARD_TOKENS_SESSION_MAX_AGE", "10m");
    let (browser, login) = Browser::sign_in(&install).await;
    let refreshed = send(browser.post("/v1/refresh").header("origin", PAGE)).await;
    for answer in [login, refreshed] {
        let set = cookie(&answer.headers).expect("a cookie");
        let age = set.split("; ").find_map(|part| part.strip_prefix("Max-Age=")).expect("an age");
        assert!(age.parse::<u32>().is_ok_and(|age| (1..=600).contains(&age)), "{set}");
    }
}

#[tokio::test]
async fn a_stolen_cookie_ends_the_session_and_clears_nothing() {
    let install = Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "0");
    let (mut browser, _) = Browser::sign_in(&install).await;
    let stolen = browser.cookie.clone();
    for _ in 0..2 {
        let answer = send(browser.post("/v1/refresh").header("origin", PAGE)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let set = cookie(&answer.headers).expect("a cookie");
        browser.cookie = set.split(';').next().expect("a pair").to_owned();
    }
    let thief = browser.server.client().request("POST", "/v1/refresh").header("cookie", stolen);
    let refused = send(thief.header("origin", PAGE)).await;
    refused.problem(401, "refresh_reused");
    assert_eq!(cookie(&refused.headers), None);
    let owner = send(browser.post("/v1/refresh").header("origin", PAGE)).await;
    owner.problem_with_reason(401, "session_ended", "reuse_detected");
    assert_eq!(cookie(&owner.headers), None);
}

#[tokio::test]
async fn a_refresh_by_cookie_renews_the_cookie() {
    let (browser, _) = Browser::sign_in(&Install::new()).await;
    let answer = send(browser.post("/v1/refresh").header("origin", PAGE)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.text.contains("kwr_"), "{answer:?}");
    let renewed = cookie(&answer.headers).expect("a cookie");
    assert!(!renewed.starts_with(&browser.cookie), "another token");
    // A tab that lost the race presents the old one, and gets the winner's.
    let late = send(browser.post("/v1/refresh").header("origin", PAGE)).await;
    assert_eq!(cookie(&late.headers), Some(renewed));
}

#[tokio::test]
async fn only_the_server_and_the_apps_own_pages_may_use_the_cookie() {
    let install = Install::new();
    let (browser, _) = Browser::sign_in(&install).await;
    install.good(&["app", "add", "other", "--origin", "https://other.example.com"]);
    for origin in
        ["https://evil.example.com", "https://other.example.com", "https://app.example.com:8443", "null"]
    {
        for path in ["/v1/refresh", "/v1/logout"] {
            send(browser.post(path).header("origin", origin)).await.problem(403, "cross_site");
        }
    }
    for site in ["cross-site", "same-site", "none"] {
        send(browser.post("/v1/refresh").header("sec-fetch-site", site)).await.problem(403, "cross_site");
    }
    send(browser.post("/v1/refresh")).await.problem(403, "cross_site");
    let vouched = browser.post("/v1/refresh").header("sec-fetch-site", "same-origin");
    assert_eq!(send(vouched).await.status, 200);
    let own = browser.server.url.clone();
    assert_eq!(send(browser.post("/v1/refresh").header("origin", own)).await.status, 200);
}

#[tokio::test]
async fn a_stranger_cannot_sign_a_visitor_in() {
    let (browser, _) = Browser::sign_in(&Install::new()).await;
    let body = json!({ "username": "alice", "password": PASSWORD, "app": "web", "transport": "cookie" });
    let login = browser.server.client().request("POST", "/v1/login").json(&body);
    let answer = send(login.header("origin", "https://evil.example.com")).await;
    answer.problem(403, "cross_site");
    assert_eq!(cookie(&answer.headers), None);
}

#[tokio::test]
async fn signing_out_clears_the_cookie_and_a_refused_refresh_does_not() {
    let (browser, _) = Browser::sign_in(&Install::new()).await;
    let out = send(browser.post("/v1/logout").header("origin", PAGE)).await;
    assert_eq!(out.status, 204);
    let cleared = cookie(&out.headers).expect("a cookie");
    assert!(cleared.starts_with("keyward-refresh=; Max-Age=0; Path=/; HttpOnly"), "{cleared}");
    let refused = send(browser.post("/v1/refresh").header("origin", PAGE)).await;
    refused.problem(401, "session_ended");
    assert_eq!(cookie(&refused.headers), None, "it may be another tab's by now");
}

#[tokio::test]
async fn a_cookie_that_came_twice_is_refused() {
    let (browser, _) = Browser::sign_in(&Install::new()).await;
    let twice = format!("{0}; {0}", browser.cookie);
    let request = browser.server.client().request("POST", "/v1/refresh").header("cookie", twice);
    send(request.header("origin", PAGE)).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn registered_origins_may_read_answers_and_nobody_else() {
    let (browser, _) = Browser::sign_in(&Install::new()).await;
    let ask = |method: &str, path: &str, origin: &'static str| {
        browser.server.client().request(method, path).header("origin", origin)
    };
    for (method, path, status) in
        [("GET", "/v1/me", 401), ("GET", "/nothing", 404), ("PUT", "/v1/login", 405)]
    {
        let answer = send(ask(method, path, PAGE)).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(answer.header("vary"), "Origin");
        let exposed = answer.header("access-control-expose-headers");
        assert!(exposed.contains("WWW-Authenticate") && exposed.contains("Retry-After"), "{exposed}");
        for origin in [
            "https://evil.example.com",
            "null",
            "https://app.example.com.evil.example",
            "http://app.example.com",
            "https://app.example.com:443",
            "https://app.example.com/",
            "HTTPS://APP.EXAMPLE.COM",
        ] {
            let answer = send(ask(method, path, origin)).await;
            assert_eq!(answer.status, status);
            assert!(answer.headers.get("access-control-allow-origin").is_none(), "{answer:?}");
            assert_eq!(answer.header("vary"), "Origin");
        }
    }
    let preflight =
        |origin| ask("OPTIONS", "/v1/refresh", origin).header("access-control-request-method", "POST");
    let yes = send(preflight(PAGE)).await;
    assert_eq!((yes.status, yes.header("access-control-allow-origin")), (204, PAGE));
    assert!(yes.header("access-control-allow-methods").contains("POST"));
    assert!(yes.header("access-control-allow-headers").contains("Authorization"));
    assert!(yes.header("access-control-max-age").parse::<u32>().is_ok_and(|age| age <= 7200));
    assert!(!yes.header("x-request-id").is_empty());
    let no = send(preflight("https://evil.example.com")).await;
    assert!(no.headers.get("access-control-allow-origin").is_none(), "{no:?}");
}

#[tokio::test]
async fn a_browser_keeps_that_an_account_has_signed_in_on_it_and_is_not_locked_out_by_strangers() {
    let install = Install::new()
        .with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", 1)
        .with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.0/8");
    let (browser, answer) = Browser::sign_in(&install).await;
    let set = device_cookie(&answer.headers).expect("a cookie");
    assert!(set.starts_with("keyward-device=kwd_"), "{set}");
    assert!(set.ends_with("; Max-Age=34560000; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    let device = set.split(';').next().expect("a pair");
    let login = |from: &str, password: &str, transport: &str, cookie: &str| {
        let body = json!({ "username": "alice", "password": password, "transport": transport });
        let request = browser.server.client().request("POST", "/v1/login").header("x-forwarded-for", from);
        send(request.header("cookie", cookie).json(&body))
    };
    for stranger in 0..10 {
        let from = format!("203.0.113.{stranger}");
        login(&from, "wrong", "body", "").await.problem(401, "invalid_credentials");
    }
    login("198.51.100.1", PASSWORD, "cookie", "").await.problem(429, "too_many_attempts");
    for transport in ["cookie", "session", "body"] {
        let answer = login("198.51.100.2", PASSWORD, transport, device).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(device_cookie(&answer.headers), None, "it has one: {answer:?}");
    }
    let twice = format!("{device}; {device}");
    login("198.51.100.3", PASSWORD, "cookie", &twice).await.problem(429, "too_many_attempts");
    login("198.51.100.4", "wrong", "cookie", device).await.problem(401, "invalid_credentials");
    login("198.51.100.5", "wrong", "cookie", device).await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn behind_tls_what_is_kept_of_the_device_is_bound_to_the_host() {
    let install = Install::new().with("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com");
    let (_browser, answer) = Browser::sign_in(&install).await;
    let set = device_cookie(&answer.headers).expect("a cookie");
    assert!(set.starts_with("__Host-keyward-device=kwd_"), "{set}");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{set}");
}

/// All that a browser is told to keep or to forget, but for what it keeps of the device.
fn all(headers: &HeaderMap) -> Vec<String> {
    set_cookies(headers).into_iter().filter(|set| !is_of_device(set)).collect()
}

#[tokio::test]
async fn signing_in_anew_ends_the_browsers_own_session_and_nobody_elses() {
    let (browser, first) = Browser::sign_in(&Install::new()).await;
    let elsewhere = browser.server.client().signed_in("alice", PASSWORD).await;
    let sign_in = |transport: &str, cookie: &str, origin: Option<&'static str>| {
        let body = json!({ "username": "alice", "password": PASSWORD, "app": "web", "transport": transport });
        let request =
            browser.server.client().request("POST", "/v1/login").header("cookie", cookie).json(&body);
        origin.map_or(request.try_clone().expect("a copy"), |origin| request.header("origin", origin))
    };
    let ended = |access: String| {
        let actor = browser.server.client().with_access(&access);
        async move { actor.get("/v1/me").await }
    };
    let access = |answer: &Answer| answer.json()["access_token"].as_str().expect("a token").to_owned();
    let pair = |set: &str| set.split(';').next().expect("a pair").to_owned();

    // Who may not use the cookie, or does not sign in, ends nothing.
    let wrong = json!({ "username": "alice", "password": "wrong", "app": "web", "transport": "cookie" });
    let failed = browser.post("/v1/login").header("origin", PAGE).json(&wrong);
    send(failed).await.problem(401, "invalid_credentials");
    assert_eq!(send(sign_in("cookie", &browser.cookie, None)).await.status, 200);
    assert_eq!(send(sign_in("body", &browser.cookie, Some(PAGE))).await.status, 200);
    assert_eq!(ended(access(&first)).await.status, 200);

    let second = send(sign_in("cookie", &browser.cookie, Some(PAGE))).await;
    assert_eq!(second.status, 200, "{second:?}");
    ended(access(&first)).await.problem_with_reason(401, "token_revoked", "replaced");
    assert_eq!(ended(access(&second)).await.status, 200);

    // By the other transport: the browser keeps one cookie, and the other is taken from it.
    let refresh = pair(&all(&second.headers)[0]);
    let third = send(sign_in("session", &refresh, Some(PAGE))).await;
    let set = all(&third.headers);
    assert!(set[0].starts_with("keyward-session=kws_"), "{set:?}");
    assert!(set[1].starts_with("keyward-refresh=; Max-Age=0"), "{set:?}");
    ended(access(&second)).await.problem_with_reason(401, "token_revoked", "replaced");
    let session = pair(&set[0]);
    let fourth = send(sign_in("session", &session, Some(PAGE))).await;
    assert_eq!(all(&fourth.headers).len(), 1, "{fourth:?}");
    let old = browser.server.client().request("GET", "/v1/me").header("cookie", &session);
    send(old).await.problem_with_reason(401, "session_ended", "replaced");

    // One that is not genuine is no hindrance.
    assert_eq!(send(sign_in("cookie", "keyward-refresh=kwr_A", Some(PAGE))).await.status, 200);
    assert_eq!(elsewhere.check().await.status, 200);
}

#[tokio::test]
async fn signing_out_is_not_hindered_by_a_cookie_that_is_not_genuine() {
    let (browser, _) = Browser::sign_in(&Install::new()).await;
    let client = browser.server.client();
    for name in ["keyward-refresh", "keyward-session"] {
        let alice = client.signed_in("alice", PASSWORD).await;
        let planted = format!("{name}=kwr_planted");
        let out = alice.authorized("POST", "/v1/logout").header("cookie", &planted).header("origin", PAGE);
        let out = send(out).await;
        assert_eq!(out.status, 204, "{out:?}");
        let cleared = cookie(&out.headers).expect("it is taken from the browser");
        assert!(cleared.starts_with(&format!("{name}=; Max-Age=0")), "{cleared}");
        alice.check().await.refused(401, "token_revoked");
        let alone = client.request("POST", "/v1/logout").header("cookie", &planted).header("origin", PAGE);
        let alone = send(alone).await;
        assert_eq!(alone.status, 401, "{alone:?}");
        assert!(cookie(&alone.headers).expect("here too").starts_with(&format!("{name}=; Max-Age=0")));
    }
}

#[tokio::test]
async fn signing_out_ends_what_each_credential_names() {
    let (browser, first) = Browser::sign_in(&Install::new()).await;
    let client = browser.server.client();
    let (by_access, by_body) =
        (client.signed_in("alice", PASSWORD).await, client.signed_in("alice", PASSWORD).await);
    let spared = client.signed_in("alice", PASSWORD).await;
    let request = |origin: &'static str| {
        let request = by_access.authorized("POST", "/v1/logout").header("cookie", &browser.cookie);
        request.header("origin", origin).json(&json!({ "refresh_token": by_body.refresh }))
    };
    let by_cookie = client.with_access(first.json()["access_token"].as_str().expect("a token"));
    // A page that may not use the cookie signs out of the rest, and the cookie stays.
    let out = send(request("https://evil.example.com")).await;
    assert_eq!((out.status, cookie(&out.headers)), (204, None), "{out:?}");
    for gone in [&by_access, &by_body] {
        gone.check().await.refused(401, "token_revoked");
    }
    assert_eq!(by_cookie.check().await.status, 200);
    assert_eq!(send(request(PAGE)).await.status, 204);
    by_cookie.check().await.refused(401, "token_revoked");
    assert_eq!(spared.check().await.status, 200);
}
