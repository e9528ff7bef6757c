//! A way to Redis that breaks where it is told to: after a number of commands has been carried out, as
//! if the client had crashed there. Or that holds there, so that another client comes in between. Or that
//! counts how often an answer was waited for. Or that is slow, or comes to lead to another server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Commands with which a client only looks after its connection.
const UPKEEP: [&[u8]; 6] = [b"HELLO", b"CLIENT", b"PING", b"SCRIPT", b"SELECT", b"CLUSTER"];

/// How long answers are on their way while trips are counted: commands that are sent side by side have all come
/// by then.
const ON_THE_WAY: Duration = Duration::from_millis(40);

/// How many commands may still pass, and whether there is a way again after that.
#[derive(Default)]
struct Allowance {
    left: AtomicI64,
    heals: AtomicBool,
}

impl Allowance {
    fn set(&self, left: i64, heals: bool) {
        self.heals.store(heals, Ordering::SeqCst);
        self.left.store(left, Ordering::SeqCst);
    }

    /// Takes one; tells how many there were.
    fn take(&self) -> i64 {
        self.left.fetch_sub(1, Ordering::SeqCst)
    }

    fn is_spent(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    /// Whether a new connection may be made.
    fn is_open(&self) -> bool {
        if self.is_spent() && self.heals.load(Ordering::SeqCst) {
            self.set(i64::MAX, false);
        }
        !self.is_spent()
    }
}

/// The way, as long as it lives.
pub struct Proxy {
    pub port: u16,
    way: Arc<Way>,
    task: JoinHandle<()>,
}

/// What all connections have in common.
struct Way {
    /// The port it leads to.
    server: AtomicU16,
    /// Of which a change cuts every connection.
    turns: watch::Sender<()>,
    /// How long an answer is on its way, in milliseconds.
    slowness: AtomicU64,
    left: Allowance,
    gate: Gate,
    meter: Meter,
}

/// What was sent since the count began.
#[derive(Default)]
struct Meter {
    counts: AtomicBool,
    commands: AtomicU32,
    trips: AtomicU32,
    /// Whether an answer has come since the last command.
    is_answered: AtomicBool,
}

impl Meter {
    fn sent(&self) {
        self.commands.fetch_add(1, Ordering::SeqCst);
        if self.is_answered.swap(false, Ordering::SeqCst) {
            self.trips.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn answered(&self) {
        if self.counts.load(Ordering::SeqCst) {
            tokio::time::sleep(ON_THE_WAY).await;
            self.is_answered.store(true, Ordering::SeqCst);
        }
    }
}

/// Where commands wait, once as many have passed as may.
struct Gate {
    may_pass: watch::Sender<i64>,
    holds: watch::Sender<bool>,
}

impl Gate {
    /// Returns when a command may pass.
    async fn pass(&self) {
        let mut may_pass = self.may_pass.subscribe();
        loop {
            let mut passes = false;
            self.may_pass.send_if_modified(|left| {
                passes = *left > 0;
                *left -= i64::from(passes);
                false
            });
            if passes {
                return;
            }
            self.holds.send_replace(true);
            may_pass.changed().await.expect("the gate is there");
        }
    }
}

impl Proxy {
    /// A way to that port that does not break yet.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let way = Arc::new(Way {
            server: AtomicU16::new(server),
            turns: watch::Sender::new(()),
            slowness: AtomicU64::new(0),
            left: Allowance::default(),
            gate: Gate { may_pass: watch::Sender::new(i64::MAX), holds: watch::Sender::new(false) },
            meter: Meter::default(),
        });
        way.left.set(i64::MAX, false);
        let task = tokio::spawn(accept(listener, way.clone()));
        Self { port, way, task }
    }

    /// The URL by which a server of Redis is reached over it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Leads to another server from now on, as a name or an address does that was moved; whoever is connected is
    /// cut off.
    pub fn lead_to(&self, server: u16) {
        self.way.server.store(server, Ordering::SeqCst);
        self.way.turns.send_replace(());
    }

    /// Has each answer take so long.
    pub fn slow_down(&self, slowness: Duration) {
        let millis = u64::try_from(slowness.as_millis()).expect("a short time");
        self.way.slowness.store(millis, Ordering::SeqCst);
    }

    /// Counts the commands that `verb` sends, and how many trips they take: those that are sent before an answer
    /// has come share one.
    pub async fn count<T>(&self, verb: impl Future<Output = T>) -> (u32, u32, T) {
        let Meter { counts, commands, trips, is_answered } = &self.way.meter;
        counts.store(true, Ordering::SeqCst);
        is_answered.store(true, Ordering::SeqCst);
        let before = [commands, trips].map(|count| count.load(Ordering::SeqCst));
        let done = verb.await;
        counts.store(false, Ordering::SeqCst);
        (commands.load(Ordering::SeqCst) - before[0], trips.load(Ordering::SeqCst) - before[1], done)
    }

    /// Lets `commands` more pass; those after them wait until [`open`](Self::open).
    pub fn hold_after(&self, commands: i64) {
        self.way.gate.holds.send_replace(false);
        self.way.gate.may_pass.send_replace(commands);
    }

    /// Returns when a command waits.
    pub async fn held(&self) {
        self.way.gate.holds.subscribe().wait_for(|holds| *holds).await.expect("the gate is there");
    }

    /// Lets every command pass again.
    pub fn open(&self) {
        self.way.gate.may_pass.send_replace(i64::MAX);
    }

    /// Lets `commands` more pass, but not the answer to the last one. Then it is broken for good.
    pub fn break_after(&self, commands: i64) {
        self.way.left.set(commands, false);
    }

    /// The same, but only that connection breaks.
    pub fn break_once_after(&self, commands: i64) {
        self.way.left.set(commands, true);
    }

    /// Lets commands pass again after a break.
    pub fn heal(&self) {
        self.way.left.set(i64::MAX, false);
    }

    /// Whether more commands were sent than were let pass.
    pub fn is_broken(&self) -> bool {
        self.way.left.is_spent()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, way: Arc<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        if !way.left.is_open() {
            continue;
        }
        let (way, mut turns) = (way.clone(), way.turns.subscribe());
        // Where no server is, whoever comes is hung up on.
        if let Ok(server) = TcpStream::connect(("127.0.0.1", way.server.load(Ordering::SeqCst))).await {
            tokio::spawn(async move {
                tokio::select! {
                    () = carry(client, server, &way) => {}
                    _ = turns.changed() => {}
                }
            });
        }
    }
}

/// Carries commands one way and answers the other, until one must not pass.
async fn carry(client: TcpStream, server: TcpStream, way: &Arc<Way>) {
    let is_cut = Arc::new(AtomicBool::new(false));
    let (from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let mut commands = BufReader::new(from_client);
    // Ends with this connection, however that ends.
    let mut answers = JoinSet::new();
    answers.spawn(answer(from_server, to_client, is_cut.clone(), way.clone()));
    while let Some((name, bytes)) = command(&mut commands).await {
        let is_upkeep = UPKEEP.iter().any(|upkeep| name.eq_ignore_ascii_case(upkeep));
        if !is_upkeep {
            way.gate.pass().await;
            way.meter.sent();
        }
        let left = if is_upkeep { i64::MAX } else { way.left.take() };
        is_cut.fetch_or(left <= 1, Ordering::SeqCst);
        if left <= 0 || to_server.write_all(&bytes).await.is_err() || left == 1 {
            break;
        }
    }
    // The server carries out what it was sent before it sees the end; then nothing comes any more.
    let _ = to_server.shutdown().await;
    answers.join_next().await;
}

/// Answers are withheld from the moment when the last command was let pass.
async fn answer(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    is_cut: Arc<AtomicBool>,
    way: Arc<Way>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        way.meter.answered().await;
        tokio::time::sleep(Duration::from_millis(way.slowness.load(Ordering::SeqCst))).await;
        if !is_cut.load(Ordering::SeqCst) {
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
