//! What the ledger holds of sessions that are bound to a key, and of step-ups.

use super::{
    super::facts::{By, Moment, Said, Shown, Span, SteppedUp, Wrong},
    Book, Ledger,
};

impl Ledger {
    /// The network is about to bring that twice.
    pub fn comes_twice(&self, once: u64) {
        self.book().copied.insert(once);
    }

    /// A step-up is sent.
    pub fn steps_up(&self, session: &str) {
        self.book().session(session).proved.begins();
    }

    /// A step-up was answered. `once` names its proof.
    pub fn stepped_up(&self, session: &str, once: u64, span: Span, answer: &SteppedUp) {
        let mut book = self.book();
        let line = format!("step-up at {} (sent {:.3?}): {answer:?}", span.node, span.sent);
        let is_copy = book.copied.contains(&once);
        let known = book.session(session);
        known.note(span.answered, line);
        match answer {
            SteppedUp::Done(said) => {
                if known.over.is_some_and(|over| over.at < span.sent) {
                    book.find(Wrong::SignOutLost, session, "stepped up after its end".to_owned());
                }
                book.says(session, said, span.sent);
                book.session(session).proved.stepped_up(said, span);
                book.tally.stepped_up += 1;
            }
            SteppedUp::Refused(code) => {
                known.proved.wrote_nothing();
                book.kept_out(session, code, span);
            }
            SteppedUp::WrongProof => {
                known.proved.wrote_nothing();
                if !is_copy {
                    book.find(Wrong::HonestOut, session, "its proof of a step-up was refused".to_owned());
                }
            }
            SteppedUp::Unknown => book.tally.unanswered += 1,
        }
    }
}

impl Book {
    /// Whoever gets a generation gets the same refresh token.
    pub(super) fn is_one(&mut self, session: &str, generation: u32, token: &str, at: Moment) {
        let issued = self.session(session).granted.entry(generation).or_insert((at, token.to_owned()));
        if issued.1 != token {
            self.find(Wrong::Forked, session, format!("generation {generation} is two tokens"));
        }
    }

    /// A bound session was refreshed by its owner, with a proof that was used for the first time.
    pub(super) fn is_proved(&mut self, session: &str, shown: Shown) {
        if !self.session(session).proved.is_bound() {
            return;
        }
        let is_new = shown.proof.is_some_and(|proof| self.used.insert(proof));
        if shown.by == By::Thief || !is_new {
            self.find(Wrong::Unproved, session, format!("granted to {shown:?}"));
        }
    }

    /// The proof was refused, or that there was none: nothing becomes of the session.
    pub(super) fn unproved(&mut self, session: &str, shown: Shown) {
        let is_copy = shown.proof.is_some_and(|proof| self.copied.contains(&proof));
        match shown.by {
            By::Thief => self.tally.keyless_refused += 1,
            By::Owner if is_copy => self.tally.copies_refused += 1,
            By::Owner => self.find(Wrong::HonestOut, session, "a new proof was refused".to_owned()),
        }
    }

    /// What a new access token says.
    pub(super) fn says(&mut self, session: &str, said: &Said, sent: Moment) {
        let proved = &self.session(session).proved;
        let (is_lost, is_named) = (proved.is_lost(said, sent), proved.names_the_key(said));
        if is_lost {
            self.find(Wrong::StepUpLost, session, format!("a token says {said:?}"));
        }
        if !is_named {
            self.find(Wrong::Unproved, session, format!("a token names another key: {said:?}"));
        }
    }
}
