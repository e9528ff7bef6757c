//! JWT-11 to JWT-13, JWT-16 and JWT-17: what a token says, and to whom, and until when.

use std::{sync::Arc, time::Duration};

use keyward::{
    domain::{
        algorithm::Algorithm,
        app::AppName,
        app_policy::Audience,
        auth_context::{Amr, AuthContext},
        claims::{AccessClaims, Principal},
        clock::Timestamp,
        ids::SessionId,
        key_proof::KeyThumbprint,
        refresh_token::RefreshToken,
    },
    keys::{claims::SKEW, error::TokenError, ring::KeyRing},
};
use serde_json::{Value, json};

use super::{Forge, Row, encode, merged, row};
use crate::keys::{ACCESS_TTL, AUDIENCE, ISSUER, settings};

/// A token for each value of each claim, and for each claim left out.
fn each(forge: &Forge, id: &'static str, values: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    for (claim, values) in values.as_object().expect("an object") {
        rows.push(row(id, format!("no {claim}"), forge.with_payload(&json!({claim: null}))));
        let mut null = forge.payload();
        null[claim] = Value::Null;
        rows.push(row(id, format!("{claim} is null"), forge.token(forge.header(), null)));
        for value in values.as_array().expect("an array") {
            let what = format!("{claim} is {value}");
            rows.push(row(id, what, forge.with_payload(&json!({claim: value}))));
        }
    }
    rows
}

#[test]
fn jwt_11_from_us_for_us_and_about_somebody() {
    let forge = Forge::new(Algorithm::Es256);
    let slash = format!("{ISSUER}/");
    let user = forge.claims.principal.to_string();
    let rows = each(
        &forge,
        "JWT-11",
        &json!({
            "iss": ["", slash, "https://AUTH.example.com", "http://auth.example.com", [ISSUER], 1, {}],
            "aud": ["", "other", "Keyward", "keyward ", [], ["other"], [""], [1], [["keyward"]], [AUDIENCE, 1], 1, {}],
            "sub": ["", "admin", user.to_uppercase(), user.replace('-', ""), format!("{{{user}}}"), [user], 1, {}],
            "jti": ["", "x", "A".repeat(21), "A".repeat(23), "_".repeat(22), ["A".repeat(22)], 1],
            "sid": ["", "x", "A".repeat(21), "A".repeat(23), "blacklist:user:1", ["A".repeat(22)], 1],
            "gen": [-1, 1.5, 4_294_967_296_u64, "3", [], true],
            "client_id": ["", "Default", "a b", "-a", "../x", "a".repeat(65), ["default"], 1],
            "roles": ["admin", {}, [1], [""], ["a,b"], ["a b"], ["admin\r\nX-Auth-User: root"], [["admin"]], 1],
            "preferred_username": ["", [], 1, {}],
        }),
    );
    forge.assert_refused(rows);
    let among = forge.with_payload(&json!({"aud": ["other", AUDIENCE]}));
    let audience = Some(Audience::parse("other").expect("an audience"));
    let claims = AccessClaims { audience, ..forge.claims.clone() };
    assert_eq!(forge.verify(&among), Ok(claims), "one audience of several");
}

/// A node of the version before says nothing of the sign-in, and one of a later version perhaps more.
#[test]
fn jwt_11_a_sign_in_of_which_nothing_is_said_was_long_ago_with_one_factor() {
    let forge = Forge::new(Algorithm::Es256);
    let silent = AuthContext { at: Timestamp::from_secs(0), amr: Amr::default() };
    let claims = AccessClaims { auth: silent, ..forge.claims.clone() };
    let before = forge.with_payload(&json!({"auth_time": null, "amr": null, "acr": null}));
    assert_eq!(forge.verify(&before), Ok(claims));
    // Nobody is trusted further than what was proved says.
    let known = Amr::read(["pwd"].into_iter());
    let claims =
        AccessClaims { auth: AuthContext { amr: known, ..forge.claims.auth }, ..forge.claims.clone() };
    let later = forge.with_payload(&json!({"amr": ["pwd", "face"], "acr": "2"}));
    assert_eq!(forge.verify(&later), Ok(claims));
    let mut rows = Vec::new();
    for changes in [
        json!({"auth_time": "now"}),
        json!({"auth_time": -1}),
        json!({"auth_time": [1]}),
        json!({"auth_time": 1e300}),
        json!({"amr": "pwd mfa"}),
        json!({"amr": [1]}),
        json!({"amr": {"mfa": true}}),
    ] {
        rows.push(row("JWT-11", changes.to_string(), forge.with_payload(&changes)));
    }
    forge.assert_refused(rows);
}

/// A node of the version before says nothing of a key.
#[test]
fn jwt_11_the_key_that_a_session_is_bound_to_is_read_as_it_was_written() {
    let forge = Forge::new(Algorithm::Es256);
    let key = KeyThumbprint::from_bytes([0xA5; 32]);
    let claims = AccessClaims { bound_to: Some(key), ..forge.claims.clone() };
    let token = forge.ring.sign(&claims).expect("signed");
    assert_eq!(forge.verify(&token), Ok(claims.clone()));
    let written = forge.with_payload(&json!({"cnf": {"jkt": key.to_string(), "x5t#S256": "x"}}));
    assert_eq!(forge.verify(&written), Ok(claims));
    let (long, padded) = (format!("{key}A"), format!("{key}="));
    let mut rows = Vec::new();
    for jkt in [json!(""), json!("x"), json!(1), json!([]), json!(long), json!(padded)] {
        rows.push(row("JWT-11", jkt.to_string(), forge.with_payload(&json!({"cnf": {"jkt": jkt}}))));
    }
    for cnf in [json!("x"), json!(1), json!([1])] {
        rows.push(row("JWT-11", cnf.to_string(), forge.with_payload(&json!({"cnf": cnf}))));
    }
    forge.assert_refused(rows);
}

#[test]
fn jwt_11_an_app_is_named_as_such_and_acts_by_its_own_token() {
    let forge = Forge::new(Algorithm::Es256);
    let of_app = |changes: &Value| {
        let app = json!({"sub": "app:default", "preferred_username": null});
        forge.token(forge.header(), merged(merged(forge.payload(), &app), changes))
    };
    let app = AppName::default_app();
    let claims =
        AccessClaims { principal: Principal::App(app), username: String::new(), ..forge.claims.clone() };
    assert_eq!(forge.verify(&of_app(&json!({}))), Ok(claims.clone()));
    assert_eq!(forge.verify(&forge.ring.sign(&claims).expect("a token")), Ok(claims));
    let rows = [
        json!({"client_id": "shop"}),
        json!({"sub": "app:"}),
        json!({"sub": "app:Default"}),
        json!({"sub": "APP:default"}),
        json!({"sub": "app:app:default"}),
        json!({"sub": "default"}),
        json!({"preferred_username": "alice"}),
        json!({"preferred_username": ""}),
    ];
    forge.assert_refused(rows.map(|changes| row("JWT-11", changes.to_string(), of_app(&changes))));
}

#[test]
fn jwt_12_dates_are_numbers() {
    let forge = Forge::new(Algorithm::Es256);
    let exp = forge.claims.expires_at.secs();
    let values = json!([exp.to_string(), "never", "", -1, -exp, true, [exp], {}, 1e300, 253_402_300_800_i64]);
    let mut rows = each(&forge, "JWT-12", &json!({"exp": values, "iat": values}));
    for nbf in [json!("0"), json!(-1), json!(true), json!([]), json!(1e300)] {
        rows.push(row("JWT-12", format!("nbf {nbf}"), forge.with_payload(&json!({"nbf": nbf}))));
    }
    // What no JSON library would write.
    for (claim, number) in [("exp", exp), ("iat", exp - 900)] {
        for raw in ["1e400", "-1e400", "NaN", "Infinity", "0x7fffffff", "+1", "01", "1_000", "1.", ".5"] {
            let payload = forge.payload().to_string();
            let changed = payload.replace(&format!("\"{claim}\":{number}"), &format!("\"{claim}\":{raw}"));
            assert_ne!(payload, changed);
            rows.push(row("JWT-12", format!("{claim} {raw}"), forge.token(forge.header(), changed)));
        }
    }
    forge.assert_refused(rows);
}

#[test]
fn jwt_12_dates_need_not_be_whole() {
    let forge = Forge::new(Algorithm::Es256);
    let iat = forge.claims.issued_at;
    let payload = forge.payload().to_string();
    let exponent = payload.replace(&format!("\"iat\":{}", iat.secs()), "\"iat\":2.0e9");
    assert_ne!(payload, exponent);
    forge.assert_accepted("2.0e9", &forge.token(forge.header(), exponent));
    let half = forge.with_payload(&json!({"exp": 2_000_000_600.5}));
    let over = Timestamp::from_millis(2_000_000_600_500);
    let just_before = over - Duration::from_millis(1);
    assert_eq!(forge.ring.verify(&half, just_before).expect("not over").expires_at, over);
    assert!(matches!(forge.ring.verify(&half, over), Err(TokenError::Expired(_))));
}

#[test]
fn jwt_12_future_and_overlong_tokens() {
    let forge = Forge::new(Algorithm::Es256);
    let now = forge.place.now().secs();
    let skew = i64::try_from(SKEW.as_secs()).expect("small");
    let day = 24 * 60 * 60;
    forge.assert_refused(
        [
            json!({"iat": now + skew + 1, "exp": now + 900}),
            json!({"nbf": now + skew + 1}),
            json!({"iat": now + 30, "exp": now + 30}),
            json!({"iat": now + 30, "exp": now + 10}),
            json!({"iat": now, "exp": now + day + 1}),
            json!({"iat": 0, "exp": now + 900}),
        ]
        .iter()
        .map(|change| row("JWT-12", change.to_string(), forge.with_payload(change))),
    );
    for change in [
        json!({"iat": now + skew, "exp": now + 900}),
        json!({"nbf": now + skew}),
        json!({"iat": now, "exp": now + day}),
    ] {
        assert!(forge.verify(&forge.with_payload(&change)).is_ok(), "JWT-12: {change}");
    }
}

#[test]
fn jwt_13_a_token_is_over_at_exp_with_no_leeway() {
    let forge = Forge::new(Algorithm::Es256);
    let token = forge.genuine();
    let over = forge.claims.expires_at;
    assert_eq!(forge.ring.verify(&token, over - Duration::from_millis(1)), Ok(forge.claims.clone()));
    for later in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(30), Duration::from_secs(61)]
    {
        let expired = Err(TokenError::Expired(Box::new(forge.claims.clone())));
        assert_eq!(forge.ring.verify(&token, over + later), expired, "JWT-13: {later:?} after exp");
    }
    assert!(SKEW <= Duration::from_mins(1));
}

#[test]
fn jwt_16_tokens_made_for_something_else() {
    let forge = Forge::new(Algorithm::Es256);
    let other = Forge::new(Algorithm::Es256);
    let mut rows = vec![
        row("JWT-16", "another server's token", other.genuine()),
        row("JWT-16", "another server's token under our kid", other.token(forge.header(), forge.payload())),
        row("JWT-16", "our header on another's token", {
            let (_, rest) =
                forge.genuine().split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("dots");
            format!("{}.{rest}", other.genuine().split('.').next().expect("a header"))
        }),
    ];
    let refresh = RefreshToken::first(SessionId::random(), forge.ring.refresh_secret());
    rows.push(row("JWT-16", "a refresh token", refresh.expose()));
    let wrapped = forge.signed(&format!("{}.{}", encode(forge.header().to_string()), &refresh.expose()[4..]));
    rows.push(row("JWT-16", "a refresh token as payload", wrapped));
    for (typ, payload) in [
        ("JWT", json!({"iss": ISSUER, "sub": "x", "aud": "default", "exp": 2_000_000_900, "nonce": "n"})),
        ("logout+jwt", merged(forge.payload(), &json!({"events": {}}))),
        ("at+jwt", json!({"iss": ISSUER, "aud": AUDIENCE, "jti": "x", "events": {}})),
    ] {
        let header = merged(forge.header(), &json!({"typ": typ}));
        rows.push(row("JWT-16", format!("{typ} {payload}"), forge.token(header, payload)));
    }
    forge.assert_refused(rows);
}

#[test]
fn jwt_16_one_folder_two_audiences() {
    let forge = Forge::new(Algorithm::Es256);
    for (issuer, audience) in [(ISSUER, "other"), ("https://other.example.com", AUDIENCE)] {
        let mut settings = settings(&forge.place.dir(), Algorithm::Es256);
        (settings.issuer, settings.audience) = (issuer.to_owned(), audience.to_owned());
        let other = KeyRing::open(settings, Arc::clone(&forge.place.clock) as _).expect("a ring");
        let token = other.sign(&forge.claims).expect("a token");
        assert_eq!(other.verify(&token, forge.place.now()), Ok(forge.claims.clone()));
        forge.assert_refused([row("JWT-16", format!("{issuer} {audience}"), token)]);
    }
}

#[test]
fn jwt_17_the_signature_comes_first() {
    let forge = Forge::new(Algorithm::Es256);
    let stranger = Forge::new(Algorithm::Es256);
    let past = json!({"exp": 1_999_999_999, "iat": 1_999_999_999 - ACCESS_TTL.as_secs()});
    let expired = forge.with_payload(&past);
    assert!(matches!(forge.verify(&expired), Err(TokenError::Expired(_))));
    let changed = merged(forge.payload(), &past);
    let other_audience = merged(changed.clone(), &json!({"aud": "other"}));
    forge.assert_refused([
        row("JWT-17", "expired, signature bad", stranger.token(forge.header(), changed)),
        row("JWT-17", "expired, for others", forge.token(forge.header(), other_audience)),
        row("JWT-17", "no claims, signature bad", stranger.token(forge.header(), "{}")),
        row("JWT-17", "no JSON, signature bad", stranger.token(forge.header(), "\0")),
    ]);
}
