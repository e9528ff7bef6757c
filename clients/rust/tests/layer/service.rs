//! The layer as tower's services take it: without axum, and with an inner service that counts on being asked whether it
//! is ready.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use jsonwebtoken::get_current_timestamp;
use serde_json::json;
use tower::{Layer, Service, ServiceExt};

use crate::scripted::Scripted;

/// As a limit or a buffer of tower's: what is ready is so for one call, and a clone is not.
#[derive(Default)]
struct Strict {
    is_ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "it was not asked");
        ready(Ok(Response::new(Full::from("let in"))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_called_that_was_ready_and_once_for_each_time() {
    let keyward = Scripted::start().await;
    let (verifier, _following) = keyward.verifier().await;
    let mut service = verifier.layer().layer(Strict::default());
    let asked = |token: &str| {
        let request = Request::builder().header("authorization", format!("Bearer {token}"));
        request.body(()).expect("a request")
    };
    for _ in 0..3 {
        let answer = service.ready().await.expect("ready").call(asked(&keyward.token())).await;
        let whole = answer.expect("an answer").into_body().collect().await.expect("a body");
        assert_eq!(whole.to_bytes(), "let in");
        // One that is dropped before it is looked at, and one that is refused, take nothing from the next.
        drop(service.ready().await.expect("ready").call(asked(&keyward.token())));
        let refused = service.ready().await.expect("ready").call(asked("a.b.c")).await.expect("an answer");
        assert_eq!(refused.status(), 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_beyond_all_clocks_is_none() {
    let keyward = Scripted::start().await;
    let (verifier, _following) = keyward.verifier().await;
    let mut claims = keyward.claims();
    claims["exp"] = json!(u64::MAX);
    claims["auth_time"] = json!(u64::MAX);
    claims["iat"] = json!(get_current_timestamp());
    let token = keyward.signed(&Scripted::header(), &claims);
    let inner = tower::service_fn(async |request: Request<()>| {
        let identity: &keyward_tower::Identity = request.extensions().get().expect("somebody");
        assert_eq!((identity.auth_time(), identity.expires_at()), (None, None));
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    let answer = verifier.layer().layer(inner).oneshot(request.body(()).expect("a request")).await;
    assert_eq!(answer.expect("an answer").status(), 200);
}
