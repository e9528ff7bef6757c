//! A Keyward that says what a test wants: keys whose private halves the test has, and a stream word by word. For what
//! a real one never does, or does not do at a certain moment.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use axum::{Json, Router, body::Body, extract::State, http::HeaderMap, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::stream;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use keyward_tower::Keyward;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc, watch},
};

const KID: &str = "the-key";
const SNAPSHOT: &str = r#"{"first":true,"last":true,"entries":[]}"#;
pub const TRUST: &str = r#"{"following":true,"good_for":600,"heartbeat":60}"#;

/// It listens until the test is over.
pub struct Scripted {
    pub url: String,
    pub public: Vec<u8>,
    key: EncodingKey,
    heard: Arc<Heard>,
    streams: Mutex<mpsc::UnboundedReceiver<Following>>,
}

struct Heard {
    jwks: Value,
    keys: watch::Sender<Keys>,
    asked_for_keys: AtomicUsize,
    streams: mpsc::UnboundedSender<Following>,
}

/// What it says of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    All,
    /// It answers as if it had none.
    None,
    /// It does not answer.
    Silence,
}

/// Somebody who follows the stream; what is dropped is cut.
pub struct Following {
    pub last_event_id: Option<String>,
    words: mpsc::UnboundedSender<String>,
}

impl Following {
    pub fn say(&self, event: &str, id: &str, data: &str) {
        let id = if id.is_empty() { String::new() } else { format!("id: {id}\n") };
        self.words.send(format!("event: {event}\n{id}data: {data}\n\n")).expect("somebody listens");
    }

    /// What says nothing, and keeps connections from being idle.
    pub fn comment(&self) -> bool {
        self.words.send(": still here\n\n".to_owned()).is_ok()
    }

    /// All there is is nothing, and that is good for long.
    pub fn is_level(&self) {
        self.say("snapshot", "a-0", SNAPSHOT);
        self.say("status", "", TRUST);
    }
}

impl Scripted {
    pub async fn start() -> Self {
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let pair = pair.expect("a key");
        let public =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.as_ref()).expect("a key");
        let public = public.public_key().as_ref().to_vec();
        let coordinate = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&public[range]);
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KID,
            "x": coordinate(1..33), "y": coordinate(33..65),
        });
        let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "tomorrow", "pub": "AAAA" });
        let (streams, followed) = mpsc::unbounded_channel();
        let jwks = json!({ "keys": [unknown, jwk] });
        let keys_now = watch::Sender::new(Keys::All);
        let heard = Arc::new(Heard { jwks, keys: keys_now, asked_for_keys: AtomicUsize::new(0), streams });
        let routes = Router::new()
            .route("/.well-known/jwks.json", get(keys))
            .route("/v1/revocations", get(follow))
            .with_state(Arc::clone(&heard));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let key = EncodingKey::from_ec_der(pair.as_ref());
        Self { url, public, key, heard, streams: Mutex::new(followed) }
    }

    /// A verifier that knows all there is, which is nothing.
    pub async fn verifier(&self) -> (Keyward, Following) {
        let keyward = Keyward::local(&self.url, "reports", "secret").build().expect("a way");
        let following = self.followed().await;
        following.is_level();
        keyward.ready().await;
        (keyward, following)
    }

    /// Who follows next.
    pub async fn followed(&self) -> Following {
        self.streams.lock().await.recv().await.expect("it listens")
    }

    /// What it says of its keys from now on.
    pub fn says_of_keys(&self, keys: Keys) {
        self.heard.keys.send_replace(keys);
    }

    pub fn asked_for_keys(&self) -> usize {
        self.heard.asked_for_keys.load(Ordering::Relaxed)
    }

    /// A good token's header.
    pub fn header() -> Header {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(KID.to_owned());
        header
    }

    /// A good token's claims.
    pub fn claims(&self) -> Value {
        let now = jsonwebtoken::get_current_timestamp();
        json!({
            "iss": self.url, "aud": "keyward", "sub": "a-user", "sid": "a-session", "jti": "a-token",
            "iat": now, "exp": now + 600, "client_id": "default", "roles": ["editor"], "acr": "1", "auth_time": now,
        })
    }

    pub fn signed(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).expect("a token")
    }

    /// A good token that says something else in one place; without it, where that is `null`.
    pub fn token_with(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        let members = claims.as_object_mut().expect("an object");
        members.remove(name);
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
        self.signed(&Self::header(), &claims)
    }

    pub fn token(&self) -> String {
        self.signed(&Self::header(), &self.claims())
    }
}

async fn keys(State(heard): State<Arc<Heard>>) -> Json<Value> {
    heard.asked_for_keys.fetch_add(1, Ordering::Relaxed);
    let mut keys = heard.keys.subscribe();
    let said = *keys.wait_for(|keys| *keys != Keys::Silence).await.expect("it listens");
    Json(if said == Keys::None { json!({ "keys": [] }) } else { heard.jwks.clone() })
}

async fn follow(
    State(heard): State<Arc<Heard>>,
    headers: HeaderMap,
) -> ([(&'static str, &'static str); 1], Body) {
    assert_eq!(headers["authorization"], "Basic cmVwb3J0czpzZWNyZXQ=");
    let (words, said) = mpsc::unbounded_channel();
    let last_event_id = headers.get("last-event-id").map(|id| id.to_str().expect("text").to_owned());
    heard.streams.send(Following { last_event_id, words }).expect("the test listens");
    let body = Body::from_stream(stream::unfold(said, async |mut said: mpsc::UnboundedReceiver<String>| {
        let word = said.recv().await?;
        Some((Ok::<_, Infallible>(Bytes::from(word)), said))
    }));
    ([("content-type", "text/event-stream")], body)
}
