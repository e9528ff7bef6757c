//! Where a test lays a session as it is in the middle of its life, and looks what has become of it: the record as the
//! stores write it, and in Redis what is around it.

use std::path::Path;

use super::{
    kept::{Generations, KEY, Shown, Store},
    record::{Record, signed_in_at, timestamp},
};
use crate::support::{
    backends::{START, facts_of, retried, with_tokens},
    keyspace::Keyspace,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward::{
    domain::{
        app::AppName,
        clock::Timestamp,
        ids::UserId,
        proved::Proved,
        refresh_token::{RefreshSecret, RefreshToken},
        rotation::{LateReissues, Progress, Replaced},
        session::{EndReason, NewSession, SessionFacts},
        sign_in::{Method, Methods},
    },
    store::sessions::SessionStore,
};
use redis::{FromRedisValue, Value};

/// A session that a test has laid.
pub struct Laid {
    user: UserId,
    pub first: RefreshToken,
}

impl Laid {
    /// Signs in, long enough ago that nothing else happened since; with a key, or without.
    pub async fn sign_in(store: &dyn SessionStore, is_bound: bool) -> Self {
        let facts = facts_of(UserId::new(START), signed_in_at());
        let facts = SessionFacts { bound_to: is_bound.then_some(KEY), ..facts };
        let (session, first) = with_tokens(facts, &secret());
        let NewSession { facts, .. } = &session;
        let user = facts.user;
        retried(async || store.open(&session, None).await).await;
        Self { user, first }
    }

    pub fn token(&self, generation: u8) -> RefreshToken {
        self.first.of_generation(generation.into(), &secret())
    }
}

pub fn secret() -> RefreshSecret {
    RefreshSecret::new(&[7; 32])
}

/// The rows of a file.
pub struct Rows(rusqlite::Connection);

impl Rows {
    pub fn of(file: &Path) -> Self {
        Self(rusqlite::Connection::open(file).expect("opened"))
    }

    pub fn lay(&mut self, sessions: &[(Laid, Store)]) {
        let transaction = self.0.transaction().expect("begun");
        for (laid, store) in sessions {
            let Progress { generation, issued_at, replaced, late } = store.record.progress();
            let earlier: Vec<u8> =
                replaced.earlier().flat_map(|moment| moment.millis().to_be_bytes()).collect();
            let proved = store.shown.proved();
            let end = store.is_ended.then_some(EndReason::Logout.as_str());
            transaction
                .prepare_cached(
                    "UPDATE sessions SET generation = ?2, issued_at = ?3, confirmed_at = ?4, replaced = ?5,
                        late_generation = ?6, late_run = ?7, end_reason = ?8,
                        proved = ?9, proved_since = ?10, proved_at = ?11 WHERE id = ?1",
                )
                .expect("prepared")
                .execute(rusqlite::params![
                    laid.first.session().as_bytes(),
                    generation,
                    issued_at.millis(),
                    replaced.latest().map(Timestamp::millis),
                    earlier,
                    late.generation,
                    late.run,
                    end,
                    proved.methods.words(),
                    proved.since.millis(),
                    proved.at.millis(),
                ])
                .expect("laid");
            if store.is_refused {
                transaction
                    .prepare_cached("INSERT INTO revocations VALUES ('session', ?1, 'logout', ?2)")
                    .expect("prepared")
                    .execute(rusqlite::params![laid.first.session().to_string(), timestamp(100).millis()])
                    .expect("laid");
            }
        }
        transaction.commit().expect("committed");
    }

    pub fn look_at(&self, laid: &Laid) -> Store {
        let mut query = self.0.prepare_cached("SELECT * FROM sessions WHERE id = ?1").expect("prepared");
        let (progress, end, shown, is_bound) = query
            .query_row([laid.first.session().as_bytes()], |row| {
                let earlier: Vec<Timestamp> = row
                    .get::<_, Option<Vec<u8>>>("replaced")?
                    .unwrap_or_default()
                    .chunks_exact(8)
                    .map(|bytes| {
                        Timestamp::from_millis(i64::from_be_bytes(bytes.try_into().expect("8 bytes")))
                    })
                    .collect();
                let latest = row.get::<_, Option<i64>>("confirmed_at")?.map(Timestamp::from_millis);
                let progress = Progress {
                    generation: row.get("generation")?,
                    issued_at: Timestamp::from_millis(row.get("issued_at")?),
                    replaced: Replaced::of(latest, &earlier),
                    late: LateReissues { generation: row.get("late_generation")?, run: row.get("late_run")? },
                };
                let time = |name: &str| row.get(name).map(Timestamp::from_millis);
                let methods = Methods::read(&row.get::<_, String>("proved")?).expect("methods");
                let proved = Proved { methods, since: time("proved_since")?, at: time("proved_at")? };
                let key: Option<[u8; 32]> = row.get("bound_to")?;
                let end = row.get::<_, Option<String>>("end_reason")?;
                Ok((progress, end, Shown::of(&proved), key == Some(*KEY.as_bytes())))
            })
            .expect("a row");
        let is_refused = self
            .0
            .prepare_cached("SELECT 1 FROM revocations WHERE kind = 'session' AND subject = ?1")
            .expect("prepared")
            .exists([laid.first.session().to_string()])
            .expect("an answer");
        let record = Record::of(&progress);
        Store { record, is_ended: end.is_some(), is_refused, shown, is_bound, ..Store::signed_in() }
    }
}

/// The keys of one Redis, which may be a Cluster of one.
pub struct Keys {
    prefix: String,
    connection: redis::Connection,
}

impl Keys {
    pub fn of(space: &Keyspace) -> Self {
        Self { prefix: space.prefix.clone(), connection: space.connection() }
    }

    pub fn lay(&mut self, sessions: &[(Laid, Store)]) {
        for some in sessions.chunks(500) {
            let mut pipe = redis::pipe();
            for (laid, store) in some {
                self.lay_one(&mut pipe, laid, store);
            }
            pipe.query::<()>(&mut self.connection).expect("laid");
        }
    }

    fn lay_one(&self, pipe: &mut redis::Pipeline, laid: &Laid, store: &Store) {
        let Progress { generation, issued_at, replaced, late } = store.record.progress();
        let number = |number: u32| number.to_string().into_bytes();
        let time = |moment: Timestamp| moment.millis().to_string().into_bytes();
        let mut fields = vec![("n", number(generation)), ("i", time(issued_at))];
        fields.extend(replaced.latest().map(|moment| ("c", time(moment))));
        let earlier = replaced.earlier().flat_map(|moment| moment.millis().to_be_bytes()[2..].to_vec());
        fields.push(("r", earlier.collect()));
        if late.run > 0 {
            fields.extend([("v", number(late.generation)), ("w", number(late.run))]);
        }
        if store.shown != Shown::NONE {
            let proved = store.shown.proved();
            fields.push(("m", proved.methods.words().into_bytes()));
            fields.extend([("f", time(proved.since)), ("h", time(proved.at))]);
        }
        fields.push(("k", laid.token(store.record.generation).sha256().to_vec()));
        if let Some(parent) = store.record.generation.checked_sub(1) {
            fields.push(("p", laid.token(parent).sha256().to_vec()));
        }
        if store.is_ended {
            fields.extend([("x", b"logout".to_vec()), ("t", time(START)), ("y", b"somebody".to_vec())]);
        }
        let [hash, refusal] = self.names(laid);
        pipe.cmd("HSET").arg(hash).arg(&fields);
        if store.is_refused {
            pipe.cmd("SETEX").arg(refusal).arg(600_000).arg("logout");
        }
        pipe.cmd("DEL").arg(self.refresh_key(laid, 0));
        for generation in store.keys.each() {
            pipe.cmd("SETEX").arg(self.refresh_key(laid, generation)).arg(600_000);
            pipe.arg(laid.first.session().to_string());
        }
        for (index, _) in self.indexes(laid).iter().zip(store.indexes).filter(|(_, is_in)| !is_in) {
            pipe.cmd("ZREM").arg(index).arg(laid.first.session().to_string());
        }
    }

    pub fn look_at(&mut self, laid: &Laid) -> Store {
        let [hash, refusal] = self.names(laid);
        let mut pipe = redis::pipe();
        pipe.cmd("HGETALL").arg(hash).cmd("EXISTS").arg(refusal);
        for index in self.indexes(laid) {
            pipe.cmd("ZSCORE").arg(index).arg(laid.first.session().to_string());
        }
        for generation in 0..8 {
            pipe.cmd("EXISTS").arg(self.refresh_key(laid, generation));
        }
        let told: Vec<Value> = pipe.query(&mut self.connection).expect("answers");
        let mut told = told.into_iter();
        let mut next = || told.next().expect("an answer to each");
        let fields: Vec<(String, Vec<u8>)> = FromRedisValue::from_redis_value(next()).expect("a hash");
        let is_refused = next() == Value::Int(1);
        let indexes = [next(), next()].map(|score| score != Value::Nil);
        let keys = (0..8).filter(|_| next() == Value::Int(1)).map(Generations::of);
        let keys = keys.fold(Generations::default(), Generations::and);
        let is_ended = fields.iter().any(|(name, _)| name == "x");
        let Store { record, shown, is_bound, .. } =
            if is_ended { Store::signed_in() } else { of_fields(&fields) };
        Store { record, is_ended, is_over: false, keys, indexes, is_refused, is_bound, shown }
    }

    /// Of its hash, and of what refuses its access tokens.
    fn names(&self, laid: &Laid) -> [String; 2] {
        let session = laid.first.session();
        [format!("session:{session}"), format!("blacklist:session:{session}")].map(|name| self.name(&name))
    }

    fn indexes(&self, laid: &Laid) -> [String; 2] {
        let (user, app) = (laid.user, AppName::default_app());
        [format!("sessions:user:{user}"), format!("sessions:app:{}", app.as_str())]
            .map(|name| self.name(&name))
    }

    fn refresh_key(&self, laid: &Laid, generation: u8) -> String {
        let hash = laid.token(generation).sha256();
        self.name(&format!("refresh:{}", URL_SAFE_NO_PAD.encode(hash)))
    }

    fn name(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }
}

/// What a hash says.
fn of_fields(fields: &[(String, Vec<u8>)]) -> Store {
    let bytes = |name| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_slice());
    let number = |name| -> Option<i64> { std::str::from_utf8(bytes(name)?).ok()?.parse().ok() };
    let small = |name| number(name).map_or(0, |number| u32::try_from(number).expect("a count"));
    let of_six = |bytes: &[u8]| {
        let eight: [u8; 8] = [&[0, 0], bytes].concat().try_into().expect("6 bytes");
        Timestamp::from_millis(i64::from_be_bytes(eight))
    };
    let earlier: Vec<Timestamp> = bytes("r").unwrap_or_default().chunks_exact(6).map(of_six).collect();
    let time = |name| number(name).map(Timestamp::from_millis);
    let record = Record::of(&Progress {
        generation: small("n"),
        issued_at: time("i").expect("a time"),
        replaced: Replaced::of(time("c"), &earlier),
        late: LateReissues { generation: small("v"), run: small("w") },
    });
    let methods = bytes("m").map(|words| std::str::from_utf8(words).expect("words"));
    let methods = methods.map_or(Some(Methods::of(&[Method::Password])), Methods::read).expect("methods");
    let begun = time("s").expect("a time");
    let proved = Proved { methods, since: time("f").unwrap_or(begun), at: time("h").unwrap_or(begun) };
    let is_bound = bytes("j") == Some(KEY.as_bytes());
    Store { record, shown: Shown::of(&proved), is_bound, ..Store::signed_in() }
}
