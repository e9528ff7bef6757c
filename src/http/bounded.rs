//! Connections are bounded: one more than there is room for is closed at once, so that a flood of
//! them can take neither all memory nor all file descriptors.

use std::{
    future::{Ready, ready},
    io,
    sync::Arc,
    task::{Context, Poll},
};

use axum_server::accept::Accept;
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::Service;

/// Lets so many connections in at once, with `TCP_NODELAY`.
#[derive(Clone)]
pub struct Bounded(Arc<Semaphore>);

impl Bounded {
    pub fn to(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(connections)))
    }
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = TcpStream;
    type Service = Held<S>;
    type Future = Ready<io::Result<(TcpStream, Held<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let room = Arc::clone(&self.0).try_acquire_owned();
        let held = room.map_err(|_| io::Error::other("too many connections"));
        ready(held.and_then(|room| {
            stream.set_nodelay(true)?;
            Ok((stream, Held { service, _room: Arc::new(room) }))
        }))
    }
}

/// The service of one connection, with the room that the connection takes.
#[derive(Clone)]
pub struct Held<S> {
    service: S,
    _room: Arc<OwnedSemaphorePermit>,
}

impl<R, S: Service<R>> Service<R> for Held<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.service.call(request)
    }
}
