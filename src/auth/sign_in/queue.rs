//! Who is hashed next: a bounded line in which the places of one account, or of one address, are far
//! apart. Whoever comes alone goes ahead of whoever holds many places, and where there is no room the
//! last place goes. Knows nothing of threads or time.

use std::collections::{BTreeMap, HashMap};

/// How far apart the places of one holder are: while others wait, one holder has one turn in so many.
const APART: u64 = 8;

/// On whose behalf somebody waits; by default, whoever runs the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    account: Option<Holder>,
    network: Option<Holder>,
}

/// What holds places.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
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
            account: Some(Holder::Account(account.to_owned())),
            network: Some(Holder::Network(network.to_owned())),
        }
    }

    fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.account.iter().chain(&self.network)
    }
}

/// How much of it there is.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Turns at once.
    pub threads: usize,
    /// Places to wait in.
    pub places: usize,
    /// Turns of one account at once.
    pub of_one_account: usize,
}

/// Where somebody waits: by turn, then by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    turn: u64,
    arrival: u64,
}

/// The line. A ticket is how somebody is called; one that is dropped tells them that there is no room.
#[derive(Debug)]
pub struct Line<T> {
    room: Room,
    waiting: BTreeMap<Place, (Party, T)>,
    held: HashMap<Holder, Held>,
    running: usize,
    begun: u64,
    arrived: u64,
}

#[derive(Debug, Default)]
struct Held {
    /// Waiting or running.
    in_all: u64,
    running: usize,
}

impl<T> Line<T> {
    pub fn new(room: Room) -> Self {
        let (waiting, held) = (BTreeMap::new(), HashMap::new());
        Self { room, waiting, held, running: 0, begun: 0, arrived: 0 }
    }

    /// Takes a place: the further back, the more of them the party's account and address hold.
    pub fn enter(&mut self, party: Party, ticket: T) -> Place {
        let ahead: u64 =
            party.holders().filter_map(|holder| self.held.get(holder)).map(|held| held.in_all).sum();
        let place = Place { turn: self.begun + ahead * APART, arrival: self.arrived };
        self.arrived += 1;
        for holder in party.holders() {
            self.held.entry(holder.clone()).or_default().in_all += 1;
        }
        self.waiting.insert(place, (party, ticket));
        place
    }

    /// Those whose turn has come. Whoever is then too many loses the last place.
    pub fn call(&mut self) -> Vec<(Party, T)> {
        let mut called = Vec::new();
        while self.running < self.room.threads
            && let Some(place) = self.next()
            && let Some((party, ticket)) = self.waiting.remove(&place)
        {
            self.running += 1;
            self.begun += 1;
            for holder in party.holders() {
                self.held.entry(holder.clone()).or_default().running += 1;
            }
            called.push((party, ticket));
        }
        while self.waiting.len() > self.room.places {
            if let Some((_, (party, _))) = self.waiting.pop_last() {
                self.give_up(&party);
            }
        }
        called
    }

    /// Whoever was called is done.
    pub fn leave(&mut self, party: &Party) {
        self.running = self.running.saturating_sub(1);
        for holder in party.holders() {
            if let Some(held) = self.held.get_mut(holder) {
                held.running = held.running.saturating_sub(1);
            }
        }
        self.give_up(party);
    }

    /// Whoever waited does so no longer; nothing where the turn had come.
    pub fn abandon(&mut self, place: Place) {
        if let Some((party, _)) = self.waiting.remove(&place) {
            self.give_up(&party);
        }
    }

    fn next(&self) -> Option<Place> {
        let may_run = |party: &Party| {
            let held = party.account.as_ref().and_then(|account| self.held.get(account));
            held.is_none_or(|held| held.running < self.room.of_one_account)
        };
        self.waiting.iter().find(|(_, (party, _))| may_run(party)).map(|(place, _)| *place)
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

    const ROOM: Room = Room { threads: 2, places: 64, of_one_account: 4 };

    /// A line in which everybody has a number, and who of them is told that there is no room.
    struct Hall {
        line: Line<usize>,
        numbers: usize,
    }

    impl Hall {
        fn new(room: Room) -> Self {
            Self { line: Line::new(room), numbers: 0 }
        }

        /// The number that was given, and who is called.
        fn enter(&mut self, account: &str, network: &str) -> (usize, Vec<(Party, usize)>) {
            self.numbers += 1;
            self.line.enter(Party::of(account, network), self.numbers);
            (self.numbers, self.line.call())
        }

        fn waits(&self, number: usize) -> bool {
            self.line.waiting.values().any(|(_, ticket)| *ticket == number)
        }

        /// Everybody who waits, in the order in which they are called, given that one runs.
        fn order(mut self, mut running: Vec<Party>) -> Vec<usize> {
            let mut order = Vec::new();
            while let Some(party) = running.pop() {
                self.line.leave(&party);
                for (party, number) in self.line.call() {
                    order.push(number);
                    running.push(party);
                }
            }
            assert!(self.line.held.is_empty(), "{:?}", self.line.held);
            order
        }
    }

    fn flooded() -> (Hall, Vec<Party>) {
        let mut hall = Hall::new(ROOM);
        let called = (0..100).flat_map(|_| hall.enter("mallory", "192.0.2.66").1);
        let running = called.map(|(party, _)| party).collect();
        (hall, running)
    }

    #[test]
    fn a_lone_burst_fills_the_whole_line() {
        let (hall, running) = flooded();
        assert_eq!((running.len(), hall.line.waiting.len()), (2, 64));
        assert_eq!(hall.order(running).len(), 64, "and each of them has its turn");
    }

    #[test]
    fn whoever_comes_alone_goes_ahead_of_a_flood_and_the_flood_gives_way() {
        let (mut hall, running) = flooded();
        let (alice, _) = hall.enter("alice", "192.0.2.1");
        assert!(hall.waits(alice) && hall.line.waiting.len() == 64);
        assert_eq!(hall.order(running)[0], alice);
    }

    #[test]
    fn another_account_behind_the_address_of_a_flood_gets_in_too() {
        let (mut hall, running) = flooded();
        let others: Vec<usize> =
            (0..30).map(|user| hall.enter(&format!("user{user}"), "192.0.2.66").0).collect();
        assert!(others.iter().all(|other| hall.waits(*other)), "{others:?}");
        assert_eq!(hall.order(running).len(), 64);
    }

    #[test]
    fn an_account_that_is_tried_from_everywhere_keeps_nobody_else_out() {
        let mut hall = Hall::new(ROOM);
        let mut running = Vec::new();
        for address in 0..100 {
            running.extend(hall.enter("mallory", &format!("10.0.0.{address}")).1);
        }
        let (alice, _) = hall.enter("alice", "192.0.2.1");
        assert!(hall.waits(alice));
        assert_eq!(hall.order(running.into_iter().map(|(party, _)| party).collect())[0], alice);
    }

    #[test]
    fn while_others_wait_a_flood_holds_no_more_than_a_small_share() {
        let (mut hall, mut running) = flooded();
        for user in 0..2_000 {
            let (_, called) =
                hall.enter(&format!("user{user}"), &format!("10.0.{}.{}", user / 250, user % 250));
            running.extend(called.into_iter().map(|(party, _)| party));
            hall.enter("mallory", "192.0.2.66");
            let done = running.remove(0);
            hall.line.leave(&done);
            running.extend(hall.line.call().into_iter().map(|(party, _)| party));
        }
        let mallory = Party::of("mallory", "192.0.2.66");
        let held = hall.line.waiting.values().filter(|(party, _)| *party == mallory).count();
        assert!(held <= 8, "{held} of {}", hall.line.waiting.len());
    }

    #[test]
    fn of_one_account_only_so_many_run_at_once_and_the_others_go_by() {
        let mut hall = Hall::new(Room { threads: 8, ..ROOM });
        let called: usize = (0..8).map(|_| hall.enter("mallory", "192.0.2.66").1.len()).sum();
        assert_eq!(called, 4);
        assert_eq!(hall.enter("alice", "192.0.2.1").1.len(), 1);
    }

    #[test]
    fn a_place_that_is_given_up_is_free() {
        let mut hall = Hall::new(Room { threads: 1, places: 1, of_one_account: 1 });
        hall.enter("alice", "192.0.2.1");
        let place = hall.line.enter(Party::default(), 2);
        hall.line.abandon(place);
        hall.line.abandon(place);
        let (bob, _) = hall.enter("bob", "192.0.2.2");
        assert!(hall.waits(bob));
    }
}
