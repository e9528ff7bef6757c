//! The check, for gateways that speak gRPC: `envoy.service.auth.v3.Authorization/Check`, which Envoy's
//! `ext_authz` filter asks. The same verdicts as over HTTP; here all that does not say so refuses.

mod answer;
mod codec;
mod messages;
mod question;

use std::{net::SocketAddr, panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tonic::{Status, server::Grpc};
use tower::service_fn;
use tracing::{Instrument, Span};

use self::{codec::CheckCodec, messages::CheckRequest};
use super::verdict::{CheckRefusal, Verdict};
use crate::http::{
    Shared,
    wire::{
        layers,
        problem::Problem,
        span::{self, About},
    },
};

/// The largest message, in bytes. Envoy lets 60 KiB of headers in, and says a path among them twice.
const LIMIT: usize = 128 * 1024;
/// How long a message may take to arrive and be answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// The one method, as gRPC has it in paths.
pub const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// gRPC errors come with a 200, which to a gateway that speaks HTTP and was sent here by mistake means yes:
/// so whoever does not ask for this method, by gRPC, gets another status.
pub fn nothing_else(routes: Router<Shared>) -> Router<Shared> {
    routes.fallback(unimplemented).method_not_allowed_fallback(unimplemented)
}

async fn unimplemented() -> Response {
    let mut response = Status::unimplemented("there is nothing here but the check").into_http();
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

pub async fn check(State(http): State<Shared>, request: Request) -> Response {
    if !is_grpc(&request) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let mut grpc = Grpc::new(CheckCodec).max_decoding_message_size(LIMIT);
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let about = About { headers: request.headers(), method: request.method(), route: "ext_authz", peer };
    let span = span::of_check(&http, &about);
    let verdict = service_fn(|question: tonic::Request<CheckRequest>| async {
        let verdict = verdict(&http, question.into_inner(), &span).instrument(span.clone());
        let verdict = or_refuse(verdict).await;
        http.checks.ext_authz.count(seen(&verdict));
        Ok(tonic::Response::new(verdict))
    });
    match tokio::time::timeout(PATIENCE, grpc.unary(verdict, request)).await {
        Ok(response) => response.map(Body::new),
        Err(_) => Status::deadline_exceeded("the check took too long").into_http(),
    }
}

fn is_grpc(request: &Request) -> bool {
    let media = request.headers().get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    request.version() == Version::HTTP_2 && media.starts_with(b"application/grpc")
}

async fn verdict(http: &Shared, question: CheckRequest, span: &Span) -> Verdict {
    let attributes = question.attributes.unwrap_or_default();
    let wanted = question::wanted(&attributes.context_extensions);
    let client = attributes.request.and_then(|request| request.http).unwrap_or_default();
    match question::headers(&client) {
        Ok(headers) => {
            if !span.is_disabled() {
                span::name_check(span, &layers::request_id(&headers));
            }
            let verdict = Verdict::on(http, &question::asked(&client, &headers), &wanted).await;
            if let Verdict::Refused(CheckRefusal { cause: Some(cause), .. }) = &verdict {
                cause.log(&layers::request_id(&headers));
            }
            verdict
        }
        Err(problem) => Verdict::Refused(CheckRefusal::of(problem, wanted.deny_with_403)),
    }
}

/// A panic is a defect; to the client it is one more way of not being let in.
async fn or_refuse(verdict: impl Future<Output = Verdict>) -> Verdict {
    AssertUnwindSafe(verdict).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a check panicked");
        Verdict::Refused(CheckRefusal::of(Problem::internal(), false))
    })
}

/// The status that the client gets to see.
const fn seen(verdict: &Verdict) -> StatusCode {
    match verdict {
        Verdict::LetIn { .. } => StatusCode::OK,
        Verdict::Refused(refusal) => refusal.status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_refuses() {
        let verdict = or_refuse(async { panic!("a defect") }).await;
        assert!(
            matches!(&verdict, Verdict::Refused(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE),
            "{verdict:?}"
        );
    }
}
