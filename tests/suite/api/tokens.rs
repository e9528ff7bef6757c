//! Contract 2.4: the access token and the key set.

use std::{
    io::ErrorKind,
    net::TcpListener,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode,
    jwk::{JwkSet, ThumbprintHash},
};
use serde_json::{Value, json};

use super::{
    actor::{Actor, Answer, check},
    install::{Install, PATIENCE, Server},
};

/// Waits until the check says that the token has expired.
pub async fn expires(actor: &Actor) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = actor.check().await;
        if answer.status == 401 {
            return answer.refused(401, "token_expired");
        }
        assert!(Instant::now() < deadline, "it does not expire");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

async fn key_set(server: &Server) -> (Answer, JwkSet) {
    let answer = server.client().get("/.well-known/jwks.json").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let set = serde_json::from_value(answer.json()).expect("a key set");
    (answer, set)
}

#[tokio::test]
async fn a_token_verifies_by_the_key_set_alone() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
        let install = Install::new().with("KEYWARD_TOKENS_ALGORITHM", format!("{algorithm:?}"));
        let server = install.start().await;
        let admin = server.admin().await;
        let (answer, set) = key_set(&server).await;
        assert!(answer.header("cache-control").starts_with("public, max-age="), "{answer:?}");
        for private in ["\"d\"", "\"p\"", "\"q\"", "\"k\""] {
            assert!(!answer.text.contains(private), "{}", answer.text);
        }
        let header = part(&admin.access, 0);
        assert_eq!(header["alg"], format!("{algorithm:?}"));
        let kid = header["kid"].as_str().expect("a kid");
        let key = set.find(kid).expect("the key");
        assert_eq!(key.thumbprint(ThumbprintHash::SHA256).expect("a thumbprint"), kid, "RFC 7638");
        let mut wanted = Validation::new(algorithm);
        wanted.set_audience(&["keyward"]);
        wanted.set_issuer(&[&server.url]);
        wanted.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
        decode::<Value>(&admin.access, &DecodingKey::from_jwk(key).expect("a key"), &wanted)
            .expect("verified");
        assert_eq!(admin.check().await.status, 200);
    }
}

#[tokio::test]
async fn a_token_says_what_rfc_9068_asks_for() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    assert_eq!(part(&admin.access, 0)["typ"], "at+jwt");
    let claims = part(&admin.access, 1);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(server.url), &json!("keyward")));
    assert_eq!((&claims["client_id"], &claims["roles"]), (&json!("default"), &json!(["admin"])));
    assert_eq!((&claims["sid"], &claims["gen"]), (&json!(admin.session), &json!(0)));
    let time = |name: &str| claims[name].as_i64().expect(name);
    assert_eq!(time("exp") - time("iat"), 900);
    assert!(claims["sub"].is_string() && claims["jti"].is_string(), "{claims}");
    assert_eq!(
        (time("auth_time"), &claims["amr"], &claims["acr"]),
        (time("iat"), &json!(["pwd"]), &json!("1"))
    );
    let next = part(&admin.refreshed().await.access, 1);
    assert_eq!((&next["gen"], &next["sub"]), (&json!(1), &claims["sub"]));
    assert_eq!(next["auth_time"], claims["auth_time"], "a refresh is no sign-in");
    assert_ne!(next["jti"], claims["jti"]);
}

#[tokio::test]
async fn the_issuer_and_audience_are_settings_and_the_only_ones_accepted() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    server.terminate();
    for (variable, value) in
        [("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com"), ("KEYWARD_TOKENS_AUDIENCE", "shop")]
    {
        let moved = Install::beside(&install).with(variable, value);
        let _server = moved.start().await;
        admin.check().await.refused(401, "token_invalid");
        let again = admin.refreshed().await;
        assert!(part(&again.access, 1).to_string().contains(value));
        assert_eq!(again.check().await.status, 200);
    }
}

#[tokio::test]
async fn a_token_expires_and_the_refresh_token_brings_another() {
    let install = Install::new().with("KEYWARD_TOKENS_ACCESS_TTL", "1s");
    let server = install.start().await;
    let admin = server.admin().await;
    expires(&admin).await;
    admin.check().await.problem(401, "token_expired");
    assert_eq!(admin.refreshed().await.check().await.status, 200);
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_refused() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    let parts: Vec<&str> = admin.access.split('.').collect();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims = part(&admin.access, 1);
    claims["sub"] = json!("0190a1b2-0000-7000-8000-000000000000");
    let none = encode(&json!({ "alg": "none", "typ": "at+jwt" }));
    let flipped: String = parts[2].chars().map(|c| if c == 'A' { 'B' } else { 'A' }).collect();
    for token in [
        format!("{}.{}.{}", parts[0], encode(&claims), parts[2]),
        format!("{}.{}.{flipped}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.x", admin.access),
        format!("{}=", admin.access),
        format!("{}A", admin.access),
    ] {
        admin.with_access(&token).check().await.refused(401, "token_invalid");
    }
    assert_eq!(admin.check().await.status, 200);
}

#[tokio::test]
async fn nothing_in_a_header_is_fetched_or_trusted() {
    let install = Install::new();
    let server = install.start().await;
    let admin = server.admin().await;
    let trap = TcpListener::bind("127.0.0.1:0").expect("a port");
    trap.set_nonblocking(true).expect("set");
    let url = format!("http://{}/keys", trap.local_addr().expect("an address"));
    let kid = part(&admin.access, 0)["kid"].clone();
    let rest = admin.access.split_once('.').expect("parts").1;
    for header in [
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "jku": url }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": url, "x5u": url }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": "../../../../dev/null" }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": ["x"] }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "crit": ["exp"] }),
    ] {
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
        let answer =
            check(admin.request("GET", "/v1/check").header("authorization", format!("Bearer {token}")));
        answer.await.refused(401, "token_invalid");
    }
    assert_eq!(trap.accept().expect_err("nobody came").kind(), ErrorKind::WouldBlock);
}
