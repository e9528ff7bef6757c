//! What the nodes of a Cluster say of each other (`CLUSTER NODES`), made one picture: which of them are
//! masters, and which of those has which slots.

use std::collections::{BTreeMap, BTreeSet};

use redis::{ConnectionAddr, ConnectionInfo};

use super::{slots, target::RedisTarget};

/// Who has the slots: the last one of each range leads to its first one, and to an address.
pub type Owners = BTreeMap<u16, (u16, String)>;

/// The masters at some moment, by address.
pub type Masters = BTreeMap<String, ConnectionInfo>;

/// What one or several nodes said.
pub struct Layout<'a> {
    nodes: Vec<NodeLine<'a>>,
}

impl<'a> Layout<'a> {
    pub fn read(views: &'a [String]) -> Self {
        Self { nodes: views.iter().flat_map(|view| view.lines()).filter_map(NodeLine::parse).collect() }
    }

    /// Every node that somebody calls master.
    pub fn masters(&self, target: &RedisTarget) -> Masters {
        self.nodes.iter().filter(|node| node.is_master).map(|node| node.place(target)).collect()
    }

    /// Those that nobody calls failed.
    pub fn living_masters(&self, target: &RedisTarget) -> Masters {
        let failed: BTreeSet<_> =
            self.nodes.iter().filter(|node| node.is_failed).map(|node| node.id).collect();
        let living = self.nodes.iter().filter(|node| node.is_master && !failed.contains(node.id));
        living.map(|node| node.place(target)).collect()
    }

    /// Whether a master is lost, and nobody in its place: what it has can be neither read nor written.
    pub fn lacks_a_master(&self, target: &RedisTarget) -> bool {
        let living = self.living_masters(target);
        self.owners(target).values().any(|(_, owner)| !living.contains_key(owner))
    }

    /// Who has which slots. Where two claim one, the newer configuration counts: an old master that was
    /// cut off claims what it had.
    pub fn owners(&self, target: &RedisTarget) -> Owners {
        let mut masters: Vec<_> = self.nodes.iter().filter(|node| node.is_master).collect();
        masters.sort_by_key(|node| node.epoch);
        let mut owners = vec![None; usize::from(slots::COUNT)];
        for node in masters {
            for &(first, last) in &node.slots {
                owners[usize::from(first)..=usize::from(last)].fill(Some(node.id));
            }
        }
        let places: BTreeMap<_, _> = self.nodes.iter().map(|node| (node.id, node.place(target).0)).collect();
        let mut ranges = Owners::new();
        for range in (0..slots::COUNT)
            .collect::<Vec<_>>()
            .chunk_by(|&a, &b| owners[usize::from(a)] == owners[usize::from(b)])
        {
            if let (&[first, ..], &[.., last]) = (range, range)
                && let Some(id) = owners[usize::from(first)]
            {
                ranges.insert(last, (first, places[id].clone()));
            }
        }
        ranges
    }
}

/// A line of `CLUSTER NODES`:
/// `<id> <ip>:<port>@<bus port>[,<host name>] <flags> <master> <ping> <pong> <epoch> <link> <slots>…`.
struct NodeLine<'a> {
    id: &'a str,
    ip: &'a str,
    port: u16,
    name: Option<&'a str>,
    is_master: bool,
    is_failed: bool,
    epoch: u64,
    slots: Vec<(u16, u16)>,
}

impl<'a> NodeLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split(' ');
        let (id, address, flags) = (words.next()?, words.next()?, words.next()?);
        let (address, rest) = address.split_once('@')?;
        let (ip, port) = address.rsplit_once(':')?;
        let name = rest.split(',').nth(1).filter(|name| !name.is_empty());
        let has = |flag: &str| flags.split(',').any(|f| f == flag);
        let is_master = has("master") && !has("handshake") && !has("noaddr");
        let epoch = words.nth(3).and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        let slots = words.skip(1).filter_map(range).collect();
        let port = port.parse().ok()?;
        Some(Self { id, ip, port, name, is_master, is_failed: has("fail"), epoch, slots })
    }

    /// Its address. Certificates are for names, so there the announced one is preferred; a node that has
    /// never met another does not know its own.
    fn place(&self, target: &RedisTarget) -> (String, ConnectionInfo) {
        let is_tls = matches!(target.nodes[0].addr(), ConnectionAddr::TcpTls { .. });
        let host = self.name.filter(|_| is_tls).unwrap_or(self.ip);
        let server = match (host, target.nodes[0].addr()) {
            ("", ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => {
                target.at(host, self.port)
            }
            _ => target.at(host, self.port),
        };
        (server.addr().to_string(), server)
    }
}

/// `5` or `0-5460`; a slot on its way (`[93-<-…]`) is still the other's.
fn range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < slots::COUNT).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::connection::target::Mode;

    fn owners(views: &[&str]) -> Vec<(u16, u16, String)> {
        let urls = ["redis://seed:1".to_owned()];
        let target = RedisTarget::parse(&urls, Mode::Cluster, None, "").expect("valid");
        let views: Vec<_> = views.iter().map(|&view| view.to_owned()).collect();
        let owners = Layout::read(&views).owners(&target);
        owners.into_iter().map(|(last, (first, address))| (first, last, address)).collect()
    }

    #[test]
    fn a_master_that_is_lost_is_missed_until_another_has_its_slots() {
        let whole = "a 10.0.0.1:1@2 myself,master - 0 0 1 connected 0-9\n\
                     b 10.0.0.2:1@2 master - 0 0 2 connected 10-19\n\
                     c 10.0.0.3:1@2 slave b 0 0 2 connected";
        let urls = ["redis://seed:1".to_owned()];
        let target = RedisTarget::parse(&urls, Mode::Cluster, None, "").expect("valid");
        let lacks = |view: String| Layout::read(&[view]).lacks_a_master(&target);
        assert!(!lacks(whole.to_owned()));
        let lost = whole.replace("2 master -", "2 master,fail -");
        assert!(lacks(lost.clone()));
        let replaced = lost.replace("2 connected 10-19", "2 disconnected");
        assert!(!lacks(replaced.replace("slave b 0 0 2 connected", "master - 0 0 3 connected 10-19")));
    }

    #[test]
    fn a_line_is_read() {
        let line = "07c3 127.0.0.1:30004@31004,host4 master,fail? - 0 1426238317239 4 connected 0-5460 7000 [93-<-08]";
        let node = NodeLine::parse(line).expect("valid");
        assert_eq!((node.id, node.ip, node.port, node.name), ("07c3", "127.0.0.1", 30004, Some("host4")));
        assert!(node.is_master && !node.is_failed);
        assert_eq!((node.epoch, node.slots), (4, vec![(0, 5460), (7000, 7000)]));
        let node =
            NodeLine::parse("07c4 ::1:7000@17000 myself,slave,fail 07c3 0 1 4 connected").expect("valid");
        assert!(!node.is_master && node.is_failed && node.ip == "::1" && node.name.is_none());
    }

    #[test]
    fn of_two_that_claim_a_slot_the_newer_configuration_counts() {
        let old = "a 10.0.0.1:1@2 myself,master - 0 0 1 connected 0-9\n\
                   b 10.0.0.2:1@2 slave a 0 0 1 connected\n\
                   c 10.0.0.3:1@2 master - 0 0 2 connected 20-29";
        let new = "a 10.0.0.1:1@2 master,fail - 0 0 1 disconnected\n\
                   b 10.0.0.2:1@2 myself,master - 0 0 3 connected 0-9 21\n\
                   c 10.0.0.3:1@2 master - 0 0 2 connected 20 22-29";
        let (b, c) = ("10.0.0.2:1".to_owned(), "10.0.0.3:1".to_owned());
        let expected = [(0, 9, b.clone()), (20, 20, c.clone()), (21, 21, b), (22, 29, c)];
        for views in [[old, new], [new, old]] {
            assert_eq!(owners(&views), expected);
        }
    }
}
