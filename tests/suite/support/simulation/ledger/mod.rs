//! The truth of a run: who must be in and who out, by contract 3 and what clients and thieves saw themselves. It
//! knows nothing of how the server decides. Whatever contradicts an answer is a finding.
//!
//! A client knows when it sent a request and when the answer came, not when the server carried it out. So an event
//! counts as done when its answer has come, and a request as asked when it was sent: what is held against the server
//! is certain.

mod proofs;
mod proved;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::facts::{Checked, Finding, Moment, Refreshed, Rules, Said, Shown, Span, Tally, Wrong};
use proved::Proved;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    SignedOut,
    Theft,
}

/// The end of a session, once somebody was told of it.
#[derive(Debug, Clone, Copy)]
struct Over {
    end: End,
    at: Moment,
    node: usize,
}

#[derive(Debug, Default)]
struct Session {
    /// By when each generation was granted, and as which refresh token.
    granted: BTreeMap<u32, (Moment, String)>,
    /// By when each generation was replaced for certain.
    replaced: BTreeMap<u32, Moment>,
    proved: Proved,
    /// When a thief first showed one of its tokens, who needed nothing more.
    stolen_at: Option<Moment>,
    /// When the owner first asked for its end.
    leaving_at: Option<Moment>,
    over: Option<Over>,
    history: Vec<String>,
}

/// A time in which a node, or the store of all, was in trouble.
#[derive(Debug)]
struct Trouble {
    node: Option<usize>,
    from: Moment,
    until: Option<Moment>,
}

#[derive(Debug, Default)]
struct Book {
    sessions: HashMap<String, Session>,
    troubles: Vec<Trouble>,
    /// Proofs that a refresh was granted by.
    used: HashSet<u64>,
    /// What comes to the nodes twice, though it is good once.
    copied: HashSet<u64>,
    tally: Tally,
}

#[derive(Debug)]
pub struct Ledger {
    rules: Rules,
    book: Mutex<Book>,
}

impl Ledger {
    pub fn new(rules: Rules) -> Self {
        Self { rules, book: Mutex::default() }
    }

    /// A sign-in was answered.
    pub fn signed_in(&self, session: &str, at: Moment, said: &Said) {
        let mut book = self.book();
        book.tally.signed_in += 1;
        let known = book.session(session);
        known.note(at, format!("signed in: {said:?}"));
        known.proved = Proved::signed_in(said, at);
    }

    /// A thief is about to show one of its tokens. Where it is bound to a key, that is no reason for anything.
    pub fn thief_comes(&self, session: &str, at: Moment) {
        let mut book = self.book();
        let known = book.session(session);
        if known.stolen_at.is_none() && !known.proved.is_bound() {
            known.stolen_at = Some(at);
            known.note(at, "a thief comes");
            book.tally.thefts += 1;
        }
    }

    /// The owner is about to ask for its end.
    pub fn owner_leaves(&self, session: &str, at: Moment) {
        let mut book = self.book();
        let known = book.session(session);
        known.leaving_at.get_or_insert(at);
        known.note(at, "signs out");
    }

    /// The sign-out was answered with 204.
    pub fn signed_out(&self, session: &str, span: Span) {
        let mut book = self.book();
        book.tally.signed_out += 1;
        let known = book.session(session);
        known.note(span.answered, format!("204 by {}", span.node));
        known.over.get_or_insert(Over { end: End::SignedOut, at: span.answered, node: span.node });
    }

    /// No answer came, or one that says to ask again.
    pub fn unanswered(&self) {
        self.book().tally.unanswered += 1;
    }

    /// A status that no client should see.
    pub fn unexpected(&self, what: String) {
        self.book().tally.findings.push(Finding { wrong: Wrong::Unexpected, what, history: Vec::new() });
    }

    /// Trouble begins, at one node or for all of them.
    pub fn trouble(&self, node: Option<usize>, at: Moment) {
        self.book().troubles.push(Trouble { node, from: at, until: None });
    }

    /// All that was in trouble is well.
    pub fn well(&self, at: Moment) {
        for trouble in &mut self.book().troubles {
            trouble.until.get_or_insert(at);
        }
    }

    /// A refresh was answered.
    pub fn refreshed(&self, session: &str, shown: Shown, span: Span, answer: &Refreshed) {
        let mut book = self.book();
        let line = format!("{shown:?} at {} (sent {:.3?}): {answer:?}", span.node, span.sent);
        book.session(session).note(span.answered, line);
        match answer {
            Refreshed::Granted(generation, token, said) => {
                book.granted(&self.rules, session, shown.generation, *generation, span);
                book.is_one(session, *generation, token, span.answered);
                book.is_proved(session, shown);
                book.says(session, said, span.sent);
            }
            Refreshed::Refused(code, reason) => {
                let why = (code.as_str(), reason.as_deref());
                if why == ("refresh_invalid", Some("proof")) && book.session(session).proved.is_bound() {
                    book.unproved(session, shown);
                } else {
                    book.refused(&self.rules, session, shown.generation, why, span);
                }
            }
        }
    }

    /// A check was answered.
    pub fn checked(&self, session: &str, generation: u32, span: Span, answer: &Checked) {
        let mut book = self.book();
        match answer {
            Checked::LetIn => book.let_in(&self.rules, session, generation, span),
            Checked::Refused(code) => book.kept_out(session, code, span),
        }
    }

    pub fn tally(&self) -> Tally {
        self.book().tally.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn session(&mut self, session: &str) -> &mut Session {
        self.sessions.entry(session.to_owned()).or_default()
    }

    fn find(&mut self, wrong: Wrong, session: &str, what: String) {
        let history = self.session(session).history.clone();
        self.tally.findings.push(Finding { wrong, what, history });
    }

    /// Whether a node was in trouble at any moment between those two.
    fn was_troubled(&self, node: usize, from: Moment, to: Moment) -> bool {
        let is_meant = |trouble: &&Trouble| trouble.node.is_none_or(|meant| meant == node);
        let overlaps =
            |trouble: &Trouble| trouble.from <= to && trouble.until.is_none_or(|until| until >= from);
        self.troubles.iter().filter(is_meant).any(overlaps)
    }

    fn granted(&mut self, rules: &Rules, session: &str, presented: u32, generation: u32, span: Span) {
        self.tally.refreshed += 1;
        let is_forgiven =
            self.was_troubled(span.node, span.sent.saturating_sub(rules.aftermath), span.answered);
        let known = self.session(session);
        let over = known.over.filter(|over| over.at < span.sent);
        let is_theft = !is_forgiven && known.is_replaced(rules, presented, span.sent);
        let mut later = known.granted.range(generation + 1..);
        let lost = later.find(|(_, (by, _))| *by < span.sent).map(|(later, _)| *later);
        known.see(presented, span.answered);
        match over.map(|over| over.end) {
            Some(End::SignedOut) => {
                self.find(Wrong::SignOutLost, session, "refreshed after 204".to_owned());
            }
            Some(End::Theft) => {
                self.find(Wrong::TheftMissed, session, "refreshed after its theft was found".to_owned());
            }
            None if is_theft => {
                let what = format!("generation {presented} was replaced, and answered with {generation}");
                self.find(Wrong::TheftMissed, session, what);
            }
            None => {}
        }
        if let Some(later) = lost {
            let what = format!("answered with generation {generation}, although {later} had been granted");
            self.find(Wrong::RefreshLost, session, what);
        }
    }

    fn refused(
        &mut self,
        rules: &Rules,
        session: &str,
        presented: u32,
        (code, reason): (&str, Option<&str>),
        span: Span,
    ) {
        let known = self.session(session);
        let is_stolen = known.stolen_at.is_some_and(|at| at < span.answered);
        let is_leaving = known.leaving_at.is_some_and(|at| at < span.answered);
        let is_first = known.over.is_none();
        let is_due = known.is_replaced(rules, presented, span.sent);
        let end = match (code, reason) {
            ("refresh_reused", _) | ("session_ended", Some("reuse_detected")) if is_stolen => End::Theft,
            ("session_ended", Some("logout")) if is_leaving => End::SignedOut,
            ("refresh_expired" | "refresh_invalid", _) => {
                return self.find(Wrong::SignInLost, session, format!("{code}, of a session that was there"));
            }
            _ => return self.find(Wrong::HonestOut, session, format!("{code}, reason {reason:?}")),
        };
        known.over.get_or_insert(Over { end, at: span.answered, node: span.node });
        let stolen_for = known.stolen_at.map(|at| span.answered.saturating_sub(at));
        if end == End::Theft {
            self.tally.caught.extend(stolen_for.filter(|_| is_first));
            self.tally.late_uses_refused += u64::from(is_due);
        }
    }

    fn let_in(&mut self, rules: &Rules, session: &str, generation: u32, span: Span) {
        self.tally.checked += 1;
        let is_stored =
            !self.was_troubled(span.node, span.sent.saturating_sub(rules.unconfirmed), span.answered);
        let known = self.session(session);
        if is_stored {
            known.see(generation, span.answered);
        }
        let Some(over) = known.over.filter(|over| over.at < span.sent) else { return };
        let late = span.sent.saturating_sub(over.at);
        let is_troubled = self.was_troubled(span.node, over.at.saturating_sub(rules.cut_off), span.sent);
        let (class, bound) = match (span.node == over.node, is_troubled) {
            (true, _) => (0, Duration::ZERO),
            (false, false) => (1, rules.pushed),
            (false, true) => (2, rules.cut_off),
        };
        self.tally.let_in_for[class] = self.tally.let_in_for[class].max(late);
        if late > bound {
            let what = format!("{late:?} after its end at {}, by {}", over.node, span.node);
            self.find(Wrong::LetInLate, session, what);
        }
    }

    fn kept_out(&mut self, session: &str, code: &str, span: Span) {
        self.tally.checked += 1;
        let known = self.session(session);
        let has_cause =
            [known.stolen_at, known.leaving_at].into_iter().flatten().any(|at| at < span.answered);
        if code != "token_expired" && !has_cause {
            self.find(Wrong::HonestOut, session, format!("{code} at the check"));
        }
    }
}

impl Session {
    fn note(&mut self, at: Moment, what: impl fmt::Display) {
        const REMEMBERED: usize = 60;
        if self.history.len() == REMEMBERED {
            self.history.remove(0);
        }
        self.history.push(format!("{at:.3?} {what}"));
    }

    /// A generation was seen in use, so the one before it is replaced.
    fn see(&mut self, generation: u32, at: Moment) {
        if let Some(before) = generation.checked_sub(1) {
            let by = self.replaced.entry(before).or_insert(at);
            *by = at.min(*by);
        }
    }

    /// Whether a generation had been replaced for longer than is forgiven, for certain, when it was shown. Whatever
    /// replaced a later one did so to it, too.
    fn is_replaced(&self, rules: &Rules, presented: u32, at: Moment) -> bool {
        let first = self.replaced.range(presented..).map(|(_, by)| *by).min();
        first.is_some_and(|by| at >= by + rules.grace + rules.slack)
    }
}
