//! Opening a session, however its owner proved who they are: written, and then looked at once more, since a
//! change that ran beside it has ended every session it could see, and this one must not survive it.

use std::sync::Arc;

use super::{argon::PasswordMatch, attempt::SignInAttempt, hasher::Party};
use crate::{
    auth::{
        Auth,
        error::{AuthError, Invalid},
        to_the_end::to_the_end,
    },
    domain::{
        app::App,
        event::{Event, EventKind},
        ids::SessionId,
        key_proof::KeyThumbprint,
        occasion::{Actor, Occasion},
        proved::Proved,
        secret::Password,
        session::{Device, EndReason, NewSession, SessionFacts, SessionKind},
        sign_in::Methods,
        user::{Account, User, UserStatus},
    },
    store::sessions::{Ending, Living},
};

/// An app of that name is not registered, to whoever would sign in to it.
pub(in crate::auth) const UNREGISTERED_APP: AuthError = AuthError::Invalid(Invalid::UnregisteredApp);

/// A session to be opened, for somebody who has proved who they are.
pub(in crate::auth) struct Opening<'a> {
    pub id: SessionId,
    pub account: Account,
    pub app: &'a App,
    pub device: Device,
    pub kind: SessionKind,
    pub bound_to: Option<KeyThumbprint>,
    /// By what.
    pub proved: Methods,
    pub known_by: KnownBy<'a>,
}

/// By what its owner is known again where the account has changed meanwhile.
pub(in crate::auth) enum KnownBy<'a> {
    /// The hash may have been renewed beside this sign-in: the same password is good all the same.
    Password { password: &'a Password, party: Party },
    /// It was begun with a password that must still be the same, and is good for one session.
    Attempt(&'a SignInAttempt),
}

impl Auth {
    /// Opens a session and makes sure that it may stay.
    pub(in crate::auth) async fn open_session(
        &self,
        opening: Opening<'_>,
        occasion: &Occasion,
    ) -> Result<(User, Living), AuthError> {
        let Opening { id, account, app, device, kind, bound_to, proved, known_by } = opening;
        let (user, created_at) = (account.user.id, self.clock.now());
        let facts = SessionFacts {
            user,
            app: app.name.clone(),
            device,
            created_at,
            proved: Proved::at_once(proved, created_at),
            bound_to,
        };
        let session = NewSession { id, kind, facts };
        self.write_session(session.clone(), occasion).await?;
        self.recheck_account(&account, &known_by, id).await?;
        self.recheck_app(app, id).await?;
        self.spend_attempt(&known_by, id).await?;
        self.readmit(user).await?;
        let event = self.event(EventKind::SignedIn, occasion).of_session(id).at_app(app.name.clone());
        let event = event.of_user(user).by_owner(user);
        // That of a password alone goes without saying.
        let event = if proved.are_two_factors() { event.in_detail(proved.words()) } else { event };
        self.tell(event).await;
        let expires_at = self.policy().lifetimes.session_expiry(created_at, created_at);
        Ok((account.user, Living { facts: session.facts, expires_at }))
    }

    /// The session as it is to be, and the ends of those that are too many then.
    async fn write_session(&self, session: NewSession, occasion: &Occasion) -> Result<(), AuthError> {
        let (sessions, recorder) = (Arc::clone(&self.stores.sessions), self.recorder.clone());
        let most = self.policy().sessions_per_user;
        let (occasion, now) = (occasion.clone().by(Actor::Server), self.clock.now());
        to_the_end(async move {
            let surplus = sessions.open(&session, most).await?;
            let end = |id| Event::new(EventKind::SignedOut, &occasion, now).of_session(id);
            let end = |id| end(id).of_user(session.facts.user).because(EndReason::TooManySessions.as_str());
            if !surplus.is_empty() {
                recorder.tell(surplus.into_iter().map(end)).kept().await;
            }
            Ok(())
        })
        .await
    }

    async fn recheck_account(
        &self,
        account: &Account,
        known_by: &KnownBy<'_>,
        session: SessionId,
    ) -> Result<(), AuthError> {
        let reason = match self.stores.accounts.by_id(account.user.id).await? {
            Some(current) if current.user.status == UserStatus::Active => {
                let is_same = current.password_hash == account.password_hash;
                if is_same || self.is_still_known(&current, known_by).await? {
                    return Ok(());
                }
                EndReason::PasswordChanged
            }
            _ => EndReason::AccountDisabled,
        };
        self.take_back_session(session, reason).await?;
        Err(AuthError::InvalidCredentials)
    }

    async fn is_still_known(&self, current: &Account, known_by: &KnownBy<'_>) -> Result<bool, AuthError> {
        let KnownBy::Password { password, party } = known_by else { return Ok(false) };
        let permit = self.hasher.permit(party.clone()).await?;
        let (verdict, _permit) = permit.verify(password, Some(&current.password_hash)).await?;
        Ok(matches!(verdict, PasswordMatch::Right | PasswordMatch::Outdated))
    }

    /// Of two sessions that were opened by one attempt one stays.
    async fn spend_attempt(&self, known_by: &KnownBy<'_>, session: SessionId) -> Result<(), AuthError> {
        let KnownBy::Attempt(attempt) = known_by else { return Ok(()) };
        let spending = attempt.spending(session.to_string());
        let spent = self.stores.once.spend(&spending, self.clock.now()).await?;
        if spent.is_for(&spending.outcome) {
            return Ok(());
        }
        self.take_back_session(session, EndReason::Replaced).await?;
        Err(AuthError::TokenInvalid)
    }

    /// Another app of the same name is not the one that was signed in to.
    async fn recheck_app(&self, app: &App, session: SessionId) -> Result<(), AuthError> {
        let current = self.stores.apps.find(&app.name).await?;
        if current.is_some_and(|current| current.created_at == app.created_at) {
            return Ok(());
        }
        self.take_back_session(session, EndReason::Admin).await?;
        Err(UNREGISTERED_APP)
    }

    async fn take_back_session(&self, session: SessionId, reason: EndReason) -> Result<(), AuthError> {
        let ending = Ending { session, owner: None, token: None, reason };
        self.stores.sessions.end(&ending, self.clock.now()).await?;
        Ok(())
    }
}
