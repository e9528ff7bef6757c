//! What clients show: access tokens, before and behind the signature, and the opaque ones.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::{
    config::PublicUrl,
    domain::{
        algorithm::Algorithm,
        app::AppName,
        auth_context::AuthContext,
        claims::{AccessClaims, Principal},
        clock::{ManualClock, Timestamp},
        device_token::DeviceToken,
        ids::{SessionId, TokenId, UserId},
        refresh_token::{RefreshSecret, RefreshToken},
        session_token::SessionToken,
        sign_in::{Method, Methods},
        user::Role,
    },
    http::Cookies,
    keys::{
        folder::Folder, header::TOKEN_MAX_BYTES, ring::KeyRing, settings::KeySettings,
        signing_key::SigningKey,
    },
};

use super::{ACCESS_TTL, NOW, bytes, expand};

const DAY: Duration = Duration::from_hours(24);

/// A ring, its key, and a token of it.
struct Issuer {
    ring: KeyRing,
    key: SigningKey,
    claims: AccessClaims,
    token: String,
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = KeySettings {
        dir: folder.path().to_owned(),
        algorithm: Algorithm::EdDsa,
        access_ttl: ACCESS_TTL,
        issuer: "https://auth.example.com".to_owned(),
        audience: "keyward".to_owned(),
    };
    let ring = KeyRing::open(settings, Arc::new(ManualClock::at(NOW))).expect("a ring");
    let key = Folder::open(folder.path()).and_then(|folder| folder.keys()).expect("keys").remove(0).key;
    let claims = AccessClaims {
        id: TokenId::random(),
        principal: Principal::User(UserId::new(NOW)),
        username: "alice".to_owned(),
        session: SessionId::random(),
        generation: 0,
        app: AppName::default_app(),
        audience: None,
        roles: vec![Role::parse(Role::ADMIN).expect("a role")],
        roles_at: Timestamp::from_secs(0),
        auth: AuthContext::new(NOW, Methods::of(&[Method::Password])),
        bound_to: None,
        issued_at: NOW,
        expires_at: NOW + ACCESS_TTL,
    };
    let token = ring.sign(&claims).expect("a token");
    // The clock stands still, so the ring never looks for the folder that is removed here.
    Issuer { ring, key, claims, token }
});

/// The first byte says what the rest is: a token; or a header, or a payload, signed with the right key,
/// so that what lies behind the signature is reached. `$H`, `$P` and `$S` are the segments of a genuine
/// token, `$K` the name of its key.
pub fn access_token(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let issuer = &*ISSUER;
    let [header, payload, signature] = segments(&issuer.token);
    let name = issuer.ring.signer().expect("a key");
    let rest = expand(rest, &[(b'H', header), (b'P', payload), (b'S', signature), (b'K', &name)]);
    match kind % 3 {
        0 => {
            let Ok(text) = std::str::from_utf8(&rest) else { return };
            if let Ok(claims) = issuer.ring.verify(text, NOW) {
                assert_eq!(claims, issuer.claims, "a token that nobody signed");
                assert_eq!(text, issuer.token, "one token has one form");
            }
        }
        1 => {
            let token = signed(&issuer.key, &URL_SAFE_NO_PAD.encode(rest), payload);
            if let Ok(claims) = issuer.ring.verify(&token, NOW) {
                assert_eq!(claims, issuer.claims);
            }
        }
        _ => {
            let token = signed(&issuer.key, header, &URL_SAFE_NO_PAD.encode(rest));
            if let Ok(claims) = issuer.ring.verify(&token, NOW) {
                assert!(token.len() <= TOKEN_MAX_BYTES);
                assert!(claims.expires_at > NOW && claims.issued_at <= NOW + Duration::from_mins(1));
                assert!(claims.expires_at <= claims.issued_at + DAY);
                assert_ne!(claims.principal.user().is_some(), claims.username.is_empty());
            }
        }
    }
}

/// Genuine inputs of [`access_token`].
#[must_use]
pub fn access_token_seeds() -> Vec<Vec<u8>> {
    bytes([
        "\0$H.$P.$S",
        r#"1{"alg":"EdDSA","typ":"at+jwt","kid":"$K"}"#,
        r#"1{"alg":"EdDSA","typ":"application/AT+JWT","kid":"$K"}"#,
        r#"2{"iss":"https://auth.example.com","sub":"01a1fce6-4456-7b82-b388-4d4f48a23818","aud":"keyward","exp":2000000900,"iat":2000000000,"jti":"nH9BY9nKZb9J6um_o3Xo9Q","sid":"5-cqId7kj7HE0Q59lMOh8A","gen":0,"client_id":"default","roles":["admin"],"preferred_username":"alice"}"#,
        r#"2{"iss":"https://auth.example.com","sub":"app:shop","aud":["keyward","https://api.example.com"],"exp":2000000900.5,"nbf":2000000000,"iat":2e9,"jti":"nH9BY9nKZb9J6um_o3Xo9Q","sid":"5-cqId7kj7HE0Q59lMOh8A","gen":4294967295,"client_id":"shop","roles":[],"roles_at":1,"x":{"y":[null]}}"#,
    ])
}

fn segments(token: &str) -> [&str; 3] {
    let mut segments = token.split('.');
    [(); 3].map(|()| segments.next().unwrap_or_default())
}

fn signed(key: &SigningKey, header: &str, payload: &str) -> String {
    let message = format!("{header}.{payload}");
    let signature = key.sign(message.as_bytes()).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A genuine one of each kind, with one secret behind them.
struct Opaque {
    secret: RefreshSecret,
    refresh: RefreshToken,
    session: SessionToken,
    device: DeviceToken,
    cookies: Cookies,
}

static OPAQUE: LazyLock<Opaque> = LazyLock::new(|| {
    let (secret, id) = (RefreshSecret::new(&[7; 32]), SessionId::random());
    Opaque {
        refresh: RefreshToken::first(id, &secret),
        session: SessionToken::new(id, &secret),
        device: DeviceToken::new(UserId::new(NOW), &secret),
        cookies: Cookies::of(&PublicUrl::parse("https://auth.example.com").expect("an address")),
        secret,
    }
});

/// A token is taken only if it is, to the letter, the one that was made, and for what it was made. `$R`, `$W` and
/// `$D` are a genuine refresh, session and device token; `$C` is how the session's cookie is called. The first byte
/// says what the rest is: a token, or the lines of a `Cookie` header.
pub fn opaque_token(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Opaque { refresh, session, device, cookies, .. } = &*OPAQUE;
    let meanings = [
        (b'R', refresh.expose()),
        (b'W', session.expose()),
        (b'D', device.expose()),
        (b'C', "__Host-keyward-session"),
    ];
    let rest = expand(rest, &meanings);
    if kind % 2 == 0 {
        return std::str::from_utf8(&rest).map_or((), presented);
    }
    let mut headers = HeaderMap::new();
    for line in rest.split(|byte| *byte == b'\n').take(64) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::COOKIE, value);
        }
    }
    if let Ok(Some(value)) = cookies.session.read(&headers) {
        let pair = format!("__Host-keyward-session={value}");
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).map(str::trim);
        assert_eq!(pairs.filter(|it| *it == pair).count(), 1, "{headers:?}");
    }
    for value in cookies.kept(&headers) {
        presented(&value);
    }
}

fn presented(text: &str) {
    let Opaque { secret, refresh, session, device, .. } = &*OPAQUE;
    assert_eq!(RefreshToken::parse(text, secret).is_ok(), text == refresh.expose(), "{text}");
    assert_eq!(SessionToken::parse(text, secret).is_ok(), text == session.expose(), "{text}");
    assert_eq!(DeviceToken::parse(text, secret).is_ok(), text == device.expose(), "{text}");
}

/// Genuine inputs of [`opaque_token`].
#[must_use]
pub fn opaque_token_seeds() -> Vec<Vec<u8>> {
    bytes([
        "\0$R",
        "\0$W",
        "\0$D",
        "1a=b; $C=$W; __Host-keyward-device=$D\n__Host-keyward-refresh=$R",
        "1$C=$W\n$C=$W",
    ])
}
