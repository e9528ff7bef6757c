//! Keys and tokens: the folder, the life of a key, the attack list, and other people's vectors.

mod attacks;
mod folder;
mod key_proofs;
mod life;
mod sealing;
mod thumbprints;
mod wycheproof;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use keyward::{
    domain::{
        algorithm::Algorithm,
        app::AppName,
        auth_context::AuthContext,
        claims::{AccessClaims, Principal},
        clock::{Clock, ManualClock, Timestamp},
        ids::{SessionId, TokenId, UserId},
        sign_in::{Method, Methods},
        user::Role,
    },
    keys::{error::KeyError, ring::KeyRing, settings::KeySettings},
};
use tempfile::TempDir;

/// When every test begins.
const START: Timestamp = Timestamp::from_secs(2_000_000_000);
const ACCESS_TTL: Duration = Duration::from_mins(15);
const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "keyward";
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// A folder of keys with a clock that stands still.
struct KeysFolder {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl KeysFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, clock: Arc::new(ManualClock::at(START)) }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn open(&self, algorithm: Algorithm) -> Result<KeyRing, KeyError> {
        KeyRing::open(settings(&self.dir(), algorithm), self.clock.clone())
    }

    fn ring(&self, algorithm: Algorithm) -> KeyRing {
        self.open(algorithm).expect("a key ring")
    }

    /// The names of the files in the folder, without the lock.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir()).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<_> = names.filter(|name| name != ".lock").collect();
        names.sort();
        names
    }
}

fn settings(dir: &Path, algorithm: Algorithm) -> KeySettings {
    KeySettings {
        dir: dir.to_owned(),
        algorithm,
        access_ttl: ACCESS_TTL,
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
    }
}

/// What a token issued at `now`, in whole seconds, says.
fn claims(now: Timestamp) -> AccessClaims {
    let now = Timestamp::from_secs(now.secs());
    AccessClaims {
        id: TokenId::random(),
        principal: Principal::User(UserId::new(now)),
        username: "Åsa".to_owned(),
        session: SessionId::random(),
        generation: 3,
        app: AppName::default_app(),
        audience: None,
        roles: vec![Role::parse(Role::ADMIN).expect("a role")],
        roles_at: Timestamp::from_secs(0),
        auth: AuthContext::new(now, Methods::of(&[Method::Password, Method::Totp])),
        bound_to: None,
        issued_at: now,
        expires_at: now + ACCESS_TTL,
    }
}

/// The kids in a JWK Set.
fn kids(jwks: &str) -> Vec<String> {
    let set: serde_json::Value = serde_json::from_str(jwks).expect("JSON");
    let keys = set["keys"].as_array().expect("keys").iter();
    keys.map(|key| key["kid"].as_str().expect("kid").to_owned()).collect()
}
