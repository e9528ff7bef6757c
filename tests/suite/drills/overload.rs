//! Ten times as many connections and sign-ins as a node takes: it sheds, bounded in memory, and goes on with what
//! it has taken.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use super::{
    SetWhenDropped,
    stage::{PASSWORD, check, until_served},
};
use crate::support::outside::{
    actor::Actor,
    ask::Ask,
    install::{GUARD, Install, PATIENCE, Server, wait_for},
    raw::Raw,
    resources::{may_open_many, memory, open_files},
};

/// Open files that the server may have.
const FILES: u64 = 1_024;
/// Of these, connections of the public listener: less what is kept for stores, keys and probes, a third.
const SEATS: usize = 277;
const CROWD: usize = 10 * SEATS;
/// Clients from one address: fewer than it may have seats, so that it is the crowd that is too large.
const OF_ADDRESS: usize = 100;
const USERS: usize = 4;
/// Some hundred sign-ins a second, where each of the crowd asks for one.
const HASHED_AT_ONCE: u64 = 2;
/// How long the crowd presses on.
const PRESSING: Duration = Duration::from_secs(4);

/// What became of the crowd's requests.
#[derive(Default)]
struct Tally {
    /// How long those were under way that signed somebody in.
    served: Vec<Duration>,
    shed: usize,
    /// Connections that were closed, or not made.
    closed: usize,
    /// Answers that nobody should get.
    wrong: Vec<String>,
}

fn request(user: usize) -> String {
    let body = json!({ "username": format!("user{user}"), "password": PASSWORD }).to_string();
    let length = body.len();
    format!(
        "POST /v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

async fn connect(to: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// The answer as text; `None` where there is none but the end of the connection.
async fn ask(to: SocketAddr, from: Ipv4Addr, request: &str) -> Option<String> {
    let mut stream = connect(to, from).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut said = Vec::new();
    let mut bytes = [0; 4096];
    while !said.ends_with(b"}") {
        match stream.read(&mut bytes).await {
            Ok(count @ 1..) => said.extend_from_slice(&bytes[..count]),
            Ok(0) | Err(_) => break,
        }
    }
    (!said.is_empty()).then(|| String::from_utf8_lossy(&said).into_owned())
}

/// One of the crowd: signs in again and again, and comes again when it is told to.
async fn press(number: usize, to: SocketAddr, tally: Arc<Mutex<Tally>>) {
    let [high, low] = u16::try_from(number / OF_ADDRESS).expect("few addresses").to_be_bytes();
    let (from, request) = (Ipv4Addr::new(127, 5, high, low + 1), request(number % USERS));
    let until = Instant::now() + PRESSING;
    while Instant::now() < until {
        let begun = Instant::now();
        let said = timeout(PATIENCE, ask(to, from, &request)).await.expect("answered or closed in time");
        let took = begun.elapsed();
        note(&mut tally.lock().expect("no panic"), said, took);
        sleep(Duration::from_secs(1)).await;
    }
}

fn note(tally: &mut Tally, said: Option<String>, took: Duration) {
    let Some(said) = said else { return tally.closed += 1 };
    if said.starts_with("HTTP/1.1 200 ") {
        tally.served.push(took);
    } else if said.starts_with("HTTP/1.1 503 ") && said.to_lowercase().contains("\r\nretry-after: ") {
        tally.shed += 1;
    } else {
        tally.wrong.push(said);
    }
}

/// A gateway's connection, on which one check follows the other; each of them must be answered.
fn checks(server: &Server, client: &Actor, is_over: &AtomicBool) -> Vec<Duration> {
    let mut connection = Raw::connect(&server.check_url);
    let mut took = Vec::new();
    while !is_over.load(Ordering::Relaxed) || took.len() < 200 {
        let begun = Instant::now();
        let answer = check(client).over(&mut connection);
        assert_eq!(answer.status, 200, "{answer:?}");
        took.push(begun.elapsed());
        thread::sleep(Duration::from_millis(2));
    }
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The most that a crowd may add: 64 KiB each to read and to write for every file that may be open, and what its
/// hashes take. What waits for a hash, and who waits for a seat, must take none.
const fn most_added() -> u64 {
    FILES * 2 * 64 * 1024 + HASHED_AT_ONCE * 19_456 * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "tests/run gives it the machine to itself"]
async fn ten_times_the_connections() {
    may_open_many();
    let install = Install::new()
        .with("KEYWARD_LOG_LEVEL", "info")
        .with("KEYWARD_LOGIN_CONCURRENCY", HASHED_AT_ONCE)
        .with("KEYWARD_RATE_LIMIT_SESSION_REQUESTS", 1_000_000)
        .with("KEYWARD_ACCOUNTS_SESSIONS_PER_USER", 0);
    for user in 0..USERS {
        install.add_user(&format!("user{user}"), PASSWORD, &[]);
    }
    let server = install.start_by(&format!("ulimit -n {FILES}; {GUARD}"), &["serve"]).await;
    let client = server.client().signed_in("user0", PASSWORD).await;
    let before = median(checks(&server, &client, &AtomicBool::new(true)));
    let (open, resident) = (open_files(&server), memory(&server).resident);

    let (tally, is_over) = (Arc::new(Mutex::new(Tally::default())), AtomicBool::new(false));
    let meanwhile = thread::scope(|scope| {
        let gateways = [(); 2].map(|()| scope.spawn(|| checks(&server, &client, &is_over)));
        let over = SetWhenDropped(&is_over);
        let crowd = (0..CROWD).map(|number| tokio::spawn(press(number, install.listen, Arc::clone(&tally))));
        let crowd: Vec<_> = crowd.collect();
        let all = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(join_all(crowd)));
        for one in all {
            one.expect("no panic");
        }
        drop(over);
        median(gateways.into_iter().flat_map(|gateway| gateway.join().expect("all answered")).collect())
    });
    let Tally { served, shed, closed, wrong } = std::mem::take(&mut *tally.lock().expect("no panic"));
    let added = memory(&server).peak.saturating_sub(resident);
    let (signed_in, sign_in) = (served.len(), median(served));
    let figures = format!(
        "checks take {before:?}, meanwhile {meanwhile:?}; {signed_in} signed in, in {sign_in:?}; \
         {shed} shed, {closed} closed; {added} bytes more"
    );
    assert!(wrong.is_empty(), "neither served nor shed: {:?}", &wrong[..wrong.len().min(3)]);
    assert!(shed > 0 && shed + closed > signed_in, "it was no flood: {figures}");
    assert!(added < most_added(), "{figures}");
    // Both wait for the same cores; a check that waited for passwords would take as long as a sign-in.
    assert!(meanwhile * 4 < sign_in, "{figures}");

    wait_for(|| (open_files(&server) < open + SEATS / 4).then_some(()))
        .expect("the connections are given back");
    let again = Ask::new("POST /v1/login").json(&json!({ "username": "user1", "password": PASSWORD }));
    let newcomer = client.with_tokens(&until_served(|| again.at(&server.url)));
    assert_eq!(check(&newcomer).at(&server.url).status, 200);
    assert_eq!(Ask::new("GET /readyz").at(&server.management_url).status, 200);
}
