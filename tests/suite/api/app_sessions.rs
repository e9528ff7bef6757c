//! Sessions of other app servers, `/v1/apps/{app}/sessions` (contract 2.6).

use rstest_reuse::apply;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    actor::send,
    app_server::{AppServer, Held, good},
    install::{Install, Server},
};
use crate::support::{
    backends::{SessionsOn, session_back_ends},
    servers::{redis, redis_sets},
};

const NO_SUCH_TOKEN: &str = "0123456789012345678901234567890123456789012345678901234567891234";

async fn shop() -> (Install, Server, AppServer) {
    shop_on(SessionsOn::Sqlite).await
}

/// The same where sessions are kept elsewhere.
async fn shop_on(on: SessionsOn) -> (Install, Server, AppServer) {
    let install = Install::new();
    let prefix = format!("blackbox-{}:", install.listen);
    let install = match on {
        SessionsOn::Sqlite => install,
        SessionsOn::Redis => install.with("REDIS_URL", redis::shared().url()),
        SessionsOn::Cluster => install
            .with("REDIS_URL", redis_sets::shared_cluster().urls().join(","))
            .with("KEYWARD_STORAGE_REDIS_MODE", "cluster"),
    };
    let install = install.with("KEYWARD_STORAGE_REDIS_PREFIX", prefix);
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    (install, server, shop)
}

#[tokio::test]
async fn a_session_from_its_creation_to_its_end() {
    let (_install, _server, shop) = shop().await;
    let wanted = json!({ "user": "anna@example.com", "ip": "2001:db8:0::1", "ttl": 600, "data": { "n": 1 } });
    let session = shop.created(&wanted).await;
    let answer = session.get().await;
    let shown = good(&answer);
    let mut fixed = shown.clone();
    let times = ["created_at", "last_seen_at", "expires_at"].map(|name| {
        let time = fixed.as_object_mut().and_then(|object| object.remove(name)).expect(name);
        time.as_str().expect("a text").to_owned()
    });
    assert!(times.iter().all(|time| time.ends_with('Z')) && times[0] < times[2], "{times:?}");
    let expected = json!({
        "id": session.id, "user": "anna@example.com", "ip": "2001:db8::1", "data": { "n": 1 },
        "version": 1, "reads": 1, "ttl": 600, "sliding": true,
    });
    assert_eq!(fixed, expected);
    assert_eq!(answer.header("etag"), "\"1\"");

    let answer = session.merge(&json!({ "n": null, "name": "Anna", "vip": true }), None).await;
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(good(&answer)["data"], json!({ "name": "Anna", "vip": true }));
    let replaced = send(session.request("PUT", "/data").json(&json!({ "left": 1.5 }))).await;
    assert_eq!(good(&replaced)["data"], json!({ "left": 1.5 }));
    assert_eq!(good(&session.get().await)["data"], json!({ "left": 1.5 }));

    for ended in [1, 0] {
        assert_eq!(good(&send(session.request("DELETE", "")).await), json!({ "ended": ended }));
        session.get().await.problem(404, "not_found");
        session.merge(&json!({ "back": true }), None).await.problem(404, "not_found");
    }
    assert_eq!(shop.ask("GET", "?user=anna@example.com").await["sessions"], json!([]));
}

#[tokio::test]
async fn a_late_save_neither_overwrites_nor_brings_back() {
    let (_install, _server, shop) = shop().await;
    let session = shop.created(&json!({ "user": "anna", "ip": "10.0.0.1" })).await;
    let read = session.get().await;
    let tag = read.header("etag");
    assert_eq!(session.merge(&json!({ "by": "first" }), Some(tag)).await.status, 200);
    let late = session.merge(&json!({ "by": "second" }), Some(tag)).await;
    assert_eq!(late.problem(412, "version_mismatch")["version"], 2);
    let put = session.request("PUT", "/data").header("if-match", tag).json(&json!({}));
    send(put).await.problem(412, "version_mismatch");
    assert_eq!(good(&session.get().await)["data"], json!({ "by": "first" }));
    assert_eq!(session.merge(&json!({ "by": "anybody" }), Some("*")).await.status, 200);

    send(session.request("DELETE", "")).await;
    session.merge(&json!({ "by": "ghost" }), Some("\"3\"")).await.problem(404, "not_found");
    session.merge(&json!({ "by": "ghost" }), Some("*")).await.problem(404, "not_found");
    session.get().await.problem(404, "not_found");
}

#[tokio::test]
async fn ten_savers_of_one_version_have_one_winner() {
    let (_install, _server, shop) = shop().await;
    let session = shop.created(&json!({ "user": "anna", "ip": "10.0.0.1" })).await;
    let savers = (0..10).map(|number| {
        let request = session.request("PATCH", "/data").header("if-match", "\"1\"");
        tokio::spawn(send(request.json(&json!({ "winner": number }))))
    });
    let mut winners = Vec::new();
    for saver in savers.collect::<Vec<_>>() {
        let answer = saver.await.expect("an answer");
        if answer.status == 200 {
            winners.push(good(&answer)["data"].clone());
        } else {
            answer.problem(412, "version_mismatch");
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(good(&session.get().await)["data"], winners[0]);
}

#[tokio::test]
async fn sessions_are_listed_in_pages_counted_and_ended() {
    let (install, server, shop) = shop().await;
    let other = AppServer::register(&install, &server, "other");
    other.created(&json!({ "user": "anna", "ip": "10.9.9.9" })).await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let user = if number < 3 { "anna" } else { "bert" };
        ids.push(shop.created(&json!({ "user": user, "ip": "10.0.0.1" })).await.id);
    }
    let listed = |body: &Value| {
        let sessions = body["sessions"].as_array().expect("an array").iter();
        sessions.map(|session| session["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    let mut path = "?limit=3".to_owned();
    loop {
        let page = shop.ask("GET", &path).await;
        assert!(listed(&page).len() <= 3, "{page}");
        all.extend(listed(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("?limit=3&cursor={cursor}");
    }
    all.sort();
    ids.sort();
    assert_eq!(all, ids);
    assert_eq!(listed(&shop.ask("GET", "?user=anna").await).len(), 3);
    assert_eq!(listed(&shop.ask("GET", "?active_within=600").await).len(), 7);
    assert_eq!(shop.ask("GET", "/activity?within=600").await, json!({ "users": 2 }));

    let one = format!("/{}", listed(&shop.ask("GET", "?user=bert").await)[0]);
    assert_eq!(shop.ask("DELETE", &one).await, json!({ "ended": 1 }));
    assert_eq!(shop.ask("DELETE", &one).await, json!({ "ended": 0 }));
    assert_eq!(shop.ask("DELETE", "?user=anna").await, json!({ "ended": 3 }));
    assert_eq!(shop.ask("GET", "/activity?within=600").await, json!({ "users": 1 }));
    assert_eq!(shop.ask("DELETE", "").await, json!({ "ended": 3 }));
    assert_eq!(listed(&shop.ask("GET", "").await).len(), 0);
    assert_eq!(listed(&other.ask("GET", "").await).len(), 1, "another app's is none of its business");
}

#[tokio::test]
async fn a_life_slides_unless_it_is_fixed_and_never_past_its_age() {
    let (_install, _server, shop) = shop().await;
    let wanted = |more: Value| {
        let mut body = json!({ "user": "anna", "ip": "10.0.0.1", "ttl": 600 });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    for (more, slides, life) in [
        (json!({}), true, 600),
        (json!({ "sliding": false }), false, 600),
        (json!({ "max_age": 60 }), false, 60),
        (json!({ "max_age": 3600 }), true, 600),
    ] {
        let session = shop.created(&wanted(more.clone())).await;
        let time = |shown: &Value, name: &str| {
            OffsetDateTime::parse(shown[name].as_str().expect(name), &Rfc3339).expect("RFC 3339")
        };
        let first = good(&session.get().await);
        // Long enough for the clock of another process to have moved on.
        let second = loop {
            let shown = good(&session.get().await);
            if time(&shown, "last_seen_at") > time(&first, "last_seen_at") {
                break good(&session.get().await);
            }
        };
        let moved = time(&second, "expires_at") - time(&first, "expires_at");
        assert_eq!(moved.is_positive(), slides, "{more}: {first} {second}");
        let begun = if slides { "last_seen_at" } else { "created_at" };
        let rest = time(&second, "expires_at") - time(&second, begun);
        assert!((life..=life + 1).contains(&rest.whole_seconds()), "{more}: {second}");
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_cursor_that_no_page_gave_is_refused(on: SessionsOn) {
    let (_install, _server, shop) = shop_on(on).await;
    for number in 0..3 {
        shop.created(&json!({ "user": "anna", "ip": "10.0.0.1", "data": { "n": number } })).await;
    }
    let first = shop.ask("GET", "?limit=1").await;
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let (millis, id) = cursor.split_once('.').expect("two parts");
    for nonsense in [
        "",
        "x",
        ".",
        "1",
        "%00",
        "null",
        id,
        &format!("{millis}."),
        &format!(".{id}"),
        &format!("{millis}:{id}"),
        &format!("{millis}.{}", &id[1..]),
        &format!("{cursor}A"),
        &format!("{cursor}.1"),
        &format!("0{cursor}"),
        &format!("%2B{cursor}"),
        &format!("%20{cursor}"),
        &format!("1e12.{id}"),
        &format!("inf.{id}"),
        &format!("99999999999999999999.{id}"),
    ] {
        for which in ["", "user=anna&", "active_within=600&"] {
            let answer = send(shop.v1("GET", &format!("?{which}limit=1&cursor={nonsense}"))).await;
            let detail = answer.problem(400, "invalid_request")["detail"].to_string();
            assert!(detail.contains("next_cursor"), "{which}{nonsense}: {detail}");
        }
    }
    // One that a page gave goes on where that page ended, and nothing has been read or lost.
    let rest = shop.ask("GET", &format!("?cursor={cursor}")).await;
    let sessions = [&first, &rest].map(|page| page["sessions"].as_array().expect("an array").clone());
    let mut numbers: Vec<_> = sessions.concat().iter().map(|session| session["data"]["n"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
    assert!(sessions.concat().iter().all(|session| session["version"] == 1 && session["reads"] == 1));
}

#[tokio::test]
async fn both_interfaces_show_the_same_sessions() {
    let (_install, _server, shop) = shop().await;
    let session =
        shop.created(&json!({ "user": "anna", "ip": "10.0.0.1", "ttl": 60, "sliding": false })).await;
    let seen = shop.rest("GET", &format!("get/{}", session.token)).await.json();
    assert_eq!((&seen["id"], &seen["no_resave"]), (&json!("anna"), &json!(true)), "{seen}");
    let made = shop.rest("PUT", "create/bert?ip=1").await.json();
    let token = made["token"].as_str().expect("a token").to_owned();
    let session = Held { app: &shop, token, id: String::new() };
    assert_eq!(good(&session.get().await)["user"], "bert");
}

#[tokio::test]
async fn what_cannot_be_created_is_refused() {
    let (_install, _server, shop) = shop().await;
    let many: Map<_, _> = (0..10_000).map(|number| (number.to_string(), json!(0))).collect();
    for (name, value) in [
        ("user", json!("")),
        ("user", json!("x".repeat(129))),
        ("user", json!(7)),
        ("user", json!(null)),
        ("ip", json!("")),
        ("ip", json!("localhost")),
        ("ip", json!("10.0.0.1:80")),
        ("ip", json!(1)),
        ("ttl", json!(9)),
        ("ttl", json!(0)),
        ("ttl", json!(-1)),
        ("ttl", json!(60.5)),
        ("ttl", json!("60")),
        ("ttl", json!(1e18)),
        ("ttl", json!(u64::MAX)),
        ("sliding", json!("yes")),
        ("max_age", json!(-1)),
        ("max_age", json!(0)),
        ("max_age", json!(u64::MAX)),
        ("data", json!([])),
        ("data", json!("text")),
        ("data", json!({ "deep": {} })),
        ("data", json!({ "list": [1] })),
        ("data", json!({ "": 1 })),
        ("data", json!({ ("k".repeat(65)): 1 })),
        ("data", Value::Object(many.into_iter().take(257).collect())),
        ("usr", json!("anna")),
    ] {
        let mut body = json!({ "user": "anna", "ip": "10.0.0.1" });
        body[name] = value;
        let answer = shop.create(&body).await;
        assert_eq!(answer.status, 400, "{name}: {}", body[name]);
        assert!(answer.problem(400, "invalid_request")["detail"].to_string().len() < 200, "{answer:?}");
    }
    for data in [
        json!({ "text": "x".repeat(1 << 20) }),
        Value::Object((0..10_000).map(|n| (n.to_string(), json!(1))).collect()),
    ] {
        let answer = shop.create(&json!({ "user": "anna", "ip": "10.0.0.1", "data": data })).await;
        answer.problem(413, "payload_too_large");
    }
    for body in [json!({}), json!({ "user": "anna" }), json!({ "ip": "10.0.0.1" }), json!([]), json!(null)] {
        shop.create(&body).await.problem(400, "invalid_request");
    }
    assert_eq!(shop.ask("GET", "").await["sessions"], json!([]));
}

#[tokio::test]
async fn data_without_bounds_changes_nothing() {
    let (_install, _server, shop) = shop().await;
    let session = shop.created(&json!({ "user": "anna", "ip": "10.0.0.1", "data": { "kept": 1 } })).await;
    let keys = |count: usize| Value::Object((0..count).map(|n| (n.to_string(), json!(1))).collect());
    // What fits by itself is still too much with what is there.
    let most = json!({ "text": "x".repeat(60_000) });
    for (data, statuses) in [
        (keys(10_000), [400, 413]),
        (keys(256), [400, 400]),
        (json!({ "text": "x".repeat(1 << 20) }), [413, 413]),
        (json!({ "a": { "b": 1 } }), [400, 400]),
        (json!([1]), [400, 400]),
        (json!("text"), [400, 400]),
    ] {
        let answer = session.merge(&data, None).await;
        assert!(statuses.contains(&answer.status), "{answer:?}");
    }
    let shown = good(&session.get().await);
    assert_eq!((&shown["data"], &shown["version"]), (&json!({ "kept": 1 }), &json!(1)), "{shown}");
    assert_eq!(session.merge(&most, None).await.status, 200);
    session.merge(&json!({ "more": "x".repeat(60_000) }), None).await.problem(400, "invalid_request");
    assert_eq!(good(&session.get().await)["version"], 2);
}

#[tokio::test]
async fn questions_that_are_not_understood() {
    let (_install, _server, shop) = shop().await;
    let session = shop.created(&json!({ "user": "anna", "ip": "10.0.0.1" })).await;
    for (method, path) in [
        ("GET", "?limit=0"),
        ("GET", "?limit=501"),
        ("GET", "?limit=-1"),
        ("GET", "?limit=x"),
        ("GET", "?usr=anna"),
        ("GET", "?user="),
        ("GET", "?user=anna&user=bert"),
        ("GET", "?user=anna&active_within=60"),
        ("GET", "?active_within=soon"),
        ("GET", "?active_within=-1"),
        ("GET", "/activity"),
        ("GET", "/activity?within=x"),
        ("DELETE", "?usr=anna"),
        ("DELETE", "?user="),
    ] {
        let answer = send(shop.v1(method, path)).await;
        assert_eq!(answer.status, 400, "{method} {path}: {answer:?}");
        answer.problem(400, "invalid_request");
    }
    for token in
        ["", "short", &NO_SUCH_TOKEN[1..], &format!("{NO_SUCH_TOKEN}0"), &"-".repeat(64), &"x".repeat(5000)]
    {
        for (method, path) in [("GET", ""), ("PATCH", "/data"), ("PUT", "/data"), ("DELETE", "")] {
            let request = shop.v1(method, &format!("/current{path}")).json(&json!({ "a": 1 }));
            send(request.header("keyward-session", token)).await.problem(404, "not_found");
        }
    }
    send(shop.v1("GET", "/current")).await.problem(400, "invalid_request");
    let none = Held { app: &shop, token: NO_SUCH_TOKEN.to_owned(), id: String::new() };
    none.get().await.problem(404, "not_found");
    send(shop.v1("DELETE", "/no-such-session")).await.problem(404, "not_found");
    for tag in ["1", "W/\"1\"", "\"1\", \"2\"", "\"x\"", "\"-1\"", ""] {
        session.merge(&json!({ "a": 1 }), Some(tag)).await.problem(400, "invalid_request");
    }
    for name in ["%00", "%ff", "sh%20op", "SHOP", "shop%2Fx", &"a".repeat(5000)] {
        let answer = send(shop.request("GET", &format!("/v1/apps/{name}/sessions"))).await;
        answer.problem(404, "not_found");
    }
    let text = session.request("PATCH", "/data").header("content-type", "text/plain").body("{}");
    send(text).await.problem(415, "unsupported_media_type");
    assert_eq!(good(&session.get().await)["version"], 1);
}

#[tokio::test]
async fn only_the_app_itself_is_let_in() {
    let (install, server, shop) = shop().await;
    let other = AppServer::register(&install, &server, "shop-two");
    let session = shop.created(&json!({ "user": "anna", "ip": "10.0.0.1" })).await;
    let by_id = format!("/{}", session.id);
    for (method, path) in [
        ("GET", ""),
        ("POST", ""),
        ("DELETE", ""),
        ("GET", "/current"),
        ("DELETE", "/current"),
        ("PATCH", "/current/data"),
        ("PUT", "/current/data"),
        ("GET", "/activity?within=60"),
        ("DELETE", &by_id),
    ] {
        let path = format!("/v1/apps/shop/sessions{path}");
        let body = json!({ "user": "anna", "ip": "10.0.0.1" });
        let asks = || shop.anonymous(method, &path).header("keyward-session", &session.token).json(&body);
        for request in [asks(), asks().basic_auth("shop", Some(&other.secret)), asks().bearer_auth("x")] {
            let answer = send(request).await;
            answer.problem(401, "invalid_credentials");
            assert_eq!(answer.header("www-authenticate"), r#"Basic realm="keyward""#, "{answer:?}");
        }
        let foreign = send(asks().basic_auth("shop-two", Some(&other.secret))).await;
        foreign.problem(404, "not_found");
    }
    // Nor is it found by its token or id at the paths of another app.
    let stolen = Held { app: &other, token: session.token.clone(), id: session.id.clone() };
    stolen.get().await.problem(404, "not_found");
    stolen.merge(&json!({ "a": 1 }), None).await.problem(404, "not_found");
    assert_eq!(other.ask("DELETE", &by_id).await, json!({ "ended": 0 }));
    let shown = good(&session.get().await);
    assert_eq!((&shown["version"], &shown["reads"]), (&json!(1), &json!(1)), "{shown}");
}

#[tokio::test]
async fn neither_token_nor_secret_nor_data_is_logged() {
    let install = Install::new().with("KEYWARD_LOG_LEVEL", "trace");
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    let data = json!({ "note": "a phrase nobody may read" });
    let session = shop.created(&json!({ "user": "anna", "ip": "10.0.0.1", "data": data })).await;
    session.get().await;
    session.merge(&json!({ "other": "words nobody may read" }), Some("\"9\"")).await;
    shop.rest("GET", &format!("get/{}", session.token)).await;
    shop.rest("DELETE", &format!("kill/{}", session.token)).await;
    server.ask_to_stop();
    let printed = server.printed();
    for secret in [&session.token, &shop.secret, "nobody may read"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_no_session_that_is_over() {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url());
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    let session = shop.created(&json!({ "user": "anna", "ip": "10.0.0.1" })).await;
    assert_eq!(session.get().await.status, 200);
    redis.kill();
    for answer in [
        session.get().await,
        session.merge(&json!({ "a": 1 }), None).await,
        shop.create(&json!({ "user": "anna", "ip": "10.0.0.1" })).await,
        send(shop.v1("GET", "")).await,
        shop.rest("GET", &format!("get/{}", session.token)).await,
        shop.rest("GET", "soapp?dt=600").await,
        send(shop.anonymous("GET", "/rest-sessions/ping")).await,
    ] {
        answer.problem(503, "store_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|wait| wait > 0), "{answer:?}");
    }
}
