//! The network between a node and its store: carries bytes, holds them back, or is cut.

use std::{net, thread};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::watch,
};

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Nothing comes through, either way; connections stay, and new ones seem to be taken.
    Held,
    /// Connections break, and new ones too.
    Cut,
}

/// A way to a port of the loopback, as long as it lives. On a thread of its own, for what it carries must not wait for
/// the clients: how soon a node hears of something is measured.
pub struct Wire {
    pub port: u16,
    way: watch::Sender<Way>,
}

impl Wire {
    pub fn to(server: u16) -> Self {
        let listener = net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        let port = listener.local_addr().expect("an address").port();
        let (sender, way) = watch::channel(Way::Open);
        let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
        thread::spawn(move || runtime.block_on(serve(listener, server, way)));
        Self { port, way: sender }
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

/// Until the value is dropped that says what becomes of it.
async fn serve(listener: net::TcpListener, server: u16, way: watch::Receiver<Way>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut end = way.clone();
    let accepting = async {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(connect(client, server, way.clone()));
        }
    };
    tokio::select! {
        _ = end.wait_for(|_| false) => {}
        () = accepting => {}
    }
}

async fn connect(client: TcpStream, server: u16, mut way: watch::Receiver<Way>) {
    if !is_open(&mut way).await {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    // What Redis answers is small and must not wait for more.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let back = way.clone();
    // Where one direction ends, so does the other.
    tokio::select! {
        () = carry(from_client, to_server, way) => {}
        () = carry(from_server, to_client, back) => {}
    }
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut way: watch::Receiver<Way>,
) {
    let mut cuts = way.clone();
    let cut = cuts.wait_for(|way| *way == Way::Cut);
    let all = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if !is_open(&mut way).await || to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = cut => {}
        () = all => {}
    }
}

/// Waits while it is held; whether it is open then, and not cut.
async fn is_open(way: &mut watch::Receiver<Way>) -> bool {
    way.wait_for(|way| *way != Way::Held).await.is_ok_and(|way| *way == Way::Open)
}
