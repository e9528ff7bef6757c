//! The feed: keeps this node's [`RevocationSet`] the truth, by whomever a revocation is written.
//!
//! On connections of its own, one for each master: `CLIENT TRACKING ON BCAST` first, then a scan of
//! all `blacklist:` keys, so that nothing falls between the two; from then on each key written is
//! named by a push, and read. A Cluster needs no other way: what each master names is all there is,
//! wherever a key was written. Whatever goes wrong, the set is told at once that it is blind, and
//! the feed begins again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use redis::{PushInfo, PushKind, RedisError, Value, aio::MultiplexedConnection};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{Found, UserChanges};
use crate::{
    domain::{
        clock::{Clock, Timestamp},
        ids::UserId,
        limits::{ACCESS_TTL_MAX, refused_until},
        session::EndReason,
    },
    store::{
        redis::{
            RedisStore,
            connection::{error::answered, layout::Masters, masters::Discovery, target::RedisTarget},
            keys::Keys,
        },
        revocations::{Revocation, Subject},
        revoked::set::RevocationSet,
    },
};

/// How often a silent connection is tried: a server that hangs is noticed after this and the
/// response timeout.
const PULSE: Duration = Duration::from_millis(500);
/// Between two attempts: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Pushes that may wait; one names up to some hundreds of keys.
const PUSHES: usize = 4096;
/// Keys read in one go.
const CHUNK: usize = 512;

/// A running feed; stops when dropped, and leaves the set blind.
pub struct Feed {
    task: AbortHandle,
    revocations: Arc<RevocationSet>,
}

impl Feed {
    pub(in crate::store::redis) fn start(store: &RedisStore) -> Self {
        let follower = Follower {
            discovery: Discovery::new(store.target.clone(), store.link.clone()),
            target: store.target.clone(),
            keys: store.keys.clone(),
            revocations: store.revocations.clone(),
            user_changes: store.user_changes.clone(),
            clock: store.clock.clone(),
        };
        let revocations = store.revocations.clone();
        Self { task: tokio::spawn(follower.run()).abort_handle(), revocations }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
        self.revocations.set_blind();
    }
}

/// Why the feed begins again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    #[error("the connection was closed")]
    Closed,
    #[error("there are other masters now")]
    Moved,
    #[error("Redis was emptied")]
    Emptied,
    #[error("more pushes came than could be read")]
    Overrun,
}

/// A push, and which connection it came from.
type Push = (usize, PushInfo);

struct Follower {
    discovery: Discovery,
    target: RedisTarget,
    keys: Arc<Keys>,
    revocations: Arc<RevocationSet>,
    user_changes: Arc<UserChanges>,
    clock: Arc<dyn Clock>,
}

impl Follower {
    async fn run(self) {
        let mut wait = FIRST_WAIT;
        let mut breaks = None;
        loop {
            let began = Instant::now();
            let Err(trouble) = self.follow().await;
            self.revocations.set_blind();
            // Once for each time that it was lost, and not at each attempt to get it back.
            if breaks.replace(self.revocations.breaks()) == Some(self.revocations.breaks()) {
                tracing::debug!(%trouble, "revocations are still not followed");
            } else {
                tracing::warn!(%trouble, "revocations are not followed");
            }
            if began.elapsed() > LONGEST_WAIT {
                wait = FIRST_WAIT;
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn follow(&self) -> Result<Infallible, Trouble> {
        let masters = self.discovery.masters().await?;
        let (sender, mut pushes) = mpsc::channel(PUSHES);
        let attach = masters.values().enumerate().map(|(index, _)| self.attach(&masters, index, &sender));
        let servers = try_join_all(attach).await?;
        self.rescan(&servers).await?;
        // What was named meanwhile. The answer to a PING comes after the pushes before it.
        self.ping(&servers).await?;
        self.drain(&servers, &mut pushes).await?;
        self.revocations.set_following(self.clock.passed());
        tracing::info!(redis.masters = servers.len(), "following revocations");

        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                push = pushes.recv() => {
                    self.apply(&servers, push.ok_or(Trouble::Closed)?).await?;
                    self.drain(&servers, &mut pushes).await?;
                }
                _ = pulse.tick() => self.pulse(&masters, &servers, &mut pushes).await?,
            }
        }
    }

    /// Connects to a master and has it name the keys that are written.
    async fn attach(
        &self,
        masters: &Masters,
        index: usize,
        sender: &mpsc::Sender<Push>,
    ) -> Result<MultiplexedConnection, Trouble> {
        let (sender, revocations) = (sender.clone(), self.revocations.clone());
        let config = self.target.config().set_push_sender(move |push: PushInfo| {
            // At once, and also where there is no room to say why: what is lost here is found again
            // by the next scan, but until then the set must not be believed.
            let is_lost = push.kind == PushKind::Disconnection;
            let sent = sender.try_send((index, push));
            if is_lost || sent.is_err() {
                revocations.set_blind();
            }
            sent
        });
        let server = masters.values().nth(index).ok_or(Trouble::Moved)?;
        let mut connection = self.target.open(server, &config).await?;
        let mut command = redis::cmd("CLIENT");
        command.arg(&["TRACKING", "ON", "BCAST", "PREFIX"]).arg(self.keys.blacklist_prefix());
        command.query_async::<()>(&mut connection).await?;
        Ok(connection)
    }

    /// Takes in every revocation there is, and lifts those of users that are no more. Blind until it is
    /// done. Once more if a user was refused here meanwhile, for the scan may have missed that.
    async fn rescan(&self, servers: &[MultiplexedConnection]) -> Result<(), Trouble> {
        loop {
            let changes = self.user_changes.count();
            let users = try_join_all(servers.iter().map(|server| self.scan(server))).await?.concat();
            if self.user_changes.take_in(changes, || self.revocations.lift_users_except(&users)) {
                return Ok(());
            }
        }
    }

    async fn scan(&self, server: &MultiplexedConnection) -> Result<Vec<UserId>, Trouble> {
        let pattern = format!("{}*", escaped(&self.keys.blacklist_prefix()));
        let (mut cursor, mut users) = ("0".to_owned(), Vec::new());
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1000);
            let (next, names): (String, Vec<Vec<u8>>) = command.query_async(&mut server.clone()).await?;
            for names in names.chunks(CHUNK) {
                users.extend(self.read(server, names).await?);
            }
            cursor = next;
            if cursor == "0" {
                return Ok(users);
            }
        }
    }

    async fn drain(
        &self,
        servers: &[MultiplexedConnection],
        pushes: &mut mpsc::Receiver<Push>,
    ) -> Result<(), Trouble> {
        while let Ok(push) = pushes.try_recv() {
            self.apply(servers, push).await?;
        }
        Ok(())
    }

    /// Takes in what a push names.
    async fn apply(&self, servers: &[MultiplexedConnection], push: Push) -> Result<(), Trouble> {
        let (index, push) = push;
        match push.kind {
            PushKind::Disconnection => return Err(Trouble::Closed),
            PushKind::Invalidate => {}
            _ => return Ok(()),
        }
        self.revocations.note_push(self.clock.passed());
        let Some(Value::Array(names)) = push.data.into_iter().next() else {
            return Err(Trouble::Emptied);
        };
        let server = servers.get(index).ok_or(Trouble::Moved)?;
        let names: Vec<Vec<u8>> = names.into_iter().filter_map(|n| redis::from_redis_value(n).ok()).collect();
        for names in names.chunks(CHUNK) {
            if let Err(error) = self.read(server, names).await {
                self.fail_closed(names);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Reads keys and takes in what they say; returns the users that are refused.
    async fn read(&self, server: &MultiplexedConnection, names: &[Vec<u8>]) -> Result<Vec<UserId>, Trouble> {
        let known = names.iter().filter_map(|name| Some((name, self.keys.subject(name)?)));
        let known: Vec<_> = known.collect();
        let mut pipeline = redis::pipe();
        for (name, _) in &known {
            pipeline.get(name).pttl(name);
        }
        while !known.is_empty() {
            let (changes, now) = (self.user_changes.count(), self.clock.now());
            let values = server.clone().send_packed_commands(&pipeline, 0, pipeline.len()).await?;
            let found = known.iter().zip(values.chunks(2));
            let found: Vec<_> =
                found.map(|((_, subject), value)| Found::read(*subject, value, now)).collect();
            if self.user_changes.take_in(changes, || self.take_in(&found, now)) {
                let users = found.into_iter().filter_map(|found| match found {
                    Found { subject: Subject::User(user), revocation: Some(_), .. } => Some(user),
                    _ => None,
                });
                return Ok(users.collect());
            }
        }
        Ok(Vec::new())
    }

    /// A token or session whose key has expired needs nothing: its tokens are over too.
    fn take_in(&self, found: &[Found], now: Timestamp) {
        for found in found {
            found.keep(&self.revocations, now);
            if let (Subject::User(user), None) = (found.subject, found.revocation) {
                self.revocations.lift(user);
            }
        }
    }

    /// The names are known but cannot be read: they refuse, for as long as a token can live.
    fn fail_closed(&self, names: &[Vec<u8>]) {
        let until = refused_until(self.clock.now() + ACCESS_TTL_MAX);
        for subject in names.iter().filter_map(|name| self.keys.subject(name)) {
            if !matches!(subject, Subject::User(_)) {
                self.revocations.insert(&Revocation { subject, reason: EndReason::Logout, until });
            }
        }
    }

    async fn ping(&self, servers: &[MultiplexedConnection]) -> Result<(), Trouble> {
        let ping = async |server: &MultiplexedConnection| {
            answered(redis::cmd("PING").query_async::<()>(&mut server.clone()).await)
        };
        try_join_all(servers.iter().map(ping)).await?;
        Ok(())
    }

    /// Makes sure that silence means that nothing happened.
    async fn pulse(
        &self,
        masters: &Masters,
        servers: &[MultiplexedConnection],
        pushes: &mut mpsc::Receiver<Push>,
    ) -> Result<(), Trouble> {
        let passed = self.clock.passed();
        self.ping(servers).await?;
        self.drain(servers, pushes).await?;
        if !self.revocations.is_following() {
            return Err(Trouble::Overrun);
        }
        if self.discovery.masters_seen_by(servers).await?.keys().ne(masters.keys()) {
            return Err(Trouble::Moved);
        }
        self.revocations.heard(passed);
        Ok(())
    }
}

/// A text that stands for itself in a pattern.
fn escaped(text: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\' | '^');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}
