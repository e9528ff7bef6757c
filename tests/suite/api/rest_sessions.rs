//! The interface of rest-sessions (contract 2.6), path for path, with what redis-sessions 4 takes,
//! refuses and answers.

use serde_json::{Value, json};

use super::{
    actor::{Answer, send},
    app_server::{AppServer, good},
    install::{Install, Server},
};

const NO_SUCH_TOKEN: &str = "0123456789012345678901234567890123456789012345678901234567891234";

async fn shop() -> (Install, Server, AppServer) {
    let install = Install::new();
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    (install, server, shop)
}

/// The call was refused with the words of redis-sessions.
#[track_caller]
fn refused(answer: &Answer, message: &str) {
    assert_eq!(answer.status, 400, "{message}: {answer:?}");
    let name = match message.split(' ').next() {
        Some("No") => "missingParameter",
        Some("Invalid") => "invalidFormat",
        Some(_) | None => "invalidValue",
    };
    assert_eq!(answer.json(), json!({ "name": name, "message": message }), "{answer:?}");
}

async fn created(app: &AppServer, path: &str, data: Option<Value>) -> String {
    let path = format!("create/{path}");
    let answer = match data {
        Some(data) => app.rest_with("PUT", &path, &data).await,
        None => app.rest("PUT", &path).await,
    };
    let body = good(&answer);
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
    let token = body["token"].as_str().expect("a token").to_owned();
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
    token
}

#[tokio::test]
async fn a_session_from_its_creation_to_its_end() {
    let (_install, _server, shop) = shop().await;
    let token = created(&shop, "user123?ip=192.168.99.22&ttl=86400", None).await;
    let mut fresh = good(&shop.rest("GET", &format!("get/{token}")).await);
    // In whole seconds, of which a busy machine may let some pass.
    let idle = fresh["idle"].take();
    assert!(idle.as_u64().is_some_and(|idle| idle < 30), "{idle}");
    let expected =
        json!({ "id": "user123", "r": 1, "w": 1, "ttl": 86400, "idle": null, "ip": "192.168.99.22" });
    assert_eq!(fresh, expected);

    let set = format!("set/{token}");
    let session = good(&shop.rest_with("POST", &set, &json!({ "name": "Peter", "unread": 12 })).await);
    assert_eq!(session["d"], json!({ "name": "Peter", "unread": 12 }), "{session}");
    assert_eq!((&session["r"], &session["w"]), (&json!(2), &json!(2)), "{session}");
    let change = json!({ "unread": null, "vip": true, "score": 1.5 });
    let session = good(&shop.rest_with("POST", &set, &change).await);
    assert_eq!(session["d"], json!({ "name": "Peter", "vip": true, "score": 1.5 }), "{session}");
    let session =
        good(&shop.rest_with("POST", &set, &json!({ "name": null, "vip": null, "score": null })).await);
    assert_eq!((session.get("d"), &session["w"]), (None, &json!(4)), "{session}");

    let kill = format!("kill/{token}");
    assert_eq!(good(&shop.rest("DELETE", &kill).await), json!({ "kill": 1 }));
    assert_eq!(good(&shop.rest("DELETE", &kill).await), json!({ "kill": 0 }));
    assert_eq!(good(&shop.rest("GET", &format!("get/{token}")).await), json!({}));
    assert_eq!(good(&shop.rest_with("POST", &set, &json!({ "a": 1 })).await), json!({}));
}

#[tokio::test]
async fn sessions_of_an_id_and_of_the_app_are_listed_counted_and_ended() {
    let (_install, _server, shop) = shop().await;
    for (id, ip) in [("anna", "10.0.0.1"), ("anna", "10.0.0.2"), ("bert", "10.0.0.3")] {
        created(&shop, &format!("{id}?ip={ip}"), Some(json!({ "seen": true, "gone": null }))).await;
    }
    let ips = |body: &Value| {
        let sessions = body["sessions"].as_array().expect("an array");
        let mut ips: Vec<_> = sessions.iter().map(|session| session["ip"].to_string()).collect();
        ips.sort();
        ips.join(" ")
    };
    let anna = good(&shop.rest("GET", "soid/anna").await);
    assert_eq!(ips(&anna), r#""10.0.0.1" "10.0.0.2""#);
    assert_eq!(anna["sessions"][0]["d"], json!({ "seen": true }));
    assert_eq!(good(&shop.rest("GET", "soid/nobody").await), json!({ "sessions": [] }));
    assert_eq!(ips(&good(&shop.rest("GET", "soapp?dt=600").await)).split(' ').count(), 3);
    assert_eq!(good(&shop.rest("GET", "activity?dt=600").await), json!({ "activity": 2 }));
    assert_eq!(good(&shop.rest("GET", "activity?deltaTime=600").await), json!({ "activity": 2 }));

    assert_eq!(good(&shop.rest("DELETE", "killsoid/anna").await), json!({ "kill": 2 }));
    assert_eq!(good(&shop.rest("DELETE", "killsoid/anna").await), json!({ "kill": 0 }));
    assert_eq!(good(&shop.rest("GET", "activity?dt=600").await), json!({ "activity": 1 }));
    assert_eq!(good(&shop.rest("DELETE", "killall").await), json!({ "kill": 1 }));
    assert_eq!(good(&shop.rest("DELETE", "killall").await), json!({ "kill": 0 }));
    assert_eq!(good(&shop.rest("GET", "soapp?dt=10").await), json!({ "sessions": [] }));
}

#[tokio::test]
async fn a_session_with_no_resave_says_so() {
    let (_install, _server, shop) = shop().await;
    for (query, fixed) in [("&no_resave=true", true), ("&no_resave=1", true), ("&no_resave=false", false)] {
        let token = created(&shop, &format!("anna?ip=1&ttl=30{query}"), None).await;
        let session = good(&shop.rest("GET", &format!("get/{token}")).await);
        assert_eq!(session.get("no_resave"), fixed.then_some(&json!(true)), "{session}");
        assert!([29, 30].map(|ttl| json!(ttl)).contains(&session["ttl"]), "{session}");
    }
}

#[tokio::test]
async fn what_the_library_refuses_is_refused_in_its_words() {
    let (_install, _server, shop) = shop().await;
    let long_ip = format!("create/anna?ip={}", "1".repeat(40));
    let long_token = format!("get/{NO_SUCH_TOKEN}0");
    let bad_token = format!("get/!{}", &NO_SUCH_TOKEN[1..]);
    let ttl = "ttl must be a positive integer >= 10";
    let dt = "deltaTime must be a positive integer >= 10";
    for (method, path, message) in [
        ("GET", "get/tooshort", "Invalid token format"),
        ("GET", &long_token, "Invalid token format"),
        ("GET", &bad_token, "Invalid token format"),
        ("DELETE", "kill/tooshort", "Invalid token format"),
        ("PUT", "create/anna", "No ip supplied"),
        ("PUT", "create/anna?ip=", "No ip supplied"),
        ("PUT", "create/anna?ip=1%0A2", "Invalid ip format"),
        ("PUT", &long_ip, "Invalid ip format"),
        ("PUT", "create/an%0Ana?ip=1", "Invalid id format"),
        ("GET", "soid/an%0Ana", "Invalid id format"),
        ("DELETE", "killsoid/an%0Ana", "Invalid id format"),
        ("PUT", "create/anna?ip=1&ttl=9", ttl),
        ("PUT", "create/anna?ip=1&ttl=0", ttl),
        ("PUT", "create/anna?ip=1&ttl=-10", ttl),
        ("PUT", "create/anna?ip=1&ttl=soon", ttl),
        ("PUT", "create/anna?ip=1&ttl=315360001", "ttl must be a positive integer <= 315360000"),
        ("PUT", "create/anna?ip=1&ttl=99999999999999999999", "ttl must be a positive integer <= 315360000"),
        ("PUT", "create/anna?ip=1&no_resave=maybe", "no_resave must be true or false"),
        ("GET", "activity", dt),
        ("GET", "activity?dt=", dt),
        ("GET", "activity?dt=9", dt),
        ("GET", "soapp", dt),
        ("GET", "soapp?dt=x", dt),
        ("GET", "soapp?dt=-600", dt),
    ] {
        refused(&shop.rest(method, path).await, message);
    }
    assert_eq!(good(&shop.rest("GET", "activity?dt=600").await), json!({ "activity": 0 }));
}

#[tokio::test]
async fn data_is_a_flat_object() {
    let (_install, _server, shop) = shop().await;
    let token = created(&shop, "anna?ip=1", Some(json!({ "kept": 1 }))).await;
    let set = format!("set/{token}");
    let kind = "has a forbidden type. Only strings, numbers, boolean and null are allowed.";
    for (data, message) in [
        (json!({ "inv": [] }), format!("d.inv {kind}")),
        (json!({ "fine": 1, "inv": {} }), format!("d.inv {kind}")),
        (json!([1]), "d must be an object".to_owned()),
        (json!("text"), "d must be an object".to_owned()),
        (json!(1), "d must be an object".to_owned()),
    ] {
        refused(&shop.rest_with("PUT", "create/anna?ip=1", &data).await, &message);
        refused(&shop.rest_with("POST", &set, &data).await, &message);
    }
    // The companion of the library takes an empty object at a creation for none.
    refused(&shop.rest_with("POST", &set, &json!({})).await, "d must containt at least one key.");
    refused(&shop.rest("POST", &set).await, "d must containt at least one key.");
    created(&shop, "bert?ip=1", Some(json!({}))).await;
    let sessions = good(&shop.rest("GET", "soid/anna").await);
    assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(1), "{sessions}");
    assert_eq!(
        (&sessions["sessions"][0]["d"], &sessions["sessions"][0]["w"]),
        (&json!({ "kept": 1 }), &json!(1))
    );
}

#[tokio::test]
async fn data_without_bounds_is_refused_and_changes_nothing() {
    let (_install, _server, shop) = shop().await;
    let token = created(&shop, "anna?ip=1", Some(json!({ "kept": 1 }))).await;
    let set = format!("set/{token}");
    let many: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("k{n}"), json!(1))).collect();
    let huge = json!({ "text": "x".repeat(1 << 20) });
    for (data, statuses) in [(Value::Object(many), [400, 413]), (huge, [413, 413])] {
        for answer in [
            shop.rest_with("POST", &set, &data).await,
            shop.rest_with("PUT", "create/bert?ip=1", &data).await,
        ] {
            assert!(statuses.contains(&answer.status), "{answer:?}");
        }
    }
    let request = shop.rest_request("POST", &set).header("content-type", "text/plain").body("{\"a\":1}");
    send(request).await.problem(415, "unsupported_media_type");
    for body in ["{", "{\"a\":1e400}", "{\"a\":\"\\ud800\"}"] {
        let request = shop.rest_request("POST", &set).header("content-type", "application/json").body(body);
        assert_eq!(send(request).await.status, 400, "{body}");
    }
    let session = good(&shop.rest("GET", &format!("get/{token}")).await);
    assert_eq!((&session["d"], &session["w"]), (&json!({ "kept": 1 }), &json!(1)), "{session}");
    assert_eq!(good(&shop.rest("GET", "activity?dt=600").await), json!({ "activity": 1 }));
}

/// Every path, as its own app may ask for it.
const PATHS: [(&str, &str); 9] = [
    ("PUT", "create/anna?ip=1"),
    ("GET", "get/TOKEN"),
    ("POST", "set/TOKEN"),
    ("DELETE", "kill/TOKEN"),
    ("DELETE", "killsoid/anna"),
    ("DELETE", "killall"),
    ("GET", "soid/anna"),
    ("GET", "soapp?dt=600"),
    ("GET", "activity?dt=600"),
];

#[tokio::test]
async fn only_the_app_itself_is_let_in() {
    let (install, server, shop) = shop().await;
    let other = AppServer::register(&install, &server, "other");
    install.good(&["app", "add", "browser"]);
    let token = created(&shop, "anna?ip=1", None).await;
    for (method, path) in PATHS {
        let path = format!("/rest-sessions/shop/{}", path.replace("TOKEN", &token));
        let asks = || shop.anonymous(method, &path).json(&json!({ "a": 1 }));
        for request in [
            asks(),
            asks().basic_auth("shop", Some("wrong")),
            asks().basic_auth("shop", Some("")),
            asks().basic_auth("shop", Some(&other.secret)),
            asks().basic_auth("nobody", Some(&shop.secret)),
            asks().basic_auth("Shop", Some(&shop.secret)),
            asks().basic_auth("browser", Some("")),
            asks().basic_auth("", Some("")),
            asks().bearer_auth(&shop.secret),
            asks().header("authorization", "Basic !!!"),
            asks().header("authorization", "Basic c2hvcA=="),
        ] {
            let answer = send(request).await;
            answer.problem(401, "invalid_credentials");
            assert_eq!(answer.header("www-authenticate"), r#"Basic realm="keyward""#, "{answer:?}");
        }
        let answer = send(asks().basic_auth("other", Some(&other.secret))).await;
        answer.problem(404, "not_found");
    }
    let session = good(&shop.rest("GET", &format!("get/{token}")).await);
    assert_eq!((&session["r"], &session["w"]), (&json!(1), &json!(1)), "{session}");
}

#[tokio::test]
async fn names_of_apps_are_checked_as_the_library_does() {
    let (install, server, shop) = shop().await;
    for (name, message) in [
        ("ab", "Invalid app format"),
        ("with.dot", "Invalid app format"),
        ("a-name-of-21-characters", "Invalid app format"),
    ] {
        let app = AppServer::register(&install, &server, name);
        refused(&app.rest("GET", "activity?dt=600").await, message);
    }
    for name in ["%00", "sh%2Fop", "sh%20op", "..%2f", "%ff"] {
        let answer = send(shop.request("GET", &format!("/rest-sessions/{name}/activity?dt=600"))).await;
        refused(&answer, "Invalid app format");
    }
}

#[tokio::test]
async fn the_store_is_pinged_without_a_secret() {
    let (_install, _server, shop) = shop().await;
    let answer = send(shop.anonymous("GET", "/rest-sessions/ping")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "PONG"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test]
async fn a_method_the_interface_does_not_have() {
    let (_install, _server, shop) = shop().await;
    shop.rest("POST", "create/anna?ip=1").await.problem(405, "method_not_allowed");
    shop.rest("GET", "killall").await.problem(405, "method_not_allowed");
    shop.rest("GET", "nothing").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_listing_of_more_than_a_page_is_whole() {
    let (_install, _server, shop) = shop().await;
    let ids: Vec<String> = (0..1_201).map(|number| format!("user{number}")).collect();
    for some in ids.chunks(100) {
        let creations = some.iter().map(|id| {
            let request = shop.rest_request("PUT", &format!("create/{id}?ip=1"));
            tokio::spawn(send(request))
        });
        for creation in creations.collect::<Vec<_>>() {
            good(&creation.await.expect("an answer"));
        }
    }
    let listed = good(&shop.rest("GET", "soapp?dt=600").await);
    let sessions = listed["sessions"].as_array().expect("an array").iter();
    let mut listed: Vec<_> = sessions.map(|session| session["id"].as_str().expect("an id")).collect();
    let mut expected: Vec<_> = ids.iter().map(String::as_str).collect();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    assert_eq!(good(&shop.rest("GET", "activity?dt=600").await), json!({ "activity": 1_201 }));
    assert_eq!(good(&shop.rest("DELETE", "killall").await), json!({ "kill": 1_201 }));
}
