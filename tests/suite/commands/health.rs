//! `keyward health`: 0 where the server of these settings answers that it is well, and 1 in one line and in bounded
//! time for whatever else may be there.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::support::{
    outside::install::{Install, Outcome},
    servers::{postgres, redis},
};

fn well(outcome: &Outcome) {
    assert_eq!((outcome.code, &*outcome.stdout, &*outcome.stderr), (Some(0), "", ""));
}

/// What it says where it is not well.
fn ill(outcome: Outcome) -> String {
    assert_eq!(
        (outcome.code, &*outcome.stdout, outcome.stderr.lines().count()),
        (Some(1), "", 1),
        "{outcome:?}"
    );
    outcome.stderr
}

#[tokio::test]
async fn a_server_that_lives_is_well_also_while_a_store_is_away() {
    let mut redis = redis::Server::start(&[]);
    let install = Install::new().with("REDIS_URL", redis.url()).with("DATABASE_URL", postgres::database());
    let url = format!("keyward: http://{}", install.management);
    assert!(ill(install.run(&["health"])).starts_with(&format!("{url}/healthz does not answer: ")));

    let server = install.start().await;
    well(&install.run(&["health"]));
    well(&install.run(&["health", "--ready"]));

    redis.kill();
    let said = ill(install.run(&["health", "--ready"]));
    assert!(
        said.starts_with(&format!("{url}/readyz answers 503: ")) && said.contains("unavailable"),
        "{said}"
    );
    well(&install.run(&["health"]));

    // One that hangs says nothing, and is not waited for.
    server.freeze();
    assert!(ill(install.run(&["health"])).contains("nothing within 5 s"));
    server.thaw();
}

#[test]
fn it_asks_at_the_loopback_address_where_the_listener_takes_all() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for (stream, status) in listener.incoming().zip(["200 OK", "404 Not Found"]) {
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 8\r\n\r\nno\u{1b}[31m\n\n");
            let mut stream = stream.expect("a connection");
            assert!(stream.read(&mut [0; 1024]).expect("a request") > 0);
            stream.write_all(head.as_bytes()).expect("answered");
        }
    });
    let install = Install::new().with("KEYWARD_SERVER_MANAGEMENT_LISTEN", format!("0.0.0.0:{port}"));
    well(&install.run(&["health"]));
    // Something else may answer there: what it says is shown without what a terminal would obey.
    let said = ill(install.run(&["health"]));
    assert!(said.contains("127.0.0.1") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_port_that_is_another_each_time_cannot_be_asked() {
    let install = Install::new().with("KEYWARD_SERVER_MANAGEMENT_LISTEN", "127.0.0.1:0");
    assert!(ill(install.run(&["health"])).contains("port 0"));
    let install = Install::new().with("KEYWARD_SERVER_LISTEN", "nowhere");
    assert!(ill(install.run(&["health"])).contains("KEYWARD_SERVER_LISTEN"));
}
