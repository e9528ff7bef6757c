//! Chance that can be repeated: everybody draws from a row of numbers of their own, made from the seed of the run.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::Duration,
};

/// A row of numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

/// A seed that no run had before.
pub fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}

impl Chance {
    /// The row of one of those who take part.
    pub fn of(seed: u64, who: u64) -> Self {
        let mut chance = Self(seed ^ who.wrapping_mul(0xd1b5_4a32_d192_ed03));
        chance.draw();
        chance
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A row of its own, for something that runs beside.
    pub fn fork(&mut self) -> Self {
        Self(self.draw())
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % end as u64).expect("it is below a usize")
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, times: u64) -> bool {
        self.draw() % 100 < times
    }

    /// A span, in milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.draw() % (to - from + 1))
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
