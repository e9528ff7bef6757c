//! The operator's view of sessions: see any, end any.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use crate::{
    auth::{
        Auth,
        error::{AuthError, Invalid},
    },
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
        occasion::Occasion,
        session::{EndReason, Session},
    },
    store::sessions::{Ended, Ending, Page},
};

/// How many are ended at once.
const AT_ONCE: usize = 64;
/// How many are read at once to be ended.
const PAGE: u32 = 1000;

/// Whose sessions: a user's, an app's, or a user's of an app. Not those that an app server keeps here: these are the
/// app sessions.
#[derive(Debug, Clone, Default)]
pub struct Whose {
    pub user: Option<UserId>,
    pub app: Option<AppName>,
}

impl Auth {
    /// Living sessions, the most recently active first, a page at a time. A page may be short.
    pub async fn sessions_of(
        &self,
        whose: &Whose,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page, AuthError> {
        let now = self.clock.now();
        match whose {
            Whose { user: Some(user), app } => {
                let mut page = self.stores.sessions.of_user(*user, after, limit, now).await?;
                page.sessions.retain(|session| app.as_ref().is_none_or(|app| session.facts.app == *app));
                Ok(page)
            }
            Whose { user: None, app: Some(app) } => {
                Ok(self.stores.sessions.of_app(app, after, limit, now).await?)
            }
            Whose { user: None, app: None } => Err(AuthError::Invalid(Invalid::NobodysSessions)),
        }
    }

    /// How these users are called; nothing of those who are gone.
    pub async fn usernames(
        &self,
        users: impl Iterator<Item = UserId> + Send,
    ) -> Result<BTreeMap<UserId, String>, AuthError> {
        let users: BTreeSet<UserId> = users.collect();
        let users = self.stores.accounts.by_ids(&Vec::from_iter(users)).await?;
        Ok(users.into_iter().map(|user| (user.id, user.username.to_string())).collect())
    }

    /// A session that is alive.
    pub async fn session(&self, session: SessionId) -> Result<Option<Session>, AuthError> {
        Ok(self.stores.sessions.find(session, self.clock.now()).await?)
    }

    /// Ends a session; `false` = it is not alive. Its tokens are refused anyway.
    pub async fn revoke_session(&self, session: SessionId, occasion: &Occasion) -> Result<bool, AuthError> {
        let ending = Ending { session, owner: None, token: None, reason: EndReason::Admin };
        Ok(self.end(ending, occasion).await? == Ended::Now)
    }

    /// Ends all of them, and tells from time to time how many that are so far; returns how many were alive. Cut short,
    /// it has ended some of them.
    pub async fn revoke_all(
        &self,
        whose: &Whose,
        progress: impl Fn(usize) + Send + Sync,
        occasion: &Occasion,
    ) -> Result<usize, AuthError> {
        if let Whose { user: Some(user), app: None } = whose {
            return self.end_of_user(*user, None, EndReason::Admin, occasion).await;
        }
        let begun = self.clock.now();
        let mut ended = 0;
        // One that is refreshed meanwhile moves to where the walk has been, so there is another walk until one
        // finds none of those of before.
        loop {
            let tell = |so_far| progress(ended + so_far);
            let more = self.revoke_once(whose, begun, tell, occasion).await?;
            if more == 0 {
                return Ok(ended);
            }
            ended += more;
        }
    }

    async fn revoke_once(
        &self,
        whose: &Whose,
        begun: Timestamp,
        progress: impl Fn(usize) + Send + Sync,
        occasion: &Occasion,
    ) -> Result<usize, AuthError> {
        let (mut ended, mut after) = (0, None);
        loop {
            let mut page = self.sessions_of(whose, after.as_ref(), PAGE).await?;
            page.sessions.retain(|session| session.facts.created_at <= begun);
            for sessions in page.sessions.chunks(AT_ONCE) {
                let revoked = sessions.iter().map(|session| self.revoke_session(session.id, occasion));
                ended += try_join_all(revoked).await?.into_iter().filter(|was_alive| *was_alive).count();
                progress(ended);
            }
            after = page.next;
            if after.is_none() {
                return Ok(ended);
            }
        }
    }
}
