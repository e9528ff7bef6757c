//! The latest changes of something, numbered, for those who keep a copy of it. Of bounded size: who
//! is further behind than it reaches must take the whole thing anew, and is never told less.

use std::{collections::VecDeque, fmt, str::FromStr};

use crate::domain::{ids::InvalidId, random};

/// Changes that are kept.
pub const KEPT: usize = 8192;

/// Up to where somebody has followed a log. It says which log too: one begins with each process, so
/// that what a node has counted means nothing to another, or to itself after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    log: u64,
    number: u64,
}

impl Position {
    /// One change further.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.log, self.number)
    }
}

impl FromStr for Position {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId("position");
        let (log, number) = text.split_once('-').ok_or(invalid)?;
        let log = u64::from_str_radix(log, 16).map_err(|_| invalid)?;
        Ok(Self { log, number: number.parse().map_err(|_| invalid)? })
    }
}

#[derive(Debug)]
pub struct ChangeLog<T> {
    end: Position,
    kept: VecDeque<T>,
}

impl<T> Default for ChangeLog<T> {
    fn default() -> Self {
        let end = Position { log: u64::from_be_bytes(random::bytes()), number: 0 };
        Self { end, kept: VecDeque::new() }
    }
}

impl<T: Copy> ChangeLog<T> {
    /// Writes a change down.
    pub fn push(&mut self, change: T) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(change);
        self.end = self.end.next();
    }

    /// Where it ends now.
    #[must_use]
    pub const fn end(&self) -> Position {
        self.end
    }

    /// How many changes came after a position; `None` = they are not all here.
    #[must_use]
    pub fn behind(&self, position: Position) -> Option<usize> {
        let behind = usize::try_from(self.end.number.checked_sub(position.number)?).ok()?;
        (position.log == self.end.log && behind <= self.kept.len()).then_some(behind)
    }

    /// The first changes after a position, at most `limit`; `None` = they are not all here.
    #[must_use]
    pub fn after(&self, position: Position, limit: usize) -> Option<Vec<T>> {
        let known = self.kept.len() - self.behind(position)?;
        Some(self.kept.iter().skip(known).take(limit).copied().collect())
    }
}
