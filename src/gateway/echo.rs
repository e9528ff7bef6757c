//! An app to put behind a gateway: it answers every request with what reached it, and a `WebSocket`
//! message with the handshake that opened it. It lets anybody in: that is the gateway's work.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Version, header, request::Parts},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    echo_report::{EchoReport, MARK, Sum},
    error::GatewayError,
    websocket,
};

/// How many probes are remembered.
const REMEMBERED: usize = 1024;

/// The probes that came last.
#[derive(Clone, Default)]
struct Probes(Arc<Mutex<VecDeque<String>>>);

/// Answers on an address until the process ends; `ready` is told the address first.
pub async fn serve(listen: SocketAddr, ready: impl FnOnce(SocketAddr)) -> Result<(), GatewayError> {
    let failed = |error| GatewayError::Listen(listen, error);
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    ready(listener.local_addr().map_err(failed)?);
    let routes = Router::new().fallback(answer).with_state(Probes::default());
    axum::serve(listener, routes).await.map_err(failed)
}

async fn answer(State(probes): State<Probes>, mut request: Request) -> Response {
    let upgrade = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>();
    let (parts, body) = request.into_parts();
    probes.note(parts.uri.query().unwrap_or(""));
    let mut response = match (upgrade, key(&parts.headers)) {
        (Some(upgrade), Some(key)) => {
            let handshake = switching(key);
            tokio::spawn(async move {
                if let Ok(stream) = upgrade.await {
                    // Whoever goes away goes away.
                    let _ = converse(TokioIo::new(stream), &parts, &probes).await;
                }
            });
            handshake
        }
        _ => match sum(body).await {
            Ok(sum) => Json(report(&parts, sum, &probes)).into_response(),
            Err(error) => (StatusCode::BAD_REQUEST, format!("the body: {error}\n")).into_response(),
        },
    };
    response.headers_mut().insert(MARK, HeaderValue::from_static("1"));
    response
}

/// The key of a `WebSocket` handshake.
fn key(headers: &HeaderMap) -> Option<&str> {
    let is_websocket = headers.get(header::UPGRADE)?.as_bytes().eq_ignore_ascii_case(b"websocket");
    headers.get(header::SEC_WEBSOCKET_KEY)?.to_str().ok().filter(|_| is_websocket)
}

fn switching(key: &str) -> Response {
    let accept = websocket::accept(key);
    let headers = [(header::CONNECTION, "Upgrade"), (header::UPGRADE, "websocket")];
    (StatusCode::SWITCHING_PROTOCOLS, headers, [(header::SEC_WEBSOCKET_ACCEPT, accept)]).into_response()
}

/// Answers short messages of text until anything else comes.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    parts: &Parts,
    probes: &Probes,
) -> io::Result<()> {
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await?;
        let Some(length) = websocket::rest_of_client_frame(head) else { return Ok(()) };
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        let report = report(parts, Sum::of(&websocket::unmasked(&rest)), probes);
        let text = serde_json::to_string(&report).map_err(io::Error::other)?;
        stream.write_all(&websocket::from_server(&text)?).await?;
        stream.flush().await?;
    }
}

async fn sum(mut body: Body) -> Result<(u64, String), axum::Error> {
    let mut sum = Sum::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            sum.add(&data);
        }
    }
    Ok(sum.finish())
}

fn report(parts: &Parts, (bytes, sha256): (u64, String), probes: &Probes) -> EchoReport {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let version = if parts.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" };
    EchoReport {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        version: version.to_owned(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        bytes,
        sha256,
        probes: probes.list(),
    }
}

impl Probes {
    fn note(&self, query: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for probe in query.split('&').filter_map(|pair| pair.strip_prefix("probe=")) {
            seen.push_back(probe.to_owned());
            if seen.len() > REMEMBERED {
                seen.pop_front();
            }
        }
    }

    fn list(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
