//! The homes that the contract suite runs on. A promise names the back ends that make it; what
//! opens them, moves their time and opens them again is here.

use std::{sync::Arc, time::Duration};

use keyward::{
    domain::{
        app::AppName,
        claims::AccessClaims,
        clock::{Clock, ManualClock, Timestamp},
        ids::{SessionId, TokenId, UserId},
        limits::Lifetimes,
        refresh_token::{Chain, RefreshSecret, RefreshToken},
        rotation::{Confirm, ReusePolicy},
        session::{Device, NewSession},
    },
    store::{
        revocations::{RevocationSet, RevocationStore},
        sessions::{Rotation, SessionStore},
        sqlite::SqliteStore,
    },
};
use tempfile::TempDir;

/// Where sessions and revocations can live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionsOn {
    /// One SQLite file.
    Sqlite,
}

/// The contract's defaults.
pub const LIFETIMES: Lifetimes = Lifetimes {
    access: Duration::from_mins(15),
    refresh: Duration::from_hours(7 * 24),
    session_max_age: Some(Duration::from_hours(90 * 24)),
};
/// `tokens.reuse_grace`.
pub const GRACE: Duration = Duration::from_secs(10);
/// The default policy.
pub const FIRST_USE: ReusePolicy = ReusePolicy { grace: GRACE, confirm: Confirm::FirstUse };
/// The policy for APIs that never ask the server.
pub const TIMER: ReusePolicy = ReusePolicy { grace: GRACE, confirm: Confirm::Timer };
/// The shortest step of time there is.
pub const TICK: Duration = Duration::from_millis(1);

/// A home of sessions with a clock of its own, used by nobody else.
pub struct Home {
    pub clock: Arc<ManualClock>,
    pub lifetimes: Lifetimes,
    pub secret: RefreshSecret,
    pub sessions: Arc<dyn SessionStore>,
    pub revocations: Arc<dyn RevocationStore>,
    pub set: Arc<RevocationSet>,
    server: Server,
}

/// What keeps a home's data, and ends with it.
enum Server {
    Sqlite(TempDir),
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

/// What one opening of a home's data gives.
struct Opened {
    sessions: Arc<dyn SessionStore>,
    revocations: Arc<dyn RevocationStore>,
    set: Arc<RevocationSet>,
}

impl Server {
    async fn start(on: SessionsOn) -> Self {
        match on {
            SessionsOn::Sqlite => Self::Sqlite(TempDir::new().expect("a temporary folder")),
        }
    }

    async fn open(&self, lifetimes: Lifetimes, clock: &Arc<ManualClock>) -> Opened {
        let set = Arc::new(RevocationSet::default());
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join("keyward.db");
                let store = SqliteStore::open(&path, lifetimes, Arc::clone(&set), clock.clone());
                let store = Arc::new(store.expect("a database"));
                Opened { sessions: store.clone(), revocations: store, set }
            }
        }
    }

    /// Moves the server's own clock, where it has one.
    async fn elapse(&self, _span: Duration) {
        match self {
            Self::Sqlite(_) => {}
        }
    }
}

impl Home {
    /// A new and empty one, with the contract's default lifetimes.
    pub async fn on(on: SessionsOn) -> Self {
        Self::with(on, LIFETIMES).await
    }

    /// A new and empty one.
    pub async fn with(on: SessionsOn, lifetimes: Lifetimes) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(2_000_000_000)));
        let server = Server::start(on).await;
        let Opened { sessions, revocations, set } = server.open(lifetimes, &clock).await;
        let secret = RefreshSecret::new(&[7; 32]);
        Self { clock, lifetimes, secret, sessions, revocations, set, server }
    }

    /// As after a restart: the same data, and nothing else that was known.
    pub async fn reopen(self) -> Self {
        let Self { clock, lifetimes, secret, sessions, revocations, set, server } = self;
        drop((sessions, revocations, set));
        let Opened { sessions, revocations, set } = server.open(lifetimes, &clock).await;
        Self { clock, lifetimes, secret, sessions, revocations, set, server }
    }

    /// Lets time pass, here and at the server.
    pub async fn elapse(&self, span: Duration) {
        self.clock.advance(span);
        self.server.elapse(span).await;
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new user signs in.
    pub async fn sign_in(&self) -> SignedIn {
        self.sign_in_as(UserId::new(self.now()), &AppName::default_app()).await
    }

    pub async fn sign_in_as(&self, user: UserId, app: &AppName) -> SignedIn {
        let session = NewSession {
            id: SessionId::random(),
            user,
            app: app.clone(),
            device: Device::new(Some("a phone"), "192.0.2.7".parse().ok(), Some("Browser/1")),
            created_at: self.now(),
        };
        let token = RefreshToken::first(session.id, &self.secret);
        self.sessions.open(&session, &token).await.expect("opened");
        SignedIn { user, token }
    }

    /// Presents a token under the default policy.
    pub async fn refresh(&self, token: &RefreshToken) -> Rotation {
        self.refresh_under(&FIRST_USE, token).await
    }

    pub async fn refresh_under(&self, policy: &ReusePolicy, token: &RefreshToken) -> Rotation {
        let chain = Chain::of(token.clone(), &self.secret);
        self.sessions.rotate(&chain, policy, self.now()).await.expect("an answer")
    }

    /// Presents a token that must be good, and takes its successor.
    pub async fn refreshed(&self, token: &RefreshToken) -> RefreshToken {
        match self.refresh(token).await {
            Rotation::Granted(_) => token.successor(&self.secret),
            refused => panic!("{token:?} got {refused:?}"),
        }
    }

    /// Access tokens are seen in use.
    pub async fn confirm(&self, token: &RefreshToken) -> keyward::store::sessions::Confirmation {
        let (session, generation) = (token.session(), token.generation());
        self.sessions.confirm(session, generation, self.now()).await.expect("an answer")
    }

    /// The claims of an access token issued now with a refresh token.
    pub fn claims(&self, client: &SignedIn) -> AccessClaims {
        AccessClaims {
            id: TokenId::random(),
            user: client.user,
            username: "alice".to_owned(),
            session: client.session(),
            generation: client.token.generation(),
            app: AppName::default_app(),
            roles: Vec::new(),
            issued_at: self.now(),
            expires_at: self.lifetimes.access_expiry(self.now(), self.now()),
        }
    }
}
