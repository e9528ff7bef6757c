//! How long ago, and how well, somebody proved who they are, by a sign-in or a step-up: what changes how an account is
//! got into takes a proof of a moment ago, and of an account with a second factor one by both.

use super::{Auth, check::Caller, error::AuthError};
use crate::domain::{
    auth_context::{Lack, WantedSignIn},
    clock::Timestamp,
    factor::UserFactors,
    ids::SessionId,
    session::{EndReason, Session},
    sign_in::Methods,
};

impl Auth {
    /// What the caller has set up, where their sign-in is recent and by all of it. The session is read from the store:
    /// a token does not say.
    pub(in crate::auth) async fn require_recent_sign_in(
        &self,
        caller: &Caller,
    ) -> Result<UserFactors, AuthError> {
        let (now, max_age) = (self.clock.now(), self.policy().recent_sign_in);
        let session = self.living_session(caller.claims().session, now).await?;
        if session.facts.proved.at + max_age < now {
            return Err(AuthError::SignInTooOld { max_age });
        }
        let own = self.factors_of(caller.user()).await?;
        require_both_factors(&session, own.methods())?;
        Ok(own)
    }

    /// What a gateway asks of the sign-in: the token says how it was, and no store is asked.
    pub fn require_sign_in(&self, caller: &Caller, wanted: &WantedSignIn) -> Result<(), AuthError> {
        match wanted.lacked_by(&caller.claims().auth, self.clock.now()) {
            None => Ok(()),
            Some(Lack::SecondFactor) => Err(AuthError::SignInTooWeak),
            Some(Lack::Recency(max_age)) => Err(AuthError::SignInTooOld { max_age }),
            Some(Lack::Anything) => Err(AuthError::SignInUnknown),
        }
    }

    pub(in crate::auth) async fn living_session(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Session, AuthError> {
        let session = self.stores.sessions.find(id, now).await?;
        session.ok_or(AuthError::TokenRevoked(EndReason::Expired))
    }
}

/// Whether a session may change an account that can prove that much: where there is a second factor, whoever has the
/// password alone must not get past it by an app that asks for no more.
const fn require_both_factors(session: &Session, set_up: Methods) -> Result<(), AuthError> {
    if set_up.has_own_factor() && !session.facts.proved.methods.are_two_factors() {
        return Err(AuthError::SignInTooWeak);
    }
    Ok(())
}
