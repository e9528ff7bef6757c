//! Where to knock: an address, and connections to it, over TLS where it says `https:`.

use std::{io, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    connection::{Connection, HttpAnswer},
    error::GatewayError,
    request::Request,
};

/// How long an answer may take. Longer than any gateway here waits for the check.
const PATIENCE: Duration = Duration::from_secs(15);

/// An address of HTTP servers.
#[derive(Clone)]
pub struct Target {
    /// The host and the port, as they stand in `Host`.
    pub authority: String,
    /// The scheme, the host and the port, as a browser names where a page is from.
    pub origin: String,
    host: String,
    port: u16,
    base: String,
    tls: Option<TlsConnector>,
}

impl Target {
    /// Reads `http(s)://host[:port][/path]`.
    pub fn parse(url: &str) -> Result<Self, GatewayError> {
        let bad = || GatewayError::Url(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
        let is_tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(bad()),
        };
        let path = rest.find('/').unwrap_or(rest.len());
        let (authority, base) = (&rest[..path], rest[path..].trim_end_matches('/'));
        let fits = |c: char| c.is_ascii_graphic() && !"@?#\\".contains(c);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (authority, if is_tls { 443 } else { 80 }),
        };
        if host.is_empty() || !rest.chars().all(fits) {
            return Err(bad());
        }
        Ok(Self {
            authority: authority.to_owned(),
            origin: format!("{scheme}://{authority}"),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            base: base.to_owned(),
            tls: if is_tls { Some(connector()?) } else { None },
        })
    }

    /// Asks for a path, as whoever looks after the server does.
    pub async fn get(&self, path: &str) -> io::Result<HttpAnswer> {
        self.ask(&Request::new("GET", path)).await
    }

    /// Whether it names no path.
    pub(super) const fn is_whole_site(&self) -> bool {
        self.base.is_empty()
    }

    pub(super) async fn connect(&self) -> io::Result<Connection> {
        in_time(async {
            let plain = TcpStream::connect((self.host.as_str(), self.port)).await?;
            plain.set_nodelay(true)?;
            let Some(tls) = &self.tls else { return Ok(Connection::new(plain)) };
            let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
            Ok(Connection::new(tls.connect(name, plain).await?))
        })
        .await
    }

    /// Asks once, on a connection of its own.
    pub(super) async fn ask(&self, request: &Request) -> io::Result<HttpAnswer> {
        self.ask_on(&mut self.connect().await?, request).await
    }

    /// Asks on a connection that is there.
    pub(super) async fn ask_on(
        &self,
        connection: &mut Connection,
        request: &Request,
    ) -> io::Result<HttpAnswer> {
        in_time(connection.exchange(&self.bytes(request), request.method == "HEAD")).await
    }

    /// A request as it goes out there.
    pub(super) fn bytes(&self, request: &Request) -> Vec<u8> {
        request.bytes(&self.authority, &self.base)
    }

    /// The path and query at which the app sees a request.
    pub(super) fn path_of(&self, request: &Request) -> String {
        format!("{}{}", self.base, request.target)
    }
}

/// What does not come in time is an error like another.
pub async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late =
        |_| io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {} s", PATIENCE.as_secs()));
    timeout(PATIENCE, work).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

/// Trusts the authorities of the system, or of `SSL_CERT_FILE`.
fn connector() -> Result<TlsConnector, GatewayError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| GatewayError::Tls(io::Error::other(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let parts = |url| {
            let target = Target::parse(url).expect(url);
            (target.host, target.port, target.base, target.tls.is_some())
        };
        assert_eq!(parts("http://localhost:8000/"), ("localhost".into(), 8000, String::new(), false));
        assert_eq!(parts("http://[::1]:81/a/b/"), ("::1".into(), 81, "/a/b".into(), false));
        assert_eq!(parts("https://app.example.com"), ("app.example.com".into(), 443, String::new(), true));
        for bad in
            ["localhost:8000", "ftp://a", "http://", "http://:80", "http://a:b", "http://u@a", "http://a/?x"]
        {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
