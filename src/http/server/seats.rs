//! The seats of a listener: so many connections at once, and one peer has no more than a share of
//! them. Before the last one is taken, those who have waited longest without a request are shown out:
//! silence keeps nobody else from coming in.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ipnet::IpNet;
use metrics::Gauge;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    http::wire::proxies::TrustedProxies,
    measures::table::{CONNECTIONS, CONNECTIONS_CUT, CONNECTIONS_MAX},
};

/// One part in so many is kept free, and is what is freed at once where it no longer is.
const PART: usize = 8;
/// How long a newcomer waits for somebody who has been told to go. Nobody needs as long.
const LEAVING: Duration = Duration::from_secs(1);
/// Connections begin to wait one after the other, whatever the clock says.
static TURNS: AtomicU64 = AtomicU64::new(0);

/// How many connections a listener takes.
#[derive(Debug, Clone)]
pub struct Room {
    /// Which listener it is, in the metrics.
    pub listener: &'static str,
    pub total: usize,
    /// Of one peer; `None` = as many as there are.
    pub of_peer: Option<usize>,
    /// Peers that speak for many, so that no share holds for them.
    pub proxies: TrustedProxies,
}

/// The connections of one listener.
#[derive(Debug)]
pub struct Seats {
    room: Room,
    open: Gauge,
    table: Mutex<Table>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Table {
    seats: HashMap<u64, Arc<Seat>>,
    leaving: usize,
    peers: HashMap<IpNet, OfPeer>,
    next: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct OfPeer {
    seats: usize,
    leaving: usize,
}

/// One connection, as far as it matters who waits.
#[derive(Debug)]
pub struct Seat {
    peer: IpNet,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    requests: usize,
    has_spoken: bool,
    waiting_since: u64,
    /// Gone once the connection has been told to go.
    cut: Option<oneshot::Sender<()>>,
}

/// A seat that is taken until this is dropped.
#[derive(Debug)]
pub struct Taken {
    pub seat: Arc<Seat>,
    number: u64,
    seats: Arc<Seats>,
}

/// There is no seat; whether one is being left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Full {
    is_being_left: bool,
}

/// A request under way: its connection is not shown out.
#[derive(Debug)]
pub struct Busy(Arc<Seat>);

impl Seats {
    pub fn of(room: Room) -> Arc<Self> {
        let labels = [room.listener];
        CONNECTIONS_MAX.gauge(&labels).set(u32::try_from(room.total).unwrap_or(u32::MAX));
        let open = CONNECTIONS.gauge(&labels);
        open.set(0.0);
        Arc::new(Self { room, open, table: Mutex::default(), left: Notify::new() })
    }

    /// A seat, and what tells its connection to go; `None` where all that are taken are in use. One
    /// newcomer is led to a seat at a time: the others wait in the system's queue.
    pub async fn lead(self: &Arc<Self>, peer: IpAddr) -> Option<(Taken, oneshot::Receiver<()>)> {
        let until = Instant::now() + LEAVING;
        loop {
            match self.take(peer) {
                Ok(seat) => return Some(seat),
                Err(Full { is_being_left: true }) => timeout_at(until, self.left.notified()).await.ok()?,
                Err(Full { is_being_left: false }) => return None,
            }
        }
    }

    fn take(self: &Arc<Self>, peer: IpAddr) -> Result<(Taken, oneshot::Receiver<()>), Full> {
        let peer = peer.to_canonical();
        let (network, share) = (network(peer), self.share(peer));
        let mut table = lock(&self.table);
        if let Some(share) = share {
            let of_peer = table.of_peer(network);
            if is_nearly_full(of_peer.seats - of_peer.leaving, share) {
                table.show_out(share / PART, |seat| seat.peer == network);
            }
            if of_peer.seats >= share {
                return Err(Full { is_being_left: table.of_peer(network).leaving > 0 });
            }
        }
        let total = self.room.total;
        if is_nearly_full(table.seats.len() - table.leaving, total) {
            table.show_out(total / PART, |_| true);
        }
        if table.seats.len() >= total {
            return Err(Full { is_being_left: table.leaving > 0 });
        }
        let (cut, told) = oneshot::channel();
        let (seat, number) = table.seat(network, cut);
        self.open.increment(1.0);
        Ok((Taken { seat, number, seats: Arc::clone(self) }, told))
    }

    fn share(&self, peer: IpAddr) -> Option<usize> {
        self.room.of_peer.filter(|_| !self.room.proxies.now().iter().any(|proxy| proxy.contains(&peer)))
    }
}

impl Table {
    fn of_peer(&self, peer: IpNet) -> OfPeer {
        self.peers.get(&peer).copied().unwrap_or_default()
    }

    fn seat(&mut self, peer: IpNet, cut: oneshot::Sender<()>) -> (Arc<Seat>, u64) {
        let state = State { requests: 0, has_spoken: false, waiting_since: turn(), cut: Some(cut) };
        let seat = Arc::new(Seat { peer, state: Mutex::new(state) });
        let number = self.next;
        self.next += 1;
        self.seats.insert(number, Arc::clone(&seat));
        self.peers.entry(peer).or_default().seats += 1;
        (seat, number)
    }

    /// Tells that many to go, of those that wait: first who never asked anything, then by how long.
    fn show_out(&mut self, count: usize, are: impl Fn(&Seat) -> bool) {
        let all = self.seats.values().filter(|seat| are(seat));
        let mut waiting: Vec<_> = all.filter_map(|seat| Some((seat.waits()?, seat))).collect();
        let count = count.clamp(1, waiting.len().max(1)).min(waiting.len());
        if count < waiting.len() {
            waiting.select_nth_unstable_by_key(count, |(waits, _)| *waits);
        }
        for (_, seat) in &waiting[..count] {
            if seat.cut() {
                CONNECTIONS_CUT.count(&[]);
                self.leaving += 1;
                self.peers.entry(seat.peer).or_default().leaving += 1;
            }
        }
    }

    fn free(&mut self, number: u64) {
        let Some(seat) = self.seats.remove(&number) else { return };
        let left = usize::from(lock(&seat.state).cut.is_none());
        self.leaving -= left;
        if let Some(of_peer) = self.peers.get_mut(&seat.peer) {
            of_peer.seats -= 1;
            of_peer.leaving -= left;
            if of_peer.seats == 0 {
                self.peers.remove(&seat.peer);
            }
        }
    }
}

impl Seat {
    /// A request has come; `None` where the connection has been told to go.
    pub fn begin(self: &Arc<Self>) -> Option<Busy> {
        let mut state = lock(&self.state);
        state.cut.is_some().then(|| {
            state.requests += 1;
            state.has_spoken = true;
            Busy(Arc::clone(self))
        })
    }

    pub fn has_spoken(&self) -> bool {
        lock(&self.state).has_spoken
    }

    /// Whether it has spoken and since when it waits, if it does.
    fn waits(&self) -> Option<(bool, u64)> {
        let state = lock(&self.state);
        (state.requests == 0 && state.cut.is_some()).then_some((state.has_spoken, state.waiting_since))
    }

    /// Tells it to go, unless a request has come or it has been told; whether it does go.
    fn cut(&self) -> bool {
        let mut state = lock(&self.state);
        state.requests == 0 && state.cut.take().map(|cut| cut.send(())).is_some()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.requests -= 1;
        state.waiting_since = turn();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        lock(&self.seats.table).free(self.number);
        self.seats.left.notify_one();
        self.seats.open.decrement(1.0);
    }
}

/// A peer as it is counted: IPv4 alone, IPv6 by its /64, which one customer has all of.
fn network(peer: IpAddr) -> IpNet {
    let net = IpNet::from(peer);
    if peer.is_ipv6() { IpNet::new(peer, 64).map_or(net, |net| net.trunc()) } else { net }
}

const fn is_nearly_full(taken: usize, of: usize) -> bool {
    taken + of / PART >= of
}

fn turn() -> u64 {
    TURNS.fetch_add(1, Ordering::Relaxed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    fn seats(total: usize, of_peer: usize, proxy: &str) -> Arc<Seats> {
        let proxies = TrustedProxies::of(vec![proxy.parse().expect("a net")]);
        Seats::of(Room { listener: "public", total, of_peer: Some(of_peer), proxies })
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn who_never_asked_goes_first_then_who_waits_longest_and_never_who_is_served() {
        let seats = seats(8, 8, "10.0.0.0/8");
        let mut come = |last| seats.take(peer(last)).expect("a seat");
        let (served, spoken, silent) = (come(1), come(2), come(3));
        let _busy = served.0.seat.begin().expect("let in");
        drop(spoken.0.seat.begin());
        let (mut told, later) = ([served.1, spoken.1, silent.1], [4, 5, 6, 7].map(&mut come));
        let gone = |told: &mut oneshot::Receiver<()>| told.try_recv().is_ok();
        assert!(told.iter_mut().all(|told| !gone(told)), "there is room");
        let _eighth = come(8);
        assert_eq!(told.each_mut().map(gone), [false, false, true], "the silent one");
        drop(later);
        assert!(silent.0.seat.begin().is_none(), "no request of one that was told to go");
    }

    #[test]
    fn a_peer_has_its_share_and_a_proxy_all() {
        let seats = seats(64, 8, "10.0.0.0/8");
        let take = |peer: IpAddr| {
            seats.take(peer).ok().map(|(taken, told)| (taken.seat.begin().expect("let in"), taken, told))
        };
        let busy: Vec<_> = (0..20).filter_map(|_| take(peer(1))).collect();
        assert_eq!(busy.len(), 8, "one peer");
        let mapped: Vec<_> = (0..20).filter_map(|_| take("::ffff:192.0.2.1".parse().expect("one"))).collect();
        assert!(mapped.is_empty(), "the same peer");
        let proxied: Vec<_> = (0..100).filter_map(|_| take(IpAddr::from([10, 0, 0, 1]))).collect();
        assert_eq!(proxied.len(), 56, "all there are");
        drop((busy, proxied));
        assert!(lock(&seats.table).seats.is_empty() && lock(&seats.table).peers.is_empty());
        assert_eq!(lock(&seats.table).leaving, 0);
    }

    #[tokio::test]
    async fn a_newcomer_waits_for_who_was_told_to_go_and_for_nobody_else() {
        let seats = seats(2, 2, "10.0.0.0/8");
        let come = |last| seats.lead(peer(last));
        let (first, second) = (come(1).await.expect("a seat"), come(2).await.expect("a seat"));
        let busy = second.0.seat.begin().expect("let in");
        let mut third = pin!(come(3));
        assert!(third.as_mut().now_or_never().is_none(), "the first one was told to go, and has not left");
        drop(first);
        let third = third.await.expect("its seat");
        let _busy = (busy, third.0.seat.begin().expect("let in"));
        assert!(come(4).await.is_none(), "both are in use");
    }

    #[test]
    fn addresses_of_one_customer_are_one_peer() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
