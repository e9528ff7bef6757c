//! Who may operate the server over HTTP. Roles and sign-in are read from the stores each time, so that what was taken
//! back holds with the next request; and a store that is away is no reason to let anybody in.

use super::{Auth, check::Caller, error::AuthError};
use crate::domain::{admin::AdminRole, app::AppKind, occasion::Actor, session::EndReason, user::UserStatus};

impl Auth {
    /// A signed-in user who may do what takes this role: to change something, only so long after they last proved who they are. It
    /// counts as a request of the session.
    pub async fn operator(&self, caller: &Caller, needed: AdminRole) -> Result<Actor, AuthError> {
        self.count(caller).await?;
        let (user, now) = (caller.user(), self.clock.now());
        let account = self.stores.accounts.by_id(user).await?.map(|account| account.user);
        let account = account.filter(|account| account.status == UserStatus::Active);
        let account = account.ok_or(AuthError::TokenRevoked(EndReason::AccountDisabled))?;
        require(AdminRole::of(&account.roles), needed)?;
        let session = self.living_session(caller.claims().session, now).await?;
        let max_age = self.policy().admin_max_age;
        if needed.changes_something() && session.facts.proved.at + max_age < now {
            return Err(AuthError::SignInTooOld { max_age });
        }
        Ok(Actor::User(user))
    }

    /// A confidential app that shows its secret, and was given this role or one that goes further.
    pub async fn operator_app(
        &self,
        name: &str,
        secret: &str,
        needed: AdminRole,
    ) -> Result<Actor, AuthError> {
        let name = self.authenticate_app(name, secret).await?;
        let app = self.app(&name).await?.ok_or(AuthError::InvalidCredentials)?;
        if app.kind == AppKind::Public {
            return Err(AuthError::InvalidCredentials);
        }
        require(app.policy.role, needed)?;
        Ok(Actor::App(name))
    }
}

fn require(has: Option<AdminRole>, needed: AdminRole) -> Result<(), AuthError> {
    if has >= Some(needed) { Ok(()) } else { Err(AuthError::InsufficientRole) }
}
