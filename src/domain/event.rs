//! What happened, for who wants to know it later: who signed in from where, why a session ended, which operator
//! changed what. An event holds no secret, and nothing that was typed.

use std::{
    net::IpAddr,
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

use uuid::Uuid;

use super::{
    app::AppName,
    clock::Timestamp,
    ids::{InvalidId, SessionId, UserId, first_uuid_at, uuid_at, uuid_id},
    occasion::{Actor, Occasion},
    random,
};

uuid_id!(
    /// Names an event, in the order of time: its moment; of those that one process tells in one moment, how many there
    /// were before; and chance (RFC 9562 section 6.2, method 1).
    EventId,
    "event id"
);

impl EventId {
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        static TOLD: AtomicU32 = AtomicU32::new(0);

        let told = TOLD.fetch_add(1, Ordering::Relaxed);
        // 12 bits of the count, then 14: the format has the upper bits of either part to itself.
        let [_, _, high @ ..] = (told >> 14).to_be_bytes();
        let [_, _, low @ ..] = told.to_be_bytes();
        let mut rest = random::bytes::<10>();
        rest[..2].copy_from_slice(&high);
        rest[2..4].copy_from_slice(&low);
        Self(uuid_at(at, &rest))
    }

    /// The first that an event of that moment can have.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        Self(first_uuid_at(at))
    }

    /// One that is later than all.
    #[must_use]
    pub const fn last() -> Self {
        Self(Uuid::max())
    }
}

/// What kind of thing happened (contract 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    SignedIn,
    /// The owner of a session proved who they are once more.
    SteppedUp,
    SignInFailed,
    /// From here on tries are refused unseen, for a while.
    LockedOut,
    /// A session ended, for whatever reason.
    SignedOut,
    RefreshReused,
    RefreshReissued,
    RefreshContested,
    PasswordChanged,
    PasswordReset,
    EmailChanged,
    FactorAdded,
    FactorRemoved,
    UserCreated,
    /// Roles, status, and whatever else is no kind of its own.
    UserChanged,
    AppChanged,
    KeyRotated,
    KeyRetired,
    AdminAction,
    /// So many events could not be kept.
    EventsLost,
}

impl EventKind {
    pub const ALL: [Self; 20] = [
        Self::SignedIn,
        Self::SteppedUp,
        Self::SignInFailed,
        Self::LockedOut,
        Self::SignedOut,
        Self::RefreshReused,
        Self::RefreshReissued,
        Self::RefreshContested,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::EmailChanged,
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::UserCreated,
        Self::UserChanged,
        Self::AppChanged,
        Self::KeyRotated,
        Self::KeyRetired,
        Self::AdminAction,
        Self::EventsLost,
    ];

    /// What strangers can cause as much of as they like. Where there is no more room, these go first.
    pub const BY_STRANGERS: [Self; 2] = [Self::SignInFailed, Self::LockedOut];

    /// The contract's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SteppedUp => "stepped_up",
            Self::SignInFailed => "sign_in_failed",
            Self::LockedOut => "locked_out",
            Self::SignedOut => "signed_out",
            Self::RefreshReused => "refresh_reused",
            Self::RefreshReissued => "refresh_reissued",
            Self::RefreshContested => "refresh_contested",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::EmailChanged => "email_changed",
            Self::FactorAdded => "factor_added",
            Self::FactorRemoved => "factor_removed",
            Self::UserCreated => "user_created",
            Self::UserChanged => "user_changed",
            Self::AppChanged => "app_changed",
            Self::KeyRotated => "key_rotated",
            Self::KeyRetired => "key_retired",
            Self::AdminAction => "admin_action",
            Self::EventsLost => "events_lost",
        }
    }
}

impl FromStr for EventKind {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidId("kind of event"))
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub at: Timestamp,
    pub kind: EventKind,
    /// Whom it is about.
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
    pub app: Option<AppName>,
    pub address: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub agent: Option<String>,
    pub by: Actor,
    /// Why, or what of it: a stable word.
    pub reason: Option<String>,
    /// What exactly was changed, in few words: roles, a key's name.
    pub detail: Option<String>,
    /// The id of the request in which it happened.
    pub request: Option<String>,
    /// How many of the same kind it stands for.
    pub count: u32,
}

impl Event {
    #[must_use]
    pub fn new(kind: EventKind, occasion: &Occasion, at: Timestamp) -> Self {
        let Occasion { address, agent, request, by } = occasion.clone();
        Self {
            id: EventId::new(at),
            at,
            kind,
            user: None,
            session: None,
            app: None,
            address,
            agent,
            by,
            reason: None,
            detail: None,
            request,
            count: 1,
        }
    }

    #[must_use]
    pub fn of_user(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    #[must_use]
    pub fn of_session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    #[must_use]
    pub fn at_app(self, app: AppName) -> Self {
        Self { app: Some(app), ..self }
    }

    #[must_use]
    pub fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    #[must_use]
    pub fn in_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Whoever asked has proved to be this user, unless it is known already who asked.
    #[must_use]
    pub fn by_owner(self, owner: UserId) -> Self {
        let by = if self.by == Actor::Client { Actor::User(owner) } else { self.by };
        Self { by, ..self }
    }
}

/// Which events are asked for: those that are of all that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventFilter {
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
    pub kind: Option<EventKind>,
    /// Not before.
    pub since: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_of_time() {
        let at = Timestamp::from_millis;
        let (earlier, later) = (EventId::new(at(1_000)), EventId::new(at(1_001)));
        assert!(EventId::first_at(at(1_000)) < earlier && earlier < EventId::first_at(at(1_001)));
        assert!(EventId::first_at(at(1_001)) < later && later < EventId::last());
        assert_eq!(earlier.to_string().parse(), Ok(earlier));
        let of_one_moment: Vec<EventId> = (0..40_000).map(|_| EventId::new(at(5))).collect();
        assert!(of_one_moment.is_sorted(), "in the order in which they are told");
    }

    #[test]
    fn every_kind_has_one_word() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }
}
