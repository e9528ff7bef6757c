//! The peer: the usual recipe in Node, `bench/peers/server.mjs`, on a Redis of its own. It has Keyward's
//! key, so that one token is good at both.

use std::{net::SocketAddr, path::Path};

use super::{
    common::{
        guard::{Guard, free_address},
        redis::Redis,
    },
    credentials::PASSWORD,
    target::Target,
};

const REFRESH_TTL: u64 = 604_800;

pub struct Express {
    guard: Guard,
    address: SocketAddr,
    redis: Redis,
}

impl Express {
    /// Signs with `key`; a session has `limit` checks a minute.
    pub fn start(key: &Path, limit: u32) -> Self {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
        assert!(packages.join("installed").exists(), "bench/run installs the packages of bench/peers");
        let redis = Redis::start();
        let address = free_address();
        let settings = [
            ("PORT", address.port().to_string()),
            ("REDIS_PORT", redis.port.to_string()),
            ("KEY_FILE", key.to_string_lossy().into_owned()),
            ("PASSWORD", PASSWORD.to_owned()),
            ("LIMIT", limit.to_string()),
            ("NODE_ENV", "production".to_owned()),
        ];
        let words = ["node", "--input-type=module", "--eval", include_str!("../peers/server.mjs")];
        let guard = Guard::start(&packages, &words, &settings, address);
        Self { guard, address, redis }
    }

    pub fn target(&self) -> Target {
        Target { address: self.address, server: self.guard.id, redis: Some(self.redis.as_ref().id) }
    }

    /// The refresh token of as many new sessions, kept as its sign-ins keep them.
    pub fn sessions(&self, count: usize) -> Vec<String> {
        let client = redis::Client::open(self.redis.url()).expect("a URL");
        let mut connection = client.get_connection().expect("a connection");
        let sessions = (0..count).map(|_| {
            let [user, session, token] = [(); 3].map(|()| uuid::Uuid::now_v7().to_string());
            let mut keep = redis::cmd("SETEX");
            keep.arg(format!("refresh:{token}")).arg(REFRESH_TTL).arg(format!("{user} {session}"));
            keep.exec(&mut connection).expect("kept");
            token
        });
        sessions.collect()
    }
}
