//! What is revoked, held in memory: the check's three look-ups, and whether they can be trusted.
//!
//! A back end's feed fills a [`RevocationSet`] and keeps saying that it still follows. While it does,
//! the set is the truth; while it does not, the set is only the last that was known.
//! Looking never waits; changes do, for each other, and are logged for those who keep a copy.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    heartbeat::Heartbeat,
    log::{self, ChangeLog, Position},
    outdated::OutdatedUsers,
    pulse::Pulse,
};
use crate::{
    domain::{claims::AccessClaims, clock::Timestamp, ids::UserId, session::EndReason},
    store::revocations::{Change, Outdated, Refusal, Revocation, Subject},
};

/// All there was at a moment, to be followed by the changes after it. One that came while the set
/// was walked may be in it already: taken in once more, it says the same.
#[derive(Debug)]
pub struct SetSnapshot {
    /// Where the log was.
    pub at: Position,
    pub entries: Vec<Change>,
}

#[derive(Debug, Clone, Copy)]
struct RevokedUntil {
    reason: EndReason,
    until: Timestamp,
    /// The end that the log has told: never earlier, and later by a second or two, so that a second
    /// reading of the same fact that differs by milliseconds is no news.
    told: Timestamp,
}

/// The revocations that still matter, a few dozen bytes each.
#[derive(Debug, Default)]
pub struct RevocationSet {
    entries: papaya::HashMap<Subject, RevokedUntil>,
    outdated: OutdatedUsers,
    following: AtomicBool,
    /// How often it ceased to be the truth.
    breaks: AtomicU64,
    /// One more than the milliseconds that had passed ([`Clock::passed`]) when the back end was last heard
    /// of: a clock that is set says nothing about that. 0 = never.
    ///
    /// [`Clock::passed`]: crate::domain::clock::Clock::passed
    last_heard: AtomicU64,
    /// The same, of when it last told of a change that others may have made.
    last_push: AtomicU64,
    pulse: Pulse,
    heartbeat: Heartbeat,
    /// Held by whoever changes an entry, so that the log tells it in the order in which it happened.
    log: Mutex<ChangeLog<Change>>,
    changed: watch::Sender<()>,
    /// The snapshot that somebody is still busy with.
    snapshot: Mutex<Weak<SetSnapshot>>,
}

impl RevocationSet {
    /// Takes one in. A second one on the same subject lengthens it, and keeps the first reason.
    pub fn insert(&self, revocation: &Revocation) {
        let Revocation { subject, reason, until } = *revocation;
        let mut log = lock(&self.log);
        let entries = self.entries.pin();
        let told = Timestamp::from_millis(i64::MIN);
        let mut entry = entries.get(&subject).copied().unwrap_or(RevokedUntil { reason, until, told });
        entry.until = entry.until.max(until);
        let is_news = entry.until > entry.told;
        if is_news {
            entry.told = Timestamp::from_secs(entry.until.secs().saturating_add(2));
            log.push(Change::Refused(entry.as_told(subject)));
        }
        entries.insert(subject, entry);
        drop(log);
        if is_news {
            self.changed.send_replace(());
        }
    }

    /// Takes in that tokens of a user are outdated. A later moment takes the place of an earlier one. Who is
    /// refused as a whole is told so alone: what is told of a user last is all that counts.
    pub fn outdate(&self, outdated: Outdated, now: Timestamp) {
        let mut log = lock(&self.log);
        if self.outdated.insert(outdated) && self.reason_for(outdated.user, now).is_none() {
            log.push(Change::Outdated(outdated));
            self.changed.send_replace(());
        }
    }

    /// Why a user is refused as a whole.
    #[must_use]
    pub fn reason_for(&self, user: UserId, now: Timestamp) -> Option<EndReason> {
        let entries = self.entries.pin();
        entries.get(&Subject::User(user)).filter(|entry| entry.until > now).map(|entry| entry.reason)
    }

    /// Takes back the one on a user; tokens that are outdated stay so.
    pub fn lift(&self, user: UserId) {
        self.lift_all(&mut lock(&self.log), &[user]);
    }

    /// Takes back every one on a user but those in `kept`: the last step of a rescan.
    pub fn lift_users_except(&self, kept: &[UserId]) {
        let mut log = lock(&self.log);
        let entries = self.entries.pin();
        let users = entries.keys().filter_map(|subject| match subject {
            Subject::User(user) if !kept.contains(user) => Some(*user),
            _ => None,
        });
        self.lift_all(&mut log, &users.collect::<Vec<_>>());
    }

    fn lift_all(&self, log: &mut ChangeLog<Change>, users: &[UserId]) {
        let entries = self.entries.pin();
        let mut is_news = false;
        for &user in users {
            if entries.remove(&Subject::User(user)).is_some() {
                log.push(self.outdated.of(user).map_or(Change::Admitted(user), Change::Outdated));
                is_news = true;
            }
        }
        if is_news {
            self.changed.send_replace(());
        }
    }

    /// Why a token is refused, as far as is known here.
    #[must_use]
    pub fn find(&self, claims: &AccessClaims, now: Timestamp) -> Option<Refusal> {
        let entries = self.entries.pin();
        let reason = |subject: Subject| {
            let entry = entries.get(&subject).filter(|entry| entry.until > now)?;
            Some(Refusal::Revoked(entry.reason))
        };
        let is_empty = entries.is_empty();
        let revoked = if is_empty { None } else { Subject::of(claims).find_map(reason) };
        revoked.or_else(|| self.outdated.holds(claims).then_some(Refusal::Outdated))
    }

    /// Every revocation that still matters.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Vec<Revocation> {
        let entries = self.entries.pin();
        let live = entries.iter().filter(|(_, entry)| entry.until > now);
        live.map(|(&subject, entry)| Revocation { subject, reason: entry.reason, until: entry.until })
            .collect()
    }

    /// Every user of whom some tokens are outdated.
    #[must_use]
    pub fn outdated(&self, now: Timestamp) -> Vec<Outdated> {
        self.outdated.living(now)
    }

    /// Frees what no longer matters. Of a user who was refused as a whole and no longer is, it is told
    /// once more what else there is.
    pub fn purge(&self, now: Timestamp) {
        self.outdated.purge(now);
        let mut log = lock(&self.log);
        let entries = self.entries.pin();
        let over = |outdated: &Outdated| {
            entries.get(&Subject::User(outdated.user)).is_some_and(|entry| entry.until <= now)
        };
        let over: Vec<_> = self.outdated.living(now).into_iter().filter(over).map(|one| one.user).collect();
        self.lift_all(&mut log, &over);
        entries.retain(|_, entry| entry.until > now);
    }

    /// All there is, with the ends that the log tells. Those who ask at about the same time, say after
    /// a restart, are given the same one.
    #[must_use]
    pub fn shared_snapshot(&self, now: Timestamp) -> Arc<SetSnapshot> {
        let mut shared = lock(&self.snapshot);
        if let Some(snapshot) = shared.upgrade()
            && lock(&self.log).behind(snapshot.at).is_some_and(|behind| behind < log::KEPT / 2)
        {
            return snapshot;
        }
        // The position first: whatever comes during the walk is in the log after it.
        let at = lock(&self.log).end();
        let entries = self.entries.pin();
        let live = entries.iter().filter(|(_, entry)| entry.until > now);
        let live = live.map(|(&subject, entry)| Change::Refused(entry.as_told(subject)));
        let outdated = self.outdated.living(now).into_iter();
        let outdated = outdated.filter(|outdated| self.reason_for(outdated.user, now).is_none());
        let entries = live.chain(outdated.map(Change::Outdated)).collect();
        let snapshot = Arc::new(SetSnapshot { at, entries });
        *shared = Arc::downgrade(&snapshot);
        snapshot
    }

    /// What changed after a position, at most `limit` of it; `None` = more than is remembered.
    #[must_use]
    pub fn changes(&self, after: Position, limit: usize) -> Option<Vec<Change>> {
        lock(&self.log).after(after, limit)
    }

    /// Wakes whenever there are changes, and when the set begins or ceases to be the truth.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The feed says: everything up to now is in the set, and what comes will be.
    pub fn set_following(&self, passed: Duration) {
        self.heard(passed);
        if !self.following.swap(true, Ordering::AcqRel) {
            self.changed.send_replace(());
        }
    }

    /// The feed says: something may be missing from now on.
    pub fn set_blind(&self) {
        if self.following.swap(false, Ordering::AcqRel) {
            self.breaks.fetch_add(1, Ordering::AcqRel);
            self.changed.send_replace(());
        }
    }

    /// The back end has answered, so what was known then is known to be so.
    pub fn heard(&self, passed: Duration) {
        let heard = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        self.last_heard.fetch_max(heard, Ordering::AcqRel);
    }

    /// The back end has told of a change.
    pub fn note_push(&self, passed: Duration) {
        let pushed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        self.last_push.fetch_max(pushed, Ordering::AcqRel);
    }

    /// For how long it has told of none, if it ever has.
    #[must_use]
    pub fn since_push(&self, passed: Duration) -> Option<Duration> {
        let last = self.last_push.load(Ordering::Acquire).checked_sub(1)?;
        Some(passed.saturating_sub(Duration::from_millis(last)))
    }

    /// How many tokens, sessions and users are refused.
    #[must_use]
    pub fn held(&self) -> usize {
        self.entries.pin().len()
    }

    /// How often the feed was lost. Whatever was written before the last time may have been lost with a
    /// master.
    #[must_use]
    pub fn breaks(&self) -> u64 {
        self.breaks.load(Ordering::Acquire)
    }

    /// Whether the set is the truth.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.following.load(Ordering::Acquire)
    }

    /// The process runs: to be said every [`pulse::EVERY`](super::pulse::EVERY).
    pub fn beat(&self) {
        self.pulse.beat();
    }

    /// The feed says: nothing that was sent to it before that moment waits to be read. To be said every
    /// [`heartbeat::EVERY`].
    ///
    /// [`heartbeat::EVERY`]: super::heartbeat::EVERY
    pub fn beat_of_feed(&self, as_of: Instant) {
        self.heartbeat.beat(as_of);
    }

    /// What it knows of these claims; `None` where it may lack what was decided more than a tenth of a second ago.
    #[must_use]
    pub fn find_surely(&self, claims: &AccessClaims, now: Timestamp) -> Option<Option<Refusal>> {
        // Asked first: what it learns from here on makes the answer better, and what it was asked for no older.
        let is_up_to_date = self.is_up_to_date();
        let known = self.find(claims, now);
        (known.is_some() || is_up_to_date).then_some(known)
    }

    /// Whether the set is the truth, but for the last tenth of a second: its feed follows, and was not held up.
    fn is_up_to_date(&self) -> bool {
        self.is_following() && !self.heartbeat.is_silent()
    }

    /// For how long this process stood still until a moment ago: what is read from a client may have waited for as long.
    #[must_use]
    pub fn stood_still(&self) -> Option<Duration> {
        self.pulse.stood_still()
    }

    /// For how long the back end has not been heard of.
    #[must_use]
    pub fn unheard(&self, passed: Duration) -> Duration {
        let last = self.last_heard.load(Ordering::Acquire).checked_sub(1);
        last.map_or(Duration::MAX, |last| passed.saturating_sub(Duration::from_millis(last)))
    }
}

impl RevokedUntil {
    const fn as_told(&self, subject: Subject) -> Revocation {
        Revocation { subject, reason: self.reason, until: self.told }
    }
}

/// No change is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
