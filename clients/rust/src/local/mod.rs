//! By itself: tokens are verified with Keyward's keys, and refused by what its stream of revocations tells. No token
//! waits for Keyward, and nobody is let in whose sign-out could have been missed.

mod keys;
mod token;

use std::sync::Arc;

use http::request::Parts;
use quick_cache::sync::Cache;

pub(crate) use self::keys::Keys;
use self::token::{Claims, Unverified};
use crate::{
    check::Check,
    credential::Credential,
    demands::Demands,
    feed::Feed,
    identity::{Admitted, Ended, Facts, Token, now},
    refusal::Refusal,
};

/// How many tokens are remembered whose signature has been verified: some 30 MiB when full.
const REMEMBERED: usize = 20_000;

/// A token whose signature has been verified.
#[derive(Debug, Clone)]
struct Known {
    /// The key that it was verified with, which must still be one.
    kid: Arc<str>,
    expires_at: u64,
    facts: Arc<Facts>,
}

/// Verifies tokens.
#[derive(Debug)]
pub(crate) struct Local {
    keys: Keys,
    feed: Arc<Feed>,
    /// Is asked about session cookies.
    pub check: Check,
    remembered: Cache<Box<str>, Known>,
}

impl Local {
    pub(crate) fn new(keys: Keys, feed: Arc<Feed>, check: Check) -> Self {
        Self { keys, feed, check, remembered: Cache::new(REMEMBERED) }
    }

    /// In the order of the check: the token, its end, revocations, demands.
    pub(crate) async fn judge(&self, request: &Parts, demands: &Demands) -> Result<Admitted, Refusal> {
        let token = match Credential::of(&request.headers) {
            Credential::Bearer(token) => token,
            Credential::None => return Err(Refusal::missing()),
            Credential::Malformed => return Err(Refusal::malformed()),
        };
        let known = self.genuine(token).await?;
        let now = now();
        if known.expires_at <= now {
            return Err(Refusal::expired());
        }
        match self.feed.known().refusal(&known.facts.subject(0), now) {
            Err(_stale) => return Err(Refusal::away()),
            Ok(Some(Ended::Outdated)) => return Err(Refusal::outdated()),
            Ok(Some(Ended::Session { reason })) => return Err(Refusal::revoked(reason.as_deref())),
            Ok(Some(_)) => return Err(Refusal::revoked(None)),
            Ok(None) => {}
        }
        demands.met_by(&known.facts, now)?;
        Ok(Admitted { facts: known.facts, feed: Some(Arc::clone(&self.feed)), since: 0 })
    }

    /// Whether everything is there that a request needs.
    pub(crate) fn is_ready(&self) -> bool {
        self.keys.are_there() && self.feed.known().is_trusted()
    }

    async fn genuine(&self, token: &str) -> Result<Known, Refusal> {
        if let Some(known) = self.remembered.get(token).filter(|known| self.keys.has(&known.kid)) {
            return Ok(known);
        }
        let unverified = Unverified::read(token).ok_or_else(Refusal::invalid)?;
        let key = self.keys.find(&unverified).await?;
        let claims = key.verify(token, &unverified, now()).ok_or_else(Refusal::invalid)?;
        let known = Known::of(claims, unverified.kid());
        self.remembered.insert(token.into(), known.clone());
        Ok(known)
    }
}

impl Known {
    fn of(claims: Claims, kid: &str) -> Self {
        let token = Token {
            id: claims.jti,
            issued_at: claims.iat,
            expires_at: claims.exp,
            acr: claims.acr.unwrap_or_else(|| "1".to_owned()),
            amr: claims.amr,
            auth_time: claims.auth_time.unwrap_or(0),
        };
        let facts = Facts {
            user: claims.sub,
            username: claims.preferred_username.unwrap_or_default(),
            session: claims.sid,
            app: claims.client_id.unwrap_or_default(),
            roles: claims.roles,
            token: Some(token),
        };
        Self { kid: kid.into(), expires_at: claims.exp, facts: Arc::new(facts) }
    }
}
