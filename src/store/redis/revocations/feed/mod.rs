//! The feed: keeps this node's [`RevocationSet`] the truth, by whomever a revocation is written.
//!
//! On connections of its own, one for each master: `CLIENT TRACKING ON BCAST` first, then a scan of
//! all `blacklist:` keys, so that nothing falls between the two; from then on each key written is
//! named by a push, and read. A Cluster needs no other way: what each master names is all there is,
//! wherever a key was written. Whatever goes wrong, the set is told at once that it is blind, and
//! the feed begins again.
//!
//! It has a thread of its own, so that no queue of requests holds it up. Where the thread itself is held
//! up, or Redis is slow to say what it has named, it says nothing until it has caught up, and checks ask
//! Redis meanwhile.

mod reading;

use std::{cell::Cell, convert::Infallible, io, sync::Arc, thread, time::Duration};

use futures_util::future::try_join_all;
use redis::{PushInfo, PushKind, RedisError, RedisResult, Value, aio::MultiplexedConnection};
use tokio::{
    runtime::{Builder, Handle},
    sync::{Notify, mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::UserChanges;
use crate::{
    domain::clock::Clock,
    store::{
        redis::{
            RedisStore,
            connection::{error::answered, layout::Masters, masters::Discovery, target::RedisTarget},
            keys::Keys,
        },
        revoked::{heartbeat, set::RevocationSet},
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
    /// Its thread ends with this.
    _life: oneshot::Sender<Infallible>,
    revocations: Arc<RevocationSet>,
}

impl Feed {
    /// To be called on the runtime of the requests.
    pub(in crate::store::redis) fn start(store: &RedisStore) -> io::Result<Self> {
        let follower = Follower {
            discovery: Arc::new(Discovery::new(store.target.clone(), store.link.clone())),
            target: store.target.clone(),
            keys: store.keys.clone(),
            revocations: store.revocations.clone(),
            user_changes: store.user_changes.clone(),
            clock: store.clock.clone(),
            requests: Handle::current(),
            stalls: Cell::default(),
            is_behind: Cell::default(),
            held_up: Notify::new(),
            reading_since: Cell::default(),
        };
        let (life, over) = oneshot::channel::<Infallible>();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let revocations = store.revocations.clone();
        thread::Builder::new().name("revocations".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = over => {}
                    () = follower.run() => {}
                }
            });
            // It may have said another thing in between.
            revocations.set_blind();
        })?;
        Ok(Self { _life: life, revocations: store.revocations.clone() })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
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
    discovery: Arc<Discovery>,
    target: RedisTarget,
    keys: Arc<Keys>,
    revocations: Arc<RevocationSet>,
    user_changes: Arc<UserChanges>,
    clock: Arc<dyn Clock>,
    /// Where requests are answered, and the connections belong that they share.
    requests: Handle,
    /// How often this thread was held up, whether it has yet to catch up since, and who is to see to that.
    stalls: Cell<u64>,
    is_behind: Cell<bool>,
    held_up: Notify,
    /// Since when something is read that a push has named.
    reading_since: Cell<Option<Instant>>,
}

impl Follower {
    async fn run(self) {
        tokio::join!(self.keep_following(), self.beat());
    }

    async fn keep_following(&self) {
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

    /// Says again and again that nothing waits to be read. Not after this thread was held up, nor while Redis takes its
    /// time to say what a key holds that it has named: then that is said once it is so again.
    async fn beat(&self) {
        let mut beats = interval(heartbeat::EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            beats.tick().await;
            let now = Instant::now();
            if now - last > heartbeat::SILENCE {
                self.stalls.set(self.stalls.get() + 1);
                self.is_behind.set(true);
                self.held_up.notify_one();
            }
            last = now;
            let is_slow = self.reading_since.get().is_some_and(|since| now - since > heartbeat::EVERY);
            if !self.is_behind.get() && !is_slow {
                self.revocations.beat_of_feed(now.into_std());
            }
        }
    }

    async fn follow(&self) -> Result<Infallible, Trouble> {
        self.reading_since.set(None);
        let masters = self.for_requests(async |discovery| discovery.masters().await).await?;
        let (sender, mut pushes) = mpsc::channel(PUSHES);
        let attach = masters.values().enumerate().map(|(index, _)| self.attach(&masters, index, &sender));
        let servers = try_join_all(attach).await?;
        self.rescan(&servers).await?;
        // What was named meanwhile. The answer to a PING comes after the pushes before it.
        self.ping(&servers).await?;
        self.drain(&servers, &mut pushes).await?;
        self.revocations.set_following(self.clock.passed());
        tracing::info!(redis.masters = servers.len(), "following revocations");

        let mut look = Box::pin(self.look(&servers));
        loop {
            tokio::select! {
                push = pushes.recv() => {
                    self.apply(&servers, push.ok_or(Trouble::Closed)?).await?;
                    self.drain(&servers, &mut pushes).await?;
                }
                () = self.held_up.notified() => self.catch_up(&servers, &mut pushes).await?,
                seen = &mut look => {
                    let (passed, seen) = seen?;
                    if seen.keys().ne(masters.keys()) {
                        return Err(Trouble::Moved);
                    }
                    self.catch_up(&servers, &mut pushes).await?;
                    self.revocations.heard(passed);
                    look.set(self.look(&servers));
                }
            }
        }
    }

    /// The masters as they are seen after a while, and from when on.
    async fn look(&self, servers: &[MultiplexedConnection]) -> Result<(Duration, Masters), Trouble> {
        sleep(PULSE).await;
        let (passed, servers) = (self.clock.passed(), servers.to_vec());
        let seen =
            self.for_requests(async move |discovery| discovery.masters_seen_by(&servers).await).await?;
        Ok((passed, seen))
    }

    /// Has that done among the requests: a connection that it opens is theirs.
    async fn for_requests<F>(&self, ask: impl FnOnce(Arc<Discovery>) -> F) -> Result<Masters, Trouble>
    where
        F: Future<Output = RedisResult<Masters>> + Send + 'static,
    {
        let asked = self.requests.spawn(ask(Arc::clone(&self.discovery)));
        Ok(asked.await.map_err(|_| Trouble::Closed)??)
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
        self.reading_since.set(Some(Instant::now()));
        for names in names.chunks(CHUNK) {
            if let Err(error) = self.read(server, names).await {
                self.fail_closed(names);
                return Err(error);
            }
        }
        self.reading_since.set(None);
        Ok(())
    }

    async fn ping(&self, servers: &[MultiplexedConnection]) -> Result<(), Trouble> {
        let ping = async |server: &MultiplexedConnection| {
            answered(redis::cmd("PING").query_async::<()>(&mut server.clone()).await)
        };
        try_join_all(servers.iter().map(ping)).await?;
        Ok(())
    }

    /// Makes sure that silence means that nothing happened, and takes in what did until now. Whether this thread was
    /// held up once more meanwhile is asked last.
    async fn catch_up(
        &self,
        servers: &[MultiplexedConnection],
        pushes: &mut mpsc::Receiver<Push>,
    ) -> Result<(), Trouble> {
        let (stalls, asked_at) = (self.stalls.get(), Instant::now());
        self.ping(servers).await?;
        self.drain(servers, pushes).await?;
        if !self.revocations.is_following() {
            return Err(Trouble::Overrun);
        }
        if self.stalls.get() == stalls {
            self.is_behind.set(false);
            self.revocations.beat_of_feed(asked_at.into_std());
        }
        Ok(())
    }
}
