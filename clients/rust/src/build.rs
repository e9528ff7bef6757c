//! How a [`Keyward`] is made, in its two ways.

use std::{sync::Arc, time::Duration};

use http::Uri;
use tokio::runtime::Handle;

use crate::{
    check::Check,
    error::Error,
    feed::Feed,
    keyward::{Keyward, Way},
    local::{Keys, Local},
    transport::{self, Http},
};

/// As gateways wait.
const PATIENCE: Duration = Duration::from_secs(5);
const AUDIENCE: &str = "keyward";

/// Asks Keyward about each request. See [`Keyward::check`].
#[derive(Clone)]
#[must_use = "build it"]
pub struct CheckBuilder {
    address: String,
    patience: Duration,
    stream: Option<Stream>,
}

/// Verifies tokens without asking. See [`Keyward::local`].
#[derive(Clone)]
#[must_use = "build it"]
pub struct LocalBuilder {
    issuer: String,
    audience: String,
    stream: Stream,
    /// Where the check is, if not beside the stream.
    check: Option<String>,
    patience: Duration,
}

/// Where revocations are told, and to whom.
#[derive(Clone)]
struct Stream {
    keyward: String,
    app: String,
    secret: String,
}

impl Keyward {
    /// Asks Keyward about each request, at an address such as `http://127.0.0.1:8082/v1/check`: best that of
    /// `server.check_listen`. `/v1/check` may be left off where nothing else stands in its place. Access tokens and session cookies are let in. Where Keyward does not answer, the request
    /// is answered 503.
    pub fn check(address: impl Into<String>) -> CheckBuilder {
        CheckBuilder { address: address.into(), patience: PATIENCE, stream: None }
    }

    /// Verifies access tokens by Keyward's keys, and refuses those that its stream of revocations names, for a
    /// confidential app (`keyward app add NAME --confidential`). `public_url` is Keyward's `server.public_url`, which
    /// is the issuer of its tokens. Of a request with a session cookie and no token the check is asked. Where the stream
    /// is lost for longer than it may be believed, requests are answered 503.
    pub fn local(
        public_url: impl Into<String>,
        app: impl Into<String>,
        secret: impl Into<String>,
    ) -> LocalBuilder {
        // Keyward takes none with a slash at its end.
        let issuer = public_url.into().trim_end_matches('/').to_owned();
        let stream = Stream { keyward: issuer.clone(), app: app.into(), secret: secret.into() };
        LocalBuilder { issuer, audience: AUDIENCE.to_owned(), stream, check: None, patience: PATIENCE }
    }
}

impl CheckBuilder {
    /// Follows the stream of revocations too, so that [`Identity::ended`](crate::Identity::ended) tells of a sign-out
    /// within 100 ms: at Keyward's public listener, for a confidential app.
    pub fn revocations(
        self,
        keyward: impl Into<String>,
        app: impl Into<String>,
        secret: impl Into<String>,
    ) -> Self {
        let stream = Some(Stream { keyward: keyward.into(), app: app.into(), secret: secret.into() });
        Self { stream, ..self }
    }

    /// How long an answer may take as a whole until the request is answered 503; 5 s, if nothing else is said.
    pub fn timeout(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Makes it, and starts to follow what it has to.
    ///
    /// # Errors
    /// When an address or secret cannot be used, or outside of a Tokio runtime.
    pub fn build(self) -> Result<Keyward, Error> {
        require_runtime()?;
        let uri = transport::check_address(&self.address)?;
        let keyward = self.stream.as_ref().map(Stream::address).transpose()?;
        let all: Vec<&Uri> = keyward.iter().chain([&uri]).collect();
        let http = Http::for_addresses(&all)?;
        let feed = match (&self.stream, &keyward) {
            (Some(stream), Some(keyward)) => Some(Arc::new(stream.follow(&http, keyward)?)),
            _ => None,
        };
        let check = Check { http, uri, patience: self.patience, feed };
        Ok(Keyward::new(Way::Check(Arc::new(check))))
    }
}

impl LocalBuilder {
    /// Keyward's `tokens.audience`; `keyward`, if nothing else is said.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), ..self }
    }

    /// Where Keyward's public listener is reached, if not at its public address.
    pub fn reached_at(mut self, address: impl Into<String>) -> Self {
        self.stream.keyward = address.into();
        self
    }

    /// Where the check is that is asked about session cookies: [`Keyward::check`] says how. If nothing else is said, it is
    /// that of the public listener.
    pub fn check_at(self, address: impl Into<String>) -> Self {
        Self { check: Some(address.into()), ..self }
    }

    /// How long the check's answer may take as a whole until the request is answered 503; 5 s, if nothing else is said.
    pub fn timeout(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Makes it, and starts to fetch keys and to follow revocations.
    ///
    /// # Errors
    /// When an address or secret cannot be used, or outside of a Tokio runtime.
    pub fn build(self) -> Result<Keyward, Error> {
        require_runtime()?;
        let keyward = self.stream.address()?;
        let uri = match &self.check {
            Some(address) => transport::check_address(address)?,
            None => transport::below(&keyward, transport::CHECK)?,
        };
        let http = Http::for_addresses(&[&keyward, &uri])?;
        let feed = Arc::new(self.stream.follow(&http, &keyward)?);
        let keys = Keys::of(&http, &keyward, self.issuer, self.audience)?;
        let check = Check { http, uri, patience: self.patience, feed: Some(Arc::clone(&feed)) };
        Ok(Keyward::new(Way::Local(Arc::new(Local::new(keys, feed, check)))))
    }
}

impl Stream {
    fn address(&self) -> Result<Uri, Error> {
        transport::address(&self.keyward)
    }

    fn follow(&self, http: &Http, keyward: &Uri) -> Result<Feed, Error> {
        Feed::of(http, keyward, &self.app, &self.secret)
    }
}

fn require_runtime() -> Result<(), Error> {
    Handle::try_current().map(drop).map_err(|_| Error::NoRuntime)
}
