//! Sign out: of one session, or of all of a user's.

use crate::{
    auth::{
        Auth,
        check::{Caller, user_of},
        error::AuthError,
        events::by_caller,
    },
    domain::{
        occasion::Occasion, refresh_token::RefreshToken, session::EndReason, session_token::SessionToken,
    },
    keys::error::TokenError,
    store::sessions::Ending,
};

/// A token that a client shows, to have its session ended.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// An access token, which may have expired.
    Access(&'a str),
    Refresh(&'a str),
    /// The token of a session that lives by its use.
    Session(&'a str),
}

impl Auth {
    /// Ends the sessions that the tokens name. One that is not genuine does not keep the others from
    /// their effect, and is the answer where it is the only one.
    pub async fn logout(&self, shown: &[Shown<'_>], occasion: &Occasion) -> Result<(), AuthError> {
        let mut refusal = AuthError::TokenMissing;
        let mut endings = Vec::new();
        for shown in shown {
            match self.ending(*shown, EndReason::Logout) {
                Ok(ending) => endings.push(ending),
                // Whether it is genuine cannot be told now: to say that its session is over would be wrong.
                Err(error @ AuthError::Store(_)) => return Err(error),
                Err(error) => refusal = error,
            }
        }
        if endings.is_empty() {
            return Err(refusal);
        }
        for mut ending in endings {
            if ending.token.is_some() {
                match self.count_revoked(ending.session, self.clock.now()).await {
                    // The end of its session refuses it as well.
                    Err(AuthError::TooManyAttempts { .. }) => ending.token = None,
                    counted => counted?,
                }
            }
            self.end(ending, occasion).await?;
        }
        Ok(())
    }

    /// Ends the session that a browser had before it signed in anew.
    pub async fn replace(&self, shown: Shown<'_>, occasion: &Occasion) -> Result<(), AuthError> {
        let ending = self.ending(shown, EndReason::Replaced)?;
        self.end(ending, occasion).await?;
        Ok(())
    }

    /// Ends every session of the caller; without this one, if `keep_current`. Returns how many.
    pub async fn logout_all(
        &self,
        caller: &Caller,
        keep_current: bool,
        occasion: &Occasion,
    ) -> Result<usize, AuthError> {
        let except = keep_current.then_some(caller.claims().session);
        let occasion = by_caller(occasion, caller);
        self.end_of_user(caller.user(), except, EndReason::LogoutAll, &occasion).await
    }

    fn ending(&self, shown: Shown<'_>, reason: EndReason) -> Result<Ending, AuthError> {
        let secret = self.keys.refresh_secret();
        let (session, token) = match shown {
            Shown::Access(token) => {
                let claims = match self.keys.verify(token, self.clock.now()) {
                    Ok(claims) => claims,
                    Err(TokenError::Expired(claims)) => *claims,
                    Err(error) => return Err(error.into()),
                };
                user_of(&claims)?;
                (claims.session, Some((claims.id, claims.expires_at)))
            }
            Shown::Refresh(token) => {
                let token = RefreshToken::parse(token, secret).map_err(|_| AuthError::RefreshInvalid)?;
                (token.session(), None)
            }
            Shown::Session(token) => {
                let token = SessionToken::parse(token, secret).map_err(|_| AuthError::TokenInvalid)?;
                (token.session(), None)
            }
        };
        Ok(Ending { session, owner: None, token, reason })
    }
}
