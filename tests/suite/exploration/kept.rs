//! What is kept of a session: its record, and around it keys, index entries and the refusal of its access tokens; and
//! the commands that write what is around it.

use std::{fmt, time::Duration};

use super::{
    homes::Outcome,
    record::{Passing, Record, signed_in_at, timestamp},
};
use crate::support::backends::START;
use keyward::domain::{
    key_proof::KeyThumbprint,
    proved::Proved,
    rotation::Progress,
    sign_in::{Method, Methods},
};

/// The key of whoever signed in, where that is bound to one.
pub const KEY: KeyThumbprint = KeyThumbprint::from_bytes([0xA5; 32]);

/// A set of generations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generations(u8);

impl Generations {
    /// A generation and the one before it, as far as there is one.
    pub fn with_parent(generation: u8) -> Self {
        Self::of(generation).and(Self::before(generation))
    }

    pub fn of(generation: u8) -> Self {
        Self(1 << generation)
    }

    pub fn before(generation: u8) -> Self {
        generation.checked_sub(1).map_or(Self::default(), Self::of)
    }

    pub const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    pub const fn without(self, gone: Self) -> Self {
        Self(self.0 & !gone.0)
    }

    pub fn each(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |generation| self.has_all(Self::of(*generation)))
    }

    pub const fn has_all(self, of: Self) -> bool {
        self.0 & of.0 == of.0
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.each()).finish()
    }
}

/// What was shown besides the password: a code, a recovery code, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shown(u8);

impl Shown {
    pub const NONE: Self = Self(0);
    /// What a step-up shows.
    pub const EACH: [(Self, Method); 2] = [(Self(1), Method::Totp), (Self(2), Method::RecoveryCode)];

    pub const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    pub const fn has_all(self, of: Self) -> bool {
        self.0 & of.0 == of.0
    }

    fn methods(self) -> Methods {
        let shown = Self::EACH.into_iter().filter(|(one, _)| self.has_all(*one));
        shown.fold(Methods::default(), |methods, (_, method)| methods.with(method))
    }

    /// What the product's rule makes of it with what is shown now.
    pub fn stepped_up(self, now: Self) -> Self {
        let (all, window) = (Methods::ALL, Duration::from_mins(15));
        let next = self.proved().stepped_up(now.methods(), all, window, START);
        Self::of(&next.expect("two factors stay two"))
    }

    /// As the product keeps it.
    pub fn proved(self) -> Proved {
        let methods = self.methods().with(Method::Password);
        let at = if self == Self::NONE { signed_in_at() } else { START };
        Proved { methods, since: signed_in_at(), at }
    }

    /// What the product has kept.
    pub fn of(proved: &Proved) -> Self {
        let shown = [0, 1, 2, 3].map(Self).into_iter().find(|shown| shown.proved() == *proved);
        shown.unwrap_or_else(|| panic!("nothing that anybody showed: {proved:?}"))
    }
}

/// All that is kept of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is there or not, whatever the others are")]
pub struct Store {
    pub record: Record,
    pub is_ended: bool,
    /// Its time is over.
    pub is_over: bool,
    /// Which of its tokens have a `refresh:` key.
    pub keys: Generations,
    /// Whether it is in the index of its user, and in that of its app.
    pub indexes: [bool; 2],
    /// `blacklist:session:` is there.
    pub is_refused: bool,
    /// Its refreshes take a proof by [`KEY`].
    pub is_bound: bool,
    pub shown: Shown,
}

impl Store {
    /// Just signed in.
    pub fn signed_in() -> Self {
        Self {
            record: Record::of(&Progress::first(timestamp(0))),
            is_ended: false,
            is_over: false,
            keys: Generations::of(0),
            indexes: [true; 2],
            is_refused: false,
            is_bound: false,
            shown: Shown::NONE,
        }
    }

    /// The same, as far as it is kept: nobody asks how far the tokens of one that has ended had come, or who it was.
    pub fn is(&self, other: &Self) -> bool {
        let Self { record, is_bound, shown, .. } = if self.is_ended { *other } else { *self };
        Self { record, is_bound, shown, ..*self } == *other
    }

    /// Nothing depends on the time any more.
    pub const fn is_done(&self) -> bool {
        self.is_ended || self.is_over
    }

    pub fn age(&mut self, passing: Passing) {
        if !self.is_done() {
            self.record.age(passing);
        }
    }
}

/// A command that follows the one on the record, on a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Write {
    /// Refuses the session's access tokens. Nothing else is done before that.
    Refusal,
    /// The keys of the current token and its parent.
    Current,
    Parent,
    /// Deletes the key of that generation.
    Gone(u8),
    /// Enters the session in an index, or takes it out.
    Index(u8),
}

impl Write {
    const FIRST: [Self; 3] = [Self::Refusal, Self::Current, Self::Parent];
    const LAST: [Self; 2] = [Self::Index(0), Self::Index(1)];

    const fn bit(self) -> u8 {
        match self {
            Self::Refusal => 1,
            Self::Current => 2,
            Self::Parent => 4,
            Self::Gone(_) => 0,
            Self::Index(number) => 8 << number,
        }
    }
}

/// What is still to be written before a request is answered, and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rest {
    writes: u8,
    gone: Generations,
    pub outcome: Outcome,
}

impl Rest {
    pub const fn nothing(outcome: Outcome) -> Self {
        Self { writes: 0, gone: Generations(0), outcome }
    }

    pub fn of(writes: &[Write], gone: Generations, outcome: Outcome) -> Self {
        Self { writes: writes.iter().map(|write| write.bit()).sum(), gone, outcome }
    }

    pub const fn is_done(self) -> bool {
        self.writes == 0 && self.gone.0 == 0
    }

    /// What may be written next. But for the refusal they are sent side by side.
    pub fn next(self, in_any_order: bool) -> impl Iterator<Item = Write> {
        let is_left = move |write: &Write| self.writes & write.bit() != 0;
        let gone = self.gone.each().map(Write::Gone);
        let first = Write::FIRST.into_iter().filter(is_left);
        let left = first.chain(gone).chain(Write::LAST.into_iter().filter(is_left));
        let is_refused = !is_left(&Write::Refusal);
        left.take(if in_any_order && is_refused { usize::MAX } else { 1 })
    }

    pub fn write(&mut self, store: &mut Store, write: Write) {
        self.writes &= !write.bit();
        let (current, is_granted) = match self.outcome {
            Outcome::Granted(generation) => (generation, true),
            _ => (0, false),
        };
        match write {
            Write::Refusal => store.is_refused = true,
            Write::Current => store.keys = store.keys.and(Generations::of(current)),
            Write::Parent => store.keys = store.keys.and(Generations::before(current)),
            Write::Gone(generation) => {
                self.gone = self.gone.without(Generations::of(generation));
                store.keys = store.keys.without(Generations::of(generation));
            }
            Write::Index(number) => store.indexes[usize::from(number)] = is_granted,
        }
    }
}
