//! Keyward's keys (`/.well-known/jwks.json`, RFC 7517): kept fresh, and asked for anew at most so often when a token
//! names one that is not there.

use std::{
    collections::HashMap,
    sync::{Arc, Once, PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Response, Uri, header};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    errors::ErrorKind,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use tokio::{sync::Mutex, task::JoinHandle, time::sleep};

use super::token::{Claims, Unverified};
use crate::{
    error::Error,
    identity::now,
    refusal::Refusal,
    transport::{self, Http},
};

const PATH: &str = "/.well-known/jwks.json";
const PATIENCE: Duration = Duration::from_secs(5);
/// At most so often do tokens with unknown keys have Keyward asked.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// How long keys stay good that could not be fetched anew.
const GOOD_FOR: Duration = Duration::from_hours(1);
/// Where the answer does not say.
const MAX_AGE: u64 = 300;
/// How far ahead the clock may be of who issued a token, in seconds.
const SKEW: u64 = 60;

/// The keys, fetched again and again until this is dropped.
#[derive(Debug)]
pub(crate) struct Keys {
    source: Arc<Source>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Source {
    http: Http,
    uri: Uri,
    issuer: String,
    audience: String,
    known: RwLock<Arc<Set>>,
    /// One asks, the others wait for what it brings.
    asked: Mutex<Option<Asked>>,
}

/// When a token last had Keyward asked.
#[derive(Debug)]
struct Asked {
    at: Instant,
    is_answered: bool,
}

#[derive(Debug, Default)]
struct Set {
    keys: HashMap<String, Arc<Key>>,
    /// `None` = never.
    fetched: Option<Instant>,
    /// In seconds since the epoch.
    fetched_at: u64,
    max_age: Duration,
}

/// A key, and what a token must be that it verifies.
#[derive(Debug)]
pub(super) struct Key {
    algorithm: Algorithm,
    public: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Listed {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// Of the Keyward at that address. Within a Tokio runtime.
    pub(crate) fn of(http: &Http, keyward: &Uri, issuer: String, audience: String) -> Result<Self, Error> {
        let source = Arc::new(Source {
            http: http.clone(),
            uri: transport::below(keyward, PATH)?,
            issuer,
            audience,
            known: RwLock::default(),
            asked: Mutex::new(None),
        });
        let task = tokio::spawn(keep_fresh(Arc::clone(&source)));
        Ok(Self { source, task })
    }

    pub(crate) fn are_there(&self) -> bool {
        self.source.known().is_good()
    }

    /// Whether a key is still one.
    pub(super) fn has(&self, kid: &str) -> bool {
        let known = self.source.known();
        known.is_good() && known.keys.contains_key(kid)
    }

    /// The key that a token names. Keyward is asked for one that is not there, unless it just has been: then only a
    /// token that is older than that answer is surely nobody's.
    pub(super) async fn find(&self, token: &Unverified) -> Result<Arc<Key>, Refusal> {
        let mut known = self.source.known();
        if !known.keys.contains_key(token.kid()) || !known.is_good() {
            let since = known.fetched;
            known = self.source.ask_once(since).await;
        }
        if !known.is_good() {
            return Err(Refusal::away());
        }
        match known.keys.get(token.kid()) {
            Some(key) if name_of(key.algorithm) == token.alg() => Ok(Arc::clone(key)),
            None if token.issued_at() > known.fetched_at => Err(Refusal::away()),
            _ => Err(Refusal::invalid()),
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_fresh(source: Arc<Source>) {
    loop {
        let pause = match source.fetch().await {
            Ok(known) => known.max_age,
            Err(error) => {
                tracing::warn!(%error, "Keyward's keys cannot be fetched");
                AGAIN
            }
        };
        sleep(pause).await;
    }
}

impl Source {
    fn known(&self) -> Arc<Set> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks, unless somebody else has meanwhile, or not long ago. `before` is when the keys had been fetched that did
    /// not do. Without an answer, nobody can tell whose a token is.
    async fn ask_once(&self, before: Option<Instant>) -> Arc<Set> {
        let mut asked = self.asked.lock().await;
        let known = self.known();
        if known.fetched != before {
            return known;
        }
        if let Some(asked) = asked.as_ref().filter(|asked| asked.at.elapsed() < ASK_EVERY) {
            return if asked.is_answered { known } else { Arc::default() };
        }
        // Noted first: who asks may hang up, and the next one must not ask again at once.
        let asked = asked.insert(Asked { at: Instant::now(), is_answered: false });
        match self.fetch().await {
            Ok(known) => {
                asked.is_answered = true;
                known
            }
            Err(error) => {
                tracing::warn!(%error, "Keyward's keys cannot be fetched");
                Arc::default()
            }
        }
    }

    async fn fetch(&self) -> Result<Arc<Set>, String> {
        // By when it is asked: what is published later may not be in the answer.
        let (fetched, fetched_at) = (Some(Instant::now()), now());
        let answer = self.http.get_whole(&self.uri, &HeaderMap::new(), PATIENCE).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status() != 200 {
            return Err(format!("HTTP {}", answer.status().as_u16()));
        }
        let listed: Listed = serde_json::from_slice(answer.body()).map_err(|error| error.to_string())?;
        // What cannot be read is of a kind that is not known here, and verifies nothing.
        let keys = listed.keys.into_iter().filter_map(|key| Key::read(key, &self.issuer, &self.audience));
        let keys: HashMap<_, _> = keys.collect();
        if keys.is_empty() {
            return Err("there is none that is known here".to_owned());
        }
        let set = Arc::new(Set { keys, fetched, fetched_at, max_age: max_age(&answer) });
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // An answer that was long under way does not replace a newer one.
        if known.fetched < set.fetched {
            *known = Arc::clone(&set);
        }
        Ok(set)
    }
}

impl Set {
    fn is_good(&self) -> bool {
        self.fetched.is_some_and(|fetched| fetched.elapsed() < GOOD_FOR)
    }
}

impl Key {
    fn read(listed: serde_json::Value, issuer: &str, audience: &str) -> Option<(String, Arc<Self>)> {
        let jwk: Jwk = serde_json::from_value(listed).ok()?;
        let algorithm = match jwk.common.key_algorithm? {
            KeyAlgorithm::ES256 => Algorithm::ES256,
            KeyAlgorithm::EdDSA => Algorithm::EdDSA,
            KeyAlgorithm::RS256 => Algorithm::RS256,
            _ => return None,
        };
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = SKEW;
        // An expired token has an answer of its own, and no leeway.
        validation.validate_exp = false;
        let public = DecodingKey::from_jwk(&jwk).ok()?;
        Some((jwk.common.key_id?, Arc::new(Self { algorithm, public, validation })))
    }

    /// What a token says, if it is genuine, of this issuer and for this audience.
    pub(super) fn verify(&self, token: &str, unverified: &Unverified, now: u64) -> Option<Claims> {
        let token = jsonwebtoken::decode::<Claims>(token, &self.public, &self.validation);
        let claims = token.inspect_err(notice_others).ok()?.claims;
        let is_dated =
            claims.iat == unverified.issued_at() && claims.iat <= now + SKEW && claims.iat < claims.exp;
        let is_named = [&claims.sub, &claims.sid, &claims.jti].iter().all(|claim| !claim.is_empty());
        (is_dated && is_named).then_some(claims)
    }
}

/// Settings that do not match refuse everybody, so it is said; once, for whoever has such a token can send it again.
fn notice_others(error: &jsonwebtoken::errors::Error) {
    static SAID: Once = Once::new();

    if matches!(error.kind(), ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience) {
        SAID.call_once(|| {
            tracing::warn!(
                %error,
                "a token of this Keyward was refused: Keyward::local takes its server.public_url as it is set there, \
                 LocalBuilder::audience its tokens.audience"
            );
        });
    }
}

const fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::ES256 => "ES256",
        Algorithm::EdDSA => "EdDSA",
        Algorithm::RS256 => "RS256",
        _ => "",
    }
}

/// For how long the keys need not be asked for again.
fn max_age(answer: &Response<Bytes>) -> Duration {
    let cached = answer.headers().get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let mut parts = cached.unwrap_or_default().split(',').map(str::trim);
    let secs = parts.find_map(|part| part.strip_prefix("max-age=")?.parse().ok());
    Duration::from_secs(secs.unwrap_or(MAX_AGE).clamp(30, 1800))
}
