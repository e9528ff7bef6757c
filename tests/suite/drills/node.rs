//! The node itself: its keys, its file descriptors, its password hashing.

use std::{
    fs::{self, DirBuilder},
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::fs::DirBuilderExt,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    SetWhenDropped,
    stage::{PASSWORD, Stage, USER, check, furnish, served, unhurried, until_served},
};
use crate::support::{
    outages_page::{Cell, promised},
    outside::{
        ask::Ask,
        install::{Install, Server, wait_for},
        nodes::beside,
        raw::Raw,
        resources::NoDescriptors,
    },
};

async fn stage(install: Install) -> Stage {
    let install = unhurried(install);
    let secret = furnish(&install);
    let server = install.start().await;
    Stage::of(install, vec![server], secret)
}

fn key_set(server: &Server) -> String {
    Ask::new("GET /.well-known/jwks.json").at(&server.url).text
}

/// Has the keys read again, which must fail.
fn fails_to_read_keys(server: &Server, times: usize) {
    server.hang_up();
    let said = || server.printed().matches("the keys could not be read again").count() >= times;
    wait_for(|| said().then_some(())).expect("a line");
}

#[tokio::test]
async fn keys_unreadable() {
    let stage = stage(Install::new()).await;
    let (node, install) = (&stage.nodes[0], &stage.install);
    let (keys, elsewhere) = (install.path("keys"), install.path("elsewhere"));
    let known = key_set(node);
    fs::rename(&keys, &elsewhere).expect("moved");
    fails_to_read_keys(node, 1);
    stage.holds("keys_unreadable");
    // As the folder is on which its volume is not mounted any more.
    DirBuilder::new().mode(0o700).create(&keys).expect("made");
    fails_to_read_keys(node, 2);
    stage.holds("keys_unreadable");
    assert_eq!(key_set(node), known);

    // Another node goes on to a new key, which this one cannot read.
    let other = beside(install).with("KEYWARD_KEYS_DIR", elsewhere.display());
    let set: Value = serde_json::from_str(&known).expect("JSON");
    other.good(&["key", "retire", set["keys"][0]["kid"].as_str().expect("a name")]);
    let there = other.start().await;
    let newcomer = there.client().signed_in(USER, PASSWORD).await;
    check(&newcomer).at(&node.url).refused(503, "store_unavailable");
    let sign_out = Ask::new("POST /v1/logout").bearer(&newcomer.access);
    sign_out.at(&node.url).problem(503, "store_unavailable");

    fs::remove_dir(&keys).expect("nothing was put there");
    fs::rename(&elsewhere, &keys).expect("moved back");
    until_served(|| check(&newcomer).at(&node.url));
    stage.is_well();
}

#[tokio::test]
async fn descriptors_gone() {
    let stage = stage(Install::new()).await;
    let node = &stage.nodes[0];
    let mut open = Raw::connect(&node.url);
    assert_eq!(Ask::new("GET /readyz").over(&mut open).status, 200);
    let none_left = NoDescriptors::left_to(node);
    let mut newcomer =
        TcpStream::connect(node.url.trim_start_matches("http://")).expect("the system's queue");
    newcomer.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    for (column, cell) in promised("descriptors_gone") {
        assert_eq!(cell, Cell::On);
        for ask in stage.asks(column) {
            let answer = ask.over(&mut open);
            assert!(served(&answer), "{column:?}: {answer:?}");
        }
    }
    let mut said = [0; 12];
    newcomer.set_read_timeout(Some(Duration::from_millis(200))).expect("a time limit");
    let waits = newcomer.read(&mut said).expect_err("nobody is there to answer");
    assert!(matches!(waits.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waits}");
    drop(none_left);
    newcomer.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    newcomer.read_exact(&mut said).expect("an answer");
    assert_eq!(&said, b"HTTP/1.1 200");
    stage.is_well();
}

#[tokio::test]
async fn login_flood() {
    let install = Install::new().with("KEYWARD_LOGIN_CONCURRENCY", 2).with("KEYWARD_LOGIN_QUEUE", 8);
    install.add_user("mallory", PASSWORD, &[]);
    let stage = stage(install).await;
    let url = &stage.nodes[0].url;
    let (is_over, shed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let body = json!({ "username": "mallory", "password": PASSWORD });
    let sign_in = Ask::new("POST /v1/login").json(&body);
    thread::scope(|scope| {
        let _over = SetWhenDropped(&is_over);
        for _ in 0..64 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = sign_in.at(url);
                    if !served(&answer) {
                        answer.problem(503, "overloaded");
                        shed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        wait_for(|| (shed.load(Ordering::Relaxed) > 0).then_some(())).expect("it is a flood");
        stage.holds("login_flood");
    });
    stage.is_well();
}
