//! A connection from its first byte to its last: it takes a seat, is busy while a request is under way
//! and until the answer's last byte, and is asked to close once the server is about to stop.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderValue, Request, Version, header},
    response::Response,
};
use axum_server::{AddrListener, Address, accept::Accept};
use futures_util::future::Either;
use http_body::{Frame, SizeHint};
use tokio::net::TcpListener;
use tower::Service;

use super::{
    seats::{Busy, Seat, Seats},
    socket::Socket,
};
use crate::measures::table::CONNECTIONS_REFUSED;

/// A listener that leads each connection to a seat before it takes the next one from the system's queue.
pub struct Hall {
    pub listener: TcpListener,
    pub seats: Arc<Seats>,
}

/// Who is at the other end of a connection with a seat.
#[derive(Debug, Clone)]
pub struct Peer(pub SocketAddr);

impl Address for Peer {
    type Stream = Socket;
    type Listener = Hall;
}

impl AddrListener<Socket, Peer> for Hall {
    /// A hall is made of a listener that is bound already.
    async fn bind_to(_: Peer) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn accept_stream(&self) -> io::Result<(Socket, Peer)> {
        loop {
            let (stream, peer) = self.listener.accept().await?;
            if let Some((taken, told_to_go)) = self.seats.lead(peer.ip()).await {
                stream.set_nodelay(true)?;
                return Ok((Socket::of(stream, taken, told_to_go), Peer(peer)));
            }
            CONNECTIONS_REFUSED.count(&[]);
        }
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        self.listener.local_addr().map(Peer)
    }
}

/// Gives each connection a service that knows its seat.
#[derive(Clone)]
pub struct Usher {
    /// Whether the server is about to stop.
    pub draining: Arc<AtomicBool>,
}

impl<S> Accept<Socket, S> for Usher {
    type Stream = Socket;
    type Service = Seated<S>;
    type Future = Ready<io::Result<(Socket, Seated<S>)>>;

    fn accept(&self, stream: Socket, service: S) -> Self::Future {
        let seated = Seated { service, seat: stream.seat(), draining: Arc::clone(&self.draining) };
        ready(Ok((stream, seated)))
    }
}

/// The service of one connection.
#[derive(Clone)]
pub struct Seated<S> {
    service: S,
    seat: Arc<Seat>,
    draining: Arc<AtomicBool>,
}

/// A request came on a connection that had been told to go: it is not begun.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closing")]
pub struct Closing;

impl<B, S> Service<Request<B>> for Seated<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Kept>;
    type Error = Closing;
    type Future = Either<Answering<S::Future>, Ready<Result<Response<Kept>, Closing>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Closing>> {
        self.service.poll_ready(context).map(|Ok(())| Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(busy) = self.seat.begin() else { return Either::Right(ready(Err(Closing))) };
        // HTTP/2 has no such header, and says it in a frame.
        let draining = (request.version() < Version::HTTP_2).then(|| Arc::clone(&self.draining));
        Either::Left(Answering { answer: self.service.call(request), busy: Some(busy), draining })
    }
}

/// An answer that is being made.
pub struct Answering<F> {
    answer: F,
    busy: Option<Busy>,
    draining: Option<Arc<AtomicBool>>,
}

impl<F: Future<Output = Result<Response, Infallible>> + Unpin> Future for Answering<F> {
    type Output = Result<Response<Kept>, Closing>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(Ok(mut response)) = Pin::new(&mut self.answer).poll(context) else {
            return Poll::Pending;
        };
        if self.draining.as_ref().is_some_and(|draining| draining.load(Ordering::Relaxed)) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let busy = self.busy.take();
        Poll::Ready(Ok(response.map(|body| Kept { body, _busy: busy })))
    }
}

/// An answer's body, which keeps its connection busy to its end.
pub struct Kept {
    body: Body,
    _busy: Option<Busy>,
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
