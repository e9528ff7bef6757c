//! The library redis-sessions and our interface of its REST companion, asked the same, on the same
//! Redis: what they answer is compared field by field (contract 2.6).

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{actor::send, app_server::AppServer, install::Install};
use crate::support::servers::redis;

/// What is asked: a verb and its options. "$3" is the token of step 3.
type Step = (&'static str, Value);

fn script() -> Vec<Step> {
    let every_kind = json!({
        "text": "Zoë 🦊 \"quoted\" \\ \u{7f}", "empty": "", "int": 20, "float": 20.212, "negative": -123,
        "safe": 9_007_199_254_740_991_u64, "yes": true, "no": false, "nothing": null,
    });
    let long = "x".repeat(10_000);
    vec![
        ("ping", json!({})),
        ("create", json!({ "id": "anna", "ip": "127.0.0.1" })),
        ("create", json!({ "id": "anna", "ip": "2001:0000:1234:0000:0000:C1C0:ABCD:0876", "ttl": 30 })),
        ("create", json!({ "id": "bert@example.com", "ip": "somewhere", "d": every_kind })),
        ("create", json!({ "id": "Zoë 1/2", "ip": "10.0.0.1", "ttl": 40, "no_resave": true })),
        ("create", json!({ "id": "only-nulls", "ip": "10.0.0.1", "d": { "nothing": null } })),
        ("get", json!({ "token": "$1" })),
        ("get", json!({ "token": "$1" })),
        ("get", json!({ "token": "$2" })),
        ("get", json!({ "token": "$3" })),
        ("get", json!({ "token": "$4" })),
        ("get", json!({ "token": "$4" })),
        ("get", json!({ "token": "$5" })),
        ("set", json!({ "token": "$1", "d": { "foo": "bar", "unread": 34 } })),
        ("set", json!({ "token": "$1", "d": { "unread": 12, "last": "/read/news" } })),
        ("get", json!({ "token": "$1" })),
        ("set", json!({ "token": "$1", "d": { "unread": null, "never": null, "last": "/msg/2121" } })),
        ("set", json!({ "token": "$1", "d": { "foo": null, "last": null } })),
        ("get", json!({ "token": "$1" })),
        ("set", json!({ "token": "$3", "d": { "text": 20, "int": "text", "yes": "no", "long": long } })),
        ("set", json!({ "token": "$4", "d": { "a": 1 } })),
        ("get", json!({ "token": "$4" })),
        ("activity", json!({ "deltaTime": 60 })),
        ("soapp", json!({ "deltaTime": 60 })),
        ("soid", json!({ "id": "anna" })),
        ("soid", json!({ "id": "Zoë 1/2" })),
        ("soid", json!({ "id": "nobody" })),
        ("kill", json!({ "token": "$2" })),
        ("kill", json!({ "token": "$2" })),
        ("get", json!({ "token": "$2" })),
        ("set", json!({ "token": "$2", "d": { "back": true } })),
        ("soid", json!({ "id": "anna" })),
        ("activity", json!({ "deltaTime": 60 })),
        ("kill", json!({ "token": "$1" })),
        ("activity", json!({ "deltaTime": 60 })),
        ("killsoid", json!({ "id": "bert@example.com" })),
        ("killsoid", json!({ "id": "bert@example.com" })),
        ("soapp", json!({ "deltaTime": 3600 })),
        ("killall", json!({})),
        ("killall", json!({})),
        ("soapp", json!({ "deltaTime": 10 })),
        ("activity", json!({ "deltaTime": 10 })),
    ]
}

/// What both refuse.
fn mistakes() -> Vec<Step> {
    let good = json!({ "id": "anna", "ip": "127.0.0.1" });
    let with = |name: &str, value: Value| {
        let mut options = good.clone();
        options[name] = value;
        options
    };
    let token = "0123456789".repeat(7)[..64].to_owned();
    vec![
        ("create", json!({ "id": "anna" })),
        ("create", with("ip", json!(""))),
        ("create", with("ip", json!("1".repeat(40)))),
        ("create", with("ip", json!("10.0.0.1\n"))),
        ("create", with("id", json!("an\nna"))),
        ("create", with("ttl", json!(4))),
        ("create", with("ttl", json!(-10))),
        ("create", with("ttl", json!("soon"))),
        ("create", with("d", json!({ "inv": [] }))),
        ("create", with("d", json!({ "inv": { "a": 1 } }))),
        ("create", with("d", json!([1]))),
        ("create", with("d", json!("text"))),
        ("get", json!({ "token": "lsdkjfslkfjsldfkj" })),
        ("get", json!({ "token": format!("{token}0") })),
        ("get", json!({ "token": format!("!{}", &token[1..]) })),
        ("get", json!({ "token": token })),
        ("kill", json!({ "token": token })),
        ("kill", json!({ "token": "short" })),
        ("set", json!({ "token": token, "d": {} })),
        ("set", json!({ "token": token, "d": [] })),
        ("set", json!({ "token": token, "d": { "a": 1 } })),
        ("set", json!({ "token": token, "d": { "a": [] } })),
        ("set", json!({ "token": "short", "d": { "a": 1 } })),
        ("activity", json!({})),
        ("activity", json!({ "deltaTime": 9 })),
        ("activity", json!({ "deltaTime": "x" })),
        ("soapp", json!({})),
        ("soapp", json!({ "deltaTime": 0 })),
        ("soid", json!({ "id": "a\nb" })),
        ("killsoid", json!({ "id": "a\r\nb" })),
    ]
}

/// What the library answers.
fn theirs(port: u16, namespace: &str, steps: &[Step]) -> Vec<Value> {
    let with_app = |(verb, options): &Step| {
        let mut options = options.clone();
        options["app"] = json!("shop");
        json!([verb, options])
    };
    let steps: Vec<_> = steps.iter().map(with_app).collect();
    let input = json!({ "port": port, "namespace": namespace, "steps": steps }).to_string();
    serde_json::from_str(&node("redis-sessions.mjs", &input)).expect("an array")
}

/// Runs a program of tests/node, where its packages are, and returns what it printed.
fn node(program: &str, input: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages: PathBuf = root.join("target/node");
    assert!(packages.join("installed").exists(), "tests/run installs the packages of tests/node");
    let text = fs::read_to_string(root.join("tests/node").join(program)).expect("the program");
    let mut command = Command::new("node");
    command.args(["--input-type=module", "--eval", &text]).current_dir(packages);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("node");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What we answer, in the form the library's answers are written down.
async fn ours(app: &AppServer, steps: &[Step]) -> Vec<Value> {
    let mut answers: Vec<Value> = Vec::new();
    for (verb, options) in steps {
        if *verb == "ping" {
            let answer = send(app.anonymous("GET", "/rest-sessions/ping")).await;
            answers.push(json!({ "answer": answer.text }));
            continue;
        }
        let mut options = options.clone();
        let earlier = options["token"].as_str().and_then(|token| token.strip_prefix('$'));
        if let Some(step) = earlier.and_then(|step| step.parse::<usize>().ok()) {
            options["token"] = answers[step]["answer"]["token"].clone();
        }
        answers.push(ask(app, verb, &options).await);
    }
    answers
}

async fn ask(app: &AppServer, verb: &str, options: &Value) -> Value {
    let method = match verb {
        "create" => "PUT",
        "set" => "POST",
        "kill" | "killsoid" | "killall" => "DELETE",
        _ => "GET",
    };
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let place = ["id", "token"].iter().find_map(|name| options[*name].as_str());
    let query = ["ip", "ttl", "no_resave", "deltaTime"].iter().filter_map(|name| {
        let value = options.get(*name)?;
        Some(format!("{name}={}", escaped(&plain(value))))
    });
    let query: Vec<_> = query.collect();
    let place = place.map(|place| format!("/{}", escaped(place))).unwrap_or_default();
    let mut request = app.rest_request(method, &format!("{verb}{place}?{}", query.join("&")));
    if let Some(data) = options.get("d") {
        request = request.json(data);
    }
    let answer = send(request).await;
    match answer.status {
        // The REST companion says `{}` where the library, since 4.0, says null.
        200 if answer.text == "{}" => json!({ "answer": null }),
        200 => json!({ "answer": answer.json() }),
        400 => json!({ "error": answer.json() }),
        _ => panic!("{verb} {options}: {answer:?}"),
    }
}

/// Without what differs from run to run: tokens, seconds that went by, the order of a set.
fn steady(mut outcome: Value) -> Value {
    let answer = &mut outcome["answer"];
    if let Some(token) = answer.get_mut("token") {
        let text = token.as_str().expect("a text");
        assert!(text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        *token = json!("a token");
    }
    if let Some(sessions) = answer.get_mut("sessions").and_then(Value::as_array_mut) {
        sessions.iter_mut().filter_map(Value::as_object_mut).for_each(steady_session);
        sessions.sort_by_key(Value::to_string);
    }
    if let Some(session) = answer.as_object_mut().filter(|object| object.contains_key("idle")) {
        steady_session(session);
    }
    outcome
}

fn steady_session(session: &mut Map<String, Value>) {
    let number = |session: &Map<String, Value>, name: &str| session[name].as_i64().expect(name);
    assert!((0..=9).contains(&number(session, "idle")), "{session:?}");
    session.insert("idle".to_owned(), json!("just now"));
    if session.contains_key("no_resave") {
        let tens = (number(session, "ttl") + 9) / 10 * 10;
        session.insert("ttl".to_owned(), json!(tens));
    }
}

async fn compare(steps: &[Step]) {
    let redis = redis::shared();
    let install = Install::new();
    let prefix = format!("side-{}:", install.listen);
    let install = install.with("REDIS_URL", redis.url()).with("KEYWARD_STORAGE_REDIS_PREFIX", &prefix);
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    let ours = ours(&shop, steps).await;
    let theirs = theirs(redis.port(), &prefix, steps);
    assert_eq!(ours.len(), theirs.len());
    for (number, (ours, mut theirs)) in ours.into_iter().zip(theirs).enumerate() {
        // The one thing we do not do: it looks for `w` in the wrong reply of its transaction.
        if steps[number].0 == "set" && theirs["answer"]["no_resave"] == json!(true) {
            assert_eq!(theirs["answer"]["w"], json!(0), "the library is mended");
            theirs["answer"]["w"] = ours["answer"]["w"].clone();
        }
        assert_eq!(steady(ours), steady(theirs), "step {number}: {:?}", steps[number]);
    }
}

#[tokio::test]
async fn the_library_and_we_answer_the_same() {
    compare(&script()).await;
}

#[tokio::test]
async fn the_library_and_we_refuse_the_same() {
    compare(&mistakes()).await;
}

#[tokio::test]
async fn an_empty_object_at_create_is_no_data_here_and_refused_by_the_library() {
    let redis = redis::shared();
    let install = Install::new();
    let server = install.start().await;
    let shop = AppServer::register(&install, &server, "shop");
    let steps =
        [("create", json!({ "id": "anna", "ip": "10.0.0.1", "d": {} })), ("soid", json!({ "id": "anna" }))];
    let theirs = theirs(redis.port(), &format!("empty-{}:", install.listen), &steps);
    assert_eq!(theirs[0]["error"]["name"], "invalidValue", "{theirs:?}");
    assert_eq!(theirs[1]["answer"]["sessions"], json!([]), "{theirs:?}");
    let ours = ours(&shop, &steps).await;
    assert_eq!(ours[1]["answer"]["sessions"][0]["id"], "anna", "{ours:?}");
    assert_eq!(ours[1]["answer"]["sessions"][0].get("d"), None, "{ours:?}");
}
