//! JWT-06, JWT-07 and JWT-09: one token has one text, names each member once, and is short.

use std::fmt::Write;

use keyward::{
    domain::algorithm::Algorithm,
    keys::header::{HEADER_MAX_BYTES, TOKEN_MAX_BYTES},
};
use serde_json::json;

use super::{Forge, Row, encode, merged, row};

/// A JSON object with members put before its own.
fn before(members: &str, object: &serde_json::Value) -> String {
    object.to_string().replacen('{', &format!("{{{members},"), 1)
}

#[test]
fn jwt_06_members_named_twice() {
    let forge = Forge::new(Algorithm::Es256);
    let (header, payload) = (forge.header(), forge.payload());
    let kid = header["kid"].as_str().expect("kid");
    let mut rows = Vec::new();
    for member in [r#""alg":"ES256""#, r#""alg":"none""#, r#""typ":"at+jwt""#, r#""\u0061lg":"none""#] {
        rows.push(row("JWT-06", format!("header {member}"), forge.token(before(member, &header), &payload)));
    }
    let twice = before(&format!(r#""kid":"{kid}""#), &header);
    rows.push(row("JWT-06", "header kid", forge.token(twice, &payload)));
    for member in [
        r#""sub":"0190a0a0-0000-7000-8000-000000000000""#,
        r#""\u0073ub":"0190a0a0-0000-7000-8000-000000000000""#,
        r#""exp":1"#,
        r#""roles":[]"#,
        r#""preferred_username":"root""#,
        r#""iss":"https://evil.example.com""#,
        r#""unknown":1,"unknown":1"#,
        r#""cnf":{},"cnf":{}"#,
    ] {
        rows.push(row("JWT-06", format!("payload {member}"), forge.token(&header, before(member, &payload))));
    }
    forge.assert_refused(rows);
    let unknown = forge.with_payload(&json!({"scope": "read", "cnf": {"x5t#S256": "x"}}));
    forge.assert_accepted("a claim that is not known is let be", &unknown);
}

#[test]
fn jwt_07_other_serialisations() {
    let forge = Forge::new(Algorithm::Es256);
    let token = forge.genuine();
    let [header, payload, signature]: [&str; 3] =
        token.split('.').collect::<Vec<_>>().try_into().expect("three segments");
    let flattened = json!({"protected": header, "payload": payload, "signature": signature});
    let general = json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
    let texts = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{token}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        flattened.to_string(),
        general.to_string(),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{token}\0"),
        format!("{token}="),
        format!("{token}=="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}. {payload}.{signature}"),
        format!("{header}.{payload}\n.{signature}"),
        format!("{header}.{}\n{}.{signature}", &payload[..9], &payload[9..]),
        format!("{header}.{payload}.{}\r\n{}", &signature[..9], &signature[9..]),
        format!("\u{feff}{token}"),
        format!("Bearer {token}"),
        token.replace('.', "\u{ff0e}"),
        token.to_uppercase(),
    ];
    forge.assert_refused(texts.map(|text| row("JWT-07", "form", text)));
}

/// The same bytes with the spare bits of the last character set.
fn with_stray_bits(segment: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = segment.split_at(segment.len() - 1);
    let value = ALPHABET.find(last).expect("base64url");
    format!("{rest}{}", &ALPHABET[value + 1..value + 2])
}

#[test]
fn jwt_07_base64url_has_one_form() {
    let forge = Forge::new(Algorithm::Es256);
    let token = forge.genuine();
    let (message, signature) = token.rsplit_once('.').expect("segments");
    // 64 bytes leave four spare bits in the last character of the signature.
    let mut rows = vec![row("JWT-07", "signature", format!("{message}.{}", with_stray_bits(signature)))];
    // White space after an object changes the length, hence which characters have spare bits.
    for pad in ["", " ", "  "] {
        let header = encode(format!("{}{pad}", forge.header()));
        let payload = encode(format!("{}{pad}", forge.payload()));
        if header.len() % 4 != 0 {
            let message = format!("{}.{}", with_stray_bits(&header), encode(forge.payload().to_string()));
            rows.push(row("JWT-07", "header's stray bits", forge.signed(&message)));
        }
        if payload.len() % 4 != 0 {
            let message = format!("{}.{}", encode(forge.header().to_string()), with_stray_bits(&payload));
            rows.push(row("JWT-07", "payload's stray bits", forge.signed(&message)));
            let padding = "=".repeat(4 - payload.len() % 4);
            let message = format!("{}.{payload}{padding}", encode(forge.header().to_string()));
            rows.push(row("JWT-07", "padding", forge.signed(&message)));
        }
    }
    assert!(rows.len() >= 5);
    // Bytes that the two alphabets write differently.
    let odd = merged(forge.payload(), &json!({"x": "\u{3ff}\u{3ff}\u{3fe}>>>???~~~"}));
    let payload = encode(odd.to_string());
    assert!(payload.contains('_') || payload.contains('-'), "{payload}");
    let header = encode(forge.header().to_string());
    forge.assert_accepted("url-safe", &forge.signed(&format!("{header}.{payload}")));
    let standard = payload.replace('-', "+").replace('_', "/");
    rows.push(row("JWT-07", "standard alphabet", forge.signed(&format!("{header}.{standard}"))));
    forge.assert_refused(rows);
}

#[test]
fn jwt_07_bytes_that_are_no_json_object() {
    let forge = Forge::new(Algorithm::Es256);
    let payloads =
        ["", "null", "[]", "\"x\"", "1", "{", "{}{}", "{}x", "\u{feff}{}", "{\"a\":1,}", "{'a':1}"];
    let mut rows: Vec<Row> = Vec::new();
    for text in payloads {
        rows.push(row("JWT-07", format!("payload {text}"), forge.token(forge.header(), text)));
        rows.push(row("JWT-07", format!("header {text}"), forge.token(text, forge.payload())));
    }
    let latin1 = [&b"{\"preferred_username\":\"\xe5\"}"[..], b"\xff\xfe", b"\0"];
    for bytes in latin1 {
        let message = format!("{}.{}", encode(forge.header().to_string()), encode(bytes));
        rows.push(row("JWT-07", "payload not UTF-8", forge.signed(&message)));
        let message = format!("{}.{}", encode(bytes), encode(forge.payload().to_string()));
        rows.push(row("JWT-07", "header not UTF-8", forge.signed(&message)));
    }
    forge.assert_refused(rows);
}

/// A genuine token of exactly `length` bytes, by way of a claim that is not known.
fn of_length(forge: &Forge, length: usize) -> String {
    // An ignored claim of n bytes: base64url makes 4 characters of 3, so 3 of 4 lengths can be met,
    // and white space in the header makes the rest.
    for pad in 0..4 {
        let header = format!("{}{}", forge.header(), " ".repeat(pad));
        for fill in length * 3 / 4 - 700..length {
            let token = forge.token(&header, merged(forge.payload(), &json!({"fill": "x".repeat(fill)})));
            if token.len() == length {
                return token;
            }
            if token.len() > length {
                break;
            }
        }
    }
    panic!("no token of {length} bytes");
}

#[test]
fn jwt_09_size() {
    let forge = Forge::new(Algorithm::EdDsa);
    forge.assert_accepted("the longest", &of_length(&forge, TOKEN_MAX_BYTES));
    let fit = HEADER_MAX_BYTES - forge.header().to_string().len();
    let header = |spaces| format!("{}{}", forge.header(), " ".repeat(spaces));
    forge.assert_accepted("the longest header", &forge.token(header(fit), forge.payload()));
    forge.assert_refused([
        row("JWT-09", "a byte too long", of_length(&forge, TOKEN_MAX_BYTES + 1)),
        row("JWT-09", "a megabyte", "A".repeat(1 << 20)),
        row("JWT-09", "a megabyte of dots", ".".repeat(1 << 20)),
        row("JWT-09", "header a byte too long", forge.token(header(fit + 1), forge.payload())),
    ]);
}

#[test]
fn jwt_09_depth() {
    let forge = Forge::new(Algorithm::EdDsa);
    let mut deep = String::new();
    for _ in 0..1000 {
        write!(deep, "[").expect("a string");
    }
    let closed = format!("{deep}{}", "]".repeat(1000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(300), "}".repeat(300));
    let mut rows = Vec::new();
    for nest in [&deep, &closed, &objects] {
        let payload = before(&format!(r#""x":{nest}"#), &forge.payload());
        rows.push(row("JWT-09", "deep claim", forge.token(forge.header(), payload)));
        rows.push(row("JWT-09", "deep payload", forge.token(forge.header(), nest)));
    }
    for nest in [r#"{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}"#, "[[[[[[[[[1]]]]]]]]]"] {
        let header = before(&format!(r#""x":{nest}"#), &forge.header());
        rows.push(row("JWT-09", "deep header", forge.token(header, forge.payload())));
        let kid = forge.header().to_string().replace(r#""kid":"#, &format!(r#""kid":{nest},"was":"#));
        rows.push(row("JWT-09", "deep kid", forge.token(kid, forge.payload())));
    }
    forge.assert_refused(rows);
}
