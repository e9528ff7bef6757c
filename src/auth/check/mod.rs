//! The check: may this token pass? On the hot path it is a hash, a cache look-up, three look-ups in
//! memory and one counter step; everything else happens at a token's first sight.

pub(super) mod outage;
pub(super) mod verified;

use std::sync::Arc;

use self::verified::Verified;
use super::{
    Auth, Limit,
    error::{AuthError, RateState},
};
use crate::{
    domain::{causes::Causes, claims::AccessClaims, clock::Timestamp, identity::Identity, ids::UserId},
    store::{counters::Counter, revocations::Refusal, sessions::Confirmation},
};

/// Somebody whose access token passes.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Verified>);

impl Caller {
    pub(super) const fn new(verified: Arc<Verified>) -> Self {
        Self(verified)
    }

    /// What their token says.
    #[must_use]
    pub fn claims(&self) -> &AccessClaims {
        self.0.claims()
    }

    #[must_use]
    pub fn user(&self) -> UserId {
        self.0.user()
    }

    /// The same as gateways are told it.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.0.identity()
    }
}

/// A token that was let in.
#[derive(Debug)]
pub struct Passed {
    pub caller: Caller,
    /// Where the session stands.
    pub rate: RateState,
}

/// The user of a genuine token. One of an app is none that was ever issued, so it is like any other that is not
/// ours.
pub(in crate::auth) fn user_of(claims: &AccessClaims) -> Result<UserId, AuthError> {
    claims.principal.user().ok_or(AuthError::TokenInvalid)
}

impl Auth {
    /// The check of contract 2.2, for a credential that is an access token.
    pub async fn check(&self, token: &str, roles: &[impl AsRef<str>]) -> Result<Passed, AuthError> {
        let caller = self.identify(token).await?;
        self.admit(caller, roles).await
    }

    /// The rest of the check, once it is known who asks: the rate, then the roles.
    pub async fn admit(&self, caller: Caller, roles: &[impl AsRef<str>]) -> Result<Passed, AuthError> {
        let rate = self.count(&caller).await?;
        let has = |wanted: &str| caller.claims().roles.iter().any(|role| role.as_str() == wanted);
        if !roles.iter().all(|role| has(role.as_ref())) {
            return Err(AuthError::InsufficientRole);
        }
        Ok(Passed { caller, rate })
    }

    /// Who a token is of, if it is good now. Sees and confirms its generation.
    pub async fn identify(&self, token: &str) -> Result<Caller, AuthError> {
        let now = self.clock.now();
        let hash = verified::token_hash(token);
        let epoch = self.keys.epoch();
        let known = self.verified.find(&hash, epoch);
        let token = if let Some(token) = &known {
            Arc::clone(token)
        } else {
            let claims = self.keys.verify(token, now)?;
            let user = user_of(&claims)?;
            Verified::new(claims, user, now)
        };
        if token.claims().expires_at <= now {
            self.verified.remove(&hash);
            return Err(AuthError::TokenExpired);
        }
        if let Some(refusal) = self.revoked(token.claims(), now).await? {
            return Err(refusal.into());
        }
        // Counted before the confirmation: a feed that is lost meanwhile has it made once more.
        let breaks = self.stores.revoked.breaks();
        if token.is_confirmed(breaks) {
            self.note_activity(&token, now);
        } else if self.confirm(token.claims(), now).await? {
            token.note_confirmed(breaks);
            if known.is_none() {
                self.verified.insert(hash, Arc::clone(&token), epoch);
            }
        }
        Ok(Caller(token))
    }

    /// Memory's answer while it is up to date; else the back end's; else, for a while, memory's again, which has kept
    /// what the back end answered. An answer about one token does not say that all is known: only the feed says that.
    pub(super) async fn revoked(
        &self,
        claims: &AccessClaims,
        now: Timestamp,
    ) -> Result<Option<Refusal>, AuthError> {
        let revoked = &self.stores.revoked;
        if let Some(known) = revoked.find_surely(claims, now) {
            return Ok(known);
        }
        match self.ask_back_end(self.stores.revocations.ask(claims, now)).await {
            Ok(refusal) => Ok(refusal),
            // The set may have learned of it while the back end was asked.
            Err(error) => self.tolerate_outage(error).map(|()| revoked.find(claims, now)),
        }
    }

    /// Stores that the generation was seen. The first one replaced none, so nothing asks whether it
    /// has arrived, and its tokens cost no write; `false` where that must be tried again at the next
    /// sight, so that a token is remembered only once it is stored. It is stored again after the feed was
    /// lost: a master may have been lost with it, and what was written there last.
    async fn confirm(&self, claims: &AccessClaims, now: Timestamp) -> Result<bool, AuthError> {
        if claims.generation == 0 {
            return Ok(true);
        }
        if self.is_unconfirmed() {
            return Ok(false);
        }
        let confirmed = self.stores.sessions.confirm(claims.session, claims.generation, now);
        match self.ask_back_end(confirmed).await {
            Ok(Confirmation::Seen) => Ok(true),
            Ok(Confirmation::Ended(reason)) => Err(AuthError::TokenRevoked(reason)),
            Err(error) => {
                self.note_unconfirmed();
                self.tolerate_outage(error).map(|()| false)
            }
        }
    }

    /// Counts one. A session that is known to have spent its window is refused without asking: a
    /// client that hammers on costs the back end of counters nothing.
    pub(in crate::auth) async fn count(&self, caller: &Caller) -> Result<RateState, AuthError> {
        let Limit { count: limit, window } = self.policy().session_limit;
        let now = self.clock.now();
        let spent = |resets_in| AuthError::RateLimited(RateState { limit, window, remaining: 0, resets_in });
        if let Some(resets_in) = caller.0.spent_for(limit, now) {
            return Err(spent(resets_in));
        }
        let counter = Counter::Session(caller.claims().session);
        let count = match self.ask_back_end(self.stores.counters.add(&counter, window, now)).await {
            Ok(count) => {
                if count.value > limit {
                    caller.0.note_spent(limit, now + count.resets_in);
                }
                count
            }
            // What this node counts by itself holds only until the back end is there again.
            Err(error) => {
                self.tolerate_outage(error)?;
                self.stores.local_counters.add(&counter, window, now).await?
            }
        };
        if count.value > limit {
            return Err(spent(count.resets_in));
        }
        Ok(RateState { limit, window, remaining: limit - count.value, resets_in: count.resets_in })
    }

    /// Notes the session's activity once a minute, beside the answer: it may fail unseen, the next
    /// minute brings another.
    fn note_activity(&self, token: &Arc<Verified>, now: Timestamp) {
        if token.touch_is_due(now) {
            let sessions = Arc::clone(&self.stores.sessions);
            let session = token.claims().session;
            tokio::spawn(async move {
                if let Err(error) = sessions.touch(session, now).await {
                    tracing::debug!(session.id = %session, error = %Causes(&error), "activity not noted");
                }
            });
        }
    }
}
