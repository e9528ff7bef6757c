//! Roles: an operator gives and takes them, and it holds at once.

use std::{sync::Arc, time::Duration};

use crate::{
    auth::{
        Auth,
        error::{AuthError, Conflict, Invalid, Missing},
    },
    domain::{
        clock::Timestamp,
        event::EventKind,
        ids::UserId,
        occasion::Occasion,
        user::{RoleChange, User},
    },
    store::{accounts::RolesChanged, revocations::Outdated},
};

/// A change counts from the next second but this on. A node that has read the account before it may still
/// issue a token, by a clock that is a little ahead; a verifier that sees only its `iat` must refuse that.
const AHEAD: Duration = Duration::from_secs(1);

impl Auth {
    /// Gives and takes roles. No token of before passes any more; its session goes on, and a refresh brings
    /// one with the roles of now.
    pub async fn change_roles(
        &self,
        user: UserId,
        change: &RoleChange,
        occasion: &Occasion,
    ) -> Result<User, AuthError> {
        if change.add.iter().any(|role| change.remove.contains(role)) {
            return Err(AuthError::Invalid(Invalid::ContradictoryRoles));
        }
        let now = self.clock.now();
        let since = Timestamp::from_secs((now + AHEAD).secs() + 1);
        let (accounts, wanted) = (Arc::clone(&self.stores.accounts), change.clone());
        let event = self.event(EventKind::UserChanged, occasion).of_user(user);
        let event = event.because("roles").in_detail(in_words(change));
        let changing = async move { accounts.change_roles(user, &wanted, since).await };
        let is_made = |changed: &RolesChanged| matches!(changed, RolesChanged::To(_));
        let user = match self.change(changing, is_made, event).await? {
            RolesChanged::To(user) => user,
            RolesChanged::LastAdmin => return Err(AuthError::Conflict(Conflict::LastAdmin)),
            RolesChanged::TooMany => return Err(AuthError::Invalid(Invalid::TooManyRoles)),
            RolesChanged::NotFound => return Err(AuthError::NotFound(Missing::User)),
        };
        // The record first: a token that is refused from here on is replaced by one with the new roles. And
        // also where they were so already: the next try completes what was cut short here.
        let outdated = Outdated { user: user.id, issued_before: user.roles_at };
        if outdated.until() > now {
            self.stores.revocations.outdate_user(outdated, now).await?;
        }
        Ok(user)
    }
}

/// What is given and what is taken: `+admin -staff`; `only +staff` where all others are taken.
fn in_words(change: &RoleChange) -> String {
    let given = change.add.iter().map(|role| format!("+{}", role.as_str()));
    let taken = change.remove.iter().map(|role| format!("-{}", role.as_str()));
    let only = change.is_whole.then(|| "only".to_owned());
    only.into_iter().chain(given).chain(taken).collect::<Vec<_>>().join(" ")
}
