//! The layer: nobody passes it unknown, and nothing that a client says of its own identity does.

use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Extensions, Request, Response};
use tower::{Layer, Service};

use crate::{
    body::{self, Body},
    credential,
    demands::Demands,
    keyward::{Keyward, Question},
};

/// Lets in who is signed in and has what is demanded, with an [`Identity`](crate::Identity) in the request's
/// extensions; answers everybody else as Keyward's check does: 401, 403, 429 or 503, with its headers.
///
/// An event stream (`text/event-stream`) that is answered ends with the identity, and every answer is `no-store` unless the
/// app says otherwise. Headers named `X-Auth-…` are taken out of every request, so that what is inside can believe none from outside. CORS
/// preflights carry no credential: put a layer that answers them outside of this one.
#[derive(Debug, Clone)]
pub struct KeywardLayer {
    keyward: Keyward,
    demands: Demands,
}

/// What a [`KeywardLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct KeywardService<S> {
    inner: S,
    keyward: Keyward,
    question: Arc<Question>,
}

/// In a request's extensions: the address of the client as the app knows it, say from its own proxy. Keyward is told it
/// by the check, and believes it if `server.trusted_proxies` names the app's. Without it, and with the feature `axum`,
/// it is the connection's (`ConnectInfo<SocketAddr>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl KeywardLayer {
    pub(crate) fn new(keyward: Keyward) -> Self {
        Self { keyward, demands: Demands::default() }
    }

    /// Asks for a role: 403 for who lacks it. Repeated, all are needed.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.demands.roles.push(role.into());
        self
    }

    /// Asks for so many factors of the sign-in: `2`, for one is what every sign-in has. Else 401
    /// `insufficient_user_authentication` (RFC 9470).
    #[must_use]
    pub fn acr(mut self, factors: u8) -> Self {
        self.demands.acr = self.demands.acr.max(factors);
        self
    }

    /// Asks for a sign-in at most so long ago, in whole seconds. Else 401 `insufficient_user_authentication`
    /// (RFC 9470).
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.demands.max_age = Some(self.demands.max_age.map_or(age, |before| before.min(age)));
        self
    }
}

impl<S> Layer<S> for KeywardLayer {
    type Service = KeywardService<S>;

    fn layer(&self, inner: S) -> KeywardService<S> {
        let question = Arc::new(self.keyward.question(&self.demands));
        KeywardService { inner, keyward: self.keyward.clone(), question }
    }
}

impl<S, B, A> Service<Request<B>> for KeywardService<S>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body<A>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready goes along, and a clone stays.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (keyward, question) = (self.keyward.clone(), Arc::clone(&self.question));
        Box::pin(async move {
            let (mut parts, sent) = request.into_parts();
            credential::strip_identity(&mut parts.headers);
            match keyward.judge(&parts, &question).await {
                Ok(identity) => {
                    parts.extensions.insert(identity.clone());
                    let response = inner.call(Request::from_parts(parts, sent)).await?;
                    Ok(body::of_app(response, &identity))
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}

/// Of the client, as far as it is known.
pub(crate) fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    let told = extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
    #[cfg(feature = "axum")]
    let told = told.or_else(|| {
        use axum::extract::ConnectInfo;
        let peer = extensions.get::<ConnectInfo<std::net::SocketAddr>>();
        peer.map(|ConnectInfo(peer)| peer.ip())
    });
    told
}
