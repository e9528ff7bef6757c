//! What the fuzz targets do with their input, and what must hold whatever it is. `tests/suite/` runs the
//! same functions on random and on mutated genuine inputs, so that every test run has its share.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ipnet::IpNet;
use keyward::{
    domain::{
        algorithm::Algorithm,
        app::{AppName, Origin},
        claims::{AccessClaims, Principal},
        clock::{ManualClock, Timestamp},
        ids::{SessionId, TokenId, UserId},
        refresh_token::{RefreshSecret, RefreshToken},
        secret::Password,
        session::{DEVICE_MAX_BYTES, Device},
        user::{Email, Role, Username},
    },
    http::{api::bodies::refusals, wire::forwarded::client_address},
    keys::{folder::Folder, header, ring::KeyRing, settings::KeySettings, signing_key::SigningKey},
};

const NOW: Timestamp = Timestamp::from_secs(2_000_000_000);
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
        access_ttl: Duration::from_mins(15),
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
        issued_at: NOW,
        expires_at: NOW + Duration::from_mins(15),
    };
    let token = ring.sign(&claims).expect("a token");
    // The clock stands still, so the ring never looks for the folder that is removed here.
    Issuer { ring, key, claims, token }
});

static SECRET: LazyLock<RefreshSecret> = LazyLock::new(|| RefreshSecret::new(&[7; 32]));
static REFRESH: LazyLock<RefreshToken> = LazyLock::new(|| RefreshToken::first(SessionId::random(), &SECRET));

/// The first byte says what the rest is: a token; or a header, or a payload, signed with the right key,
/// so that what lies behind the signature is reached.
pub fn access_token(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let issuer = &*ISSUER;
    let [header, payload] = segments(&issuer.token);
    match kind % 3 {
        0 => {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            if let Ok(claims) = issuer.ring.verify(text, NOW) {
                assert_eq!(claims, issuer.claims, "a token that nobody signed");
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
                assert!(token.len() <= header::TOKEN_MAX_BYTES);
                assert!(claims.expires_at > NOW && claims.issued_at <= NOW + Duration::from_mins(1));
                assert!(claims.expires_at <= claims.issued_at + DAY && !claims.username.is_empty());
            }
        }
    }
}

/// Genuine inputs of [`access_token`].
#[must_use]
pub fn access_token_seeds() -> Vec<Vec<u8>> {
    let [header, payload] = segments(&ISSUER.token);
    let decode = |segment| URL_SAFE_NO_PAD.decode(segment).expect("base64url");
    let seeds = [(0, ISSUER.token.clone().into_bytes()), (1, decode(header)), (2, decode(payload))];
    seeds.into_iter().map(|(kind, rest)| [&[kind], &rest[..]].concat()).collect()
}

fn segments(token: &str) -> [&str; 2] {
    let mut segments = token.split('.');
    [segments.next().unwrap_or_default(), segments.next().unwrap_or_default()]
}

fn signed(key: &SigningKey, header: &str, payload: &str) -> String {
    let message = format!("{header}.{payload}");
    let signature = key.sign(message.as_bytes()).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token is taken only if it is, to the letter, the one that was made.
pub fn refresh_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(token) = RefreshToken::parse(text, &SECRET) {
        assert_eq!((token.expose(), text), (REFRESH.expose(), REFRESH.expose()));
    }
}

/// Genuine inputs of [`refresh_token`].
#[must_use]
pub fn refresh_token_seeds() -> Vec<Vec<u8>> {
    vec![REFRESH.expose().as_bytes().to_vec()]
}

/// No body is more than refused, and no text in one does harm where it is parsed into a type.
pub fn request_body(data: &[u8]) {
    for problem in refusals(data) {
        assert_eq!((problem.status(), problem.code()), (StatusCode::BAD_REQUEST, "invalid_request"));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
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

/// Genuine inputs of [`request_body`].
#[must_use]
pub fn request_body_seeds() -> Vec<Vec<u8>> {
    [
        r#"{"username":"alice","password":"correct horse","device":"phone","app":"default","transport":"body"}"#,
        r#"{"username":"alice","password":"correct horse","email":"alice@example.com"}"#,
        r#"{"refresh_token":"kwr_AAAA"}"#,
        r#"{"current":"correct horse","new":"battery staple"}"#,
        "Åsa ﬁona",
        "{}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
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
    [
        "6.6.6.6",
        "6.6.6.6, 10.0.0.2",
        "6.6.6.6\n10.0.0.3",
        "[2001:db8::1]:80, ::ffff:10.0.0.1",
        "Ffor=6.6.6.6",
        "Ffor=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1, For=10.0.0.2",
        "Ffor=_hidden, for=unknown\n6.6.6.6",
        "Ffor=\"6.6.6.6",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
