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

/// Where the check is, below a listener's address.
pub(crate) const CHECK: &str = "/v1/check";
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
        timeout(patience, self.head(uri, headers)).await.unwrap_or(Err(Away::Silent))
    }

    /// The whole answer, within that time whatever happens.
    pub(crate) async fn get_whole(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        patience: Duration,
    ) -> Result<Response<Bytes>, Away> {
        timeout(patience, self.whole(uri, headers)).await.unwrap_or(Err(Away::Silent))
    }

    /// Asked for once more where a connection that was kept turned out to be closed.
    async fn whole(&self, uri: &Uri, headers: &HeaderMap) -> Result<Response<Bytes>, Away> {
        let answer = match self.head(uri, headers).await {
            Err(_) => self.head(uri, headers).await?,
            Ok(answer) => answer,
        };
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| Away::Broken(error.to_string()))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    async fn head(&self, uri: &Uri, headers: &HeaderMap) -> Result<Response<Incoming>, Away> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri.clone();
        request.headers_mut().clone_from(headers);
        self.0.request(request).await.map_err(|error| Away::Broken(causes(&error)))
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
    let wrong = || Error::Address(without_user(text));
    let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| wrong())?;
    let is_known = uri.scheme_str() == Some("http") || (cfg!(feature = "tls") && is_https(&uri));
    let is_plain = uri.query().is_none() && uri.authority().is_some_and(|host| !host.as_str().contains('@'));
    if is_known && is_plain { Ok(uri) } else { Err(wrong()) }
}

/// The check's address. Anywhere else, Keyward lets in without looking at what a route asks for.
pub(crate) fn check_address(text: &str) -> Result<Uri, Error> {
    let uri = address(text)?;
    match uri.path() {
        "" | "/" => below(&uri, CHECK),
        path if path.ends_with(CHECK) => Ok(uri),
        _ => Err(Error::CheckAddress(text.to_owned())),
    }
}

/// A password may be before the host, and errors are printed.
fn without_user(text: &str) -> String {
    let (scheme, rest) = text.split_once("//").unwrap_or(("", text));
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}//…@{host}"),
        None => text.to_owned(),
    }
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
