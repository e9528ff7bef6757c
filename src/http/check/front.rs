//! What a listener answers. The check is on every request of everybody's users, so it is answered
//! here, before anything is routed, with all that `layers.rs` gives the rest.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    BoxError, Router,
    body::{Bytes, HttpBody},
    extract::{ConnectInfo, Request},
    http::{HeaderValue, request::Parts},
    response::{IntoResponse, Response},
    routing::future::RouteFuture,
};
use futures_util::{FutureExt, future::Either};
use tower::Service;
use tracing::Instrument;

use super::{
    http::{self, Asker, PATH},
    meter::CheckStatuses,
    verdict::CheckRefusal,
};
use crate::http::{
    Shared,
    wire::{
        layers,
        problem::Problem,
        rate,
        span::{self, About},
    },
};

/// Which paths are the check's.
#[derive(Debug, Clone, Copy)]
enum Checked {
    None,
    /// `/v1/check` and all below it.
    Below,
    All,
}

/// What a listener answers.
#[derive(Clone)]
pub struct ListenerService {
    checked: Checked,
    checker: Arc<Checker>,
    rest: Router,
    peer: Option<SocketAddr>,
}

impl ListenerService {
    /// The check, and below other paths the rest.
    pub(in crate::http) fn with_check(http: &Shared, rest: Router) -> Self {
        Self { checked: Checked::Below, ..Self::without_check(http, rest) }
    }

    /// The check and nothing else.
    pub(in crate::http) fn check_only(http: &Shared) -> Self {
        let checker = Checker::new(http, Asker::Anybody);
        Self { checked: Checked::All, checker: Arc::new(checker), rest: Router::new(), peer: None }
    }

    pub(in crate::http) fn without_check(http: &Shared, rest: Router) -> Self {
        let checker = Checker::new(http, Asker::Gateway);
        Self { checked: Checked::None, checker: Arc::new(checker), rest, peer: None }
    }

    /// For a connection from that address.
    pub(in crate::http) fn from(&self, peer: SocketAddr) -> Self {
        Self { peer: Some(peer), ..self.clone() }
    }

    fn is_check(&self, path: &str) -> bool {
        match self.checked {
            Checked::None => false,
            Checked::Below => {
                path.strip_prefix(PATH).is_some_and(|below| below.is_empty() || below.starts_with('/'))
            }
            Checked::All => true,
        }
    }
}

/// The answer to a check.
type Answered = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl<B> Service<Request<B>> for ListenerService
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Answered, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if self.is_check(request.uri().path()) {
            let (checker, peer) = (Arc::clone(&self.checker), self.peer);
            let (asked, _) = request.into_parts();
            return Either::Left(Box::pin(async move { Ok(checker.answer(&asked, peer).await) }));
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        Either::Right(self.rest.call(request))
    }
}

struct Checker {
    http: Shared,
    policy: HeaderValue,
    asker: Asker,
    statuses: CheckStatuses,
}

impl Checker {
    fn new(http: &Shared, asker: Asker) -> Self {
        let limit = http.auth.session_limit();
        let policy = rate::policy(limit.count, limit.window);
        Self { http: Arc::clone(http), policy, asker, statuses: CheckStatuses::of(PATH) }
    }

    async fn answer(&self, asked: &Parts, peer: Option<SocketAddr>) -> Response {
        let id = layers::request_id(&asked.headers);
        let peer = peer.map(|peer| peer.ip());
        let about = About { headers: &asked.headers, method: &asked.method, route: PATH, peer };
        let span = span::of_check(&self.http, &about);
        span::name_check(&span, &id);
        let check = http::check(&self.http, &self.policy, self.asker, asked);
        let checked = AssertUnwindSafe(check).catch_unwind().instrument(span.clone()).await;
        // The check has no status for a defect but that it cannot tell.
        let mut response = checked.unwrap_or_else(|_| {
            tracing::error!("a check panicked");
            CheckRefusal::of(Problem::internal(), false).into_response()
        });
        self.statuses.count(response.status());
        layers::finish(&mut response, id, &span);
        response
    }
}
