//! Where Redis is and how it is spoken to: URLs, mode, TLS, time limits. Holds passwords, so it
//! prints addresses only.

use std::{fmt, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisResult, TlsCertificates, aio::MultiplexedConnection, io::tcp::TcpSettings,
};

/// How Redis is set up (`storage.redis_mode`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    Single,
    /// The URLs are those of sentinels, which know the master of that name.
    Sentinel {
        /// The name the sentinels know it by (`storage.redis_master`).
        master: String,
    },
    /// The URLs are those of some nodes of a Redis Cluster.
    Cluster,
}

/// A target that cannot be used; the text holds no part of a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTarget(String);

/// Where Redis is and how it is spoken to.
#[derive(Clone)]
pub struct RedisTarget {
    /// Servers, or sentinels.
    pub(in crate::store::redis) nodes: Vec<ConnectionInfo>,
    pub(in crate::store::redis) mode: Mode,
    ca_pem: Option<Vec<u8>>,
    pub(in crate::store::redis) prefix: String,
    /// How long a connection may take to be made; 1 s unless set.
    pub connect_timeout: Duration,
    /// How long an answer may take; 500 ms unless set.
    pub response_timeout: Duration,
}

impl RedisTarget {
    /// Reads the settings. User name, password and database of the first URL hold for every server,
    /// those that sentinels or a cluster name included; `ca_pem` replaces the system's roots.
    ///
    /// # Errors
    /// When a URL is not one of Redis, or their number does not fit the mode.
    pub fn parse(
        urls: &[String],
        mode: Mode,
        ca_pem: Option<Vec<u8>>,
        prefix: &str,
    ) -> Result<Self, InvalidTarget> {
        let nodes = urls.iter().enumerate().map(|(index, url)| node(index, url));
        let nodes: Vec<_> = nodes.collect::<Result<_, _>>()?;
        match (&mode, nodes.len()) {
            (_, 0) => return Err(InvalidTarget("no Redis URL is given".into())),
            (Mode::Single, 2..) => {
                return Err(InvalidTarget("several Redis URLs need the mode sentinel or cluster".into()));
            }
            _ => {}
        }
        Ok(Self {
            nodes,
            mode,
            ca_pem,
            prefix: prefix.to_owned(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_millis(500),
        })
    }

    /// The server at that address, spoken to as the first URL says.
    pub(in crate::store::redis) fn at(&self, host: &str, port: u16) -> ConnectionInfo {
        let first = &self.nodes[0];
        let addr = match first.addr() {
            ConnectionAddr::TcpTls { .. } => {
                ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host.to_owned(), port),
        };
        first.clone().set_addr(addr)
    }

    /// The CA to trust in place of the system's.
    pub(in crate::store::redis) fn certificates(&self) -> Option<TlsCertificates> {
        let is_tls = matches!(self.nodes[0].addr(), ConnectionAddr::TcpTls { .. });
        let root_cert = self.ca_pem.clone().filter(|_| is_tls)?;
        Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
    }

    /// Time limits and buffers of a connection.
    pub(in crate::store::redis) fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout))
            .set_pipeline_buffer_size(1024)
    }

    /// Opens a connection to one server.
    pub(in crate::store::redis) async fn open(
        &self,
        info: &ConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let client = match self.certificates() {
            Some(certificates) => Client::build_with_tls(info.clone(), certificates)?,
            None => Client::open(info.clone())?,
        };
        client.get_multiplexed_async_connection_with_config(config).await
    }
}

/// Reads one URL. RESP3, because the client then notices a broken connection while it is idle.
fn node(index: usize, url: &str) -> Result<ConnectionInfo, InvalidTarget> {
    let invalid = |error: redis::RedisError| InvalidTarget(format!("Redis URL {}: {error}", index + 1));
    let info = url.into_connection_info().map_err(invalid)?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings).set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

impl fmt::Debug for RedisTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self.nodes.iter().map(|node| node.addr().to_string()).collect();
        f.debug_struct("RedisTarget")
            .field("nodes", &addresses)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(urls: &[&str], mode: Mode) -> Result<RedisTarget, InvalidTarget> {
        let urls: Vec<_> = urls.iter().map(|&url| url.to_owned()).collect();
        RedisTarget::parse(&urls, mode, None, "")
    }

    #[test]
    fn a_password_is_never_printed() {
        let target = parse(&["rediss://user:s3cret@example.com:6390/2"], Mode::Single).expect("valid");
        let shown = format!("{target:?}");
        assert!(shown.contains("example.com") && !shown.contains("s3cret"), "{shown}");
        let error = parse(&["redis://user:s3cret@example.com:6390/two"], Mode::Single).unwrap_err();
        assert!(error.to_string().starts_with("Redis URL 1: ") && !error.to_string().contains("s3cret"));
    }

    #[test]
    fn the_number_of_urls_fits_the_mode() {
        let two = ["redis://a", "redis://b"];
        assert!(parse(&two, Mode::Single).is_err());
        assert!(parse(&[], Mode::Cluster).is_err());
        assert!(parse(&two, Mode::Cluster).is_ok());
    }
}
