//! Listening: a listener is handed in, so that tests bind port 0; slow and silent clients are cut off;
//! shutdown lets what is under way finish, up to a bound.

mod connection;
pub(super) mod seats;
mod socket;

use std::{
    convert::Infallible,
    future::ready,
    io,
    net::TcpListener,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tower::service_fn;

pub use self::connection::Peer;
use self::{
    connection::{Hall, Usher},
    seats::{Room, Seats},
    socket::PATIENCE,
};
use super::check::front::ListenerService;

/// The longest head of a request, more or less, and as much as is held of what is read or written.
const BUFFER: usize = 64 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Requests that an HTTP/2 client may take back before they are looked at, or be at fault in, before
/// its connection is closed.
const RESETS: usize = 64;
/// How often an HTTP/2 connection is asked whether anybody is there.
const PING: Duration = Duration::from_secs(20);

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1 alone: what browsers, proxies and gateways speak without TLS.
    Http1,
    /// HTTP/2 without TLS too, as gRPC does.
    Http1And2,
}

/// A listener with all that it takes to serve.
pub struct Listener {
    pub socket: TcpListener,
    pub routes: ListenerService,
    /// How it is spoken to.
    pub speaks: Speaks,
    /// How many connections it takes.
    pub room: Room,
}

/// Serves until `handle` is shut down; while `draining`, connections are asked to close.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(listener: Listener, draining: Arc<AtomicBool>, handle: Handle<Peer>) -> io::Result<()> {
    let Listener { socket, routes, speaks, room } = listener;
    socket.set_nonblocking(true)?;
    let hall = Hall { listener: socket.try_into()?, seats: Seats::of(room) };
    let server = Server::from_listener(hall).handle(handle).acceptor(Usher { draining });
    let mut server = if speaks == Speaks::Http1 { server.http1_only() } else { server };
    let http = server.http_builder();
    // Without a timer, hyper's timeouts do nothing. Flushes are not put off: a client that never stops
    // asking would have its answers pile up here.
    http.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(BUFFER);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .max_send_buf_size(BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PATIENCE);
    let connected = move |Peer(peer)| ready(Ok::<_, Infallible>(routes.from(peer)));
    server.serve(service_fn(connected)).await
}
