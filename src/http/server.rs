//! Listening: a listener is handed in, so that tests bind port 0; slow clients are cut off; shutdown
//! lets what is under way finish, up to a bound.

use std::{convert::Infallible, future::ready, io, net::SocketAddr, time::Duration};

use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use tower::service_fn;

use super::{Routes, bounded::Bounded};

/// How long a request's headers may take to arrive.
const HEADERS: Duration = Duration::from_secs(10);
/// Connections at once on one listener.
const CONNECTIONS: usize = 8_192;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;

/// Serves until `handle` is shut down.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    listener: std::net::TcpListener,
    routes: Routes,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut server = axum_server::from_tcp(listener)?.handle(handle).acceptor(Bounded::to(CONNECTIONS));
    let http = server.http_builder();
    // Without a timer, hyper's timeouts do nothing.
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).pipeline_flush(true);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Duration::from_secs(30));
    let connected = move |peer: SocketAddr| ready(Ok::<_, Infallible>(routes.from(peer)));
    server.serve(service_fn(connected)).await
}
