//! Who is signed in, and until when: an identity ends with its session.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::feed::{End, Feed, Subject};

/// The longest that a session cookie is taken for good without being shown again.
const COOKIE_LIFE: Duration = Duration::from_hours(24);
/// The same where no stream of revocations tells of the end.
const UNWATCHED_LIFE: Duration = Duration::from_mins(1);

/// Who is signed in. The layer puts it into the extensions of each request that it lets in; with the feature `axum` it
/// is an extractor too, which answers 500 on a route without the layer. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

/// Why an [`Identity`] is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The session was ended, or the account disabled.
    Session {
        /// One of Keyward's reasons: `logout`, `password_changed`, …
        reason: Option<String>,
    },
    /// The user's roles were changed: the session goes on, and its next access token says the new ones.
    Outdated,
    /// The access token has expired. A client that is still there comes back with a new one.
    Expired,
    /// Nobody can tell any more: the stream of revocations was lost for longer than it may be believed, or there is
    /// none and a minute has passed.
    Unknown,
}

/// What is known of whom a request is of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub user: String,
    pub username: String,
    pub session: String,
    pub app: String,
    pub roles: Vec<String>,
    /// `jti` of the access token, if that is how it was shown.
    pub token: Option<String>,
    /// `iat`; for a cookie, when it was shown. In seconds since the epoch.
    pub issued_at: u64,
    /// `exp` of the access token.
    pub expires_at: Option<u64>,
}

struct Inner {
    facts: Arc<Facts>,
    feed: Option<Arc<Feed>>,
    over_at: Instant,
    /// What it is over by then.
    over_by: Ended,
    end: OnceLock<Arc<End>>,
}

impl Identity {
    /// Somebody who was let in now. `feed` tells of the end, if it is followed.
    pub(crate) fn new(facts: Arc<Facts>, feed: Option<&Arc<Feed>>, now: u64) -> Self {
        let feed = feed.filter(|feed| feed.known().is_trusted()).cloned();
        let life = facts.expires_at.map(|exp| Duration::from_secs(exp.saturating_sub(now)));
        let (life, over_by) = match (life, &feed) {
            (Some(life), Some(_)) => (life, Ended::Expired),
            (None, Some(_)) => (COOKIE_LIFE, Ended::Unknown),
            (Some(life), None) if life < UNWATCHED_LIFE => (life, Ended::Expired),
            (_, None) => (UNWATCHED_LIFE, Ended::Unknown),
        };
        let over_at = Instant::now() + life.min(COOKIE_LIFE);
        Self(Arc::new(Inner { facts, feed, over_at, over_by, end: OnceLock::new() }))
    }

    /// The user's id, the `sub` of their tokens. It never changes.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0.facts.user
    }

    /// The user's name as they write it. It can change.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.0.facts.username
    }

    /// The session's id, the `sid` of its tokens.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.0.facts.session
    }

    /// The app that they signed in to.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.0.facts.app
    }

    /// The user's roles.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.0.facts.roles
    }

    /// Whether the user has a role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().iter().any(|own| own == role)
    }

    /// Resolves once this identity is over, and why: within 100 ms of a sign-out where the stream of revocations is
    /// followed. Call it when a WebSocket or an event stream opens, and close that when it resolves. It counts from the
    /// call, not from the first poll, and holds nothing of the request.
    ///
    /// At the latest it resolves when the access token expires (with a session cookie: after 24 h), or when nobody can
    /// tell any more. Without a stream, that is a minute after the request.
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        let inner = Arc::clone(&self.0);
        let end = inner.end();
        async move {
            let over = async {
                match &end {
                    Some(end) => end.wait().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                ended = over => ended,
                () = sleep_until(inner.over_at) => inner.over_by.clone(),
            }
        }
    }
}

impl Inner {
    /// Made when somebody first asks: most requests are over before anybody does.
    fn end(&self) -> Option<Arc<End>> {
        let feed = self.feed.as_ref()?;
        Some(Arc::clone(self.end.get_or_init(|| feed.known().wait_for(&self.facts.subject(), now()))))
    }
}

impl Facts {
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            token: self.token.as_deref(),
            session: &self.session,
            user: &self.user,
            issued_at: self.issued_at,
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("user", &self.user())
            .field("session", &self.session())
            .field("app", &self.app())
            .field("roles", &self.roles())
            .finish_non_exhaustive()
    }
}

/// In seconds since the epoch.
pub(crate) fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}
