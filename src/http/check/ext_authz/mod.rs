//! The check, for gateways that speak gRPC: `envoy.service.auth.v3.Authorization/Check`, which Envoy's
//! `ext_authz` filter asks. The same verdicts as over HTTP; here all that does not say so refuses.

mod answer;
mod codec;
mod messages;
mod question;

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tonic::{Status, server::Grpc};
use tower::service_fn;

use self::{codec::CheckCodec, messages::CheckRequest};
use super::verdict::{CheckRefusal, Verdict};
use crate::http::{
    Shared,
    wire::{layers, problem::Problem},
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
    let verdict = service_fn(|question: tonic::Request<CheckRequest>| async {
        let verdict = or_refuse(verdict(&http, question.into_inner())).await;
        count(&verdict);
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

async fn verdict(http: &Shared, question: CheckRequest) -> Verdict {
    let attributes = question.attributes.unwrap_or_default();
    let wanted = question::wanted(&attributes.context_extensions);
    let client = attributes.request.and_then(|request| request.http).unwrap_or_default();
    match question::headers(&client) {
        Ok(headers) => {
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

/// Beside the requests over HTTP, by the status that the client gets to see.
fn count(verdict: &Verdict) {
    let status = match verdict {
        Verdict::LetIn { .. } => "200",
        Verdict::Refused(refusal) => match refusal.status {
            StatusCode::UNAUTHORIZED => "401",
            StatusCode::FORBIDDEN => "403",
            StatusCode::TOO_MANY_REQUESTS => "429",
            _ => "503",
        },
    };
    metrics::counter!("keyward_http_requests_total", "route" => "ext_authz", "status" => status).increment(1);
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
