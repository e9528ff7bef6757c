//! Contract 2.1, transport `session`: server-rendered pages keep one opaque cookie, which is all
//! there is, and which the check renews.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::json;

use super::{
    cookies::{cookie, send},
    install::{Install, PATIENCE, Server},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// A browser that visits pages of the server's own origin.
struct Browser<'a> {
    server: &'a Server,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn sign_in(server: &'a Server) -> Self {
        let body = json!({ "username": "alice", "password": PASSWORD, "transport": "session" });
        let answer = send(server.client().request("POST", "/v1/login").json(&body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.text.contains("token"), "there is no token: {answer:?}");
        let cookie = cookie(&answer.headers).expect("a cookie").split(';').next().expect("a pair").to_owned();
        assert!(cookie.starts_with("keyward-session=kws_"), "{cookie}");
        Self { server, cookie }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.server.client().request(method, path).header("cookie", &self.cookie)
    }

    fn own(&self, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).header("origin", &self.server.url)
    }
}

async fn server(install: &Install) -> Server {
    install.add_user("alice", PASSWORD, &["--role", "editor"]);
    install.start().await
}

#[tokio::test]
async fn the_check_names_who_the_cookie_is_of_and_sets_none() {
    let install = Install::new();
    let server = server(&install).await;
    let browser = Browser::sign_in(&server).await;
    let answer = send(browser.request("GET", "/v1/check?role=editor")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((answer.header("x-auth-username"), answer.header("x-auth-roles")), ("alice", "editor"));
    assert!(!answer.header("ratelimit").is_empty());
    assert_eq!(cookie(&answer.headers), None);
    send(browser.request("GET", "/v1/check?role=admin")).await.refused(403, "insufficient_role");
    assert_eq!(send(browser.request("GET", "/v1/me")).await.json()["username"], "alice");
}

#[tokio::test]
async fn a_request_that_changes_state_must_come_from_an_own_page() {
    let install = Install::new();
    let server = server(&install).await;
    let browser = Browser::sign_in(&server).await;
    let evil = "https://evil.example.com";
    for (method, reported) in [("POST", None), ("GET", Some("DELETE")), ("GET", Some("POST"))] {
        let ask = |origin: Option<&str>| {
            let mut request = browser.request(method, "/v1/check");
            if let Some(reported) = reported {
                request = request.header("x-forwarded-method", reported);
            }
            if let Some(origin) = origin { request.header("origin", origin) } else { request }
        };
        send(ask(Some(evil))).await.refused(403, "cross_site");
        send(ask(None)).await.refused(403, "cross_site");
        assert_eq!(send(ask(Some(&server.url))).await.status, 200);
    }
    assert_eq!(send(browser.request("GET", "/v1/check").header("origin", evil)).await.status, 200);
    send(browser.request("POST", "/v1/logout").header("origin", evil)).await.problem(403, "cross_site");
    send(browser.request("POST", "/v1/logout/all")).await.problem(403, "cross_site");
}

#[tokio::test]
async fn signing_out_clears_the_cookie_and_ends_the_session() {
    let install = Install::new();
    let server = server(&install).await;
    let browser = Browser::sign_in(&server).await;
    let out = send(browser.own("POST", "/v1/logout")).await;
    assert_eq!(out.status, 204, "{out:?}");
    let cleared = cookie(&out.headers).expect("a cookie");
    assert!(
        cleared.starts_with("keyward-session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"),
        "{cleared}"
    );
    send(browser.request("GET", "/v1/check")).await.refused(401, "session_ended");
    assert_eq!(send(browser.own("POST", "/v1/logout")).await.status, 204, "again");
}

#[tokio::test]
async fn a_sign_in_brings_a_new_session_and_sign_out_everywhere_ends_all() {
    let install = Install::new();
    let server = server(&install).await;
    let (one, two) = (Browser::sign_in(&server).await, Browser::sign_in(&server).await);
    assert_ne!(one.cookie, two.cookie);
    let listed = send(one.request("GET", "/v1/sessions")).await.json();
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(2), "{listed}");
    assert_eq!(send(one.own("POST", "/v1/logout/all?keep=current")).await.json()["ended"], 1);
    assert_eq!(send(one.request("GET", "/v1/check")).await.status, 200);
    let refused = send(two.request("GET", "/v1/me")).await;
    refused.problem_with_reason(401, "session_ended", "logout_all");
}

#[tokio::test]
async fn a_sign_in_takes_over_no_cookie_that_was_there() {
    let install = Install::new();
    let server = server(&install).await;
    let earlier = Browser::sign_in(&server).await;
    let planted = "keyward-session=kws_planted".to_owned();
    let body = json!({ "username": "alice", "password": PASSWORD, "transport": "session" });
    for had in [earlier.cookie, planted] {
        let request = server.client().request("POST", "/v1/login").header("cookie", &had).json(&body);
        let answer = send(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let given = cookie(&answer.headers).expect("a cookie");
        assert!(given.starts_with("keyward-session=kws_") && !given.starts_with(&had), "{given}");
    }
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host() {
    let public = "https://auth.example.com";
    let install = Install::new().with("KEYWARD_SERVER_PUBLIC_URL", public);
    let server = server(&install).await;
    let body = json!({ "username": "alice", "password": PASSWORD, "transport": "session" });
    let login = send(server.client().request("POST", "/v1/login").json(&body)).await;
    let set = cookie(&login.headers).expect("a cookie");
    assert!(set.starts_with("__Host-keyward-session=kws_"), "{set}");
    assert!(set.ends_with("; Max-Age=604800; Path=/; HttpOnly; SameSite=Strict; Secure"), "{set}");
    let pair = set.split(';').next().expect("a pair");
    let ask = |method: &str, path: &str, cookie: &str| {
        server.client().request(method, path).header("cookie", cookie).header("origin", public)
    };
    assert_eq!(send(ask("POST", "/v1/check", pair)).await.status, 200);
    let unprefixed = pair.replace("__Host-", "");
    send(ask("GET", "/v1/check", &unprefixed)).await.refused(401, "token_missing");
    let out = send(ask("POST", "/v1/logout", pair)).await;
    let cleared = "__Host-keyward-session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure";
    assert_eq!(cookie(&out.headers).as_deref(), Some(cleared));
}

#[tokio::test]
async fn only_pages_of_its_own_app_may_change_state_with_it() {
    let (page, other) = ("https://app.example.com", "https://other.example.com");
    let install = Install::new();
    install.good(&["app", "add", "web", "--origin", page]);
    install.good(&["app", "add", "other", "--origin", other]);
    let server = server(&install).await;
    let body = json!({ "username": "alice", "password": PASSWORD, "app": "web", "transport": "session" });
    let login = send(server.client().request("POST", "/v1/login").header("origin", page).json(&body)).await;
    let set = cookie(&login.headers).expect("a cookie");
    let pair = set.split(';').next().expect("a pair");
    let ask = |method: &str, path: &str, origin: &'static str| {
        server.client().request(method, path).header("cookie", pair).header("origin", origin)
    };
    let post = |path: &str, origin: &'static str| ask("POST", path, origin);
    send(post("/v1/check", other)).await.refused(403, "cross_site");
    let own = format!("/v1/sessions/{}", login.json()["session_id"].as_str().expect("an id"));
    for (method, path) in [("POST", "/v1/logout"), ("POST", "/v1/logout/all"), ("DELETE", &own)] {
        send(ask(method, path, other)).await.problem(403, "cross_site");
    }
    let change = json!({ "current": PASSWORD, "new": "another phrase that nobody would guess" });
    send(post("/v1/password", other).json(&change)).await.problem(403, "cross_site");
    assert_eq!(send(post("/v1/check", page)).await.status, 200);
    assert_eq!(send(post("/v1/logout", page)).await.status, 204);
}

#[tokio::test]
async fn pages_of_other_apps_read_nothing_that_it_opens() {
    let (page, other) = ("https://app.example.com", "https://other.example.com");
    let install = Install::new();
    install.good(&["app", "add", "web", "--origin", page]);
    install.good(&["app", "add", "other", "--origin", other]);
    let server = server(&install).await;
    let sign_in = async |transport: &str| {
        let body = json!({ "username": "alice", "password": PASSWORD, "app": "web", "transport": transport });
        let login = server.client().request("POST", "/v1/login").header("origin", page).json(&body);
        let set = cookie(&send(login).await.headers).expect("a cookie");
        set.split(';').next().expect("a pair").to_owned()
    };
    let (session, refresh) = (sign_in("session").await, sign_in("cookie").await);
    let ask = |method: &str, path: &str, cookie: &str| {
        server.client().request(method, path).header("cookie", cookie)
    };
    for (method, path, cookie, opened) in [
        ("GET", "/v1/me", &session, 200),
        ("GET", "/v1/sessions", &session, 200),
        ("POST", "/v1/refresh", &refresh, 200),
        ("POST", "/v1/logout", &refresh, 204),
    ] {
        for stranger in [other, "https://evil.example.com", "null"] {
            let refused = send(ask(method, path, cookie).header("origin", stranger)).await;
            refused.problem(403, "cross_site");
            assert!(!refused.text.contains("alice"), "{refused:?}");
            for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
                assert!(!refused.headers.contains_key(name), "{path} {stranger}: {refused:?}");
            }
            assert_eq!(refused.header("vary"), "Origin", "no cache hands it to others");
        }
        let own = send(ask(method, path, cookie).header("origin", page)).await;
        assert_eq!(
            (own.status, own.header("access-control-allow-origin")),
            (opened, page),
            "{path}: {own:?}"
        );
    }
    for path in ["/v1/me", "/v1/sessions"] {
        assert_eq!(
            send(ask("GET", path, &session)).await.status,
            200,
            "own pages and navigations name no origin"
        );
        let own = send(ask("GET", path, &session).header("origin", &server.url)).await;
        assert_eq!(own.status, 200, "{own:?}");
    }
    let body = json!({ "username": "alice", "password": PASSWORD, "app": "web", "transport": "session" });
    let login = send(server.client().request("POST", "/v1/login").header("origin", other).json(&body)).await;
    login.problem(403, "cross_site");
    assert_eq!(
        login.header("access-control-allow-origin"),
        other,
        "there was no cookie to keep from anybody"
    );
    let alice = server.client().signed_in("alice", PASSWORD).await;
    let by_token = send(alice.authorized("GET", "/v1/me").header("origin", other)).await;
    assert_eq!((by_token.status, by_token.header("access-control-allow-origin")), (200, other));
}

#[tokio::test]
async fn it_ends_at_its_age_however_much_it_is_used() {
    let install = Install::new().with("KEYWARD_TOKENS_SESSION_MAX_AGE", "3s");
    let server = server(&install).await;
    let body = json!({ "username": "alice", "password": PASSWORD, "transport": "session" });
    let begun = Instant::now();
    let login = send(server.client().request("POST", "/v1/login").json(&body)).await;
    let set = cookie(&login.headers).expect("a cookie");
    assert!(["; Max-Age=3;", "; Max-Age=2;"].iter().any(|age| set.contains(age)), "{set}");
    let pair = set.split(';').next().expect("a pair");
    loop {
        let answer = send(server.client().request("GET", "/v1/check").header("cookie", pair)).await;
        if answer.status != 200 {
            answer.refused(401, "session_ended");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "it goes on for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(begun.elapsed() > Duration::from_secs(2), "it lives until then");
}

#[tokio::test]
async fn use_renews_it_and_silence_ends_it() {
    let install = Install::new().with("KEYWARD_TOKENS_REFRESH_TTL", "3s");
    let server = server(&install).await;
    let browser = Browser::sign_in(&server).await;
    // Real time: the server under test is another process. Twice as long as it lives without use.
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(send(browser.request("GET", "/v1/check")).await.status, 200);
    }
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    send(browser.request("GET", "/v1/check")).await.refused(401, "session_ended");
}

#[tokio::test]
async fn a_made_up_or_doubled_cookie_passes_nowhere() {
    let install = Install::new();
    let server = server(&install).await;
    let browser = Browser::sign_in(&server).await;
    let made_up = format!("{}A", &browser.cookie[..browser.cookie.len() - 1]);
    let doubled = format!("{0}; {0}", browser.cookie);
    let ask = |cookie: String| server.client().request("GET", "/v1/check").header("cookie", cookie);
    send(ask(made_up)).await.refused(401, "token_invalid");
    send(ask(doubled)).await.refused(401, "invalid_request");
    send(ask("keyward-session=".to_owned())).await.refused(401, "token_invalid");
    send(ask("keyward-refresh=kwr_x; other=1".to_owned())).await.refused(401, "token_missing");
}
