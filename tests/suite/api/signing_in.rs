//! Contract 2.1: signing in and out, one's account and one's sessions.

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    actor::{Actor, send},
    install::{Install, Server, wait_for},
};

const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "staple my other phrase";

async fn with_alice(install: &Install) -> Server {
    install.add_user("Alice", PASSWORD, &["--role", "ops"]);
    install.start().await
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn a_login_answers_with_tokens() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let body = server.client().login("alice", PASSWORD).await.json();
    let all =
        ["access_token", "expires_in", "refresh_expires_in", "refresh_token", "session_id", "token_type"];
    assert_eq!(keys(&body), all);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(body["refresh_expires_in"], 604_800);
    assert!(body["refresh_token"].as_str().is_some_and(|token| token.starts_with("kwr_")), "{body}");
    assert!(body["access_token"].as_str().is_some_and(|token| token.len() < 4096));
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_one_answer() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let wrong = server.client().login("alice", "wrong").await;
    let unknown = server.client().login("nobody", "wrong").await;
    wrong.problem(401, "invalid_credentials");
    assert_eq!(wrong.text, unknown.text);
    let names = |headers: &reqwest::header::HeaderMap| {
        let kept = headers.iter().filter(|(name, _)| *name != "x-request-id" && *name != "date");
        kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(names(&wrong.headers), names(&unknown.headers));
}

#[tokio::test]
async fn names_are_compared_without_case_after_nfkc() {
    let install = Install::new();
    install.add_user("ﬁona Å", PASSWORD, &[]);
    let server = install.start().await;
    for name in ["ﬁona Å", "FIONA Å", "fiona a\u{30a}", "Fiona \u{212b}"] {
        let fiona = server.client().signed_in(name, PASSWORD).await;
        assert_eq!(fiona.get("/v1/me").await.json()["username"], "fiona Å", "{name}");
    }
}

#[tokio::test]
async fn an_app_must_be_registered() {
    let install = Install::new();
    install.good(&["app", "add", "web"]);
    let server = with_alice(&install).await;
    let login = |app: &str| json!({ "username": "alice", "password": PASSWORD, "app": app });
    for app in ["nothing", "", "WEB", "no such/app"] {
        server.client().post("/v1/login", &login(app)).await.problem(400, "invalid_request");
    }
    let alice = server.client().with_tokens(&server.client().post("/v1/login", &login("web")).await);
    assert_eq!(alice.check().await.header("x-auth-app"), "web");
    let transport = json!({ "username": "alice", "password": PASSWORD, "transport": "pigeon" });
    server.client().post("/v1/login", &transport).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_user_sees_themselves() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    let me = alice.get("/v1/me").await;
    assert_eq!(
        (me.status, &me.json()["username"], &me.json()["roles"]),
        (200, &json!("Alice"), &json!(["ops"]))
    );
    assert_eq!(me.json()["id"], alice.check().await.header("x-auth-user"));
    assert!(!me.text.contains("password") && !me.text.contains("argon2"), "{me:?}");
    server.client().get("/v1/me").await.problem(401, "token_invalid");
    send(server.client().request("GET", "/v1/me")).await.problem(401, "token_missing");
}

#[tokio::test]
async fn sign_up_is_closed_unless_opened() {
    let install = Install::new();
    let server = install.start().await;
    let body = json!({ "username": "carol", "password": PASSWORD, "email": "carol@example.com" });
    server.client().post("/v1/signup", &body).await.problem(403, "signup_closed");
    server.terminate();

    let install = install.with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let client = server.client();
    let made = client.post("/v1/signup", &body).await;
    assert_eq!((made.status, &made.json()["username"]), (201, &json!("carol")), "{made:?}");
    assert_eq!(made.json()["email"], "carol@example.com");
    let carol = client.signed_in("CAROL", PASSWORD).await;
    assert_eq!(carol.check().await.header("x-auth-roles"), "", "no role comes with signing up");
    let again = json!({ "username": "Carol", "password": PASSWORD });
    client.post("/v1/signup", &again).await.problem(409, "username_taken");
    for weak in ["short1!", "password", "aaaaaaaaaaaa", "carol2024", "qwertyuiop"] {
        let body = json!({ "username": "dave", "password": weak });
        client.post("/v1/signup", &body).await.problem(422, "weak_password");
    }
    for (name, email) in [("", "a@b.c"), ("dave", "nowhere"), ("a\u{200b}b", "a@b.c"), (" dave", "a@b.c")] {
        let body = json!({ "username": name, "password": PASSWORD, "email": email });
        client.post("/v1/signup", &body).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let here = server.client().signed_in("alice", PASSWORD).await;
    let there = server.client().signed_in("alice", PASSWORD).await;
    let change = |current: &str, new: &str| json!({ "current": current, "new": new });
    let wrong = here.post_authorized("/v1/password", &change("wrong", OTHER)).await;
    wrong.problem(422, "wrong_password");
    here.post_authorized("/v1/password", &change(PASSWORD, "password")).await.problem(422, "weak_password");
    assert_eq!(there.check().await.status, 200);
    assert_eq!(here.post_authorized("/v1/password", &change(PASSWORD, OTHER)).await.status, 204);
    there.check().await.refused(401, "token_revoked");
    there.get("/v1/me").await.problem_with_reason(401, "token_revoked", "password_changed");
    there.refreshes().await.problem_with_reason(401, "session_ended", "password_changed");
    assert_eq!(here.refreshed().await.check().await.status, 200);
    server.client().login("alice", PASSWORD).await.problem(401, "invalid_credentials");
    server.client().signed_in("alice", OTHER).await;
}

#[tokio::test]
async fn sessions_are_listed_with_where_they_are() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let body = json!({ "username": "alice", "password": PASSWORD, "device": "Alice's phone" });
    let phone = server.client().request("POST", "/v1/login").header("user-agent", "Phone/1.0").json(&body);
    let phone = server.client().with_tokens(&send(phone).await);
    let laptop = server.client().signed_in("alice", PASSWORD).await;
    let sessions = phone.sessions().await;
    assert_eq!(sessions.len(), 2);
    let find = |id: &str| sessions.iter().find(|session| session["id"] == id).expect("the session");
    let (mine, other) = (find(&phone.session), find(&laptop.session));
    let all = [
        "app",
        "bound",
        "created_at",
        "current",
        "device",
        "expires_at",
        "id",
        "ip",
        "last_seen_at",
        "user_agent",
    ];
    assert_eq!(keys(mine), all);
    assert_eq!((&mine["device"], &mine["user_agent"]), (&json!("Alice's phone"), &json!("Phone/1.0")));
    assert_eq!((&mine["ip"], &mine["app"]), (&json!("127.0.0.1"), &json!("default")));
    assert_eq!((&mine["current"], &other["current"]), (&json!(true), &json!(false)));
    let time = |name: &str| {
        let text = mine[name].as_str().expect(name);
        assert!(text.ends_with('Z'), "UTC: {text}");
        OffsetDateTime::parse(text, &Rfc3339).expect("RFC 3339")
    };
    assert_eq!((time("expires_at") - time("created_at")).whole_days(), 7);
    assert!(time("last_seen_at") >= time("created_at"));
}

#[tokio::test]
async fn a_session_is_ended_by_its_user_alone() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    let other = server.client().signed_in("alice", PASSWORD).await;
    install.add_user("bob", PASSWORD, &[]);
    let bob = server.client().signed_in("bob", PASSWORD).await;
    for id in [&bob.session, "0190a1b2-0000-7000-8000-000000000000", "nothing", "%ff", "*"] {
        send(alice.authorized("DELETE", &format!("/v1/sessions/{id}"))).await.problem(404, "not_found");
    }
    assert_eq!(bob.check().await.status, 200);
    let end = alice.authorized("DELETE", &format!("/v1/sessions/{}", other.session));
    let answer = send(end).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    other.check().await.refused(401, "token_revoked");
    assert_eq!(alice.sessions().await.len(), 1);
}

#[tokio::test]
async fn a_logout_takes_either_token_and_ends_the_session() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let logout = |actor: &Actor, access: bool, refresh: bool| {
        let method = "POST";
        let request =
            if access { actor.authorized(method, "/v1/logout") } else { actor.request(method, "/v1/logout") };
        if refresh { request.json(&json!({ "refresh_token": actor.refresh })) } else { request }
    };
    for (access, refresh) in [(true, false), (false, true), (true, true)] {
        let alice = server.client().signed_in("alice", PASSWORD).await;
        let older = alice.clone();
        let alice = alice.refreshed().await;
        assert_eq!(older.check().await.status, 200);
        for _ in ["first", "again"] {
            let answer = send(logout(&alice, access, refresh)).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{access} {refresh}");
        }
        for token in [&alice, &older] {
            token.check().await.refused(401, "token_revoked");
            token.get("/v1/me").await.problem_with_reason(401, "token_revoked", "logout");
            token.refreshes().await.problem_with_reason(401, "session_ended", "logout");
        }
    }
    send(server.client().request("POST", "/v1/logout")).await.problem(401, "token_missing");
    server.client().logout().await.problem(401, "token_invalid");
    let garbage = json!({ "refresh_token": "kwr_AAAA" });
    server.client().post("/v1/logout", &garbage).await.problem(401, "refresh_invalid");
}

#[tokio::test]
async fn a_logout_takes_a_token_that_has_expired() {
    let install = Install::new().with("KEYWARD_TOKENS_ACCESS_TTL", "1s");
    let server = with_alice(&install).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    super::tokens::expires(&alice).await;
    assert_eq!(alice.logout().await.status, 204);
    alice.refreshes().await.problem_with_reason(401, "session_ended", "logout");
}

#[tokio::test]
async fn signing_out_everywhere_counts_and_may_spare_this_session() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let mut alices = Vec::new();
    for _ in 0..4 {
        alices.push(server.client().signed_in("alice", PASSWORD).await);
    }
    install.add_user("bob", PASSWORD, &[]);
    let bob = server.client().signed_in("bob", PASSWORD).await;
    let here = &alices[0];
    let answer = send(here.authorized("POST", "/v1/logout/all?keep=current")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "ended": 3 })));
    assert_eq!(here.check().await.status, 200);
    alices[1].get("/v1/me").await.problem_with_reason(401, "token_revoked", "logout_all");
    send(here.authorized("POST", "/v1/logout/all?keep=all")).await.problem(400, "invalid_request");
    let answer = send(here.authorized("POST", "/v1/logout/all")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "ended": 1 })));
    here.check().await.refused(401, "token_revoked");
    here.refreshes().await.problem_with_reason(401, "session_ended", "logout_all");
    assert_eq!(bob.check().await.status, 200, "nobody else is signed out");
}

#[tokio::test]
async fn too_many_failures_are_braked_for_that_account_and_address() {
    let install = Install::new()
        .with("KEYWARD_RATE_LIMIT_LOGIN_FAILURES", 3)
        .with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = with_alice(&install).await;
    let login = |address: &str, name: &str, password: &str| {
        let body = json!({ "username": name, "password": password });
        let forged = format!("6.6.6.6, {address}");
        send(server.client().request("POST", "/v1/login").header("x-forwarded-for", forged).json(&body))
    };
    for _ in 0..3 {
        login("192.0.2.1", "alice", "wrong").await.problem(401, "invalid_credentials");
    }
    let braked = login("192.0.2.1", "ALICE", PASSWORD).await;
    braked.problem(429, "too_many_attempts");
    let wait: u64 = braked.header("retry-after").parse().expect("seconds");
    assert!((1..=900).contains(&wait), "{wait}");
    assert_eq!(login("192.0.2.2", "alice", PASSWORD).await.status, 200, "the owner elsewhere is let in");
    for guess in 0..12 {
        login("192.0.2.1", &format!("user{guess}"), "wrong").await.problem(401, "invalid_credentials");
    }
    login("192.0.2.1", "admin", "wrong").await.problem(429, "too_many_attempts");
    for address in 0..3 {
        let ipv6 = format!("2001:db8::{address}");
        login(&ipv6, "alice", "wrong").await.problem(401, "invalid_credentials");
    }
    login("2001:db8::ffff", "alice", PASSWORD).await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn more_logins_than_there_is_room_for_are_turned_away_at_once() {
    let install = Install::new().with("KEYWARD_LOGIN_CONCURRENCY", 1).with("KEYWARD_LOGIN_QUEUE", 1);
    let server = with_alice(&install).await;
    let alice = server.client().signed_in("alice", PASSWORD).await;
    let logins = (0..20).map(|_| {
        let client = server.client();
        tokio::spawn(async move { client.login("alice", PASSWORD).await })
    });
    let logins: Vec<_> = logins.collect();
    assert_eq!(alice.check().await.status, 200, "checks go on meanwhile");
    let mut turned_away = 0;
    for login in logins {
        let answer = login.await.expect("an answer");
        if answer.status != 200 {
            answer.problem(503, "overloaded");
            assert!(
                answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0),
                "{answer:?}"
            );
            turned_away += 1;
        }
    }
    assert!((1..20).contains(&turned_away), "{turned_away} of 20");
}

#[tokio::test]
async fn a_name_with_what_cannot_be_seen_is_not_given_anew_and_still_signs_in() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = with_alice(&install).await;
    for hidden in ["\u{fe0f}", "\u{34f}", "\u{3164}"] {
        let name = format!("ali{hidden}ce");
        let body = json!({ "username": name, "password": OTHER });
        server.client().post("/v1/signup", &body).await.problem(400, "invalid_request");
        let body = json!({ "username": "bob", "password": OTHER, "email": format!("{name}@example.com") });
        server.client().post("/v1/signup", &body).await.problem(400, "invalid_request");
        let add = ["user", "add", &name, "--password-stdin"];
        assert_eq!(install.run_with_input(&add, OTHER).code, Some(1));
    }
    // As an earlier version let her have it.
    let old = "ali\u{fe0f}ce";
    let file = rusqlite::Connection::open(install.path("data/keyward.db")).expect("opened");
    file.execute("UPDATE users SET username = ?1, username_key = ?1 WHERE username_key = 'alice'", [old])
        .expect("renamed");
    let alice = server.client().signed_in(old, PASSWORD).await;
    assert_eq!(alice.get("/v1/me").await.json()["username"], old);
    install.good(&["user", "disable", old]);
    server.client().login("alice", PASSWORD).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn no_answer_that_tells_of_a_user_may_be_kept() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let body = json!({ "username": "carol", "password": PASSWORD });
    let made = server.client().post("/v1/signup", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let carol = server.client().signed_in("carol", PASSWORD).await;
    for answer in [made, carol.get("/v1/me").await, carol.get("/v1/sessions").await, carol.logout().await] {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
    let keys = carol.get("/.well-known/jwks.json").await;
    assert!(keys.header("cache-control").starts_with("public"), "what is for everybody is: {keys:?}");
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_noticed_once() {
    let install = Install::new();
    let server = with_alice(&install).await;
    let body = json!({ "username": "alice", "password": PASSWORD });
    let through = |header: &'static str, value: &'static str| {
        send(server.client().request("POST", "/v1/login").header(header, value).json(&body))
    };
    let noticed = || server.stderr().matches("server.trusted_proxies").count();
    server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(through("x-forwarded-for", "192.0.2.7").await.status, 200);
    assert_eq!(through("forwarded", "for=192.0.2.7").await.status, 200);
    wait_for(|| (noticed() > 0).then_some(())).expect("a line in the log");
    assert_eq!(noticed(), 1, "{}", server.stderr());
    assert!(!server.stderr().contains("192.0.2.7"), "the peer is named, not whom it named");
    let page = server.client().at(&server.management_url).get("/metrics").await.text;
    assert!(page.contains("keyward_forwarded_ignored_total 2"), "{page}");

    server.terminate();
    let install = install.with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = install.start().await;
    let request = server.client().request("POST", "/v1/login").header("x-forwarded-for", "192.0.2.7");
    assert_eq!(send(request.json(&body)).await.status, 200);
    server.ask_to_stop();
    assert!(!server.stderr().contains("server.trusted_proxies"), "{}", server.stderr());
}

#[test]
fn the_doctor_remarks_a_proxy_that_nobody_named() {
    let install = Install::new();
    let remarks = |install: &Install| install.run(&["doctor"]).stdout.contains("server.trusted_proxies");
    assert!(!remarks(&install));
    let install = install.with("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com");
    assert!(remarks(&install));
    assert!(!remarks(&install.with("KEYWARD_SERVER_TRUSTED_PROXIES", "127.0.0.1")));
}
