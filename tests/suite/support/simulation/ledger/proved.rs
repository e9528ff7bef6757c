//! What is known of how a session's owner has proved who they are, and what its tokens must say of that: the key that it
//! is bound to for life, and what was proved at the sign-in or by the step-ups since (contract 3.2 and 5.3).

use std::collections::BTreeMap;

use super::super::facts::{Moment, Said, Span};

/// `auth_time` and `amr`, by which one sign-in or step-up is known from another.
type Proof = (i64, Vec<String>);

#[derive(Debug, Default)]
pub struct Proved {
    key: Option<String>,
    /// By when each was acknowledged.
    known: BTreeMap<Proof, Moment>,
    /// By when it was certain that a later one had taken its place.
    replaced: BTreeMap<Proof, Moment>,
    /// By when a token said two factors.
    two_factors_at: Option<Moment>,
    /// Step-ups of which nobody knows, or not yet, whether they were written.
    open: u32,
}

impl Proved {
    pub fn signed_in(said: &Said, at: Moment) -> Self {
        let mut proved = Self { key: said.key.clone(), ..Self::default() };
        proved.note(said, at);
        proved
    }

    pub const fn is_bound(&self) -> bool {
        self.key.is_some()
    }

    /// A step-up is sent.
    pub const fn begins(&mut self) {
        self.open += 1;
    }

    /// It is certain that it wrote nothing.
    pub const fn wrote_nothing(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// It was written after whatever had been acknowledged when it was sent.
    pub fn stepped_up(&mut self, said: &Said, span: Span) {
        self.wrote_nothing();
        for (proof, _) in self.known.iter().filter(|(_, at)| **at < span.sent) {
            self.replaced.entry(proof.clone()).or_insert(span.answered);
        }
        self.note(said, span.answered);
    }

    /// Whether a token that was asked for then names the key.
    pub fn names_the_key(&self, said: &Said) -> bool {
        said.key == self.key
    }

    /// Whether a token that was asked for then says less than was acknowledged. While it is not known what became of a
    /// step-up, that is certain of the factors alone: by the clock of another node it may be of the same second.
    pub fn is_lost(&self, said: &Said, sent: Moment) -> bool {
        let is_weaker = said.acr != "2" && self.two_factors_at.is_some_and(|at| at < sent);
        let is_replaced = self.replaced.get(&proof(said)).is_some_and(|at| *at < sent);
        is_weaker || is_replaced && self.open == 0
    }

    fn note(&mut self, said: &Said, at: Moment) {
        self.replaced.remove(&proof(said));
        self.known.entry(proof(said)).or_insert(at);
        if said.acr == "2" {
            self.two_factors_at.get_or_insert(at);
        }
    }
}

fn proof(said: &Said) -> Proof {
    (said.auth_time, said.amr.clone())
}
