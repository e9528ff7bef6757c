//! A whole server in this process, on SQLite and without sockets: its listeners are asked as hyper would ask
//! them, and its clock stands still.

use std::{
    cell::RefCell,
    num::NonZeroUsize,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
};
use http_body_util::BodyExt;
use keyward::{
    auth::{Auth, EmailPolicy, Limit, Policy, Stores, accounts::NewAccount, apps::NewApp},
    config::PublicUrl,
    domain::{
        algorithm::Algorithm,
        app::AppName,
        auth_context::AuthContext,
        claims::{AccessClaims, Principal},
        clock::{Clock, ManualClock, Timestamp},
        ids::{SessionId, TokenId},
        limits::Lifetimes,
        occasion::Occasion,
        proved::Proved,
        refresh_token::RefreshToken,
        rotation::{Confirm, Contested, ReusePolicy},
        secret::Password,
        session::{Device, NewSession, SessionFacts, SessionKind},
        session_token::SessionToken,
        sign_in::{Method, Methods},
        user::{Role, User, Username},
    },
    http::{self, AdminHosts, CheckMeter, Cookies, Http, ListenerService, TrustedProxies},
    keys::{ring::KeyRing, settings::KeySettings},
    store::{memory::MemoryCounters, sqlite::SqliteStore},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::Service;

use super::{ACCESS_TTL, NOW};

const DAY: Duration = Duration::from_hours(24);
const ORIGIN: &str = "https://auth.example.com";

/// What somebody has who is signed in to an app.
pub struct SignedIn {
    pub access: String,
    pub refresh: String,
}

/// An answer, all of it.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub struct Served {
    runtime: Runtime,
    auth: Arc<Auth>,
    stores: Stores,
    public: ListenerService,
    gateways: ListenerService,
    pub user: User,
    /// The secret of the confidential app `shop`.
    pub secret: String,
    /// At `shop`.
    pub shop: SignedIn,
    /// At the public app `default`.
    pub default: SignedIn,
    /// The cookie of a session of its own.
    pub cookie: String,
    _folder: TempDir,
}

thread_local! {
    // Not the process's own: what a thread has is dropped with it, and its folder removed.
    static SERVED: RefCell<Option<Served>> = const { RefCell::new(None) };
}

/// The one server of this thread.
pub fn with<T>(ask: impl FnOnce(&mut Served) -> T) -> T {
    SERVED.with_borrow_mut(|served| ask(served.get_or_insert_with(Served::start)))
}

impl Served {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
        let stores = stores(&folder, &clock);
        let keys = Arc::new(KeyRing::open(key_settings(&folder), Arc::clone(&clock)).expect("keys"));
        let auth = Arc::new(Auth::new(stores.clone(), keys, clock, policy()).expect("verbs"));
        let http = Arc::new(http_of(&auth));
        let (user, secret) = runtime.block_on(async {
            let roles = vec![Role::parse("editor").expect("a role")];
            let username = Username::parse("alice").expect("a name");
            let password = Password::parse("seven words make a fine passphrase").expect("a password");
            let account = NewAccount { username, password, email: None, roles };
            let user = auth.add_account(account, &Occasion::of_server()).await.expect("an account");
            let app = NewApp { name: shop(), confidential: true, origins: Vec::new() };
            let app = auth.add_app(app, &Occasion::of_server()).await.expect("an app");
            (user, app.secret.expect("a secret").expose().to_owned())
        });
        let (public, gateways) = (http::public(&http), http::ext_authz(&http));
        let [at_shop, at_default] =
            [(); 2].map(|()| SignedIn { access: String::new(), refresh: String::new() });
        let mut served = Self {
            runtime,
            auth,
            stores,
            public,
            gateways,
            user,
            secret,
            shop: at_shop,
            default: at_default,
            cookie: String::new(),
            _folder: folder,
        };
        served.cookie = served.sign_in_by_cookie();
        served.sign_in();
        served
    }

    /// Asks the public listener.
    pub fn ask(&self, request: Request<Body>) -> Answer {
        self.ask_at(&self.public, request)
    }

    /// Asks the listener for gateways that speak gRPC.
    pub fn ask_as_gateway(&self, request: Request<Body>) -> Answer {
        self.ask_at(&self.gateways, request)
    }

    fn ask_at(&self, listener: &ListenerService, request: Request<Body>) -> Answer {
        let mut listener = listener.clone();
        self.runtime.block_on(async {
            let response = listener.call(request).await.expect("an answer");
            let (parts, body) = response.into_parts();
            let collected = body.collect().await.expect("a body");
            let mut headers = parts.headers;
            headers.extend(collected.trailers().cloned().unwrap_or_default());
            Answer { status: parts.status, headers, body: collected.to_bytes() }
        })
    }

    /// Whether an access token passes.
    pub fn is_good(&self, access: &str) -> bool {
        self.runtime.block_on(self.auth.identify(access)).is_ok()
    }

    /// Signs in anew to both apps, where a session was ended or a token given back.
    pub fn sign_in(&mut self) {
        self.shop = self.signed_in_to(shop());
        self.default = self.signed_in_to(AppName::default_app());
    }

    /// What `POST /v1/login` would leave, without the time that a password takes.
    fn signed_in_to(&self, app: AppName) -> SignedIn {
        let id = SessionId::random();
        let token = RefreshToken::first(id, self.auth.keys().refresh_secret());
        self.open(id, SessionKind::Tokens(token.clone()), app.clone());
        let claims = AccessClaims {
            id: TokenId::random(),
            principal: Principal::User(self.user.id),
            username: self.user.username.shown().to_owned(),
            session: id,
            generation: 0,
            app,
            audience: None,
            roles: self.user.roles.clone(),
            roles_at: Timestamp::from_secs(0),
            auth: AuthContext::new(NOW, Methods::of(&[Method::Password])),
            bound_to: None,
            issued_at: NOW,
            expires_at: NOW + ACCESS_TTL,
        };
        let access = self.auth.keys().sign(&claims).expect("a token");
        SignedIn { access, refresh: token.expose().to_owned() }
    }

    fn sign_in_by_cookie(&self) -> String {
        let id = SessionId::random();
        let token = SessionToken::new(id, self.auth.keys().refresh_secret());
        self.open(id, SessionKind::Cookie(token.clone()), AppName::default_app());
        token.expose().to_owned()
    }

    fn open(&self, id: SessionId, kind: SessionKind, app: AppName) {
        let device = Device::new(None, None, None);
        let facts = SessionFacts {
            user: self.user.id,
            app,
            device,
            created_at: NOW,
            proved: Proved::at_once(Methods::of(&[Method::Password]), NOW),
            bound_to: None,
        };
        let session = NewSession { id, kind, facts };
        self.runtime.block_on(self.stores.sessions.open(&session, None)).expect("a session");
    }
}

fn shop() -> AppName {
    AppName::parse("shop").expect("a name")
}

const fn lifetimes() -> Lifetimes {
    Lifetimes { access: ACCESS_TTL, refresh: DAY, session_max_age: None }
}

fn stores(folder: &TempDir, clock: &Arc<dyn Clock>) -> Stores {
    let revoked = Arc::default();
    let file = folder.path().join("keyward.db");
    let sqlite = SqliteStore::open(&file, lifetimes(), Arc::clone(&revoked), Arc::clone(clock));
    let sqlite = Arc::new(sqlite.expect("a database"));
    let counters = Arc::new(MemoryCounters::default());
    Stores {
        accounts: sqlite.clone(),
        addresses: sqlite.clone(),
        factors: sqlite.clone(),
        apps: sqlite.clone(),
        outbox: sqlite.clone(),
        sessions: sqlite.clone(),
        app_sessions: sqlite.clone(),
        revocations: sqlite.clone(),
        once: sqlite.clone(),
        events: sqlite.clone(),
        leases: sqlite,
        revoked,
        counters: counters.clone(),
        local_counters: counters,
    }
}

fn key_settings(folder: &TempDir) -> KeySettings {
    KeySettings {
        dir: folder.path().join("keys"),
        algorithm: Algorithm::EdDsa,
        access_ttl: ACCESS_TTL,
        issuer: ORIGIN.to_owned(),
        audience: "keyward".to_owned(),
    }
}

/// Nothing is refused here for coming too often.
fn policy() -> Policy {
    let limit = Limit { count: u64::from(u32::MAX), window: DAY };
    let grace = Duration::from_secs(10);
    Policy {
        lifetimes: lifetimes(),
        reuse: ReusePolicy { grace, confirm: Confirm::FirstUse, contested: Contested::Alarm },
        sessions_per_user: None,
        session_limit: limit,
        login_limit: limit,
        signup_limit: limit,
        mail_limit: limit,
        email: EmailPolicy::Optional,
        recent_sign_in: DAY,
        outage: grace,
        admin_max_age: DAY,
        signup_open: false,
        password_min_length: 8,
        hash_threads: NonZeroUsize::MIN,
        hash_queue: 64,
    }
}

fn http_of(auth: &Arc<Auth>) -> Http {
    let public_url = PublicUrl::parse(ORIGIN).expect("an address");
    Http {
        auth: Arc::clone(auth),
        trusted_proxies: TrustedProxies::default(),
        cookies: Cookies::of(&public_url),
        own_origin: public_url.origin().to_owned(),
        admin_hosts: AdminHosts::of(None, &public_url, &[]),
        metrics: Box::new(String::new),
        checks: CheckMeter::new(),
        join_trace: |_, _| {},
        draining: Arc::new(AtomicBool::new(false)),
    }
}
