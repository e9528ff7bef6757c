//! A connection's socket, with what HTTP libraries leave to others: its first bytes must come soon,
//! nothing more is read while what is written is not, and it ends when its seat is needed.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::oneshot,
    time::{Sleep, sleep},
};

use super::seats::{Seat, Taken};

/// How long the first bytes may take, and how long a write may wait for its reader.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// As many bytes as the preface of HTTP/2, by which it is told from HTTP/1 (RFC 9113 section 3.4).
/// Until then no other time limit has begun.
const FIRST_BYTES: usize = 24;

/// The socket of a connection that has a seat.
pub struct Socket {
    stream: TcpStream,
    taken: Taken,
    told_to_go: oneshot::Receiver<()>,
    heard: usize,
    opening: Option<Pin<Box<Sleep>>>,
    /// There while something waits to be written, and cuts that short.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Who wanted to read meanwhile.
    reader: Option<Waker>,
}

impl Socket {
    pub fn of(stream: TcpStream, taken: Taken, told_to_go: oneshot::Receiver<()>) -> Self {
        let opening = Some(Box::pin(sleep(PATIENCE)));
        Self { stream, taken, told_to_go, heard: 0, opening, stalled: None, reader: None }
    }

    pub fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.taken.seat)
    }

    fn may_stay(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        // An error is that nobody can tell it to go any more, and that does not happen.
        match Pin::new(&mut self.told_to_go).poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(_) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "others need the room")),
        }
    }

    fn hear(&mut self, bytes: usize) {
        self.heard += bytes;
        if self.heard >= FIRST_BYTES || self.taken.seat.has_spoken() {
            self.opening = None;
        }
    }

    /// Writes, unless nobody reads.
    fn write(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.may_stay(context)?;
        let written = write(Pin::new(&mut self.stream), context);
        if written.is_ready() {
            self.stalled = None;
            self.reader.take().into_iter().for_each(Waker::wake);
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        socket.may_stay(context)?;
        if socket.stalled.is_some() {
            // Who does not read its answers is not heard: hyper would answer on, into memory.
            socket.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let before = into.filled().len();
        let read = Pin::new(&mut socket.stream).poll_read(context, into);
        socket.hear(into.filled().len() - before);
        match (&read, &mut socket.opening) {
            (Poll::Pending, Some(opening)) => {
                opening.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
            _ => read,
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, |stream, context| stream.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
