//! Every secret that is sent to a server or had from one, by whichever test; and that none of them is in what servers
//! and commands write. Tests need not think of it: the actors register, and each server and command is looked at when it
//! ends, at `debug`.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use aws_lc_rs::digest;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::{
    RequestBuilder,
    header::{AUTHORIZATION, COOKIE, HeaderMap, SET_COOKIE},
};
use serde_json::Value;

/// What is shorter may be a word of the log; so may be what is a word.
const SHORTEST: usize = 12;

/// By what they begin with, so that a long log is looked through once.
static KNOWN: LazyLock<Mutex<HashMap<[u8; SHORTEST], Vec<String>>>> = LazyLock::new(Mutex::default);

/// Members of bodies and fields of forms that are secret.
const SECRET: [&str; 11] = [
    "password",
    "current",
    "new",
    "access_token",
    "refresh_token",
    "token",
    "secret",
    "client_secret",
    "mfa_token",
    "recovery_code",
    "subject_token",
];

/// From now on it must be in no log.
pub fn register(secret: &str) {
    // What is genuine in an access token is its signature; the rest are names and times.
    let secret = if secret.starts_with("eyJ") { secret.rsplit('.').next().unwrap_or(secret) } else { secret };
    let is_word = secret.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '_');
    if secret.len() < SHORTEST || is_word {
        return;
    }
    keep(secret);
    if secret.starts_with("kw") {
        // What stands for it in a store would let nobody in, and is as useless in a log.
        keep(&URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, secret.as_bytes())));
    }
}

fn keep(secret: &str) {
    let Some(start) = secret.as_bytes().first_chunk() else { return };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let same = known.entry(*start).or_default();
    if !same.iter().any(|one| one == secret) {
        same.push(secret.to_owned());
    }
}

/// Registers what a request shows.
pub fn register_request(request: &RequestBuilder) {
    let Some(request) = request.try_clone().and_then(|request| request.build().ok()) else { return };
    for line in request.headers().get_all(AUTHORIZATION).iter().filter_map(|line| line.to_str().ok()) {
        match line.split_once(' ') {
            Some(("Bearer", token)) => register(token),
            Some(("Basic", pair)) => {
                let pair = STANDARD.decode(pair).ok().and_then(|pair| String::from_utf8(pair).ok());
                pair.iter().filter_map(|pair| pair.split_once(':')).for_each(|(_, secret)| register(secret));
            }
            _ => {}
        }
    }
    for line in request.headers().get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()) {
        line.split("; ").filter_map(|pair| pair.split_once('=')).for_each(|(_, value)| register(value));
    }
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    match serde_json::from_slice(body) {
        Ok(json) => register_members(&json),
        Err(_) => form_urlencoded::parse(body)
            .filter(|(name, _)| SECRET.contains(&&**name))
            .for_each(|(_, value)| register(&value)),
    }
}

/// Registers what an answer gives.
pub fn register_answer(headers: &HeaderMap, text: &str) {
    for line in headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok()) {
        if let Some((_, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) {
            register(value);
        }
    }
    if let Ok(json) = serde_json::from_str(text) {
        register_members(&json);
    }
}

fn register_members(json: &Value) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if SECRET.contains(&&**name) => register(text),
                    other => register_members(other),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(register_members),
        _ => {}
    }
}

/// A secret that a text holds; a hash of a password is one, whosever it is.
pub fn found_in(text: &str) -> Option<String> {
    if let Some(at) = text.find("$argon2") {
        return Some(text[at..].chars().take(60).collect());
    }
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    text.as_bytes().windows(SHORTEST).enumerate().find_map(|(at, window)| {
        let same = known.get(window)?;
        same.iter().find(|secret| text.as_bytes()[at..].starts_with(secret.as_bytes())).cloned()
    })
}

/// Whatever `writer` wrote, no secret is in it.
#[track_caller]
pub fn assert_none_in(text: &str, writer: &str) {
    if let Some(secret) = found_in(text) {
        panic!("the secret {secret:?} is in what {writer} wrote: {text}");
    }
}

#[test]
fn a_secret_is_found_wherever_it_stands() {
    register("a passphrase that no other test has: 4711");
    register("short");
    register("only-lower-case-words");
    assert_eq!(found_in("nothing short, only-lower-case-words"), None);
    let log = "x=1 detail=\"a passphrase that no other test has: 4711\" y=2";
    assert_eq!(found_in(log).as_deref(), Some("a passphrase that no other test has: 4711"));
    assert!(found_in("hash=$argon2id$v=19$m=19456").is_some());
    register("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.The_Signature_Of_A_Token");
    assert!(found_in("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0").is_none());
    assert!(found_in("token=The_Signature_Of_A_Token").is_some());
    register("kwr_0123456789abcdefGHIJ");
    let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, b"kwr_0123456789abcdefGHIJ"));
    assert_eq!(found_in(&format!("key=refresh:{hash}")), Some(hash));
}
