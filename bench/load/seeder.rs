//! Sessions and tokens by the thousand, in the store that a server is using: a sign-in would hash a password
//! for each. They are what sign-ins make, stored by the same verbs.

use std::{net::SocketAddr, sync::Arc, thread};

use futures_util::{StreamExt, stream};
use keyward::{
    app::{self, BackEnds},
    config::{Settings, Sources},
    domain::{
        app::AppName,
        auth_context::AuthContext,
        claims::{AccessClaims, Principal},
        clock::{Clock, SystemClock},
        ids::{SessionId, TokenId},
        proved::Proved,
        refresh_token::{Chain, RefreshToken},
        session::{Device, NewSession, SessionFacts, SessionKind},
        sign_in::{Method, Methods},
        user::{User, Username},
    },
    keys::ring::KeyRing,
};

use super::{credentials::USER, keyward::Keyward};

const CALLERS: usize = 256;

pub struct Seeder {
    runtime: tokio::runtime::Runtime,
    back_ends: BackEnds,
    keys: KeyRing,
    user: User,
    settings: Settings,
}

impl Seeder {
    pub fn of(keyward: &Keyward) -> Self {
        let environment = keyward.settings.iter().map(|(name, text)| ((*name).to_owned(), text.clone()));
        let sources = Sources { environment: environment.collect(), ..Sources::default() };
        let (settings, _) = Settings::load_from(&sources).expect("settings");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let unused = SocketAddr::from(([127, 0, 0, 1], 0));
        let keys = app::open_keys(&settings, &clock, unused).expect("keys");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let back_ends = runtime.block_on(BackEnds::open(&settings, &clock)).expect("open stores");
        let name = Username::parse(USER).expect("a name");
        let account = runtime.block_on(back_ends.stores().accounts.by_name(&name)).expect("an answer");
        Self { user: account.expect("an account").user, runtime, back_ends, keys, settings }
    }

    /// The first refresh token of as many new sessions.
    pub fn sessions(&self, count: usize) -> Vec<RefreshToken> {
        let sessions = self.back_ends.stores().sessions;
        let open = |_| {
            let sessions = Arc::clone(&sessions);
            let id = SessionId::random();
            let token = RefreshToken::first(id, self.keys.refresh_secret());
            let created_at = SystemClock.now();
            let facts = SessionFacts {
                user: self.user.id,
                app: AppName::default_app(),
                device: Device::new(None, None, None),
                created_at,
                proved: Proved::at_once(Methods::of(&[Method::Password]), created_at),
                bound_to: None,
            };
            let session = NewSession { id, kind: SessionKind::Tokens(token.clone()), facts };
            async move {
                sessions.open(&session, None).await.expect("opened");
                token
            }
        };
        self.runtime.block_on(stream::iter(0..count).map(open).buffer_unordered(CALLERS).collect())
    }

    /// The first access token of as many new sessions.
    pub fn access_tokens(&self, count: usize) -> Vec<String> {
        self.sign_all(&self.sessions(count))
    }

    /// The second one of each, as the first refresh brings it.
    pub fn next_access_tokens(&self, count: usize) -> Vec<String> {
        let sessions = self.back_ends.stores().sessions;
        let rotate = |first| {
            let sessions = Arc::clone(&sessions);
            let chain = Chain::of(first, self.keys.refresh_secret());
            async move {
                sessions
                    .rotate(&chain, &self.settings.tokens.reuse, SystemClock.now())
                    .await
                    .expect("rotated");
                chain.successor
            }
        };
        let firsts = stream::iter(self.sessions(count));
        let next: Vec<_> = self.runtime.block_on(firsts.map(rotate).buffer_unordered(CALLERS).collect());
        self.sign_all(&next)
    }

    fn sign_all(&self, sessions: &[RefreshToken]) -> Vec<String> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let shares = sessions.chunks(sessions.len().div_ceil(cores).max(1));
        thread::scope(|scope| {
            let signers: Vec<_> = shares
                .map(|share| scope.spawn(|| share.iter().map(|token| self.sign(token)).collect::<Vec<_>>()))
                .collect();
            signers.into_iter().flat_map(|signer| signer.join().expect("signed")).collect()
        })
    }

    fn sign(&self, token: &RefreshToken) -> String {
        let now = SystemClock.now();
        let claims = AccessClaims {
            id: TokenId::random(),
            principal: Principal::User(self.user.id),
            username: self.user.username.shown().to_owned(),
            session: token.session(),
            generation: token.generation(),
            app: AppName::default_app(),
            audience: None,
            roles: self.user.roles.clone(),
            roles_at: self.user.roles_at,
            auth: AuthContext::new(now, Methods::of(&[Method::Password])),
            bound_to: None,
            issued_at: now,
            expires_at: self.settings.tokens.lifetimes.access_expiry(now, now),
        };
        self.keys.sign(&claims).expect("signed")
    }
}
