//! One connection to one master, made again whenever it breaks, hangs or leads to a server that is
//! master no longer: for a single Redis, and for one that sentinels watch over.

use std::{sync::Arc, time::Duration};

use redis::{
    Cmd, ConnectionInfo, ErrorKind, Pipeline, PushInfo, PushKind, RedisError, RedisResult, Value,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::{AbortHandle, JoinHandle},
    time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout},
};

use super::{
    error::{answered, is_connection_lost},
    sentinel::Sentinels,
    target::{Mode, RedisTarget},
};
use crate::store::redis::script;

/// How often an idle connection is tried, and the sentinels are asked.
const CHECK: Duration = Duration::from_secs(1);
/// Between two attempts to connect: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// A connection that looks after itself; clones share it.
#[derive(Clone)]
pub struct NodeLink(Arc<Shared>);

struct Shared {
    state: watch::Receiver<State>,
    complaints: mpsc::Sender<u64>,
    patience: Duration,
    keeper: AbortHandle,
}

#[derive(Clone)]
enum State {
    Up(Arc<Live>),
    /// Lost a moment ago: to wait a little may spare an error.
    Seeking,
    /// The last attempt failed: callers are told at once, until one succeeds.
    Down(RedisError),
}

/// A connection that was good when last tried.
pub struct Live {
    /// Of this connection, counted from the link's first one.
    pub number: u64,
    /// Where it leads.
    pub server: ConnectionInfo,
    connection: MultiplexedConnection,
    lost: Arc<Notify>,
}

impl NodeLink {
    /// Connects once, and from then on keeps the connection.
    pub async fn connect(target: &RedisTarget) -> RedisResult<Self> {
        let finder = match &target.mode {
            Mode::Sentinel { master } => Finder::Sentinels(Sentinels::new(target.clone(), master.clone())),
            Mode::Single | Mode::Cluster => Finder::Fixed(target.nodes[0].clone()),
        };
        let (mut keeper, complaints) = Keeper::new(target, finder);
        let live = keeper.connect().await?;
        let (state, watched) = watch::channel(State::Up(live.clone()));
        Ok(Self::kept(&tokio::spawn(keeper.keep(live, state)), watched, complaints, target))
    }

    /// A connection to that very server, which is sought from now on.
    pub fn to(target: &RedisTarget, server: ConnectionInfo) -> Self {
        let (mut keeper, complaints) = Keeper::new(target, Finder::Fixed(server));
        let (state, watched) = watch::channel(State::Seeking);
        let task = tokio::spawn(async move {
            let live = keeper.seek(&state).await;
            state.send_replace(State::Up(live.clone()));
            keeper.keep(live, state).await;
        });
        Self::kept(&task, watched, complaints, target)
    }

    fn kept(
        task: &JoinHandle<()>,
        state: watch::Receiver<State>,
        complaints: mpsc::Sender<u64>,
        target: &RedisTarget,
    ) -> Self {
        let (keeper, patience) = (task.abort_handle(), target.response_timeout);
        Self(Arc::new(Shared { state, complaints, patience, keeper }))
    }

    /// Sends one command. After a broken connection it is sent once more on the next one, so it may
    /// be carried out twice: everything sent here bears that.
    pub async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let live = self.live(None).await?;
        match live.connection.clone().send_packed_command(command).await.and_then(Value::extract_error) {
            Err(error) if is_connection_lost(&error) => {
                self.complain(&live);
                let next = self.live(Some(live.number)).await?;
                next.connection.clone().send_packed_command(command).await?.extract_error()
            }
            result => result,
        }
    }

    /// Sends commands one after the other on one connection, once.
    pub async fn send_together(&self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let live = self.live(None).await?;
        let sent = live.send_all(commands).await;
        sent.inspect_err(|error| {
            if is_connection_lost(error) {
                self.complain(&live);
            }
        })
    }

    /// The connection, if there is one or soon will be; any but that one.
    pub async fn live(&self, but: Option<u64>) -> RedisResult<Arc<Live>> {
        let mut state = self.0.state.clone();
        let settled = state.wait_for(|state| match state {
            State::Up(live) => Some(live.number) != but,
            State::Seeking => false,
            State::Down(_) => true,
        });
        let Ok(Ok(state)) = timeout(self.0.patience, settled).await else {
            return Err((ErrorKind::Io, "no connection").into());
        };
        match &*state {
            State::Up(live) => Ok(live.clone()),
            State::Down(error) => Err(error.clone()),
            State::Seeking => Err((ErrorKind::Io, "no connection").into()),
        }
    }

    fn complain(&self, live: &Live) {
        // When the queue is full the keeper has been told often enough.
        let _ = self.0.complaints.try_send(live.number);
    }
}

impl Live {
    async fn send_all(&self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        self.connection.clone().send_packed_commands(commands, 0, commands.len()).await
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// How the master is found.
enum Finder {
    Fixed(ConnectionInfo),
    Sentinels(Sentinels),
}

impl Finder {
    async fn find(&self) -> RedisResult<ConnectionInfo> {
        match self {
            Self::Fixed(server) => Ok(server.clone()),
            Self::Sentinels(sentinels) => sentinels.master().await,
        }
    }

    /// Tries the connection. Behind sentinels the server itself must say that it is master: a demoted
    /// one takes writes, and loses them, until it has heard of it.
    async fn verify(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        match self {
            Self::Fixed(_) => answered(redis::cmd("PING").query_async(connection).await),
            Self::Sentinels(_) => {
                let role: Vec<Value> = redis::cmd("ROLE").query_async(connection).await?;
                match role.first() {
                    Some(Value::BulkString(role)) if role == b"master" => Ok(()),
                    _ => Err((ErrorKind::Io, "the server is not master").into()),
                }
            }
        }
    }

    async fn announcement(&self) {
        match self {
            Self::Fixed(_) => std::future::pending().await,
            Self::Sentinels(sentinels) => sentinels.announcement().await,
        }
    }
}

/// The task behind a link.
struct Keeper {
    target: RedisTarget,
    finder: Finder,
    complained: mpsc::Receiver<u64>,
    number: u64,
    last_attempt: Instant,
}

impl Keeper {
    fn new(target: &RedisTarget, finder: Finder) -> (Self, mpsc::Sender<u64>) {
        let (complaints, complained) = mpsc::channel(16);
        let (target, last_attempt) = (target.clone(), Instant::now() - FIRST_WAIT);
        (Self { target, finder, complained, number: 0, last_attempt }, complaints)
    }

    async fn keep(mut self, mut live: Arc<Live>, state: watch::Sender<State>) {
        loop {
            let why = self.watch(&live).await;
            tracing::warn!(redis.server = %live.server.addr(), why, "the connection to Redis is lost");
            // Callers wait from here on, and are told at once when the first attempt has failed.
            state.send_replace(State::Seeking);
            live = self.seek(&state).await;
            tracing::info!(redis.server = %live.server.addr(), "connected to Redis again");
            state.send_replace(State::Up(live.clone()));
        }
    }

    /// Returns when the connection is of no use any more, and why.
    async fn watch(&mut self, live: &Live) -> &'static str {
        let mut checks = interval_at(Instant::now() + CHECK, CHECK);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = live.lost.notified() => return "it was closed",
                Some(number) = self.complained.recv() => {
                    if number == live.number {
                        return "a command failed";
                    }
                    // Of a connection that was given up before: many callers tell of the same one.
                    continue;
                }
                () = self.finder.announcement() => {}
                _ = checks.tick() => {}
            }
            if self.check(live).await.is_err() {
                return "it failed the check";
            }
        }
    }

    async fn check(&self, live: &Live) -> RedisResult<()> {
        self.finder.verify(&mut live.connection.clone()).await?;
        // No sentinel answers: that says nothing about the master.
        let Ok(master) = self.finder.find().await else { return Ok(()) };
        if master.addr() == live.server.addr() {
            Ok(())
        } else {
            Err((ErrorKind::Io, "there is a new master").into())
        }
    }

    async fn seek(&mut self, state: &watch::Sender<State>) -> Arc<Live> {
        // A connection that is lost as soon as it is made must not become a busy loop.
        sleep_until(self.last_attempt + FIRST_WAIT).await;
        let mut wait = FIRST_WAIT;
        loop {
            match self.connect().await {
                Ok(live) => return live,
                Err(error) => state.send_replace(State::Down(error)),
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.finder.announcement() => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn connect(&mut self) -> RedisResult<Arc<Live>> {
        self.last_attempt = Instant::now();
        let server = self.finder.find().await?;
        let lost = Arc::new(Notify::new());
        let on_loss = lost.clone();
        let config = self.target.config().set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                on_loss.notify_one();
            }
            Ok::<_, redis::aio::SendError>(())
        });
        let mut connection = self.target.open(&server, &config).await?;
        self.finder.verify(&mut connection).await?;
        // Before anybody calls one: a call by hash that is not known costs a second trip with the text.
        script::load_all(&mut connection).await?;
        self.number += 1;
        Ok(Arc::new(Live { number: self.number, server, connection, lost }))
    }
}
