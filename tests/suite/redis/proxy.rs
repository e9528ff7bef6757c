//! A way to Redis that breaks where it is told to: after a number of commands has been carried out, as
//! if the client had crashed there.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// Commands with which a client only looks after its connection.
const UPKEEP: [&[u8]; 5] = [b"HELLO", b"CLIENT", b"PING", b"SCRIPT", b"SELECT"];

/// How many commands may still pass; counts down to 0, where everything breaks for good.
#[derive(Clone)]
struct Allowance(Arc<AtomicI64>);

impl Allowance {
    /// Takes one; `false` = there is none.
    fn take(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) > 0
    }

    fn is_spent(&self) -> bool {
        self.0.load(Ordering::SeqCst) <= 0
    }
}

/// The way, as long as it lives.
pub struct Proxy {
    pub port: u16,
    left: Allowance,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A way to that port that does not break yet.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let left = Allowance(Arc::new(AtomicI64::new(i64::MAX)));
        let task = tokio::spawn(accept(listener, server, left.clone()));
        Self { port, left, task }
    }

    /// Lets `commands` more pass, and not even the answer to the last one.
    pub fn break_after(&self, commands: i64) {
        self.left.0.store(commands, Ordering::SeqCst);
    }

    /// Whether more commands were sent than were let pass.
    pub fn is_broken(&self) -> bool {
        self.left.is_spent()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: u16, left: Allowance) {
    while let Ok((client, _)) = listener.accept().await {
        if left.is_spent() {
            continue;
        }
        let server = TcpStream::connect(("127.0.0.1", server)).await.expect("the server");
        tokio::spawn(carry(client, server, left.clone()));
    }
}

/// Carries commands one way and answers the other, until one must not pass.
async fn carry(client: TcpStream, server: TcpStream, left: Allowance) {
    let (from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let mut commands = BufReader::new(from_client);
    let answers = tokio::spawn(answer(from_server, to_client, left.clone()));
    while let Some((name, bytes)) = command(&mut commands).await {
        let is_upkeep = UPKEEP.iter().any(|upkeep| name.eq_ignore_ascii_case(upkeep));
        if !is_upkeep && !left.take() {
            break;
        }
        if to_server.write_all(&bytes).await.is_err() {
            break;
        }
        if left.is_spent() {
            break;
        }
    }
    // The server carries out what it was sent before it sees the end; then nothing comes any more.
    let _ = to_server.shutdown().await;
    let _ = answers.await;
}

/// Answers are withheld from the moment when the last command was let pass.
async fn answer(mut from_server: OwnedReadHalf, mut to_client: OwnedWriteHalf, left: Allowance) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        if !left.is_spent() {
            let _ = to_client.write_all(&buffer[..count]).await;
        }
    }
}

/// One command, as an array of bulk strings: its name, and all of it as it was sent.
async fn command(from: &mut BufReader<OwnedReadHalf>) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    let words = number(from, &mut bytes).await?;
    let mut name = Vec::new();
    for word in 0..words {
        let length = number(from, &mut bytes).await?;
        let start = bytes.len();
        bytes.resize(start + length + 2, 0);
        from.read_exact(&mut bytes[start..]).await.ok()?;
        if word == 0 {
            name = bytes[start..start + length].to_vec();
        }
    }
    Some((name, bytes))
}

/// The number in a line such as `*3` or `$11`.
async fn number(from: &mut BufReader<OwnedReadHalf>, bytes: &mut Vec<u8>) -> Option<usize> {
    let start = bytes.len();
    from.read_until(b'\n', bytes).await.ok()?;
    let line = std::str::from_utf8(bytes.get(start + 1..)?).ok()?;
    line.trim().parse().ok()
}
