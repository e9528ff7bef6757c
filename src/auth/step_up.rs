//! Step-up: the owner of a session proves once more who they are, and the session, its id and its refresh token stay.
//! What that comes to with what was proved before is `domain::proved`; the atomic step is `SessionStore::step_up`.
//!
//! Nothing is handed out that a client could lose: the refresh token it has stays good, and where an answer was lost,
//! the next refresh says the same. Nor is anything prolonged: the access token lives no longer than the one that was
//! shown, so that whatever a refresh takes (its token, the app's secret) is not got around.

use std::{sync::Arc, time::Duration};

use super::{
    Auth,
    check::Caller,
    error::{AuthError, Invalid},
    events::by_caller,
    sign_in::{
        answer::{ChallengeOffer, SecondProof},
        login::require_taken,
        throttle::Attempt,
    },
    tokens::issue::{AccessIssue, AccessToken},
};
use crate::{
    domain::{
        app::AppName,
        auth_context::AuthContext,
        clock::Timestamp,
        event::EventKind,
        ids::SessionId,
        occasion::Occasion,
        proved::{BothNeeded, Proved},
        secret::Password,
        session::{EndReason, Session},
        sign_in::{Method, Methods},
        user::{Account, UserStatus},
    },
    measures::{GRANTED, table::STEP_UPS},
    store::sessions::{Living, StepUp, SteppedUp},
};

/// What is shown, all of it at once.
#[derive(Debug)]
pub struct ShownProofs {
    pub password: Option<Password>,
    pub second: Option<SecondProof>,
}

/// How the client keeps the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptBy {
    /// An access token is issued.
    Tokens,
    /// The cookie stays as it is.
    Cookie,
}

/// A session that was stepped up.
pub struct StepUpGrant {
    pub session: SessionId,
    /// What it says now.
    pub auth: AuthContext,
    /// How long it lives unless it is used.
    pub life: Duration,
    /// Where it has tokens: one that says the same.
    pub access: Option<AccessToken>,
}

impl ShownProofs {
    fn methods(&self) -> Methods {
        let password = self.password.as_ref().map(|_| Method::Password);
        let second = self.second.as_ref().map(SecondProof::method);
        password.into_iter().chain(second).fold(Methods::default(), Methods::with)
    }
}

impl Auth {
    /// What the caller needs to step up by that method.
    pub async fn step_up_challenge(
        &self,
        caller: &Caller,
        method: Method,
    ) -> Result<ChallengeOffer, AuthError> {
        let (user, claims) = (caller.user(), caller.claims());
        self.require_taken_at(&claims.app, Methods::of(&[method])).await?;
        self.offer(user, method, &spender(claims.session), &claims.app).await
    }

    /// Has the caller prove who they are, and their session say so.
    pub async fn step_up(
        &self,
        caller: &Caller,
        proofs: &ShownProofs,
        kept_by: KeptBy,
        occasion: &Occasion,
    ) -> Result<StepUpGrant, AuthError> {
        let outcome = self.prove_and_step_up(caller, proofs, kept_by, occasion).await;
        STEP_UPS.count(&[outcome.as_ref().map_or_else(AuthError::code, |_| GRANTED)]);
        outcome
    }

    async fn prove_and_step_up(
        &self,
        caller: &Caller,
        proofs: &ShownProofs,
        kept_by: KeptBy,
        occasion: &Occasion,
    ) -> Result<StepUpGrant, AuthError> {
        let occasion = &by_caller(occasion, caller);
        let account = self.active_account(caller).await?;
        let session = self.living_session(caller.claims().session, self.clock.now()).await?;
        self.require_taken_at(&session.facts.app, proofs.methods()).await?;
        let (shown, set_up) = (proofs.methods(), self.factors_of(caller.user()).await?.methods());
        if !shown.iter().all(|method| set_up.contains(method)) {
            return Err(AuthError::Invalid(Invalid::NotSetUp));
        }
        // Said before a code is spent on what it alone cannot do.
        self.with_proofs(session.facts.proved, shown, set_up, self.clock.now())?;
        self.prove_each(&account, session.id, proofs, occasion).await?;
        let (living, now) = self.write_step_up(&session, shown, set_up, occasion).await?;
        self.hand_out(caller, &living, (kept_by, now), occasion).await
    }

    /// Asked of the store: what was decided a moment ago holds. The sessions of an app that is gone are about to end.
    async fn require_taken_at(&self, app: &AppName, shown: Methods) -> Result<(), AuthError> {
        let policy = self.app(app).await?.map(|app| app.policy).unwrap_or_default();
        require_taken(&policy, shown)
    }

    async fn active_account(&self, caller: &Caller) -> Result<Account, AuthError> {
        let account = self.stores.accounts.by_id(caller.user()).await?;
        let account = account.filter(|account| account.user.status == UserStatus::Active);
        account.ok_or(AuthError::TokenRevoked(EndReason::AccountDisabled))
    }

    fn with_proofs(
        &self,
        before: Proved,
        shown: Methods,
        set_up: Methods,
        now: Timestamp,
    ) -> Result<Proved, AuthError> {
        let next = before.stepped_up(shown, set_up, self.policy().recent_sign_in, now);
        next.map_err(|BothNeeded| AuthError::BothFactorsNeeded)
    }

    /// Throttled and counted as at the sign-in. A code alone forgives no wrong passwords: else whoever holds the app
    /// could guess at the password for ever.
    async fn prove_each(
        &self,
        account: &Account,
        session: SessionId,
        proofs: &ShownProofs,
        occasion: &Occasion,
    ) -> Result<(), AuthError> {
        // Whoever holds a session of the account is no stranger to it.
        let attempt =
            Attempt::new(&account.user.username, Some(account), occasion.address, Some(session.into()));
        if let Some(password) = &proofs.password {
            let (name, known) = (&account.user.username, Some(account.clone()));
            let proof = self.prove_password(name, known, password, &attempt, occasion).await;
            let proof = proof.map_err(|error| match error {
                AuthError::InvalidCredentials => AuthError::WrongPassword,
                other => other,
            })?;
            match proofs.second {
                Some(_) => self.suspend(proof, password, occasion).await?,
                None => self.settle(proof, password, occasion).await?,
            };
        }
        if let Some(second) = &proofs.second {
            self.prove_factor(account, second, &spender(session), &attempt, occasion).await?;
            if proofs.password.is_some() {
                self.note_owner(&attempt).await?;
            }
        }
        Ok(())
    }

    /// Of two step-ups at once the later one goes on from what the first has come to: each time that it has to, another
    /// one has succeeded.
    async fn write_step_up(
        &self,
        session: &Session,
        shown: Methods,
        set_up: Methods,
        occasion: &Occasion,
    ) -> Result<(Living, Timestamp), AuthError> {
        let facts = &session.facts;
        let mut from = facts.proved;
        loop {
            let now = self.clock.now();
            let to = self.with_proofs(from, shown, set_up, now)?;
            let step_up = StepUp { session: session.id, from, to };
            let event = self.event(EventKind::SteppedUp, occasion).of_user(facts.user).of_session(session.id);
            let event = event.at_app(facts.app.clone()).in_detail(shown.words());
            let sessions = Arc::clone(&self.stores.sessions);
            let writing = async move { sessions.step_up(&step_up, now).await };
            match self.change(writing, |became| matches!(became, SteppedUp::Done(_)), event).await? {
                SteppedUp::Done(living) => return Ok((living, now)),
                SteppedUp::Moved(said) => from = said,
                SteppedUp::Ended(reason) => return Err(AuthError::TokenRevoked(reason)),
                SteppedUp::Expired => return Err(AuthError::TokenRevoked(EndReason::Expired)),
            }
        }
    }

    /// The token is of the generation that the caller's is: a later one, which they may never have got, must not be
    /// seen in use by it. Account and roles are those of now, for both may have changed meanwhile.
    async fn hand_out(
        &self,
        caller: &Caller,
        living: &Living,
        (kept_by, now): (KeptBy, Timestamp),
        occasion: &Occasion,
    ) -> Result<StepUpGrant, AuthError> {
        let (session, generation) = (caller.claims().session, caller.claims().generation);
        let account = match self.stores.accounts.by_id(caller.user()).await? {
            Some(account) if account.user.status == UserStatus::Active => account,
            _ => return self.end_as_disabled(session, occasion).await,
        };
        let tokens_until = caller.claims().expires_at;
        let issue = AccessIssue { session, generation, living, issued_at: now, tokens_until };
        let access = match kept_by {
            KeptBy::Tokens => Some(self.issue_access(&account.user, &issue).await?),
            KeptBy::Cookie => None,
        };
        let Proved { methods, at, .. } = living.facts.proved;
        let auth = AuthContext::new(at, methods);
        Ok(StepUpGrant { session, auth, life: now.until(living.expires_at), access })
    }
}

/// By whom a code or a challenge is spent: it is good for this session alone, and no attempt is called so.
fn spender(session: SessionId) -> String {
    format!("step-up {session}")
}
