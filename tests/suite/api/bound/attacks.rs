//! The attacks of RFC 9449 section 11, and a thief's on a refresh: none gets anything, and none ends the session.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::{PASSWORD, Phone, now, presented, said, with_alice};
use crate::{
    api::{
        actor::{Actor, send},
        install::Install,
    },
    support::client_key::{ClientKey, base64url, claims},
};

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

/// Signed by everybody's secret, as if that were the key.
fn by_mac(header: &Value, claims: &Value) -> String {
    let signed =
        format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, header["jwk"].to_string().as_bytes());
    format!("{signed}.{}", base64url(hmac::sign(&key, signed.as_bytes()).as_ref()))
}

/// All that somebody may try who has the refresh token, with a name for each.
fn forgeries(phone: &Phone) -> Vec<(&'static str, String)> {
    let (key, other) = (&phone.key, ClientKey::es256());
    let address = format!("{}/v1/refresh", phone.url);
    let (header, now) = (key.header(), now());
    let good = || claims(&address, now);
    let header_with = |name, value: Value| key.signed(&with(&header, name, value), &good());
    let claim_with = |name, value: Value| key.signed(&header, &with(&good(), name, value));
    let unsigned = format!(
        "{}.{}.",
        base64url(with(&header, "alg", json!("none")).to_string().as_bytes()),
        base64url(good().to_string().as_bytes())
    );
    vec![
        ("nothing in it", String::new()),
        ("another key", other.signed(&other.header(), &good())),
        ("another key that names this one", other.signed(&header, &good())),
        ("alg none", unsigned),
        ("alg none, signed", header_with("alg", json!("none"))),
        ("alg HS256", by_mac(&with(&header, "alg", json!("HS256")), &good())),
        ("alg RS256", header_with("alg", json!("RS256"))),
        ("alg of another key type", header_with("alg", json!("EdDSA"))),
        ("typ JWT", header_with("typ", json!("JWT"))),
        ("typ of an access token", header_with("typ", json!("at+jwt"))),
        ("a private key", header_with("jwk", with(&key.jwk(), "d", json!("AAAA")))),
        (
            "a point that is not on the curve",
            header_with("jwk", with(&key.jwk(), "y", key.jwk()["x"].clone())),
        ),
        ("crit", header_with("crit", json!(["exp"]))),
        ("for another method", claim_with("htm", json!("GET"))),
        ("for another path", claim_with("htu", json!(format!("{}/v1/login", phone.url)))),
        ("for another host", claim_with("htu", json!("https://auth.example.com/v1/refresh"))),
        ("of two minutes ago", claim_with("iat", json!(now - 120))),
        ("of two minutes ahead", claim_with("iat", json!(now + 120))),
        ("made for a day ahead", claim_with("iat", json!(now + 86_400))),
        ("no jti", claim_with("jti", json!(""))),
        ("a jti without end", claim_with("jti", json!("j".repeat(2000)))),
        ("two in one header", format!("{}, {}", phone.proof("/v1/refresh"), phone.proof("/v1/refresh"))),
        ("too long", key.signed(&header, &with(&good(), "x", json!("x".repeat(8000))))),
    ]
}

#[tokio::test]
async fn no_forged_proof_refreshes_a_bound_session_and_none_ends_it() {
    let server = with_alice(&Install::new().with("KEYWARD_TOKENS_REUSE_GRACE", "0")).await;
    let phone = Phone::of(&server);
    let stale = phone.signed_in().await;
    let tokens = phone.refreshed(&stale).await;
    assert_eq!(
        tokens.check().await.status,
        200,
        "its successor is in use: shown with the key it would be theft"
    );
    for shown in [&stale, &tokens] {
        shown.refreshes().await.is_unproved();
        for (what, proof) in forgeries(&phone) {
            let answer = send(presented(shown).header("dpop", &proof)).await;
            assert_eq!(answer.status, 401, "{what}");
            answer.is_unproved();
        }
        let twice = presented(shown).header("dpop", phone.proof("/v1/refresh"));
        send(twice.header("dpop", phone.proof("/v1/refresh"))).await.is_unproved();
    }
    assert_eq!(tokens.check().await.status, 200, "the session lives");
    let next = phone.refreshed(&tokens).await;
    assert_eq!(said(&next.access)["gen"], json!(2), "and was rotated by nobody else");
    assert_eq!(next.check().await.status, 200);
    phone.refreshes(&tokens).await.problem(401, "refresh_reused");
}

#[tokio::test]
async fn a_proof_that_was_seen_is_worth_nothing() {
    let server = with_alice(&Install::new()).await;
    let phone = Phone::of(&server);
    let tokens = phone.signed_in().await;
    let proof = phone.proof("/v1/refresh");
    let refresh = |tokens: &Actor| send(presented(tokens).header("dpop", &proof));
    let next = tokens.with_tokens(&refresh(&tokens).await);
    // The same request once more, and the thief's with the next token.
    refresh(&tokens).await.is_unproved();
    refresh(&next).await.is_unproved();
    // A lost answer is asked for again with a new proof.
    assert_eq!(phone.refreshed(&tokens).await.refresh, next.refresh);
}

#[tokio::test]
async fn a_proof_of_the_sign_in_refreshes_nothing_and_binds_nobody_elses_session() {
    let server = with_alice(&Install::new()).await;
    let phone = Phone::of(&server);
    let proof = phone.proof("/v1/login");
    let tokens = phone.client.with_tokens(&send(phone.login(&json!({})).header("dpop", &proof)).await);
    send(presented(&tokens).header("dpop", &proof)).await.is_unproved();
    // Shown again by somebody with the password, it binds their session to a key that they lack.
    let theirs = phone.client.with_tokens(&send(phone.login(&json!({})).header("dpop", &proof)).await);
    theirs.refreshes().await.is_unproved();
}

#[tokio::test]
async fn where_a_proof_is_for_is_the_public_url_whatever_the_request_says() {
    let install = Install::new().with("KEYWARD_SERVER_PUBLIC_URL", "https://auth.example.com/keyward");
    let server = with_alice(&install).await;
    let phone = Phone { url: "https://auth.example.com/keyward".to_owned(), ..Phone::of(&server) };
    let tokens = phone.signed_in().await;
    let at = |address: &str| phone.key.proof(address, now());
    let named = |host: &str| {
        presented(&tokens)
            .header("host", host)
            .header("x-forwarded-host", host)
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-prefix", "/")
            .header("forwarded", format!("host={host};proto=https"))
    };
    for (host, address) in [
        ("evil.example", "https://evil.example/v1/refresh"),
        ("evil.example", "https://evil.example/keyward/v1/refresh"),
        ("auth.example.com", "https://auth.example.com/v1/refresh"),
        ("auth.example.com", "http://auth.example.com/keyward/v1/refresh"),
        ("auth.example.com", &format!("{}/v1/refresh", server.url)),
        ("auth.example.com", "https://auth.example.com/keyward/v1/refresh/"),
        ("auth.example.com", "https://auth.example.com@evil.example/keyward/v1/refresh"),
    ] {
        send(named(host).header("dpop", at(address))).await.is_unproved();
    }
    for address in [
        "https://auth.example.com/keyward/v1/refresh",
        "HTTPS://AUTH.example.com:443/x/../keyward/v1/%72efresh?again=1#here",
    ] {
        let answer = send(named("evil.example").header("dpop", at(address))).await;
        assert_eq!(answer.status, 200, "{address}: {answer:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_as_ever_whatever_the_proof() {
    let server = with_alice(&Install::new()).await;
    let phone = Phone::of(&server);
    let wrong = json!({ "password": format!("{PASSWORD}!") });
    let answer = send(phone.login(&wrong).header("dpop", phone.proof("/v1/login"))).await;
    answer.problem(401, "invalid_credentials");
}
