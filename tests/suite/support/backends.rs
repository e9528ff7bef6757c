//! The back ends that the contract suite runs on. A promise names the back ends that make it; what
//! opens them, moves their time and opens them again is here.

use std::{fmt::Debug, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use super::{
    keyspace::{Keyspace, RedisNode, SLACK},
    servers,
};
use keyward::{
    domain::{
        app::AppName,
        auth_context::AuthContext,
        claims::{AccessClaims, Principal},
        clock::{Clock, ManualClock, Timestamp},
        ids::{SessionId, TokenId, UserId},
        limits::Lifetimes,
        proved::Proved,
        refresh_token::{Chain, RefreshSecret, RefreshToken},
        rotation::{Confirm, Contested, ReusePolicy},
        session::{Device, EndReason, NewSession, Session, SessionFacts, SessionKind},
        sign_in::{Method, Methods},
    },
    store::{
        accounts::AccountStore,
        app_sessions::AppSessionStore,
        apps::AppStore,
        counters::CounterStore,
        factors::FactorStore,
        memory::MemoryCounters,
        once::OnceStore,
        outbox::OutboxStore,
        postgres::PostgresStore,
        redis::revocations::feed::Feed,
        revocations::{Refusal, RevocationStore},
        revoked::set::RevocationSet,
        sessions::{Confirmation, Ended, Ending, Rotation, SessionStore},
        sqlite::SqliteStore,
    },
};
use rstest_reuse::template;
use secrecy::SecretString;
use tempfile::TempDir;

/// Where accounts and apps can live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountsOn {
    Sqlite,
    Postgres,
}

/// For a promise that every back end of accounts makes: `#[apply(account_back_ends)]`, with `on: AccountsOn`.
#[template]
#[rstest::rstest]
fn account_back_ends(#[values(AccountsOn::Sqlite, AccountsOn::Postgres)] on: AccountsOn) {}

/// Where sessions and revocations can live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionsOn {
    Sqlite,
    Redis,
    /// A Redis Cluster of three masters.
    Cluster,
}

/// For a promise that every back end of sessions makes.
#[template]
#[rstest::rstest]
fn session_back_ends(#[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn) {}

/// Where counters can live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountersOn {
    Memory,
    Redis,
    /// A Redis Cluster of three masters.
    Cluster,
}

/// For a promise that every back end of counters makes.
#[template]
#[rstest::rstest]
fn counter_back_ends(#[values(CountersOn::Memory, CountersOn::Redis, CountersOn::Cluster)] on: CountersOn) {}

/// When every test begins.
pub const START: Timestamp = Timestamp::from_secs(2_000_000_000);
/// The contract's defaults.
pub const LIFETIMES: Lifetimes = Lifetimes {
    access: Duration::from_mins(15),
    refresh: Duration::from_hours(7 * 24),
    session_max_age: Some(Duration::from_hours(90 * 24)),
};
/// `tokens.reuse_grace`.
pub const GRACE: Duration = Duration::from_secs(10);
/// The default policy.
pub const FIRST_USE: ReusePolicy =
    ReusePolicy { grace: GRACE, confirm: Confirm::FirstUse, contested: Contested::Alarm };
/// The policy for APIs that never ask the server.
pub const TIMER: ReusePolicy = ReusePolicy { confirm: Confirm::Timer, ..FIRST_USE };
/// The shortest step of time there is.
pub const TICK: Duration = Duration::from_millis(1);

/// A back end of accounts and apps, used by nobody else.
pub struct AccountBackEnd {
    pub accounts: Arc<dyn AccountStore>,
    pub apps: Arc<dyn AppStore>,
    pub factors: Arc<dyn FactorStore>,
    pub outbox: Arc<dyn OutboxStore>,
    server: AccountServer,
}

/// What keeps a back end's accounts, and ends with it.
enum AccountServer {
    Sqlite(TempDir),
    /// The URL of a database.
    Postgres(String),
}

/// One node's way to accounts and apps.
pub type AccountNode = (Arc<dyn AccountStore>, Arc<dyn AppStore>);

impl AccountServer {
    async fn open(&self) -> (AccountNode, Arc<dyn FactorStore>, Arc<dyn OutboxStore>) {
        match self {
            Self::Sqlite(folder) => {
                let store =
                    open_sqlite(folder, LIFETIMES, Arc::default(), ManualClock::at(START).into()).await;
                ((store.clone(), store.clone()), store.clone(), store)
            }
            Self::Postgres(url) => {
                let store = Arc::new(postgres_store(url).await);
                ((store.clone(), store.clone()), store.clone(), store)
            }
        }
    }
}

impl AccountBackEnd {
    /// A new one, with nothing in it.
    pub async fn on(on: AccountsOn) -> Self {
        let server = match on {
            AccountsOn::Sqlite => AccountServer::Sqlite(folder()),
            AccountsOn::Postgres => AccountServer::Postgres(servers::postgres::database()),
        };
        let ((accounts, apps), factors, outbox) = server.open().await;
        Self { accounts, apps, factors, outbox, server }
    }

    /// Another node beside this one, on the same data.
    pub async fn another_node(&self) -> AccountNode {
        self.server.open().await.0
    }

    /// That node's way to second factors.
    pub async fn factors_of_another_node(&self) -> Arc<dyn FactorStore> {
        self.server.open().await.1
    }
}

/// New counters, used by nobody else, with the clock they run by.
pub struct CounterBackEnd {
    pub clock: Arc<ManualClock>,
    /// See [`BackEnd::slack`].
    pub slack: Duration,
    pub counters: Arc<dyn CounterStore>,
    server: CounterServer,
}

enum CounterServer {
    Memory,
    Redis(Keyspace),
}

impl CounterBackEnd {
    pub async fn on(on: CountersOn) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let keyspace = match on {
            CountersOn::Memory => {
                let counters = Arc::new(MemoryCounters::default());
                return Self { clock, slack: Duration::ZERO, counters, server: CounterServer::Memory };
            }
            CountersOn::Redis => Keyspace::single(),
            CountersOn::Cluster => Keyspace::cluster(),
        };
        let RedisNode { store, .. } = keyspace.open(LIFETIMES, &clock).await;
        Self { clock, slack: SLACK, counters: store, server: CounterServer::Redis(keyspace) }
    }

    /// Lets time pass, here and at the server.
    pub async fn elapse(&self, span: Duration) {
        self.clock.advance(span);
        match &self.server {
            CounterServer::Memory => {}
            CounterServer::Redis(keyspace) => keyspace.elapse(span).await,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

async fn open_sqlite(
    folder: &TempDir,
    lifetimes: Lifetimes,
    set: Arc<RevocationSet>,
    clock: Arc<ManualClock>,
) -> Arc<SqliteStore> {
    let path = sqlite_file(folder);
    let open = move || SqliteStore::open(&path, lifetimes, set, clock);
    let opened = tokio::task::spawn_blocking(open).await.expect("no panic");
    Arc::new(opened.expect("a database"))
}

/// A back end of sessions with a clock of its own, used by nobody else.
pub struct BackEnd {
    pub clock: Arc<ManualClock>,
    pub lifetimes: Lifetimes,
    pub secret: RefreshSecret,
    pub sessions: Arc<dyn SessionStore>,
    pub app_sessions: Arc<dyn AppSessionStore>,
    pub revocations: Arc<dyn RevocationStore>,
    pub set: Arc<RevocationSet>,
    pub counters: Arc<dyn CounterStore>,
    pub once: Arc<dyn OnceStore>,
    /// What keeps the set the truth, where that is not the store itself.
    feed: Option<Arc<Feed>>,
    /// How much earlier than by `clock` a key may end at a server whose own clock ticks during the
    /// test; zero where only `clock` counts, and so every boundary is exact.
    pub slack: Duration,
    server: SessionServer,
}

fn sqlite_file(folder: &TempDir) -> PathBuf {
    folder.path().join("keyward.db")
}

/// What keeps a back end's sessions, and ends with it.
enum SessionServer {
    Sqlite(TempDir),
    Redis(Keyspace),
}

/// One node's way to sessions, and what it knows of revocations.
pub struct Node {
    pub sessions: Arc<dyn SessionStore>,
    pub app_sessions: Arc<dyn AppSessionStore>,
    pub revocations: Arc<dyn RevocationStore>,
    pub set: Arc<RevocationSet>,
    pub counters: Arc<dyn CounterStore>,
    pub once: Arc<dyn OnceStore>,
    feed: Option<Arc<Feed>>,
}

/// A new session with tokens, and the first of them.
pub fn with_tokens(facts: SessionFacts, secret: &RefreshSecret) -> (NewSession, RefreshToken) {
    let id = SessionId::random();
    let token = RefreshToken::first(id, secret);
    (NewSession { id, kind: SessionKind::Tokens(token.clone()), facts }, token)
}

/// What is known of a user at the default app whose device says nothing.
pub fn facts_of(user: UserId, created_at: Timestamp) -> SessionFacts {
    SessionFacts {
        user,
        app: AppName::default_app(),
        device: Device::new(None, None, None),
        created_at,
        proved: Proved::at_once(Methods::of(&[Method::Password]), created_at),
        bound_to: None,
    }
}

/// A client that has signed in, with its first refresh token.
#[derive(Clone)]
pub struct SignedIn {
    pub user: UserId,
    pub token: RefreshToken,
}

impl SignedIn {
    pub fn session(&self) -> SessionId {
        self.token.session()
    }
}

impl SessionServer {
    async fn open(&self, lifetimes: Lifetimes, clock: &Arc<ManualClock>) -> Node {
        match self {
            Self::Sqlite(folder) => {
                let set = Arc::new(RevocationSet::default());
                let store = open_sqlite(folder, lifetimes, set.clone(), clock.clone()).await;
                let counters = Arc::new(MemoryCounters::default());
                Node {
                    sessions: store.clone(),
                    app_sessions: store.clone(),
                    revocations: store.clone(),
                    set,
                    counters,
                    once: store,
                    feed: None,
                }
            }
            Self::Redis(keyspace) => {
                let RedisNode { store, set, feed } = keyspace.open(lifetimes, clock).await;
                Node {
                    sessions: store.clone(),
                    app_sessions: store.clone(),
                    revocations: store.clone(),
                    set,
                    counters: store.clone(),
                    once: store,
                    feed: Some(Arc::new(feed)),
                }
            }
        }
    }

    fn slack(&self) -> Duration {
        match self {
            Self::Sqlite(_) => Duration::ZERO,
            Self::Redis(_) => SLACK,
        }
    }

    /// Moves the server's own clock, where it has one.
    async fn elapse(&self, span: Duration) {
        match self {
            Self::Sqlite(_) => {}
            Self::Redis(keyspace) => keyspace.elapse(span).await,
        }
    }
}

impl BackEnd {
    /// Where SQLite keeps the sessions.
    pub fn sqlite_file(&self) -> PathBuf {
        match &self.server {
            SessionServer::Sqlite(folder) => sqlite_file(folder),
            SessionServer::Redis(_) => panic!("they are in Redis"),
        }
    }

    /// A new and empty one, with the contract's default lifetimes.
    pub async fn on(on: SessionsOn) -> Self {
        Self::with(on, LIFETIMES).await
    }

    /// A new and empty one.
    pub async fn with(on: SessionsOn, lifetimes: Lifetimes) -> Self {
        let server = match on {
            SessionsOn::Sqlite => SessionServer::Sqlite(folder()),
            SessionsOn::Redis => SessionServer::Redis(Keyspace::single()),
            SessionsOn::Cluster => SessionServer::Redis(Keyspace::cluster()),
        };
        Self::at(server, lifetimes).await
    }

    /// A new one in a part of a Redis of the test's own.
    pub async fn in_keyspace(keyspace: Keyspace) -> Self {
        Self::at(SessionServer::Redis(keyspace), LIFETIMES).await
    }

    /// The part of Redis it is in.
    pub fn keyspace(&self) -> &Keyspace {
        match &self.server {
            SessionServer::Redis(keyspace) => keyspace,
            SessionServer::Sqlite(_) => panic!("not in Redis"),
        }
    }

    async fn at(server: SessionServer, lifetimes: Lifetimes) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let Node { sessions, app_sessions, revocations, set, counters, once, feed } =
            server.open(lifetimes, &clock).await;
        let secret = RefreshSecret::new(&[7; 32]);
        let slack = server.slack();
        Self {
            clock,
            lifetimes,
            secret,
            sessions,
            app_sessions,
            revocations,
            set,
            counters,
            once,
            feed,
            slack,
            server,
        }
    }

    /// As after a restart: the same data, and nothing else that was known.
    pub async fn reopen(self) -> Self {
        let lifetimes = self.lifetimes;
        self.reopen_with(lifetimes).await
    }

    /// The same with other settings.
    pub async fn reopen_with(self, lifetimes: Lifetimes) -> Self {
        let Self { clock, secret, slack, server, .. } = self;
        let Node { sessions, app_sessions, revocations, set, counters, once, feed } =
            server.open(lifetimes, &clock).await;
        Self {
            clock,
            lifetimes,
            secret,
            sessions,
            app_sessions,
            revocations,
            set,
            counters,
            once,
            feed,
            slack,
            server,
        }
    }

    /// Follows revocations no longer.
    pub fn stop_following(&mut self) {
        self.feed = None;
    }

    /// This one's own node.
    pub fn node(&self) -> Node {
        Node {
            sessions: self.sessions.clone(),
            app_sessions: self.app_sessions.clone(),
            revocations: self.revocations.clone(),
            set: self.set.clone(),
            counters: self.counters.clone(),
            once: self.once.clone(),
            feed: self.feed.clone(),
        }
    }

    /// Another node beside this one, on the same data.
    pub async fn another_node(&self) -> Node {
        self.server.open(self.lifetimes, &self.clock).await
    }

    /// Lets time pass, at the server and here. In this order: a feed that reads between the two sees a
    /// revocation end too early, which changes nothing it knows, and never too late.
    pub async fn elapse(&self, span: Duration) {
        self.server.elapse(span).await;
        self.clock.advance(span);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new user signs in.
    pub async fn sign_in(&self) -> SignedIn {
        self.sign_in_as(UserId::new(self.now()), &AppName::default_app()).await
    }

    pub async fn sign_in_as(&self, user: UserId, app: &AppName) -> SignedIn {
        self.open(user, app, None).await
    }

    /// A user signs in who may have so many sessions.
    pub async fn sign_in_among(&self, user: UserId, most: Option<NonZeroU32>) -> SignedIn {
        self.open(user, &AppName::default_app(), most).await
    }

    async fn open(&self, user: UserId, app: &AppName, most: Option<NonZeroU32>) -> SignedIn {
        let facts = SessionFacts {
            user,
            app: app.clone(),
            device: Device::new(Some("a phone"), "192.0.2.7".parse().ok(), Some("Browser/1")),
            created_at: self.now(),
            proved: Proved::at_once(Methods::of(&[Method::Password]), self.now()),
            bound_to: None,
        };
        let (session, token) = with_tokens(facts, &self.secret);
        self.sessions.open(&session, most).await.expect("opened");
        SignedIn { user, token }
    }

    /// Presents a token under the default policy.
    pub async fn refresh(&self, token: &RefreshToken) -> Rotation {
        self.refresh_under(&FIRST_USE, token).await
    }

    /// Lets all but the last moment of `span` pass, and tells how long that last moment is.
    pub async fn elapse_almost(&self, span: Duration) -> Duration {
        let moment = self.slack + TICK;
        self.elapse(span.saturating_sub(moment)).await;
        moment
    }

    pub async fn refresh_under(&self, policy: &ReusePolicy, token: &RefreshToken) -> Rotation {
        let chain = Chain::of(token.clone(), &self.secret);
        self.sessions.rotate(&chain, policy, self.now()).await.expect("an answer")
    }

    /// Presents a token that must be good, and takes what it gets.
    pub async fn refreshed(&self, token: &RefreshToken) -> RefreshToken {
        match self.refresh(token).await {
            Rotation::Granted(issue) => token.of_generation(issue.generation, &self.secret),
            refused => panic!("{token:?} got {refused:?}"),
        }
    }

    /// An access token of a refresh token's generation is seen in use.
    pub async fn confirm(&self, token: &RefreshToken) -> Confirmation {
        let (session, generation) = (token.session(), token.generation());
        self.sessions.confirm(session, generation, self.now()).await.expect("an answer")
    }

    pub async fn find(&self, session: SessionId) -> Option<Session> {
        self.sessions.find(session, self.now()).await.expect("an answer")
    }

    /// A user's living sessions, in the order told.
    pub async fn ids_of_user(&self, user: UserId) -> Vec<SessionId> {
        let page = self.sessions.of_user(user, None, 1000, self.now()).await.expect("an answer");
        page.sessions.iter().map(|session| session.id).collect()
    }

    /// Ends a session whoever owns it.
    pub async fn end(&self, session: SessionId, reason: EndReason) -> Ended {
        self.end_as(&Ending { session, owner: None, token: None, reason }).await
    }

    pub async fn end_as(&self, ending: &Ending) -> Ended {
        self.sessions.end(ending, self.now()).await.expect("an answer")
    }

    /// Why an access token was taken back, which must not be outdated.
    pub async fn refusal(&self, claims: &AccessClaims) -> Option<EndReason> {
        let refused = self.refused(claims).await;
        assert_ne!(refused, Some(Refusal::Outdated));
        refused.and_then(Refusal::reason)
    }

    /// Why an access token is refused; what is known in memory and the back end must say the same.
    pub async fn refused(&self, claims: &AccessClaims) -> Option<Refusal> {
        let known = self.set.find(claims, self.now());
        let asked = self.revocations.ask(claims, self.now()).await.expect("an answer");
        assert_eq!(known, asked, "the set and the back end disagree");
        known
    }

    /// The claims of an access token issued now, to a session opened now.
    pub fn claims(&self, client: &SignedIn) -> AccessClaims {
        AccessClaims {
            id: TokenId::random(),
            principal: Principal::User(client.user),
            username: "alice".to_owned(),
            session: client.session(),
            generation: client.token.generation(),
            app: AppName::default_app(),
            audience: None,
            roles: Vec::new(),
            roles_at: Timestamp::from_secs(0),
            auth: AuthContext::new(self.now(), Methods::of(&[Method::Password])),
            bound_to: None,
            issued_at: self.now(),
            expires_at: self.lifetimes.access_expiry(self.now(), self.now()),
        }
    }
}

/// Waits for what another node or process will soon do; the deadline is generous, so that it is
/// only met where it never happens.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "not in 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What a call gives that is made again while it fails, as clients do: on a busy machine a replica can be slower
/// than a write waits for it.
pub async fn retried<T, E: Debug>(call: impl AsyncFn() -> Result<T, E>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        match call().await {
            Ok(given) => return given,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "not in 10 s: {error:?}"),
        }
    }
}

/// A store on a database, with its tables.
pub async fn postgres_store(url: &str) -> PostgresStore {
    let store = PostgresStore::connect(&SecretString::from(url), None).await.expect("connected");
    store.migrate().await.expect("migrated");
    store
}
