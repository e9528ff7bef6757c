//! A server in this process, on any back end and with a clock that stands still until it is moved; and
//! what its users do, through the verbs.

use std::{
    net::IpAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::backends::{BackEnd, FIRST_USE, Node};
use crate::support::faults::{Cut, Death, Faulty, FaultyEvents, MortalOutbox, Shut};
use keyward::{
    auth::{
        Auth, EmailPolicy, Limit, Policy, Stores,
        accounts::NewAccount,
        check::Passed,
        error::AuthError,
        sessions::logout::Shown,
        sign_in::login::{Login, LoginOutcome},
        tokens::issue::TokenSet,
    },
    domain::{
        algorithm::Algorithm,
        clock::{Clock, Timestamp},
        occasion::Occasion,
        rotation::ReusePolicy,
        secret::Password,
        session::{Device, Transport},
        user::{Role, User, Username},
    },
    keys::{ring::KeyRing, settings::KeySettings},
    store::{memory::MemoryCounters, revoked::set::RevocationSet, sqlite::SqliteStore},
};
use tempfile::TempDir;

/// The name of the user every server begins with.
pub const USER: &str = "Ada";
pub const PASSWORD: &str = "seven words make a fine passphrase indeed";

/// What a test may want otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub reuse: ReusePolicy,
    pub sessions_per_user: Option<NonZeroU32>,
    pub session_limit: u64,
    pub outage: Duration,
    pub hash_threads: usize,
    pub hash_queue: usize,
    pub signup_open: bool,
    pub email: EmailPolicy,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reuse: FIRST_USE,
            sessions_per_user: None,
            session_limit: 1_000_000,
            outage: Duration::from_secs(10),
            hash_threads: 2,
            hash_queue: 64,
            signup_open: false,
            email: EmailPolicy::Optional,
        }
    }
}

pub struct Server {
    pub auth: Arc<Auth>,
    pub back_end: BackEnd,
    pub user: User,
    /// Cuts what is done with accounts short.
    pub cut: Arc<Cut>,
    /// Keeps events from being taken.
    pub shut: Arc<Shut>,
    /// Has it die over mail.
    pub death: Arc<Death>,
    folder: Arc<TempDir>,
}

impl Server {
    /// A server with one user on that back end.
    pub async fn on(back_end: BackEnd) -> Self {
        Self::with(back_end, Options::default()).await
    }

    pub async fn with(back_end: BackEnd, options: Options) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let (cut, shut, death) = (Arc::default(), Arc::default(), Arc::default());
        let auth = verbs(&back_end, &folder, options, back_end.node(), (&cut, &shut, &death));
        let user = auth
            .add_account(
                NewAccount {
                    username: name(USER),
                    password: password(PASSWORD),
                    email: None,
                    roles: vec![Role::parse("reader").expect("a role")],
                },
                &occasion(),
            )
            .await
            .expect("an account");
        Self { auth, back_end, user, cut, shut, death, folder }
    }

    /// The verbs of a second node: the same keys, accounts and sessions.
    pub async fn second_node(&self, options: Options) -> Arc<Auth> {
        verbs(
            &self.back_end,
            &self.folder,
            options,
            self.back_end.another_node().await,
            (&self.cut, &self.shut, &self.death),
        )
    }

    /// The file that keeps the accounts.
    pub fn accounts_file(&self) -> PathBuf {
        accounts_file(&self.folder)
    }

    pub fn now(&self) -> Timestamp {
        self.back_end.clock.now()
    }

    pub async fn elapse(&self, span: Duration) {
        self.back_end.elapse(span).await;
    }

    pub async fn login(&self) -> TokenSet {
        self.try_login(USER, PASSWORD, Some("192.0.2.1")).await.expect("signed in")
    }

    pub async fn try_login(
        &self,
        username: &str,
        typed: &str,
        from: Option<&str>,
    ) -> Result<TokenSet, AuthError> {
        let ip = from.map(|ip| ip.parse().expect("an address"));
        let device = Device::new(Some("laptop"), ip, Some("test/1.0"));
        let login = Login {
            username: name(username),
            password: password(typed),
            app: None,
            device,
            transport: Transport::Body,
            key: None,
            kept: Vec::new(),
        };
        self.auth.login(login, &occasion_from(ip)).await.map(signed_in)
    }

    pub async fn refresh(&self, token: &str) -> Result<TokenSet, AuthError> {
        self.auth.refresh(token, None, self.now(), &occasion()).await
    }

    /// The same token from several callers at once.
    pub async fn refresh_at_once(&self, token: &str, callers: usize) -> Vec<Result<TokenSet, AuthError>> {
        at_once(&self.auth, token, callers).await
    }

    pub async fn pass(&self, token: &str) -> Result<Passed, AuthError> {
        self.auth.check(token, &[] as &[&str]).await
    }

    pub async fn check(&self, token: &str) -> Result<(), AuthError> {
        self.pass(token).await.map(drop)
    }

    pub async fn logout(&self, access: Option<&str>, refresh: Option<&str>) {
        let shown = access.map(Shown::Access).into_iter().chain(refresh.map(Shown::Refresh));
        self.auth.logout(&shown.collect::<Vec<_>>(), &occasion()).await.expect("signed out");
    }

    pub async fn logout_all(&self, token: &str) -> Result<usize, AuthError> {
        let caller = self.auth.identify(token).await?;
        self.auth.logout_all(&caller, false, &occasion()).await
    }
}

/// Several refreshes with one token, on tasks of their own.
pub async fn at_once(auth: &Arc<Auth>, token: &str, callers: usize) -> Vec<Result<TokenSet, AuthError>> {
    let calls = (0..callers).map(|_| {
        let (auth, token) = (Arc::clone(auth), token.to_owned());
        tokio::spawn(async move { auth.refresh(&token, None, auth.now(), &occasion()).await })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.expect("no caller panics"));
    }
    answers
}

/// Nobody in particular asks.
pub fn occasion() -> Occasion {
    occasion_from(None)
}

/// Somebody asks from there.
pub fn occasion_from(address: Option<IpAddr>) -> Occasion {
    Occasion::of_client(address, Some("test/1.0"), None)
}

/// What a sign-in opened that needed no second factor.
pub fn signed_in<T>(outcome: LoginOutcome<T>) -> T {
    match outcome {
        LoginOutcome::SignedIn(opened) => opened,
        LoginOutcome::Needs(methods) => panic!("{methods:?} are asked for"),
    }
}

pub fn name(text: &str) -> Username {
    Username::parse(text).expect("a name")
}

pub fn password(text: &str) -> Password {
    Password::parse(text).expect("a password")
}

fn accounts_file(folder: &TempDir) -> PathBuf {
    folder.path().join("accounts.db")
}

fn verbs(
    back_end: &BackEnd,
    folder: &TempDir,
    options: Options,
    node: Node,
    (cut, shut, death): (&Arc<Cut>, &Arc<Shut>, &Arc<Death>),
) -> Arc<Auth> {
    let clock: Arc<dyn Clock> = back_end.clock.clone();
    let accounts = SqliteStore::open(
        &accounts_file(folder),
        back_end.lifetimes,
        Arc::new(RevocationSet::default()),
        Arc::clone(&clock),
    );
    let accounts = Arc::new(accounts.expect("a database"));
    let stores = Stores {
        accounts: Arc::new(Faulty { accounts: accounts.clone(), cut: Arc::clone(cut) }),
        addresses: accounts.clone(),
        factors: accounts.clone(),
        apps: accounts.clone(),
        outbox: Arc::new(MortalOutbox { outbox: accounts.clone(), death: Arc::clone(death) }),
        events: Arc::new(FaultyEvents { events: accounts.clone(), shut: Arc::clone(shut) }),
        leases: accounts,
        sessions: node.sessions,
        app_sessions: node.app_sessions,
        revocations: node.revocations,
        once: node.once,
        revoked: node.set,
        counters: node.counters,
        local_counters: Arc::new(MemoryCounters::default()),
    };
    let settings = KeySettings {
        dir: folder.path().join("keys"),
        algorithm: Algorithm::Es256,
        access_ttl: back_end.lifetimes.access,
        issuer: "http://127.0.0.1:8080".to_owned(),
        audience: "keyward".to_owned(),
    };
    let keys = KeyRing::open(settings, Arc::clone(&clock)).expect("keys");
    keys.sealer().begin().expect("a sealing key");
    let policy = Policy {
        lifetimes: back_end.lifetimes,
        reuse: options.reuse,
        sessions_per_user: options.sessions_per_user,
        session_limit: Limit { count: options.session_limit, window: Duration::from_mins(1) },
        login_limit: Limit { count: 10, window: Duration::from_mins(15) },
        signup_limit: Limit { count: 20, window: Duration::from_hours(1) },
        mail_limit: Limit { count: 5, window: Duration::from_hours(1) },
        email: options.email,
        recent_sign_in: Duration::from_mins(15),
        outage: options.outage,
        admin_max_age: Duration::from_mins(15),
        signup_open: options.signup_open,
        password_min_length: 8,
        hash_threads: NonZeroUsize::new(options.hash_threads).expect("some"),
        hash_queue: options.hash_queue,
    };
    Arc::new(Auth::new(stores, Arc::new(keys), clock, policy).expect("verbs"))
}
