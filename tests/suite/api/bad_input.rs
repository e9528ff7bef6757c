//! What no client should send: a clear problem each, and never a 500 (contract 2).

use serde_json::json;

use super::{
    actor::{Actor, send},
    install::Install,
};

const PATHS: [&str; 5] = ["/v1/login", "/v1/refresh", "/v1/logout", "/v1/signup", "/v1/password"];

/// What a body that is well-formed holds at each path.
const MEMBERS: &str = r#""username":"alice","password":"p","refresh_token":"kwr_A","current":"p","new":"p""#;

/// Posts the bytes as JSON, with an access token.
async fn refused(actor: &Actor, path: &str, body: impl Into<Vec<u8>>) {
    let body = body.into();
    let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
    let request = actor.authorized("POST", path).header("content-type", "application/json").body(body);
    let answer = send(request).await;
    assert_eq!(answer.status, 400, "{path} {shown}: {answer:?}");
    let detail = answer.problem(400, "invalid_request")["detail"].to_string();
    assert!(detail.len() < 200, "{path} {shown}: {detail}");
}

#[tokio::test]
async fn bodies_that_are_not_json_or_not_the_right_json() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let admin = server.admin().await;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let bodies: Vec<Vec<u8>> = [
        "{",
        "nonsense",
        "\u{feff}{}",
        "[]",
        "null",
        "\"text\"",
        "1",
        "{}{}",
        "{'username':'a'}",
        "{\"username\":}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into_iter()
    .chain([
        "[".repeat(10_000).into_bytes(),
        nested(10_000).into_bytes(),
        format!("{{{MEMBERS}}}").replace(['p', 'A'], "\0").into_bytes(),
        [b"{\"username\":\"\xff\xfe\",\"refresh_token\":\"\xff\",\"current\":\"\xc3\x28\"}".as_slice()]
            .concat(),
    ])
    .collect();
    for path in PATHS {
        for body in &bodies {
            refused(&admin, path, body.clone()).await;
        }
    }
    assert_eq!(admin.check().await.status, 200);
}

#[tokio::test]
async fn members_of_the_wrong_type_missing_or_twice() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let admin = server.admin().await;
    for path in PATHS {
        for value in ["1", "true", "[]", "{}", "[\"a\"]", "1e400"] {
            let body = format!(
                r#"{{"username":{value},"password":{value},"refresh_token":{value},"current":{value},"new":{value}}}"#
            );
            refused(&admin, path, body).await;
        }
        refused(&admin, path, format!("{{{MEMBERS},{MEMBERS}}}")).await;
        if path != "/v1/logout" {
            refused(&admin, path, "{}").await;
        }
    }
    for body in [
        json!({ "username": "admin" }),
        json!({ "password": "p" }),
        json!({ "username": null, "password": "p" }),
        json!({ "username": "admin", "password": "p", "app": 1 }),
        json!({ "username": "admin", "password": "p", "device": ["x"] }),
        json!({ "username": "admin", "password": "p", "transport": null }),
    ] {
        refused(&admin, "/v1/login", body.to_string()).await;
    }
}

#[tokio::test]
async fn names_no_person_has() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let admin = server.admin().await;
    for name in [
        "",
        " ",
        "a\0b",
        "a\nb",
        "a\u{1b}[31mb",
        "a\u{7f}",
        "\u{202e}nimda",
        &"a".repeat(10_000),
        &"ﷺ".repeat(128),
    ] {
        let body = json!({ "username": name, "password": "correct horse battery" }).to_string();
        refused(&admin, "/v1/login", body.clone()).await;
        refused(&admin, "/v1/signup", body).await;
    }
}

#[tokio::test]
async fn passwords_beyond_the_bound_are_refused_and_never_cut() {
    let install = Install::new();
    let longest = "ab cd ef ".repeat(30)[..256].to_owned();
    install.add_user("alice", &longest, &[]);
    let server = install.start().await;
    let client = server.client();
    client.signed_in("alice", &longest).await;
    client.login("alice", &longest[..255]).await.problem(401, "invalid_credentials");
    for longer in [format!("{longest}x"), "x".repeat(10_000)] {
        client.login("alice", &longer).await.problem(400, "invalid_request");
    }
    client.login("alice", "a\0b").await.problem(401, "invalid_credentials");
    client.login("alice", "").await.problem(400, "invalid_request");
}

#[tokio::test]
async fn long_devices_and_agents_are_cut_not_refused() {
    let install = Install::new();
    let server = install.start().await;
    let body = json!({
        "username": "admin", "password": server.admin_password(), "device": "d\u{0}\n".repeat(3000),
    });
    let request =
        server.client().request("POST", "/v1/login").header("user-agent", "u".repeat(5000)).json(&body);
    let admin = server.client().with_tokens(&send(request).await);
    let session = &admin.sessions().await[0];
    let text = |name: &str| session[name].as_str().expect(name).to_owned();
    assert!(text("user_agent").len() <= 256 && text("device").len() <= 64, "{session}");
    assert!(!text("device").contains(char::is_control), "{session}");
}

#[tokio::test]
async fn nothing_secret_is_logged() {
    let install = Install::new().with("KEYWARD_LOG_LEVEL", "trace").with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let password = server.admin_password();
    let printed_first = server.printed().matches(&password).count();
    let admin = server.admin().await;
    let next = admin.refreshed().await;
    let secret = "a phrase nobody may read";
    let client = server.client();
    client.post("/v1/signup", &json!({ "username": "eve", "password": secret })).await;
    client.login("eve", secret).await;
    client.login("eve", &format!("{secret}?")).await;
    next.post_authorized("/v1/password", &json!({ "current": password, "new": secret })).await;
    next.check().await;
    next.logout().await;
    next.refreshes().await;
    server.ask_to_stop();
    let printed = server.printed();
    for (what, text) in [
        ("access", &admin.access),
        ("access", &next.access),
        ("refresh", &admin.refresh),
        ("refresh", &next.refresh),
    ] {
        assert!(!printed.contains(text.as_str()), "a {what} token is in the log");
    }
    assert!(!printed.contains(secret) && !printed.contains("$argon2"), "{printed}");
    assert_eq!(printed.matches(&password).count(), printed_first, "{printed}");
}

#[tokio::test]
async fn a_400_names_the_member_and_what_it_takes_and_never_its_value() {
    let install = Install::new().with("KEYWARD_ACCOUNTS_SIGNUP", "open");
    let server = install.start().await;
    let admin = server.admin().await;
    let long = "SECRET".repeat(100);
    for (path, body, detail) in [
        ("/v1/login", json!({ "password": "SECRET" }), "username: is missing"),
        ("/v1/login", json!({ "username": 1, "password": "SECRET" }), "username: takes a string"),
        ("/v1/login", json!({ "username": "SECRET", "password": ["SECRET"] }), "password: takes a string"),
        (
            "/v1/login",
            json!({ "username": "a", "password": "b", "transport": "SECRET" }),
            "transport: takes body, cookie or session",
        ),
        (
            "/v1/login",
            json!({ "username": "a", "password": "b", "transport": null }),
            "transport: takes body, cookie or session",
        ),
        ("/v1/login", json!({ "username": long, "password": "b" }), "username: a user name has at most"),
        ("/v1/login", json!({ "username": "a", "password": long }), "password: a password has at most"),
        ("/v1/login", json!({ "username": "a", "password": "" }), "password: a password must not be empty"),
        ("/v1/login", json!({ "username": "a", "password": "b", "app": "SECRET?" }), "app: "),
        ("/v1/login", json!({ "username": "a", "password": "b", "app": "nothing" }), "app: takes the name"),
        ("/v1/login", json!({ "username": "a", "password": "b", "device": 7 }), "device: takes a string"),
        ("/v1/refresh", json!({ "refresh_token": 7 }), "refresh_token: takes a string"),
        ("/v1/logout", json!({ "refresh_token": {} }), "refresh_token: takes a string"),
        ("/v1/signup", json!({ "username": "bob" }), "password: is missing"),
        ("/v1/signup", json!({ "username": "bob", "password": long }), "password: a password has at most"),
        ("/v1/signup", json!({ "username": "bob", "password": "b", "email": "SECRET" }), "email: "),
        ("/v1/password", json!({ "current": "a" }), "new: is missing"),
        ("/v1/password", json!({ "current": "", "new": "SECRET" }), "current: a password must not be empty"),
    ] {
        let problem = admin.post_authorized(path, &body).await.problem(400, "invalid_request");
        let said = problem["detail"].as_str().expect("a text");
        assert!(said.starts_with(detail) && !said.contains("SECRET"), "{path} {body}: {said}");
    }
}
