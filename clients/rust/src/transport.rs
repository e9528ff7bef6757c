//! How Keyward is asked: HTTP/1.1 over connections that are kept, with an end to every wait. No redirect is followed,
//! so that a credential goes to the configured address and nowhere else.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, uri::PathAndQuery};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

use crate::error::Error;

const CONNECT: Duration = Duration::from_secs(2);
/// Shorter than what servers and balancers keep a connection that is idle.
const IDLE: Duration = Duration::from_secs(30);
/// The longest answer that is read.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Away {
    #[error("no answer in time")]
    Silent,
    #[error("{0}")]
    Broken(String),
}

/// A client of Keyward.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<Connector, Empty<Bytes>>);

impl Http {
    /// For these addresses: the system's authorities are read only where one of them is `https:`.
    pub(crate) fn for_addresses(addresses: &[&Uri]) -> Result<Self, Error> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.enforce_http(false);
        let connector = connector(tcp, addresses.iter().any(|address| is_https(address)))?;
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).timer(TokioTimer::new());
        Ok(Self(client.build(connector)))
    }

    /// The head of the answer to a GET.
    pub(crate) async fn get(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        patience: Duration,
    ) -> Result<Response<Incoming>, Away> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri.clone();
        request.headers_mut().clone_from(headers);
        let answer = timeout(patience, self.0.request(request)).await.map_err(|_| Away::Silent)?;
        answer.map_err(|error| Away::Broken(causes(&error)))
    }

    /// The whole answer, asked for once more where a connection that was kept turned out to be closed.
    pub(crate) async fn get_whole(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        patience: Duration,
    ) -> Result<Response<Bytes>, Away> {
        match self.whole(uri, headers, patience).await {
            Err(Away::Broken(_)) => self.whole(uri, headers, patience).await,
            outcome => outcome,
        }
    }

    async fn whole(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        patience: Duration,
    ) -> Result<Response<Bytes>, Away> {
        let (head, body) = self.get(uri, headers, patience).await?.into_parts();
        let body = timeout(patience, Limited::new(body, ANSWER_MAX_BYTES).collect()).await;
        let body = body.map_err(|_| Away::Silent)?.map_err(|error| Away::Broken(error.to_string()))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

#[cfg(feature = "tls")]
fn connector(tcp: HttpConnector, asks_https: bool) -> Result<Connector, Error> {
    use std::sync::Arc;

    let mut roots = rustls::RootCertStore::empty();
    if asks_https {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(Error::Tls("the system trusts no authority".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.map_err(|error| Error::Tls(error.to_string()))?;
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    Ok(https.enable_http1().wrap_connector(tcp))
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS it can fail")]
fn connector(tcp: HttpConnector, _: bool) -> Result<Connector, Error> {
    Ok(tcp)
}

fn is_https(address: &Uri) -> bool {
    address.scheme_str() == Some("https")
}

/// Reads an address of Keyward, without a slash at its end.
pub(crate) fn address(text: &str) -> Result<Uri, Error> {
    let wrong = || Error::Address(text.to_owned());
    let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| wrong())?;
    let is_known = uri.scheme_str() == Some("http") || (cfg!(feature = "tls") && is_https(&uri));
    let is_plain = uri.query().is_none() && uri.authority().is_some_and(|host| !host.as_str().contains('@'));
    if is_known && is_plain { Ok(uri) } else { Err(wrong()) }
}

/// The address of a path below another one.
pub(crate) fn below(base: &Uri, path: &str) -> Result<Uri, Error> {
    let mut parts = base.clone().into_parts();
    let text = format!("{}{path}", base.path().trim_end_matches('/'));
    parts.path_and_query = Some(PathAndQuery::try_from(&*text).map_err(|_| Error::Address(text))?);
    Uri::from_parts(parts).map_err(|_| Error::Address(base.to_string()))
}

/// A header that is not printed.
pub(crate) fn secret_header(value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(value).map_err(|_| Error::Secret)?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error with what caused it: the client's own texts say little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
