//! Connections that do no good: silent, slow, deaf or too many. Real sockets by the thousand, and a
//! server that may open no more than 1,024 files (contract 2).

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use tokio::net::TcpSocket;

use super::{
    actor::{Actor, send},
    install::{GUARD, Install, Server},
    raw::Raw,
    resources::{may_open_many, memory},
};

const PASSWORD: &str = "seven words make a fine passphrase indeed";
/// How long a connection may be of no use (10 s), and some time for a busy machine.
const BOUND: Duration = Duration::from_secs(20);

async fn start_with_few_descriptors(install: &Install) -> Server {
    may_open_many();
    install.add_user("alice", PASSWORD, &[]);
    install.start_by(&format!("ulimit -n 1024; {GUARD}"), &["serve"]).await
}

fn connect(url: &str) -> TcpStream {
    TcpStream::connect(url.trim_start_matches("http://")).expect("a connection")
}

/// Every listener answers: on new connections, as those do who come just now.
async fn all_is_well(server: &Server) {
    let alice = server.client().signed_in("alice", PASSWORD).await;
    assert_eq!(alice.check().await.status, 200);
    assert_eq!(alice.at(&server.check_url).check().await.status, 200);
    for url in [&server.url, &server.management_url] {
        assert_eq!(send(Actor::new(url).request("GET", "/healthz")).await.status, 200);
        assert_eq!(send(Actor::new(url).request("GET", "/readyz")).await.status, 200);
    }
    let gateway = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    let answer = gateway.post(format!("{}/x", server.ext_authz_url)).send().await.expect("an answer");
    assert_eq!(answer.headers()["grpc-status"], "12");
}

/// Reads until the server hangs up, and fails where it does not.
fn hangs_up(stream: &mut TcpStream, within: Duration) -> Vec<u8> {
    let deadline = Instant::now() + within;
    let mut said = Vec::new();
    let mut bytes = [0; 16 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).expect("a time limit");
        match stream.read(&mut bytes) {
            Ok(0) => return said,
            Ok(count) => said.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return said,
            Err(error) => panic!("it is still open: {error}"),
        }
    }
}

#[tokio::test]
async fn silence_keeps_nobody_out_and_does_not_last() {
    let install = Install::new();
    let server = start_with_few_descriptors(&install).await;
    let mut silent = Vec::new();
    for url in [&server.url, &server.management_url, &server.check_url, &server.ext_authz_url] {
        for number in 0..1_200 {
            let mut stream = connect(url);
            // Who says so much wants HTTP/2, and says no more. Some are gone already.
            if number % 2 == 0 {
                let _ = stream.write_all(b"PRI * HTTP/2.0\r\n");
            }
            silent.push(stream);
        }
    }
    all_is_well(&server).await;
    silent.extend((0..20).map(|_| connect(&server.ext_authz_url)));
    let latest = Instant::now();
    all_is_well(&server).await;
    for stream in &mut silent {
        hangs_up(stream, BOUND.saturating_sub(latest.elapsed()));
    }
    all_is_well(&server).await;
}

#[tokio::test]
async fn one_client_that_keeps_its_requests_open_leaves_room_for_others() {
    let install = Install::new();
    let server = start_with_few_descriptors(&install).await;
    let (greedy, listen): (SocketAddr, _) = ("127.1.2.3:0".parse().expect("an address"), install.listen);
    let mut held = Vec::new();
    for _ in 0..1_100 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(greedy).expect("an address of our own");
        let stream = socket.connect(listen).await.expect("a connection");
        let begun = b"POST /v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                      Content-Length: 100\r\n\r\n{";
        let _ = stream.try_write(begun);
        held.push(stream);
    }
    all_is_well(&server).await;
    drop(held);
    all_is_well(&server).await;
}

#[tokio::test]
async fn what_trickles_and_what_nobody_reads_does_not_last() {
    let install = Install::new();
    let server = start_with_few_descriptors(&install).await;
    let head =
        "POST /v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n";
    let trickles = [
        (&server.url, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", ""),
        (&server.management_url, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", ""),
        (&server.ext_authz_url, "", ""),
        (&server.url, head, "400"),
    ];
    let trickling = trickles.map(|(url, begun, answer)| {
        let mut stream = connect(url);
        thread::spawn(move || {
            let began = Instant::now();
            stream.write_all(begun.as_bytes()).expect("sent");
            while began.elapsed() < BOUND && stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_secs(1));
            }
            let said = String::from_utf8_lossy(&hangs_up(&mut stream, Duration::from_secs(1))).into_owned();
            assert!(said.contains(answer), "{begun}: {said}");
        })
    });
    let mut deaf = connect(&server.management_url);
    let unread = thread::spawn(move || {
        deaf.set_write_timeout(Some(BOUND)).expect("a time limit");
        let asked = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1_000);
        let sent = (0..2_000).take_while(|_| deaf.write_all(&asked).is_ok()).count();
        assert!(sent < 2_000, "it goes on answering");
        hangs_up(&mut deaf, Duration::from_secs(5));
    });
    for thread in trickling.into_iter().chain([unread]) {
        tokio::task::spawn_blocking(|| thread.join()).await.expect("joined").expect("it is over in time");
    }
    let peak = memory(&server).peak;
    assert!(peak < 300 << 20, "{peak} bytes: the answers pile up");
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_their_connection() {
    let install = Install::new();
    let server = start_with_few_descriptors(&install).await;
    let mut stream = connect(&server.ext_authz_url);
    let frame = |kind: u8, flags: u8, id: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[kind, flags], &id.to_be_bytes(), payload].concat()
    };
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for id in (1..20_000).step_by(2) {
        // POST http://a/ in the static table of HPACK, then CANCEL.
        bytes.extend(frame(1, 0x5, id, b"\x83\x86\x84\x41\x01a"));
        bytes.extend(frame(3, 0, id, &8_u32.to_be_bytes()));
    }
    // It may hang up before all is sent.
    let _ = stream.write_all(&bytes);
    let said = hangs_up(&mut stream, Duration::from_secs(5));
    let enhance_your_calm = 11_u32.to_be_bytes();
    assert!(said.windows(4).any(|window| window == enhance_your_calm), "{} bytes", said.len());
    all_is_well(&server).await;
}

#[tokio::test]
async fn the_limit_of_open_files_is_raised_as_far_as_it_goes() {
    let install = Install::new();
    let guard = format!("ulimit -S -n 512; ulimit -H -n 2048; {GUARD}");
    let server = install.start_by(&guard, &["serve"]).await;
    let limits = server.proc("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    assert_eq!(line.split_whitespace().nth(3), Some("2048"), "{line}");
}

#[tokio::test]
async fn http_2_is_spoken_to_gateways_alone() {
    let install = Install::new();
    let server = install.start().await;
    for url in [&server.url, &server.management_url, &server.check_url] {
        let mut stream = connect(url);
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("sent");
        let said = hangs_up(&mut stream, Duration::from_secs(5));
        assert!(!said.starts_with(b"\0"), "no frame: {said:?}");
    }
}

#[tokio::test]
async fn a_head_longer_than_any_proxy_sends_is_refused() {
    let install = Install::new();
    let server = install.start().await;
    let long = format!("X-Long: {}", "x".repeat(60_000));
    let mut raw = Raw::connect(&server.url);
    raw.head("GET /healthz", &[&long]);
    assert_eq!(raw.answer().status, 200);
    let longer = format!("X-Long: {}", "x".repeat(300_000));
    let mut stream = connect(&server.url);
    let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{longer}\r\n\r\n").as_bytes());
    let said = String::from_utf8_lossy(&hangs_up(&mut stream, Duration::from_secs(5))).into_owned();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
}
