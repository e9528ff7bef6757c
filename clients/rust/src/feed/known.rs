//! What the stream has told: whom it refuses, until when that may be believed, and who waits for an end.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::events::{Entry, News};
use crate::identity::Ended;

/// How long after a session has ended the stream tells it for sure to who comes anew, where no token of it is alive.
const TOLD_FOR: Duration = Duration::from_secs(8);

/// What revocations are looked up by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// `jti`; a session cookie has none.
    pub token: Option<&'a str>,
    /// `sid`
    pub session: &'a str,
    /// `sub`
    pub user: &'a str,
    /// `iat`
    pub issued_at: u64,
}

/// Who waits to hear that a session is over.
#[derive(Debug)]
pub(crate) struct End {
    outcome: watch::Sender<Option<Ended>>,
    issued_at: u64,
    has_token: bool,
}

/// Nobody knows what is revoked.
#[derive(Debug)]
pub(crate) struct Stale;

/// One for each claim that names tokens.
#[derive(Debug)]
struct ByClaim<T> {
    tokens: HashMap<String, T>,
    sessions: HashMap<String, T>,
    users: HashMap<String, T>,
}

#[derive(Debug)]
struct Refused {
    until: u64,
    before: u64,
    reason: Option<String>,
    is_outdated: bool,
}

#[derive(Debug, Default)]
struct State {
    refused: ByClaim<Refused>,
    /// A snapshot that is not complete yet.
    arriving: ByClaim<Refused>,
    /// By a clock that nobody sets back.
    trusted_until: Option<Instant>,
    heard_at: Option<Instant>,
    waiting: ByClaim<Vec<Weak<End>>>,
}

/// Shared by the task that follows the stream and by all who ask.
#[derive(Debug, Default)]
pub(crate) struct Known(RwLock<State>);

impl Known {
    /// Why a token is refused now.
    pub(crate) fn refusal(&self, subject: &Subject<'_>, now: u64) -> Result<Option<Ended>, Stale> {
        let state = self.read();
        if !state.is_trusted() {
            return Err(Stale);
        }
        Ok(state.refused.refusal(subject, now))
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.read().is_trusted()
    }

    /// Waits for the end of a session from now on. One that is over already has ended; so has one of which nobody can
    /// tell.
    pub(crate) fn wait_for(&self, subject: &Subject<'_>, now: u64) -> Arc<End> {
        let mut state = self.write();
        let over =
            if state.is_trusted() { state.refused.refusal(subject, now) } else { Some(Ended::Unknown) };
        let end = Arc::new(End {
            outcome: watch::Sender::new(over),
            issued_at: subject.issued_at,
            has_token: subject.token.is_some(),
        });
        let waiting = &mut state.waiting;
        for (by, value) in [
            (&mut waiting.tokens, subject.token),
            (&mut waiting.sessions, Some(subject.session)),
            (&mut waiting.users, Some(subject.user)),
        ] {
            if let Some(value) = value {
                by.entry(value.to_owned()).or_default().push(Arc::downgrade(&end));
            }
        }
        end
    }

    /// Takes in what the stream says.
    pub(super) fn take(&self, news: News, now: u64) {
        let mut state = self.write();
        match news {
            News::Snapshot { first, last, entries } => state.take_part(first, last, entries, now),
            News::Change(entry) => state.change(entry, now),
            News::Status { good_for, .. } => {
                let heard_at = Instant::now();
                state.heard_at = Some(heard_at);
                state.trusted_until = heard_at.checked_add(Duration::from_secs(good_for));
            }
        }
    }

    /// Ends what waits once nobody knows any more what is revoked.
    pub(super) fn end_if_stale(&self) {
        let is_over = |state: &State| !state.is_trusted() && !state.waiting.sessions.is_empty();
        if !is_over(&self.read()) {
            return;
        }
        let mut state = self.write();
        // Looked at again: a status may have come in between.
        if is_over(&state) {
            let waiting = std::mem::take(&mut state.waiting);
            waiting.sessions.into_values().flatten().for_each(|end| end_with(&end, &Ended::Unknown));
        }
    }

    /// Forgets what is over.
    pub(super) fn sweep(&self, now: u64) {
        let mut state = self.write();
        state.refused.each(|by| by.retain(|_, entry| entry.until > now));
        state.waiting.each(|by| {
            by.retain(|_, ends| {
                ends.retain(|end| end.strong_count() > 0);
                !ends.is_empty()
            });
        });
    }

    // What is written is whole after each step, so a panic elsewhere harms nothing.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    pub(crate) async fn wait(&self) -> Ended {
        let mut outcome = self.outcome.subscribe();
        let ended = outcome.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
        ended.unwrap_or(Ended::Unknown)
    }
}

impl State {
    fn is_trusted(&self) -> bool {
        self.trusted_until.is_some_and(|until| Instant::now() < until)
    }

    fn take_part(&mut self, first: bool, last: bool, entries: Vec<Entry>, now: u64) {
        if first {
            self.arriving = ByClaim::default();
        }
        for entry in entries {
            self.arriving.put(entry);
        }
        if last {
            self.refused = std::mem::take(&mut self.arriving);
            self.end_the_refused(now);
        }
    }

    /// A session without tokens may have ended, and been forgotten, while nothing was heard.
    fn end_the_refused(&self, now: u64) {
        let was_deaf = self.heard_at.is_some_and(|heard| heard.elapsed() > TOLD_FOR);
        for (claim, waiting) in self.waiting.claims() {
            for (value, ends) in waiting {
                let refused = self.refused.of(claim).and_then(|by| by.get(value));
                for end in ends {
                    match refused {
                        Some(refused) => refused.end(end, now),
                        None if was_deaf => end_if(end, &Ended::Unknown, |end| !end.has_token),
                        None => {}
                    }
                }
            }
        }
    }

    fn change(&mut self, entry: Entry, now: u64) {
        let (claim, value) = (entry.claim.clone(), entry.value.clone());
        self.refused.put(entry);
        let refused = self.refused.of(&claim).and_then(|by| by.get(&value));
        let waiting = self.waiting.of(&claim).and_then(|by| by.get(&value));
        if let (Some(refused), Some(waiting)) = (refused, waiting) {
            for end in waiting {
                refused.end(end, now);
            }
        }
    }
}

impl ByClaim<Refused> {
    fn put(&mut self, entry: Entry) {
        let by = match &*entry.claim {
            "jti" => &mut self.tokens,
            "sid" => &mut self.sessions,
            "sub" => &mut self.users,
            _ => return,
        };
        let refused = Refused {
            until: entry.until,
            before: entry.issued_before.unwrap_or(u64::MAX),
            reason: entry.reason,
            is_outdated: entry.issued_before.is_some(),
        };
        by.insert(entry.value, refused);
    }

    /// The session first: its reason is the one that came first.
    fn refusal(&self, subject: &Subject<'_>, now: u64) -> Option<Ended> {
        let found = [
            self.sessions.get(subject.session),
            self.users.get(subject.user),
            subject.token.and_then(|token| self.tokens.get(token)),
        ];
        found.into_iter().flatten().find_map(|refused| refused.refuses(subject.issued_at, now))
    }
}

impl Refused {
    fn refuses(&self, issued_at: u64, now: u64) -> Option<Ended> {
        let is_refused = self.until > now && issued_at < self.before;
        is_refused.then(|| {
            if self.is_outdated { Ended::Outdated } else { Ended::Session { reason: self.reason.clone() } }
        })
    }

    fn end(&self, end: &Weak<End>, now: u64) {
        let Some(end) = end.upgrade() else { return };
        if let Some(ended) = self.refuses(end.issued_at, now) {
            end.finish(&ended);
        }
    }
}

impl End {
    /// The first end is the one that is told.
    fn finish(&self, ended: &Ended) {
        self.outcome.send_if_modified(|outcome| {
            let is_first = outcome.is_none();
            outcome.get_or_insert_with(|| ended.clone());
            is_first
        });
    }
}

fn end_with(end: &Weak<End>, ended: &Ended) {
    end_if(end, ended, |_| true);
}

fn end_if(end: &Weak<End>, ended: &Ended, condition: impl Fn(&End) -> bool) {
    if let Some(end) = end.upgrade().filter(|end| condition(end)) {
        end.finish(ended);
    }
}

impl<T> ByClaim<T> {
    fn of(&self, claim: &str) -> Option<&HashMap<String, T>> {
        self.claims().into_iter().find(|(name, _)| *name == claim).map(|(_, by)| by)
    }

    const fn claims(&self) -> [(&'static str, &HashMap<String, T>); 3] {
        [("jti", &self.tokens), ("sid", &self.sessions), ("sub", &self.users)]
    }

    fn each(&mut self, change: impl Fn(&mut HashMap<String, T>)) {
        [&mut self.tokens, &mut self.sessions, &mut self.users].into_iter().for_each(change);
    }
}

// Derived, it would ask for a default of what is kept.
impl<T> Default for ByClaim<T> {
    fn default() -> Self {
        Self { tokens: HashMap::new(), sessions: HashMap::new(), users: HashMap::new() }
    }
}
