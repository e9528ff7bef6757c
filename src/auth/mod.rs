//! What the server does: one verb a file, each readable from top to bottom. Knows the promises of
//! the stores, never a back end, and nothing of HTTP.

pub mod accounts;
pub mod app_sessions;
pub mod apps;
pub mod check;
pub mod error;
pub mod events;
pub mod factors;
pub mod health;
mod key_proof;
pub mod mails;
mod operators;
mod outcome;
mod recent;
pub mod revocations;
pub mod sessions;
pub mod sign_in;
mod signing_keys;
pub mod stats;
pub mod step_up;
mod to_the_end;
pub mod tokens;

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};

use self::{
    accounts::breached::BreachList,
    apps::{policies::AppPolicies, secrets::AppSecrets},
    check::{
        outage::{Silence, Unconfirmed},
        verified::VerifiedTokens,
    },
    error::AuthError,
    events::recorder::Recorder,
    factors::relying_party::RelyingParty,
    revocations::Watches,
    sign_in::{
        hasher::{self, Capacity, PasswordHasher},
        queue::QueueLoad,
        refusals::Refusals,
    },
    stats::LastCount,
};
use crate::{
    domain::{
        clock::{Clock, Timestamp},
        limits::Lifetimes,
        rotation::ReusePolicy,
    },
    keys::ring::KeyRing,
    store::{
        accounts::AccountStore, addresses::AddressStore, app_sessions::AppSessionStore, apps::AppStore,
        counters::CounterStore, events::EventStore, factors::FactorStore, leases::LeaseStore,
        once::OnceStore, outbox::OutboxStore, revocations::RevocationStore, revoked::set::RevocationSet,
        sessions::SessionStore,
    },
};

/// Passwords of one account that are hashed at once. Fewer than may fail: each is counted as a failure
/// until it is known to be none, and sign-ins by its owner must not meet that limit.
const AT_ONCE: usize = 4;

/// The stores a server runs on, each behind its promise.
#[derive(Clone)]
pub struct Stores {
    pub accounts: Arc<dyn AccountStore>,
    /// Where users can be reached.
    pub addresses: Arc<dyn AddressStore>,
    /// What accounts prove themselves by besides passwords.
    pub factors: Arc<dyn FactorStore>,
    /// Which apps use this server.
    pub apps: Arc<dyn AppStore>,
    /// Who is signed in.
    pub sessions: Arc<dyn SessionStore>,
    /// What other app servers keep here.
    pub app_sessions: Arc<dyn AppSessionStore>,
    /// Where revocations are kept.
    pub revocations: Arc<dyn RevocationStore>,
    /// What is revoked, in memory.
    pub revoked: Arc<RevocationSet>,
    pub counters: Arc<dyn CounterStore>,
    /// What was spent that is good once.
    pub once: Arc<dyn OnceStore>,
    /// What happened.
    pub events: Arc<dyn EventStore>,
    /// What is to go out by mail.
    pub outbox: Arc<dyn OutboxStore>,
    /// Whose turn background work is.
    pub leases: Arc<dyn LeaseStore>,
    /// Counters of this node alone, for while `counters` is away.
    pub local_counters: Arc<dyn CounterStore>,
}

/// What the operator decided, as of now: it may be another at the next request.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// When an old refresh token is theft.
    pub reuse: ReusePolicy,
    /// Sessions of one user at once; `None` = no bound.
    pub sessions_per_user: Option<NonZeroU32>,
    /// Checks of one session in a window.
    pub session_limit: Limit,
    /// Failed sign-ins of one account from one address in a window.
    pub login_limit: Limit,
    /// New accounts from one address in a window.
    pub signup_limit: Limit,
    /// Mails of one account, or asked for under one name, in a window.
    pub mail_limit: Limit,
    /// Whether accounts have addresses.
    pub email: EmailPolicy,
    /// How long after their sign-in users may change what they are known by.
    pub recent_sign_in: Duration,
    /// How long checks go on without the store of revocations.
    pub outage: Duration,
    /// How long after their sign-in an admin may change something.
    pub admin_max_age: Duration,
    /// Whether anybody may make an account.
    pub signup_open: bool,
    /// The shortest password, in characters.
    pub password_min_length: usize,
    /// Password hashes at once.
    pub hash_threads: NonZeroUsize,
    /// Callers that may wait for one.
    pub hash_queue: usize,
}

impl Policy {
    fn capacity(&self) -> Capacity {
        Capacity {
            permits: hasher::permits(self.hash_threads.get()),
            waiting: self.hash_queue,
            per_account: usize::try_from(self.login_limit.count).unwrap_or(usize::MAX).min(AT_ONCE),
        }
    }
}

/// Whether accounts have e-mail addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailPolicy {
    Optional,
    /// Who signs up is let in once theirs is confirmed.
    Required,
    Off,
}

/// So many in a window.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub count: u64,
    pub window: Duration,
}

/// The server's verbs, and what they share.
pub struct Auth {
    stores: Stores,
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    policy: Arc<ArcSwap<Policy>>,
    hasher: PasswordHasher,
    verified: VerifiedTokens,
    breached: Option<Arc<BreachList>>,
    relying_party: RelyingParty,
    app_secrets: AppSecrets,
    app_policies: AppPolicies,
    silence: Silence,
    unconfirmed: Unconfirmed,
    recorder: Recorder,
    refusals: Refusals,
    watches: Watches,
    last_count: LastCount,
}

impl Auth {
    /// Puts the verbs on their stores.
    pub fn new(
        stores: Stores,
        keys: Arc<KeyRing>,
        clock: Arc<dyn Clock>,
        policy: Policy,
    ) -> Result<Self, AuthError> {
        let hasher = PasswordHasher::start(policy.hash_threads.get(), policy.capacity())?;
        let relying_party = RelyingParty::at(keys.issuer(), None, &[]);
        let recorder = Recorder::new(Arc::clone(&stores.events), Arc::clone(&clock));
        Ok(Self {
            stores,
            keys,
            clock,
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            hasher,
            verified: VerifiedTokens::new(),
            breached: None,
            relying_party,
            app_secrets: AppSecrets::new(),
            app_policies: AppPolicies::new(),
            silence: Silence::default(),
            unconfirmed: Unconfirmed::default(),
            recorder,
            refusals: Refusals::default(),
            watches: Watches::new(),
            last_count: LastCount::default(),
        })
    }

    /// The same, with passwords that nobody may have.
    #[must_use]
    pub fn refusing(self, breached: Option<BreachList>) -> Self {
        Self { breached: breached.map(Arc::new), ..self }
    }

    /// The same, with passkeys of another domain than the issuer's host, and from more origins than its own.
    #[must_use]
    pub fn with_passkeys(self, domain: Option<&str>, origins: &[String]) -> Self {
        let relying_party = RelyingParty::at(self.keys.issuer(), domain, origins);
        Self { relying_party, ..self }
    }

    /// The keys that sign and verify.
    #[must_use]
    pub const fn keys(&self) -> &Arc<KeyRing> {
        &self.keys
    }

    /// Goes by another policy from now on: a request that is under way ends by the one or the other. The number of
    /// threads that hash stays.
    pub fn go_by(&self, mut policy: Policy) {
        policy.hash_threads = self.policy().hash_threads;
        self.hasher.resize(policy.capacity());
        self.policy.store(Arc::new(policy));
    }

    /// What was decided. Not to be held while something is waited for.
    fn policy(&self) -> Guard<Arc<Policy>> {
        self.policy.load()
    }

    /// The present moment, for answers that tell ages.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How much time has passed since a moment that never changes, however the clock is set.
    #[must_use]
    pub fn passed(&self) -> Duration {
        self.clock.passed()
    }

    /// How busy the queue of passwords to be hashed is.
    #[must_use]
    pub fn hash_load(&self) -> QueueLoad {
        self.hasher.load()
    }

    /// Tells of the refusals that were only counted; to be called every few seconds.
    pub fn sum_up(&self) {
        self.recorder.tell(self.refusals.sum_up(self.clock.now()));
    }
}
