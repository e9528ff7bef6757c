//! What the stream has told: whom it refuses, until when that may be believed, and who waits for an end.

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
    time::{Duration, Instant},
};

use super::{
    by_claim::ByClaim,
    end::End,
    events::{Entry, News, Unreadable},
    refused::{Refused, Subject},
};
use crate::identity::Ended;

/// How long after a session has ended the stream tells it for sure to who comes anew, where no token of it is alive.
const TOLD_FOR: Duration = Duration::from_secs(8);
/// For how many seconds more an entry is kept that is over, in case the clock is set back.
const KEPT: u64 = 300;

/// Nobody knows what is revoked.
#[derive(Debug)]
pub(crate) struct Stale;

#[derive(Debug, Default)]
struct State {
    refused: ByClaim<Refused>,
    /// A snapshot that is not complete yet.
    arriving: Option<ByClaim<Refused>>,
    /// Whether there ever was a complete one.
    is_whole: bool,
    /// By a clock that nobody sets back.
    trusted_until: Option<Instant>,
    heard_at: Option<Instant>,
    /// How many entries were heard.
    heard: u64,
    /// Of entries up to this one, not all are kept.
    forgotten: u64,
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

    /// The place of what was heard last.
    pub(crate) fn heard(&self) -> u64 {
        self.read().heard
    }

    /// Waits for the end of a session from now on. One that is over already has ended; so has one of which nobody can
    /// tell.
    pub(crate) fn wait_for(&self, subject: &Subject<'_>, now: u64) -> Arc<End> {
        let mut state = self.write();
        let end = Arc::new(End::new(state.end_of(subject, now), subject.moment));
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

    /// The stream begins, perhaps in the middle: what had not come whole never will.
    pub(super) fn begin(&self) {
        self.write().arriving = None;
    }

    /// Takes in what the stream says.
    pub(super) fn take(&self, news: News, now: u64) -> Result<(), Unreadable> {
        let mut state = self.write();
        match news {
            News::Snapshot { first, last, entries } => return state.take_part(first, last, entries, now),
            News::Change(entry) => state.change(entry, now),
            News::Status { good_for, .. } => state.trust(Duration::from_secs(good_for)),
        }
        Ok(())
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
            let waiting = waiting.sessions.into_values().flatten().filter_map(|end| end.upgrade());
            waiting.for_each(|end| end.finish(&Ended::Unknown));
        }
    }

    /// Forgets what is over.
    pub(super) fn sweep(&self, now: u64) {
        let mut state = self.write();
        let forgotten = state.refused.forget(now.saturating_sub(KEPT));
        state.forgotten = state.forgotten.max(forgotten);
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

impl State {
    fn is_trusted(&self) -> bool {
        self.trusted_until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether it has come. Of a session cookie, what is forgotten might have told.
    fn end_of(&self, subject: &Subject<'_>, now: u64) -> Option<Ended> {
        if !self.is_trusted() {
            return Some(Ended::Unknown);
        }
        let moment = subject.moment;
        let is_too_late = moment.issued_at.is_none() && moment.since < self.forgotten;
        self.refused.refusal(subject, now).or(is_too_late.then_some(Ended::Unknown))
    }

    /// Of what has not come whole, it can only say that it is to be believed no longer.
    fn trust(&mut self, good_for: Duration) {
        let heard_at = Instant::now();
        let until = heard_at.checked_add(good_for);
        if self.is_whole && self.arriving.is_none() {
            self.heard_at = Some(heard_at);
            self.trusted_until = until;
        } else {
            self.trusted_until = self.trusted_until.min(until);
        }
    }

    fn take_part(
        &mut self,
        first: bool,
        last: bool,
        entries: Vec<Entry>,
        now: u64,
    ) -> Result<(), Unreadable> {
        let begun = if first { Some(ByClaim::default()) } else { self.arriving.take() };
        let mut arriving = begun.ok_or(Unreadable::NoBeginning)?;
        for entry in entries {
            self.heard += 1;
            arriving.put(entry, self.heard);
        }
        if last {
            self.put_in_place(arriving, now);
        } else {
            self.arriving = Some(arriving);
        }
        Ok(())
    }

    fn put_in_place(&mut self, mut arriving: ByClaim<Refused>, now: u64) {
        // A session without tokens may have ended, and been forgotten, while nothing was heard.
        let was_deaf = self.heard_at.is_some_and(|heard| heard.elapsed() > TOLD_FOR);
        let forgotten = arriving.take_over(&self.refused);
        self.forgotten = self.forgotten.max(forgotten);
        if was_deaf {
            self.heard += 1;
            self.forgotten = self.heard;
        }
        self.refused = arriving;
        self.is_whole = true;
        self.end_the_refused(was_deaf, now);
    }

    fn end_the_refused(&self, was_deaf: bool, now: u64) {
        for (claim, waiting) in self.waiting.claims() {
            for (value, ends) in waiting {
                let refused = self.refused.of(claim).and_then(|by| by.get(value));
                for end in ends {
                    match refused {
                        Some(refused) => refused.end(end, now),
                        None if was_deaf => end_of_cookie(end),
                        None => {}
                    }
                }
            }
        }
    }

    fn change(&mut self, entry: Entry, now: u64) {
        let (claim, value) = (entry.claim.clone(), entry.value.clone());
        self.heard += 1;
        self.refused.put(entry, self.heard);
        let refused = self.refused.of(&claim).and_then(|by| by.get(&value));
        let waiting = self.waiting.of(&claim).and_then(|by| by.get(&value));
        if let (Some(refused), Some(waiting)) = (refused, waiting) {
            for end in waiting {
                refused.end(end, now);
            }
        }
    }
}

fn end_of_cookie(end: &Weak<End>) {
    if let Some(end) = end.upgrade().filter(|end| end.is_of_cookie()) {
        end.finish(&Ended::Unknown);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::feed::Moment;

    const NOW: u64 = 1000;

    fn session(until: u64) -> Entry {
        Entry { claim: "sid".to_owned(), value: "s".to_owned(), until, reason: None, issued_before: None }
    }

    fn snapshot(known: &Known, entries: Vec<Entry>) {
        known.take(News::Snapshot { first: true, last: true, entries }, NOW).expect("a snapshot");
        known.take(News::Status { good_for: 60, heartbeat: 60 }, NOW).expect("a status");
    }

    fn change(known: &Known, entry: Entry) {
        known.take(News::Change(entry), NOW).expect("a change");
    }

    fn shown(issued_at: Option<u64>, since: u64) -> Subject<'static> {
        let token = issued_at.map(|_| "t");
        Subject { token, session: "s", user: "u", moment: Moment { issued_at, since } }
    }

    fn other_roles(before: u64) -> Entry {
        let issued_before = Some(before);
        Entry { claim: "sub".to_owned(), value: "u".to_owned(), issued_before, ..session(NOW + 60) }
    }

    #[test]
    fn other_roles_end_whom_keyward_has_not_looked_at_since() {
        let known = Known::default();
        snapshot(&known, vec![other_roles(NOW)]);
        let (since, issued_at) = (known.heard(), Some(NOW - 1));
        let ends = [None, issued_at].map(|issued_at| known.wait_for(&shown(issued_at, since), NOW));
        // Told again, it is no news.
        snapshot(&known, vec![other_roles(NOW)]);
        assert!(ends.iter().all(|end| end.wait().now_or_never().is_none()));
        change(&known, other_roles(NOW + 1));
        assert!(ends.iter().all(|end| end.wait().now_or_never() == Some(Ended::Outdated)));
        // Where nobody has looked but the app, all of it counts.
        let token = known.wait_for(&shown(issued_at, 0), NOW);
        assert_eq!(token.wait().now_or_never(), Some(Ended::Outdated));
    }

    #[test]
    fn a_session_that_has_ended_is_over_whenever_that_was_heard_and_whatever_the_clock_says() {
        let known = Known::default();
        snapshot(&known, Vec::new());
        let (before, over) = (known.heard(), Some(Ended::Session { reason: None }));
        change(&known, session(NOW + 60));
        for issued_at in [None, Some(NOW)] {
            let end = known.wait_for(&shown(issued_at, known.heard()), NOW);
            assert_eq!(end.wait().now_or_never(), over, "a node may not have known it yet");
        }
        let end = known.wait_for(&shown(None, before), NOW + 90);
        assert_eq!(end.wait().now_or_never(), over, "no cookie comes back when the last token is over");
    }

    #[test]
    fn who_asks_late_for_the_end_of_a_cookie_is_told_that_it_is_too_late() {
        for forget in [|known: &Known| known.sweep(NOW + KEPT), |known: &Known| snapshot(known, Vec::new())] {
            let known = Known::default();
            snapshot(&known, Vec::new());
            let before = known.heard();
            change(&known, session(NOW));
            let of_since = |since| known.wait_for(&shown(None, since), NOW).wait().now_or_never();
            assert_eq!(of_since(before), Some(Ended::Session { reason: None }));
            forget(&known);
            assert_eq!(of_since(before), Some(Ended::Unknown), "it may have been of that session");
            assert_eq!(of_since(known.heard()), None);
        }
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_while_lets_nobody_in_again() {
        let known = Known::default();
        snapshot(&known, vec![session(NOW + 60)]);
        let is_refused = || known.refusal(&shown(Some(NOW), 0), NOW).expect("it is trusted").is_some();
        known.sweep(NOW + 60 + KEPT - 1);
        assert!(is_refused());
        known.sweep(NOW + 60 + KEPT);
        assert!(!is_refused(), "nothing is kept for ever");
    }
}
