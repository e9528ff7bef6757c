//! Fixed windows in a map that is divided, so that cores do not wait for each other, and bounded,
//! so that a flood of names does not fill the memory.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{domain::clock::Timestamp, store::counters::Count};

/// A power of two; far more than cores, so that two rarely meet.
const SHARDS: usize = 64;
/// Below this a shard does not trouble to look for windows that are over.
const SMALL: usize = 64;

#[derive(Clone, Copy)]
struct Window {
    value: u64,
    ends_at: Timestamp,
}

/// Windows by key.
///
/// When a shard is full of windows that are not over, a quarter gives way: those with the lowest
/// count, and among equals those that end soonest. A flood of made-up keys counts one for each, so
/// it displaces itself, and not the count that is about to stop somebody.
pub(super) struct Windows<K> {
    shards: Vec<Mutex<Shard<K>>>,
    hasher: RandomState,
    capacity: usize,
}

struct Shard<K> {
    windows: HashMap<K, Window>,
    /// How many windows there may be before those that are over are dropped.
    tidy_at: usize,
}

impl<K: Clone + Eq + Hash> Windows<K> {
    /// Room for about `capacity` windows at once.
    pub(super) fn holding(capacity: usize) -> Self {
        let shard = || Mutex::new(Shard { windows: HashMap::new(), tidy_at: SMALL });
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            hasher: RandomState::new(),
            capacity: (capacity / SHARDS).max(1),
        }
    }

    pub(super) fn add(&self, key: &K, window: Duration, now: Timestamp) -> Count {
        let mut shard = self.shard(key);
        if let Some(open) = shard.windows.get_mut(key) {
            if open.ends_at <= now {
                *open = Window { value: 0, ends_at: now + window };
            }
            open.value += 1;
            return open.count(now);
        }
        shard.make_room(self.capacity, now);
        let first = Window { value: 1, ends_at: now + window };
        shard.windows.insert(key.clone(), first);
        first.count(now)
    }

    pub(super) fn read(&self, key: &K, now: Timestamp) -> Count {
        self.shard(key).windows.get(key).map(|window| window.count(now)).unwrap_or_default()
    }

    pub(super) fn take_back(&self, key: &K, now: Timestamp) {
        let mut shard = self.shard(key);
        if let Some(open) = shard.windows.get_mut(key).filter(|open| open.ends_at > now) {
            open.value -= 1;
            if open.value == 0 {
                shard.windows.remove(key);
            }
        }
    }

    pub(super) fn clear(&self, key: &K) {
        self.shard(key).windows.remove(key);
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K>> {
        // The low bits; the map within the shard has a hasher of its own and is not skewed by it.
        let hash = usize::try_from(self.hasher.hash_one(key) & (SHARDS as u64 - 1)).unwrap_or(0);
        self.shards[hash].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn count(&self, now: Timestamp) -> Count {
        if self.ends_at <= now {
            return Count::default();
        }
        Count { value: self.value, resets_in: now.until(self.ends_at) }
    }
}

impl<K: Clone + Eq + Hash> Shard<K> {
    /// Sees to it that one more fits. Its cost is shared by the many additions between two tidyings.
    fn make_room(&mut self, capacity: usize, now: Timestamp) {
        if self.windows.len() < self.tidy_at.min(capacity) {
            return;
        }
        self.windows.retain(|_, window| window.ends_at > now);
        if self.windows.len() >= capacity {
            self.displace(capacity);
        }
        self.tidy_at = (self.windows.len() * 2).max(SMALL);
        self.windows.shrink_to(self.tidy_at.min(capacity));
    }

    /// Drops a quarter of `capacity`, and whatever is beyond it.
    fn displace(&mut self, capacity: usize) {
        let surplus = self.windows.len() - (capacity - capacity.div_ceil(4));
        let mut order: Vec<_> = self.windows.values().map(|window| (window.value, window.ends_at)).collect();
        let (_, &mut last, _) = order.select_nth_unstable(surplus - 1);
        // Of those that are equal to the last one to go, only as many as needed.
        let mut equals = surplus - order.iter().filter(|one| **one < last).count();
        self.windows.retain(|_, window| {
            let rank = (window.value, window.ends_at);
            if rank == last && equals > 0 {
                equals -= 1;
                return false;
            }
            rank >= last
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(0);
    const MINUTE: Duration = Duration::from_mins(1);

    fn held<K>(windows: &Windows<K>) -> usize {
        windows.shards.iter().map(|shard| shard.lock().expect("whole").windows.len()).sum()
    }

    #[test]
    fn a_flood_of_keys_displaces_itself_and_not_the_count_that_is_to_stop_somebody() {
        let windows = Windows::holding(SHARDS * 100);
        for _ in 0..5 {
            windows.add(&u64::MAX, MINUTE, NOW);
        }
        for key in 0..100_000 {
            windows.add(&key, MINUTE, NOW + Duration::from_millis(key / 10));
        }
        assert!(held(&windows) <= SHARDS * 100, "{} windows", held(&windows));
        assert!(held(&windows) >= SHARDS * 50, "{} windows", held(&windows));
        assert_eq!(windows.read(&u64::MAX, NOW).value, 5);
    }

    #[test]
    fn windows_that_are_over_are_dropped_before_there_are_many() {
        let windows = Windows::holding(1 << 20);
        for key in 0..100_000_u64 {
            windows.add(&key, Duration::from_millis(1), NOW + Duration::from_millis(key));
        }
        assert!(held(&windows) <= SHARDS * SMALL, "{} windows", held(&windows));
    }
}
