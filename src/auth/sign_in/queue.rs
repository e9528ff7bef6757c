//! Who gets the next permit: a bounded queue that is fair to accounts and to addresses (start-time fair
//! queueing). What one of them asks for is spread out, so that whoever comes alone goes ahead of whoever asks for
//! much; where the queue is full, the last one is refused. Knows nothing of threads or time.

use std::collections::{BTreeMap, HashMap};

/// How far apart the places of one holder are: while others wait, one holder gets one permit in so many.
const APART: u64 = 8;

/// On whose behalf somebody waits; by default, whoever runs the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    account: Option<Claimant>,
    network: Option<Claimant>,
}

/// What permits and places are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Claimant {
    /// An account, by the key of its name; whether there is one is not known yet.
    Account(String),
    /// A client's address, as it is counted.
    Network(String),
}

impl Party {
    /// Somebody who asks for an account from an address.
    #[must_use]
    pub fn of(account: &str, network: &str) -> Self {
        Self {
            account: Some(Claimant::Account(account.to_owned())),
            network: Some(Claimant::Network(network.to_owned())),
        }
    }

    fn holders(&self) -> impl Iterator<Item = &Claimant> {
        self.account.iter().chain(&self.network)
    }
}

/// How many are let in.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Permits at once.
    pub permits: usize,
    /// Those who may wait for one.
    pub waiting: usize,
    /// Permits of one account at once.
    pub per_account: usize,
}

/// How busy it is.
#[derive(Debug, Clone, Copy)]
pub struct QueueLoad {
    pub waiting: usize,
    /// How many may wait.
    pub places: usize,
    /// Permits that are out.
    pub permits: usize,
}

/// A place in the queue. The least comes first: by the count of permits at which its turn is due, and among those
/// due at once by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    due: u64,
    arrival: u64,
}

/// The queue. A ticket is how somebody gets a permit; one that is dropped tells them that they get none.
#[derive(Debug)]
pub struct HashQueue<T> {
    capacity: Capacity,
    waiting: BTreeMap<Place, (Party, T)>,
    held: HashMap<Claimant, Held>,
    /// Permits that are out.
    out: usize,
    /// Permits given since the start.
    granted: u64,
    arrived: u64,
}

#[derive(Debug, Default)]
struct Held {
    /// Permits, and places in the queue.
    in_all: u64,
    permits: usize,
}

impl<T> HashQueue<T> {
    pub fn new(capacity: Capacity) -> Self {
        let (waiting, held) = (BTreeMap::new(), HashMap::new());
        Self { capacity, waiting, held, out: 0, granted: 0, arrived: 0 }
    }

    /// Lets in another number: [`HashQueue::grant`] makes the queue as long as it may be.
    pub const fn resize(&mut self, capacity: Capacity) {
        self.capacity = capacity;
    }

    /// Takes a place: the further back, the more the party's account and address hold already. Where the queue is
    /// too long by that, [`HashQueue::grant`] shortens it.
    pub fn enter(&mut self, party: Party, ticket: T) -> Place {
        let ahead: u64 =
            party.holders().filter_map(|holder| self.held.get(holder)).map(|held| held.in_all).sum();
        let position = Place { due: self.granted + ahead * APART, arrival: self.arrived };
        self.arrived += 1;
        for holder in party.holders() {
            self.held.entry(holder.clone()).or_default().in_all += 1;
        }
        self.waiting.insert(position, (party, ticket));
        position
    }

    /// Those who get a permit now. Whoever is then too many loses the last place.
    pub fn grant(&mut self) -> Vec<(Party, T)> {
        let mut granted = Vec::new();
        while self.out < self.capacity.permits
            && let Some(position) = self.next()
            && let Some((party, ticket)) = self.waiting.remove(&position)
        {
            self.out += 1;
            self.granted += 1;
            for holder in party.holders() {
                self.held.entry(holder.clone()).or_default().permits += 1;
            }
            granted.push((party, ticket));
        }
        // Only now, so that an empty queue without places still hands out the permits that are free.
        while self.waiting.len() > self.capacity.waiting {
            if let Some((_, (party, _))) = self.waiting.pop_last() {
                self.give_up(&party);
            }
        }
        granted
    }

    /// A permit comes back.
    pub fn release(&mut self, party: &Party) {
        self.out = self.out.saturating_sub(1);
        for holder in party.holders() {
            if let Some(held) = self.held.get_mut(holder) {
                held.permits = held.permits.saturating_sub(1);
            }
        }
        self.give_up(party);
    }

    /// Whoever waited does so no longer; changes nothing where they got their permit.
    pub fn abandon(&mut self, position: Place) {
        if let Some((party, _)) = self.waiting.remove(&position) {
            self.give_up(&party);
        }
    }

    #[must_use]
    pub fn load(&self) -> QueueLoad {
        QueueLoad { waiting: self.waiting.len(), places: self.capacity.waiting, permits: self.out }
    }

    /// The first one whose account has not as many permits as it may have: the others go by.
    fn next(&self) -> Option<Place> {
        let may_have = |party: &Party| {
            let held = party.account.as_ref().and_then(|account| self.held.get(account));
            held.is_none_or(|held| held.permits < self.capacity.per_account)
        };
        self.waiting.iter().find(|(_, (party, _))| may_have(party)).map(|(position, _)| *position)
    }

    fn give_up(&mut self, party: &Party) {
        for holder in party.holders() {
            if let Some(held) = self.held.get_mut(holder) {
                held.in_all = held.in_all.saturating_sub(1);
                if held.in_all == 0 {
                    self.held.remove(holder);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: Capacity = Capacity { permits: 2, waiting: 64, per_account: 4 };

    /// A queue in which everybody has a number.
    struct Numbered {
        queue: HashQueue<usize>,
        numbers: usize,
    }

    impl Numbered {
        fn new(capacity: Capacity) -> Self {
            Self { queue: HashQueue::new(capacity), numbers: 0 }
        }

        /// The number that was given, and who gets a permit.
        fn enter(&mut self, account: &str, network: &str) -> (usize, Vec<(Party, usize)>) {
            self.numbers += 1;
            self.queue.enter(Party::of(account, network), self.numbers);
            (self.numbers, self.queue.grant())
        }

        fn waits(&self, number: usize) -> bool {
            self.queue.waiting.values().any(|(_, ticket)| *ticket == number)
        }

        /// Everybody who waits, in the order in which they get a permit.
        fn order(mut self, mut out: Vec<Party>) -> Vec<usize> {
            let mut order = Vec::new();
            while let Some(party) = out.pop() {
                self.queue.release(&party);
                for (party, number) in self.queue.grant() {
                    order.push(number);
                    out.push(party);
                }
            }
            assert!(self.queue.held.is_empty(), "{:?}", self.queue.held);
            order
        }
    }

    fn flooded() -> (Numbered, Vec<Party>) {
        let mut queue = Numbered::new(CAPACITY);
        let granted = (0..100).flat_map(|_| queue.enter("mallory", "192.0.2.66").1);
        let out = granted.map(|(party, _)| party).collect();
        (queue, out)
    }

    #[test]
    fn a_lone_burst_fills_the_whole_queue() {
        let (queue, out) = flooded();
        assert_eq!((out.len(), queue.queue.waiting.len()), (2, 64));
        assert_eq!(queue.order(out).len(), 64, "and each of them gets a permit");
    }

    #[test]
    fn whoever_comes_alone_goes_ahead_of_a_flood_and_the_flood_gives_way() {
        let (mut queue, out) = flooded();
        let (alice, _) = queue.enter("alice", "192.0.2.1");
        assert!(queue.waits(alice) && queue.queue.waiting.len() == 64);
        assert_eq!(queue.order(out)[0], alice);
    }

    #[test]
    fn another_account_behind_the_address_of_a_flood_gets_in_too() {
        let (mut queue, out) = flooded();
        let others: Vec<usize> =
            (0..30).map(|user| queue.enter(&format!("user{user}"), "192.0.2.66").0).collect();
        assert!(others.iter().all(|other| queue.waits(*other)), "{others:?}");
        assert_eq!(queue.order(out).len(), 64);
    }

    #[test]
    fn an_account_that_is_tried_from_everywhere_keeps_nobody_else_out() {
        let mut queue = Numbered::new(CAPACITY);
        let mut out = Vec::new();
        for address in 0..100 {
            out.extend(queue.enter("mallory", &format!("10.0.0.{address}")).1);
        }
        let (alice, _) = queue.enter("alice", "192.0.2.1");
        assert!(queue.waits(alice));
        assert_eq!(queue.order(out.into_iter().map(|(party, _)| party).collect())[0], alice);
    }

    #[test]
    fn while_others_wait_a_flood_holds_no_more_than_a_small_share() {
        let (mut queue, mut out) = flooded();
        for user in 0..2_000 {
            let (_, granted) =
                queue.enter(&format!("user{user}"), &format!("10.0.{}.{}", user / 250, user % 250));
            out.extend(granted.into_iter().map(|(party, _)| party));
            queue.enter("mallory", "192.0.2.66");
            let done = out.remove(0);
            queue.queue.release(&done);
            out.extend(queue.queue.grant().into_iter().map(|(party, _)| party));
        }
        let mallory = Party::of("mallory", "192.0.2.66");
        let held = queue.queue.waiting.values().filter(|(party, _)| *party == mallory).count();
        assert!(held <= 8, "{held} of {}", queue.queue.waiting.len());
    }

    #[test]
    fn one_account_has_only_so_many_permits_and_the_others_go_by() {
        let mut queue = Numbered::new(Capacity { permits: 8, ..CAPACITY });
        let granted: usize = (0..8).map(|_| queue.enter("mallory", "192.0.2.66").1.len()).sum();
        assert_eq!(granted, 4);
        assert_eq!(queue.enter("alice", "192.0.2.1").1.len(), 1);
    }

    #[test]
    fn a_place_that_is_given_up_is_free() {
        let mut queue = Numbered::new(Capacity { permits: 1, waiting: 1, per_account: 1 });
        queue.enter("alice", "192.0.2.1");
        let position = queue.queue.enter(Party::default(), 2);
        queue.queue.abandon(position);
        queue.queue.abandon(position);
        let (bob, _) = queue.enter("bob", "192.0.2.2");
        assert!(queue.waits(bob));
    }
}
