//! Who is signed in, and until when: an identity ends with its session.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::feed::{End, Feed, Moment, Subject};

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
    #[non_exhaustive]
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
    /// [`Keyward::close`](crate::Keyward::close): the app is about to end.
    Closed,
}

/// What is known of whom a request is of.
#[derive(Debug)]
pub(crate) struct Facts {
    pub user: String,
    pub username: String,
    pub session: String,
    pub app: String,
    pub roles: Vec<String>,
    /// What is known of an access token alone.
    pub token: Option<Token>,
}

/// What an access token says.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// `jti`
    pub id: String,
    /// `iat`, in seconds since the epoch as the others.
    pub issued_at: u64,
    /// `exp`
    pub expires_at: u64,
    /// `acr`; what is not said counts as one factor.
    pub acr: String,
    pub amr: Vec<String>,
    /// `auth_time`; the epoch where it is not said.
    pub auth_time: u64,
}

/// Somebody who is let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub facts: Arc<Facts>,
    /// Tells of the end.
    pub feed: Option<Arc<Feed>>,
    /// The place of what the feed had told by then, where that was looked at by Keyward.
    pub since: u64,
}

/// Whether all that is open is to be closed.
pub(crate) type Closing = watch::Receiver<bool>;

struct Inner {
    facts: Arc<Facts>,
    feed: Option<Arc<Feed>>,
    since: u64,
    closing: Closing,
    over_at: Instant,
    /// What it is over by then.
    over_by: Ended,
    end: OnceLock<Arc<End>>,
}

impl Identity {
    /// Somebody who was let in now.
    pub(crate) fn new(admitted: Admitted, closing: Closing, now: u64) -> Self {
        let Admitted { facts, feed, since } = admitted;
        let feed = feed.filter(|feed| feed.known().is_trusted());
        let life =
            facts.token.as_ref().map(|token| Duration::from_secs(token.expires_at.saturating_sub(now)));
        let (life, over_by) = match (life, &feed) {
            (Some(life), Some(_)) => (life, Ended::Expired),
            (None, Some(_)) => (COOKIE_LIFE, Ended::Unknown),
            (Some(life), None) if life < UNWATCHED_LIFE => (life, Ended::Expired),
            (_, None) => (UNWATCHED_LIFE, Ended::Unknown),
        };
        let over_at = Instant::now() + life.min(COOKIE_LIFE);
        Self(Arc::new(Inner { facts, feed, since, closing, over_at, over_by, end: OnceLock::new() }))
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

    /// How many factors the sign-in had: `1` or `2`. `None` for a session cookie, which does not say it; the layer's
    /// demands hold for both.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.token().map(|token| &*token.acr)
    }

    /// How the user has signed in, in words of RFC 8176; empty for a session cookie.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        self.token().map_or(&[], |token| &token.amr)
    }

    /// When the user last showed who they are, by an access token.
    #[must_use]
    pub fn auth_time(&self) -> Option<SystemTime> {
        self.token().and_then(|token| UNIX_EPOCH.checked_add(Duration::from_secs(token.auth_time)))
    }

    /// When the access token expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.token().and_then(|token| UNIX_EPOCH.checked_add(Duration::from_secs(token.expires_at)))
    }

    /// Resolves once this identity is over, and why: within 100 ms of a sign-out where the stream of revocations is
    /// followed. Call it when a WebSocket opens, and close that when it resolves; event streams end by themselves. It
    /// counts from the call, not from the first poll, and holds nothing of the request.
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
                () = is_closing(inner.closing.clone()) => Ended::Closed,
                () = sleep_until(inner.over_at) => inner.over_by.clone(),
            }
        }
    }

    fn token(&self) -> Option<&Token> {
        self.0.facts.token.as_ref()
    }
}

/// Returns when all is to be closed, which is never once nobody is left who could say so.
async fn is_closing(mut closing: Closing) {
    if closing.wait_for(|is_closing| *is_closing).await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Inner {
    /// Made when somebody first asks: most requests are over before anybody does.
    fn end(&self) -> Option<Arc<End>> {
        let feed = self.feed.as_ref()?;
        let wait = || feed.known().wait_for(&self.facts.subject(self.since), now());
        Some(Arc::clone(self.end.get_or_init(wait)))
    }
}

impl Facts {
    /// By what it is revoked; `since` is the place of what had been heard when Keyward looked.
    pub(crate) fn subject(&self, since: u64) -> Subject<'_> {
        let issued_at = self.token.as_ref().map(|token| token.issued_at);
        Subject {
            token: self.token.as_ref().map(|token| &*token.id),
            session: &self.session,
            user: &self.user,
            moment: Moment { issued_at, since },
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
