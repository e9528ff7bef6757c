//! Tokens whose signature has been verified and whose generation is confirmed: what makes a check
//! cheap. Bounded by size; a token's own end is asked at each look-up; void once the accepted keys have
//! changed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest;
use quick_cache::sync::Cache;

use crate::domain::{claims::AccessClaims, clock::Timestamp, identity::Identity, ids::UserId};

/// How many tokens are remembered: some 96 MiB when full.
const CAPACITY: usize = 100_000;
/// How often a session's activity is noted, in milliseconds.
const TOUCH_EVERY: i64 = 60_000;

/// SHA-256 of a token.
pub(in crate::auth) type TokenHash = [u8; 32];

#[derive(Debug)]
pub struct Verified {
    claims: AccessClaims,
    user: UserId,
    identity: Identity,
    touched_at: AtomicI64,
    /// How often the feed had been lost when its generation was last confirmed.
    confirmed_after: AtomicU64,
    /// Until when its session is known to be over its rate, in milliseconds since the epoch.
    spent_until: AtomicI64,
    /// Which rate that was: under another one it is unknown.
    spent_limit: AtomicU64,
}

impl Verified {
    pub(in crate::auth) fn new(claims: AccessClaims, user: UserId, now: Timestamp) -> Arc<Self> {
        let identity = Identity::of(&claims);
        let touched_at = AtomicI64::new(now.millis());
        let (spent_until, spent_limit) = (AtomicI64::default(), AtomicU64::default());
        let confirmed_after = AtomicU64::new(u64::MAX);
        Arc::new(Self { claims, user, identity, touched_at, confirmed_after, spent_until, spent_limit })
    }

    pub const fn claims(&self) -> &AccessClaims {
        &self.claims
    }

    pub const fn user(&self) -> UserId {
        self.user
    }

    /// What gateways are told of whom it says it of.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether its generation was confirmed since the feed was lost for the last time.
    pub(in crate::auth) fn is_confirmed(&self, breaks: u64) -> bool {
        self.confirmed_after.load(Ordering::Relaxed) == breaks
    }

    /// Notes that it was, as of so many breaks.
    pub(in crate::auth) fn note_confirmed(&self, breaks: u64) {
        self.confirmed_after.store(breaks, Ordering::Relaxed);
    }

    /// How long its session is still known to be over this rate.
    pub(in crate::auth) fn spent_for(&self, limit: u64, now: Timestamp) -> Option<Duration> {
        let until = Timestamp::from_millis(self.spent_until.load(Ordering::Relaxed));
        (until > now && self.spent_limit.load(Ordering::Relaxed) == limit).then(|| now.until(until))
    }

    /// Notes that its session is over this rate until then.
    pub(in crate::auth) fn note_spent(&self, limit: u64, until: Timestamp) {
        self.spent_limit.store(limit, Ordering::Relaxed);
        self.spent_until.store(until.millis(), Ordering::Relaxed);
    }

    /// Whether the session's activity is due to be noted; `true` to one caller a minute.
    pub(in crate::auth) fn touch_is_due(&self, now: Timestamp) -> bool {
        let last = self.touched_at.load(Ordering::Relaxed);
        now.millis() - last >= TOUCH_EVERY
            && self
                .touched_at
                .compare_exchange(last, now.millis(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// The cache. Each token is kept with the epoch of the keys that it was verified under, and is not there
/// for those who ask under another: so nothing has to be emptied in time when keys change.
pub(in crate::auth) struct VerifiedTokens(Cache<TokenHash, (u64, Arc<Verified>)>);

impl VerifiedTokens {
    pub(in crate::auth) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// The token, if it was verified under the keys of this epoch.
    pub(in crate::auth) fn find(&self, hash: &TokenHash, keys_epoch: u64) -> Option<Arc<Verified>> {
        let (verified_under, token) = self.0.get(hash)?;
        (verified_under == keys_epoch).then_some(token)
    }

    /// Remembers a token, verified under keys of `keys_epoch` or later ones.
    pub(in crate::auth) fn insert(&self, hash: TokenHash, token: Arc<Verified>, keys_epoch: u64) {
        self.0.insert(hash, (keys_epoch, token));
    }

    pub(in crate::auth) fn remove(&self, hash: &TokenHash) {
        self.0.remove(hash);
    }
}

/// What a token is remembered by.
pub(in crate::auth) fn token_hash(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::domain::{
        app::AppName,
        auth_context::AuthContext,
        claims::Principal,
        ids::{SessionId, TokenId},
        sign_in::Methods,
    };

    fn token() -> Arc<Verified> {
        let now = Timestamp::from_secs(1_000);
        let user = UserId::new(now);
        let claims = AccessClaims {
            id: TokenId::random(),
            principal: Principal::User(user),
            username: "ada".to_owned(),
            session: SessionId::random(),
            generation: 0,
            app: AppName::default_app(),
            audience: None,
            roles: Vec::new(),
            roles_at: Timestamp::from_secs(0),
            auth: AuthContext::new(now, Methods::default()),
            bound_to: None,
            issued_at: now,
            expires_at: now + Duration::from_mins(15),
        };
        Verified::new(claims, user, now)
    }

    #[test]
    fn a_token_verified_under_old_keys_is_never_found_under_new_ones() {
        let (tokens, token, hash) = (VerifiedTokens::new(), token(), token_hash("a token"));
        tokens.insert(hash, Arc::clone(&token), 1);
        assert!(tokens.find(&hash, 1).is_some() && tokens.find(&hash, 2).is_none());
        // Those who began under the old keys end under the new ones, at any moment.
        thread::scope(|scope| {
            let late = scope.spawn(|| {
                for _ in 0..200_000 {
                    tokens.insert(hash, Arc::clone(&token), 1);
                }
            });
            while !late.is_finished() {
                assert!(tokens.find(&hash, 2).is_none());
            }
        });
    }
}
