//! What clients write: bodies, names, and the headers by which proxies say who the client is.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use keyward::{
    domain::{
        app::{AppName, Origin},
        app_policy::AppPolicy,
        app_session_data::{AppData, DATA_KEY_MAX_CHARS, DATA_MAX_BYTES, DATA_MAX_KEYS, DataChange},
        secret::Password,
        session::{DEVICE_MAX_BYTES, Device},
        user::{Email, Role, Username},
    },
    http::{api::bodies::refusals, wire::forwarded::client_address},
};
use serde_json::{Map, Value};

use super::bytes;

/// No body is more than refused, and no text in one does harm where it is parsed into a type.
pub fn request_body(data: &[u8]) {
    for problem in refusals(data) {
        assert_eq!((problem.status(), problem.code()), (StatusCode::BAD_REQUEST, "invalid_request"));
    }
    if let Ok(Value::Object(object)) = serde_json::from_slice(data) {
        session_data(&object);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(policy) = AppPolicy::read(text) {
        assert_eq!(AppPolicy::read(&policy.json()), Some(policy), "what is written is read back");
    }
    if let Ok(name) = Username::parse(text) {
        let again = Username::parse(name.shown()).expect("a name is a name");
        assert_eq!((again.shown(), again.key()), (name.shown(), name.key()));
    }
    if let Ok(app) = AppName::parse(text) {
        assert_eq!(app.as_str(), text);
    }
    let device = Device::new(Some(text), None, Some(text));
    let bounded = |kept: &String| kept.len() <= DEVICE_MAX_BYTES && !kept.chars().any(char::is_control);
    assert!(device.name.as_ref().is_none_or(bounded));
    let _ = (Password::parse(text), Email::parse(text), Origin::parse(text), Role::parse(text));
}

/// The data of an app's session stays within its bounds, whatever is written and however often.
fn session_data(object: &Map<String, Value>) {
    let Ok(data) = AppData::from_json(object.clone()) else { return };
    let written = Value::Object(data.to_json()).to_string();
    assert!(written.len() <= DATA_MAX_BYTES && data.iter().count() <= DATA_MAX_KEYS);
    assert!(data.iter().all(|(key, _)| (1..=DATA_KEY_MAX_CHARS).contains(&key.chars().count())));
    let kept: Map<String, Value> = serde_json::from_str(&written).expect("JSON");
    assert_eq!(AppData::from_json(kept).expect("it was kept"), data, "what is written is read back");
    // Of what is to be removed there may be more than is kept.
    let Ok(change) = DataChange::merge(object.clone()) else { return };
    assert_eq!(AppData::default().changed_by(&change).expect("it fits"), data);
    assert_eq!(data.changed_by(&change).expect("it fits"), data, "written twice is written once");
}

/// Genuine inputs of [`request_body`].
#[must_use]
pub fn request_body_seeds() -> Vec<Vec<u8>> {
    bytes([
        r#"{"username":"alice","password":"correct horse","device":"phone","app":"default","transport":"body"}"#,
        r#"{"username":"alice","password":"correct horse","email":"alice@example.com"}"#,
        r#"{"refresh_token":"kwr_AAAA"}"#,
        r#"{"current":"correct horse","new":"battery staple"}"#,
        r#"{"unread":12,"ratio":-1.5e-300,"name":"Zo\u00eb","is_new":true,"gone":null}"#,
        r#"{"v":1,"access_ttl":60,"audience":"https://api.example.com","later":{}}"#,
        "Åsa ﬁona",
        "{}",
    ])
}

/// Whatever a client writes into the headers, one line each: behind a trusted proxy that adds the
/// client's address to either header, on a line of its own or to the last one, the answer is that
/// address; or the proxy's, if the client's own lines make it doubtful. Never one that the client chose.
pub fn forwarded(data: &[u8]) {
    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse::<IpNet>().expect("a net"));
    let written = lines(data);
    assert_eq!(client_address(CLIENT, &written, &trusted), CLIENT, "a stranger was believed");
    for (name, element) in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")] {
        let name = HeaderName::from_static(name);
        let mut own_line = written.clone();
        own_line.append(&name, HeaderValue::from_static(element));
        let mut same_line = written.clone();
        let mut values: Vec<HeaderValue> = same_line.get_all(&name).iter().cloned().collect();
        let last = values.pop().map_or_else(Vec::new, |last| [last.as_bytes(), b", "].concat());
        values.push(HeaderValue::from_bytes(&[&last, element.as_bytes()].concat()).expect("a header value"));
        same_line.remove(&name);
        for value in values {
            same_line.append(&name, value);
        }
        for headers in [own_line, same_line] {
            let seen = client_address(PROXY, &headers, &trusted);
            assert!(seen == CLIENT || seen == PROXY, "{seen} was believed: {headers:?}");
        }
    }
}

/// A line beginning with `F` is a `Forwarded`, any other an `X-Forwarded-For`.
fn lines(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let (name, value) = match line.split_first() {
            Some((b'F', value)) => ("forwarded", value),
            _ => ("x-forwarded-for", line),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Genuine inputs of [`forwarded`].
#[must_use]
pub fn forwarded_seeds() -> Vec<Vec<u8>> {
    bytes([
        "6.6.6.6",
        "6.6.6.6, 10.0.0.2",
        "6.6.6.6\n10.0.0.3",
        "[2001:db8::1]:80, ::ffff:10.0.0.1",
        "Ffor=6.6.6.6",
        "Ffor=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1, For=10.0.0.2",
        "Ffor=_hidden, for=unknown\n6.6.6.6",
        "Ffor=\"6.6.6.6",
    ])
}
