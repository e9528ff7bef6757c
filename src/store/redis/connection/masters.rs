//! Which servers hold keys: the one master, or every master of a Cluster, those without slots too, so
//! that one is known before a slot moves to it.

use futures_util::future::join_all;
use redis::{ErrorKind, RedisError, RedisResult, aio::MultiplexedConnection};

use super::{
    layout::{Layout, Masters},
    link::Link,
    target::RedisTarget,
};

pub struct Discovery {
    target: RedisTarget,
    link: Link,
}

impl Discovery {
    pub const fn new(target: RedisTarget, link: Link) -> Self {
        Self { target, link }
    }

    /// The masters, asked of the link, or of the first node of a Cluster that answers. All of them, or none.
    pub async fn masters(&self) -> RedisResult<Masters> {
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
    pub async fn masters_seen_by(&self, servers: &[MultiplexedConnection]) -> RedisResult<Masters> {
        if self.link.node().is_some() {
            return self.masters().await;
        }
        self.ask(servers).await
    }

    async fn ask(&self, servers: &[MultiplexedConnection]) -> RedisResult<Masters> {
        let views = join_all(servers.iter().map(async |server| {
            redis::cmd("CLUSTER").arg("NODES").query_async::<String>(&mut server.clone()).await
        }));
        let views = views.await.into_iter().collect::<RedisResult<Vec<_>>>()?;
        let layout = Layout::read(&views);
        let masters = layout.living_masters(&self.target);
        if masters.is_empty() {
            return Err((ErrorKind::ClusterConnectionNotFound, "the cluster has no master").into());
        }
        // What the others hold is not all there is.
        if layout.lacks_a_master(&self.target) {
            return Err((ErrorKind::ClusterConnectionNotFound, "the cluster lacks a master").into());
        }
        Ok(masters)
    }
}
