//! What an attacker sends: identities of their own making, and tokens that are none.

use axum::routing::get;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use keyward_tower::Keyward;
use serde_json::{Value, json};

use crate::{
    app::{App, both},
    http::until,
    scripted::{Keys, Scripted},
    server::Server,
};

const FORGED: [(&str, &str); 6] = [
    ("x-auth-user", "root"),
    ("x-auth-username", "root"),
    ("x-auth-session", "any"),
    ("x-auth-roles", "admin"),
    ("x_auth_user", "root"),
    ("x-forwarded-method", "OPTIONS"),
];

#[tokio::test(flavor = "multi_thread")]
async fn identity_headers_from_outside_are_never_believed() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let bearer = format!("Bearer {}", anna.token);
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        for method in ["GET", "POST", "OPTIONS", "HEAD"] {
            assert_eq!(app.ask(method, "/me", &FORGED).await.status, 401, "{way} {method}");
        }
        let signed_in: Vec<_> = FORGED.into_iter().chain([("authorization", &*bearer)]).collect();
        let known = app.ask("GET", "/me", &signed_in).await.json();
        assert_eq!((&known["username"], &known["roles"]), (&json!("anna"), &json!(["editor"])), "{way}");
        assert_eq!(known["seen"], json!(["x-forwarded-method"]), "{way}: none reaches the app");
        assert_eq!(app.ask("GET", "/admins", &signed_in).await.status, 403, "{way}");
        // Nothing has looked who asks there, so nobody is anybody.
        assert_eq!(app.ask("GET", "/bare", &signed_in).await.status, 500, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_no_open_door() {
    let server = Server::start(&[]).await;
    let preflight = [("origin", "https://evil.example.com"), ("access-control-request-method", "DELETE")];
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        for method in ["OPTIONS", "GET"] {
            assert_eq!(app.ask(method, "/me", &preflight).await.status, 401, "{way} {method}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_yes_to_everything_is_not_keyward() {
    let routes = axum::Router::new()
        .route("/yes/v1/check", get(|| async { "yes" }))
        .route("/no/v1/check", get(|| async { (http::StatusCode::UNAUTHORIZED, "no") }))
        .route("/there/v1/check", get(|| async { axum::response::Redirect::to("/yes/v1/check") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    for path in ["yes", "no", "there", "missing"] {
        let keyward = Keyward::check(format!("http://{address}/{path}/v1/check")).build().expect("a way");
        let app = App::start(&keyward).await;
        assert_eq!(app.get("/me", "a.b.c").await.refusal(), (503, "store_unavailable".to_owned()), "{path}");
    }
}

/// A token that a server has signed, with another header before it.
fn reheaded(token: &str, header: &Value) -> String {
    let rest = token.split_once('.').expect("a token").1;
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_other_makers_are_refused_by_a_real_keyward_and_its_verifiers() {
    let (server, other) = (Server::start(&[]).await, Server::start(&[]).await);
    let (anna, foreign) = (server.sign_in().await, other.sign_in().await);
    let header = URL_SAFE_NO_PAD.decode(anna.token.split('.').next().expect("a header")).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        reheaded(&anna.token, &header)
    };
    let unsigned = with("alg", json!("none"));
    let unsigned = format!("{}.", unsigned.rsplit_once('.').expect("a token").0);
    let forged = [
        ("another Keyward's", foreign.token.clone()),
        ("unknown kid", with("kid", json!("unknown"))),
        ("alg none", unsigned),
        ("alg HS256", with("alg", json!("HS256"))),
        ("typ JWT", with("typ", json!("JWT"))),
        ("crit", with("crit", json!(["b64"]))),
    ];
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        for (what, token) in &forged {
            assert_eq!(
                app.get("/me", token).await.refusal(),
                (401, "token_invalid".to_owned()),
                "{way}: {what}"
            );
        }
        assert_eq!(app.get("/me", &anna.token).await.status, 200, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_alone_makes_no_access_token() {
    let keyward = Scripted::start().await;
    let (verifier, _following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    assert_eq!(app.get("/me", &keyward.token()).await.status, 200);
    let now = jsonwebtoken::get_current_timestamp();

    let mut wrong = vec![
        ("iss", keyward.token_with("iss", json!("https://evil.example.com"))),
        ("aud", keyward.token_with("aud", json!("another"))),
        ("nbf", keyward.token_with("nbf", json!(now + 600))),
        ("iat ahead", keyward.token_with("iat", json!(now + 300))),
        ("exp before iat", keyward.token_with("exp", json!(now))),
        ("sid empty", keyward.token_with("sid", json!(""))),
        ("sid twofold", keyward.token_with("sid", json!(["a-session"]))),
        ("roles no list", keyward.token_with("roles", json!("admin"))),
    ];
    for claim in ["iss", "aud", "sub", "sid", "jti", "iat", "exp"] {
        wrong.push((claim, keyward.token_with(claim, Value::Null)));
    }
    for (what, token) in &wrong {
        assert_eq!(app.get("/me", token).await.refusal(), (401, "token_invalid".to_owned()), "{what}");
    }
    let expired = keyward.signed(&Scripted::header(), &{
        let mut claims = keyward.claims();
        claims["iat"] = json!(now - 60);
        claims["exp"] = json!(now - 1);
        claims
    });
    assert_eq!(app.get("/me", &expired).await.refusal(), (401, "token_expired".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_kind_or_algorithm_is_none() {
    let keyward = Scripted::start().await;
    let (verifier, _following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    let with = |typ: Option<&str>, kid: Option<&str>| {
        let mut header = Scripted::header();
        header.typ = typ.map(str::to_owned);
        header.kid = kid.map(str::to_owned);
        keyward.signed(&header, &keyward.claims())
    };
    // The public key, which everybody has, as the secret of a MAC.
    let mut header = Scripted::header();
    header.alg = Algorithm::HS256;
    let mac = jsonwebtoken::encode(&header, &keyward.claims(), &EncodingKey::from_secret(&keyward.public));
    let wrong = [
        ("typ JWT", with(Some("JWT"), Some("the-key"))),
        ("no typ", with(None, Some("the-key"))),
        ("no kid", with(Some("at+jwt"), None)),
        ("HS256", mac.expect("a token")),
    ];
    for (what, token) in &wrong {
        assert_eq!(app.get("/me", token).await.refusal(), (401, "token_invalid".to_owned()), "{what}");
    }
    assert_eq!(app.get("/me", &with(Some("application/at+jwt"), Some("the-key"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_hangs_up_has_keyward_asked_no_more_often() {
    let keyward = Scripted::start().await;
    let (verifier, _following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    let before = keyward.asked_for_keys();
    keyward.says_of_keys(Keys::Silence);
    let mut header = Scripted::header();
    header.kid = Some("unknown".to_owned());
    let unknown = keyward.signed(&header, &keyward.claims());
    let asked = until("Keyward is asked", async || (keyward.asked_for_keys() > before).then_some(()));
    tokio::select! {
        answer = app.get("/me", &unknown) => panic!("{answer:?}"),
        () = asked => {}
    }
    // Nobody can tell, and nobody waits for it.
    for _ in 0..10 {
        assert_eq!(app.get("/me", &unknown).await.refusal(), (503, "store_unavailable".to_owned()));
    }
    assert_eq!(keyward.asked_for_keys(), before + 1);
    assert_eq!(app.get("/me", &keyward.token()).await.status, 200, "whose key is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyward_without_keys_signs_nobody_out() {
    let keyward = Scripted::start().await;
    let (verifier, _following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    keyward.says_of_keys(Keys::None);
    let mut header = Scripted::header();
    header.kid = Some("unknown".to_owned());
    let unknown = keyward.signed(&header, &keyward.claims());
    assert_eq!(app.get("/me", &unknown).await.refusal(), (503, "store_unavailable".to_owned()));
    assert_eq!(app.get("/me", &keyward.token()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_nobody_reads_is_no_credential() {
    let server = Server::start(&[]).await;
    for (way, keyward) in both(&server).await {
        let app = App::start(&keyward).await;
        let refused = app.get("/me", &"a".repeat(300_000)).await;
        assert_eq!(refused.refusal(), (401, "token_invalid".to_owned()), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_route_asks_for_is_asked_where_keyward_reads_it() {
    let server = Server::start(&[]).await;
    let anna = server.sign_in().await;
    let listener = server.check.strip_suffix("/v1/check").expect("the check");
    for address in [listener.to_owned(), format!("{listener}/"), format!("{}/", server.check)] {
        let keyward = Keyward::check(&*address).build().expect("a way");
        let app = App::start(&keyward).await;
        assert_eq!(app.get("/editors", &anna.token).await.status, 200, "{address}");
        for path in ["/admins", "/payments"] {
            assert_ne!(app.get(path, &anna.token).await.status, 200, "{address} {path}");
        }
    }
    for address in [format!("{listener}/auth"), format!("{}/of/my/app", server.check)] {
        let error = Keyward::check(&*address).build().expect_err("the check does not look there");
        assert!(matches!(error, keyward_tower::Error::CheckAddress(_)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_tells_no_password() {
    let error = Keyward::check("http://user:secret@127.0.0.1/v1/check").build().expect_err("a name");
    assert!(!error.to_string().contains("secret") && error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_have_keyward_asked_only_so_often() {
    let keyward = Scripted::start().await;
    let (verifier, _following) = keyward.verifier().await;
    let app = App::start(&verifier).await;
    let began = std::time::Instant::now();
    let before = keyward.asked_for_keys();
    let mut header = Scripted::header();
    for number in 0..200 {
        header.kid = Some(format!("unknown-{number}"));
        let mut claims = keyward.claims();
        claims["iat"] = json!(jsonwebtoken::get_current_timestamp() - 30);
        let refused = app.get("/me", &keyward.signed(&header, &claims)).await;
        assert_eq!(refused.refusal(), (401, "token_invalid".to_owned()));
    }
    // Once in 5 s.
    let most = 1 + usize::try_from(began.elapsed().as_secs() / 5).expect("seconds");
    let asked = keyward.asked_for_keys() - before;
    assert!(asked <= most, "{asked} times for 200 tokens in {:?}", began.elapsed());
    // Meanwhile, one that may be newer than the keys is not called false.
    header.kid = Some("new".to_owned());
    let newer = keyward.signed(&header, &{
        let mut claims = keyward.claims();
        claims["iat"] = json!(jsonwebtoken::get_current_timestamp() + 30);
        claims
    });
    assert_eq!(app.get("/me", &newer).await.status, 503);
}
