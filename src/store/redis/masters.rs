//! Which servers hold keys: the one master, or every master of a Cluster, those without slots too, so
//! that one is known before a slot moves to it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, aio::MultiplexedConnection};

use super::{link::Link, target::RedisTarget};

/// The masters at some moment, by address.
pub type Masters = BTreeMap<String, ConnectionInfo>;

/// Finds them.
pub struct Census {
    target: RedisTarget,
    link: Link,
}

impl Census {
    pub const fn new(target: RedisTarget, link: Link) -> Self {
        Self { target, link }
    }

    /// The masters, asked of the link, or of the first node of a Cluster that answers.
    pub async fn take(&self) -> RedisResult<Masters> {
        if let Some(node) = self.link.node() {
            let server = node.live(None).await?.server.clone();
            return Ok(Masters::from([(server.addr().to_string(), server)]));
        }
        let config = self.target.config();
        let mut last = RedisError::from((ErrorKind::ClusterConnectionNotFound, "no node answers"));
        for node in &self.target.nodes {
            match self.target.open(node, &config).await {
                Ok(connection) => return self.ask(&[connection]).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The masters as those very servers see it.
    pub async fn retake(&self, servers: &[MultiplexedConnection]) -> RedisResult<Masters> {
        if self.link.node().is_some() {
            return self.take().await;
        }
        self.ask(servers).await
    }

    async fn ask(&self, servers: &[MultiplexedConnection]) -> RedisResult<Masters> {
        let views = join_all(servers.iter().map(async |server| {
            redis::cmd("CLUSTER").arg("NODES").query_async::<String>(&mut server.clone()).await
        }));
        let views = views.await.into_iter().collect::<RedisResult<Vec<_>>>()?;
        let masters = self.merge(&views);
        if masters.is_empty() {
            return Err((ErrorKind::ClusterConnectionNotFound, "the cluster has no master").into());
        }
        Ok(masters)
    }

    /// Every node that somebody calls master and nobody calls failed.
    fn merge(&self, views: &[String]) -> Masters {
        let nodes: Vec<_> = views.iter().flat_map(|view| view.lines()).filter_map(NodeLine::parse).collect();
        let failed: BTreeSet<_> = nodes.iter().filter(|node| node.is_failed).map(|node| node.id).collect();
        let masters = nodes.iter().filter(|node| node.is_master && !failed.contains(node.id));
        masters
            .map(|node| {
                let server = self.address(node);
                (server.addr().to_string(), server)
            })
            .collect()
    }

    /// With TLS by host name where one is announced, for a certificate rarely names an address. A
    /// node that has never met another does not know its own.
    fn address(&self, node: &NodeLine<'_>) -> ConnectionInfo {
        let is_tls = matches!(self.target.nodes[0].addr(), ConnectionAddr::TcpTls { .. });
        let host = node.name.filter(|_| is_tls).unwrap_or(node.ip);
        match (host, self.target.nodes[0].addr()) {
            ("", ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => {
                self.target.at(host, node.port)
            }
            _ => self.target.at(host, node.port),
        }
    }
}

/// A line of `CLUSTER NODES`: `<id> <ip>:<port>@<bus port>[,<host name>] <flags> …`.
struct NodeLine<'a> {
    id: &'a str,
    ip: &'a str,
    port: u16,
    name: Option<&'a str>,
    is_master: bool,
    is_failed: bool,
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
        Some(Self { id, ip, port: port.parse().ok()?, name, is_master, is_failed: has("fail") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = "07c3 127.0.0.1:30004@31004,host4 master,fail? - 0 1426238317239 4 connected 0-5460";
        let node = NodeLine::parse(line).expect("valid");
        assert_eq!((node.id, node.ip, node.port, node.name), ("07c3", "127.0.0.1", 30004, Some("host4")));
        assert!(node.is_master && !node.is_failed);
        let node =
            NodeLine::parse("07c4 ::1:7000@17000 myself,slave,fail 07c3 0 1 4 connected").expect("valid");
        assert!(!node.is_master && node.is_failed && node.ip == "::1" && node.name.is_none());
    }
}
