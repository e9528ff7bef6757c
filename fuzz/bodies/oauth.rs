//! The forms of OAuth, at the three endpoints that read them, and the two ways in which a client shows its secret.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode;
use serde_json::Value;

use super::{
    bytes, expand,
    served::{self, Answer, Served},
};

const PATHS: [&str; 3] = ["/oauth/token", "/oauth/revoke", "/oauth/introspect"];
const ERRORS: [&str; 5] =
    ["invalid_request", "invalid_client", "invalid_grant", "unsupported_grant_type", "invalid_scope"];

/// What was sent, as far as what must hold is about it.
struct Sent {
    path: &'static str,
    /// All that the header and the form hold, decoded.
    shown: String,
    form: Vec<u8>,
}

/// The first byte says which endpoint; a line is the `Authorization` header, none if it is empty; the rest is the form.
/// `$A` and `$R` are the access and the refresh token of a session at `shop`, `$S` its secret, `$B` the same as HTTP
/// Basic has it; `$a` and `$r` are of a session at another app. Nobody gets anything who did not show what it takes.
pub fn oauth_form(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    served::with(|served| {
        let basic = STANDARD.encode(format!("shop:{}", served.secret));
        let meanings = [
            (b'A', &*served.shop.access),
            (b'R', &*served.shop.refresh),
            (b'a', &*served.default.access),
            (b'r', &*served.default.refresh),
            (b'S', &*served.secret),
            (b'B', &*basic),
        ];
        let rest = expand(rest, &meanings);
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, form) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
        let Ok(line) = HeaderValue::from_bytes(line) else { return };
        let path = PATHS[usize::from(*kind) % PATHS.len()];
        let sent = Sent { path, shown: shown(&line, form), form: form.to_vec() };
        let answer = served.ask(request(path, line, form));
        judge(served, &sent, &answer);
    });
}

fn request(path: &str, line: HeaderValue, form: &[u8]) -> Request<Body> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = if line.is_empty() { request } else { request.header(header::AUTHORIZATION, line) };
    request.body(Body::from(form.to_vec())).expect("a request")
}

fn shown(line: &HeaderValue, form: &[u8]) -> String {
    let credentials =
        line.to_str().ok().and_then(|line| line.split_once(' ')).map_or("", |(_, rest)| rest.trim());
    let credentials = STANDARD.decode(credentials).unwrap_or_default();
    [decoded(&credentials), "\n".to_owned(), decoded(form)].concat()
}

fn decoded(text: &[u8]) -> String {
    percent_decode(text).decode_utf8_lossy().into_owned()
}

fn judge(served: &mut Served, sent: &Sent, answer: &Answer) {
    let Sent { path, shown, form } = sent;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_shop = shown.contains(&*served.secret);
    if has_a_parameter_twice(form) {
        assert_eq!(
            (answer.status, json["error"].as_str()),
            (StatusCode::BAD_REQUEST, Some("invalid_request"))
        );
    }
    match (answer.status, *path) {
        (StatusCode::OK, "/oauth/token") => {
            let is_own = is_shop && shown.contains(&*served.shop.refresh);
            let is_public = shown.contains("default") && shown.contains(&*served.default.refresh);
            assert!(is_own || is_public, "a token for nothing: {json}");
            assert!(json["access_token"].is_string() && json["refresh_token"].is_string(), "{json}");
        }
        (StatusCode::OK, "/oauth/introspect") => {
            assert!(is_shop, "told without a secret: {json}");
            let is_shown = shown.contains(&*served.shop.access) || shown.contains(&*served.default.access);
            assert!(is_shown || json["active"] == false, "{json}");
        }
        (StatusCode::OK, _) => revoked(served, shown, is_shop),
        (status @ (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED), _) => {
            assert!(json["error"].as_str().is_some_and(|error| ERRORS.contains(&error)), "{json}");
            assert_eq!(status == StatusCode::UNAUTHORIZED, json["error"] == "invalid_client", "{json}");
            let (body, said) = (String::from_utf8_lossy(&answer.body), &served.secret);
            assert!(!body.contains(&**said), "a secret is repeated");
        }
        // The body is longer than is read.
        (StatusCode::PAYLOAD_TOO_LARGE, _) => assert!(form.len() > 64 * 1024),
        (status, _) => panic!("{status} {json}"),
    }
}

/// A client ends what is its own alone.
fn revoked(served: &mut Served, shown: &str, is_shop: bool) {
    let is_there = |access: &str| served.is_good(access);
    let (shop, default) = (is_there(&served.shop.access), is_there(&served.default.access));
    let was_shown = |own: &served::SignedIn| shown.contains(&*own.access) || shown.contains(&*own.refresh);
    assert!(shop || (is_shop && was_shown(&served.shop)), "another's session was ended");
    assert!(
        default || (shown.contains("default") && was_shown(&served.default)),
        "another's session was ended"
    );
    if !(shop && default) {
        served.sign_in();
    }
}

/// By a reading of its own (WHATWG URL, application/x-www-form-urlencoded).
fn has_a_parameter_twice(form: &[u8]) -> bool {
    let mut names = Vec::new();
    for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        let spaced: Vec<u8> = name.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        let name = decoded(&spaced);
        if names.contains(&name) {
            return true;
        }
        names.push(name);
    }
    false
}

/// Genuine inputs of [`oauth_form`].
#[must_use]
pub fn oauth_form_seeds() -> Vec<Vec<u8>> {
    bytes([
        "0Basic $B\ngrant_type=refresh_token&refresh_token=$R",
        "0\ngrant_type=refresh_token&refresh_token=$R&client_id=shop&client_secret=$S",
        "0\ngrant_type=refresh_token&refresh_token=$r&client_id=default&scope=",
        "0Basic $B\ngrant_type=refresh_token&refresh_token=$r",
        "0\ngrant_type=password&username=alice&password=x&client_id=default",
        "0\ngrant%5Ftype=refresh%5ftoken&refresh_token=$R&client_id=shop&client_secret=wrong&scope=a+b",
        "1Basic $B\ntoken=$A&token_type_hint=refresh_token",
        "1\ntoken=$r&client_id=default",
        "1\ntoken=$R&client_id=default",
        "2Basic $B\ntoken=$A",
        "2basic $B\ntoken=$a&client_id=shop",
        "2Bearer $A\ntoken=$A&token=$A",
    ])
}
