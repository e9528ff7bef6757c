//! Where the admin API is answered, and where it is not: other listeners, other hosts, other pages.

use keyward::http::endpoints::{ENDPOINTS, HttpMethod, Surface};
use serde_json::json;

use super::{PASSWORD, Stage, ask, good, id_of, send};
use crate::support::outside::{
    actor::Answer,
    ask::Ask,
    install::{Install, wait_for},
};

fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn no_other_listener_answers_it_whatever_the_host_says() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let admin_host = stage.install.admin.to_string();
    for url in [&stage.server.url, &stage.server.management_url] {
        for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.surface == Surface::Admin) {
            let path = filled(endpoint.path);
            let request = || root.at(url).authorized(endpoint.method.as_str(), &path);
            send(request()).await.problem(404, "not_found");
            let told = request()
                .header("host", &admin_host)
                .header("x-forwarded-host", &admin_host)
                .header("x-forwarded-port", stage.install.admin.port())
                .header("x-forwarded-server", &admin_host)
                .header("forwarded", format!("host={admin_host}"))
                .header("x-original-url", &path)
                .header("x-rewrite-url", &path);
            send(told).await.problem(404, "not_found");
        }
    }
    // There the answer is the check's, whatever the path.
    let checked = send(root.at(&stage.server.check_url).authorized("GET", "/admin/v1/users")).await;
    assert_eq!((checked.status, checked.text.as_str()), (200, ""), "{checked:?}");
}

#[tokio::test]
async fn the_admin_listener_answers_nothing_else() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let others = |surface| !matches!(surface, Surface::Admin | Surface::Document);
    for endpoint in ENDPOINTS.iter().filter(|endpoint| others(endpoint.surface)) {
        let method = if endpoint.method == HttpMethod::Any { "GET" } else { endpoint.method.as_str() };
        send(root.authorized(method, &filled(endpoint.path))).await.problem(404, "not_found");
    }
    for path in
        ["/", "/admin", "/admin/v1", "/admin/v1/", "/admin/v1/user", "//admin/v1/users", "/admin/v1/users/"]
    {
        ask(&root, "GET", path, None).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn there_is_no_such_listener_where_none_is_set() {
    let install = Install::new();
    let server = install.start().await;
    assert!(std::net::TcpStream::connect(install.admin).is_err(), "nothing listens there");
    let admin = server.admin().await;
    admin.get("/admin/v1/users").await.problem(404, "not_found");
}

/// A request with these lines after the token, as it stands.
fn raw(stage: &Stage, token: &str, target: &str, lines: &[(&str, &str)]) -> Answer {
    let head = format!("GET {target} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n");
    let lines: Vec<_> = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut connection = crate::support::outside::raw::Raw::connect(&stage.server.admin_url);
    connection.send(head + &lines.concat() + "\r\n").answer()
}

#[tokio::test]
async fn a_name_that_is_not_the_listeners_own_is_refused() {
    let install = Install::new().with("KEYWARD_ADMIN_HOSTS", "admin.internal");
    let stage = Stage::with(install).await;
    let token = stage.admin("root").await.access;
    let (path, own) = ("/admin/v1/users", stage.install.admin.to_string());
    for host in [&own, "localhost", "127.0.0.1:1", "[::1]:80", "admin.internal", "ADMIN.internal:8082"] {
        assert_eq!(raw(&stage, &token, path, &[("Host", host)]).status, 200, "{host}");
    }
    for host in [
        "evil.example.com",
        "localhost.evil.example.com",
        "192.0.2.7",
        "x@localhost",
        "",
        "a b",
        "localhost,x",
    ] {
        let refused = raw(&stage, &token, path, &[("Host", host)]);
        assert!(refused.status == 403 || refused.status == 400, "{host}: {refused:?}");
        assert!(!refused.text.contains("root"), "{host}: {refused:?}");
    }
    let evil = "evil.example.com";
    for lines in [
        &[("Host", evil), ("X-Forwarded-Host", "localhost")][..],
        &[("Host", evil), ("Forwarded", "host=localhost")],
        &[("Host", "localhost"), ("Host", evil)],
        &[("Host", evil), ("Host", "localhost")],
        &[],
    ] {
        let refused = raw(&stage, &token, path, lines);
        assert!([400, 403].contains(&refused.status), "{lines:?}: {refused:?}");
    }
    let absolute = format!("http://{evil}{path}");
    assert_eq!(raw(&stage, &token, &absolute, &[("Host", "localhost")]).status, 403);
    // What a proxy says of itself opens nothing, and closes nothing.
    let told = [("Host", "localhost"), ("X-Forwarded-Host", evil), ("X-Forwarded-For", "127.0.0.1")];
    assert_eq!(raw(&stage, &token, path, &told).status, 200);
    let nobody = [("Host", "localhost"), ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-User", "root")];
    let asked = nobody.iter().fold(Ask::new("GET /admin/v1/users"), |ask, (name, value)| match *name {
        "Host" => ask,
        name => ask.line(name, value),
    });
    asked.at(&stage.server.admin_url).problem(401, "token_missing");
}

#[tokio::test]
async fn a_cookie_counts_for_own_pages_alone_and_no_page_of_another_origin_reads_anything() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let alice = format!("/admin/v1/users/{}", id_of(&root, "alice").await);
    let body = json!({ "username": "root", "password": PASSWORD, "transport": "session" });
    let answer =
        stage.server.client().request("POST", "/v1/login").json(&body).send().await.expect("an answer");
    let cookie =
        answer.headers()["set-cookie"].to_str().expect("ASCII").split(';').next().expect("a pair").to_owned();
    let with = |method: &str, path: &str, lines: &[(&str, &str)]| {
        let request = root.request(method, path).header("cookie", &cookie);
        lines.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let (evil, own) = ("https://evil.example.com", stage.server.url.as_str());
    let disable = format!("{alice}/disable");
    for lines in [
        &[][..],
        &[("origin", evil)],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", evil), ("sec-fetch-site", "same-origin")],
        &[("origin", evil), ("x-forwarded-host", "evil.example.com")],
    ] {
        for (method, path) in [("POST", disable.as_str()), ("GET", "/admin/v1/users"), ("DELETE", &alice)] {
            let refused = send(with(method, path, lines)).await;
            refused.problem(403, "cross_site");
            assert!(!refused.headers.contains_key("access-control-allow-origin"), "{refused:?}");
        }
    }
    assert_eq!(good(&root, "GET", &alice, None).await["status"], "active");
    assert_eq!(send(with("POST", &disable, &[("origin", own)])).await.status, 200);
    assert_eq!(send(with("GET", &alice, &[("sec-fetch-site", "same-origin")])).await.status, 200);

    let preflight = root
        .request("OPTIONS", &alice)
        .header("origin", own)
        .header("access-control-request-method", "DELETE")
        .header("access-control-request-headers", "authorization");
    let answer = send(preflight).await;
    answer.problem(405, "method_not_allowed");
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
    // A wrong secret is refused, whatever cookie came along.
    let both = with("GET", &alice, &[("origin", own)]).basic_auth("tools", Some("wrong"));
    send(both).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn requests_count_towards_the_rate_of_the_session() {
    let stage = Stage::with(Install::new().with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", "5")).await;
    let (alice, rita) = (stage.admin("alice").await, stage.admin("rita").await);
    for _ in 0..5 {
        ask(&alice, "GET", "/admin/v1/users", None).await.problem(403, "insufficient_role");
        assert_eq!(ask(&rita, "GET", "/admin/v1/users", None).await.status, 200);
    }
    for somebody in [&alice, &rita] {
        let refused = ask(somebody, "GET", "/admin/v1/users", None).await;
        refused.problem(429, "rate_limited");
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    }
}

#[tokio::test]
async fn every_change_is_told_of_with_who_asked_for_it_and_no_look_is() {
    let stage = Stage::new().await;
    let root = stage.admin("root").await;
    let (own, alice) = (id_of(&root, "root").await, id_of(&root, "alice").await);
    let request = root.authorized("POST", "/admin/v1/keys/rotate").header("x-request-id", "rotation-7");
    assert_eq!(send(request).await.status, 201);
    good(&root, "POST", &format!("/admin/v1/users/{alice}/disable"), None).await;
    let events = good(&root, "GET", "/admin/v1/audit?kind=key_rotated", None).await;
    let rotated = &events["events"][0];
    assert_eq!(
        (&rotated["by"], &rotated["request_id"]),
        (&json!(format!("user:{own}")), &json!("rotation-7"))
    );
    let events =
        good(&root, "GET", &format!("/admin/v1/audit?user={alice}&kind=user_changed&limit=1"), None).await;
    let disabled = &events["events"][0];
    assert_eq!((&disabled["reason"], &disabled["username"]), (&json!("disabled"), &json!("alice")));
    assert_eq!(disabled["by"], json!(format!("user:{own}")));
    for wrong in ["?kind=x", "?user=x", "?session=x", "?since=2d", "?cursor=x", "?limit=0", "?who=x"] {
        ask(&root, "GET", &format!("/admin/v1/audit{wrong}"), None).await.problem(400, "invalid_request");
    }
    let told = |log: &String| log.lines().filter(|line| line.contains("an admin's request")).count() == 2;
    let log = wait_for(|| Some(stage.server.stderr()).filter(told)).expect("both are told of, and no look");
    assert!(!log.contains(&root.access), "a token is in the log");
}
