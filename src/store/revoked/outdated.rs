//! Whose tokens say what their users may no longer do, held in memory beside the revocations. Never taken
//! back: such tokens are replaced, not restored.

use crate::{
    domain::{claims::AccessClaims, clock::Timestamp, ids::UserId},
    store::revocations::Outdated,
};

/// The latest change of each user.
#[derive(Debug, Default)]
pub(in crate::store) struct OutdatedUsers(papaya::HashMap<UserId, Timestamp>);

impl OutdatedUsers {
    /// Takes one in; `false` = it says no more than was known. Callers wait for each other.
    pub(in crate::store) fn insert(&self, outdated: Outdated) -> bool {
        let users = self.0.pin();
        let is_news = users.get(&outdated.user).is_none_or(|known| *known < outdated.issued_before);
        if is_news {
            users.insert(outdated.user, outdated.issued_before);
        }
        is_news
    }

    /// What is known of a user.
    pub(in crate::store) fn of(&self, user: UserId) -> Option<Outdated> {
        let users = self.0.pin();
        users.get(&user).map(|&issued_before| Outdated { user, issued_before })
    }

    /// Whether a token is one of them.
    pub(in crate::store) fn holds(&self, claims: &AccessClaims) -> bool {
        let Some(user) = claims.principal.user() else { return false };
        let users = self.0.pin();
        users.get(&user).is_some_and(|issued_before| claims.is_outdated(*issued_before))
    }

    /// All that still matter.
    pub(in crate::store) fn living(&self, now: Timestamp) -> Vec<Outdated> {
        let users = self.0.pin();
        let all = users.iter().map(|(&user, &issued_before)| Outdated { user, issued_before });
        all.filter(|outdated| outdated.until() > now).collect()
    }

    /// Frees those that do not.
    pub(in crate::store) fn purge(&self, now: Timestamp) {
        self.0.pin().retain(|&user, &issued_before| Outdated { user, issued_before }.until() > now);
    }
}
