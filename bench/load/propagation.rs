//! How soon three nodes refuse a token after the 204 of its sign-out: each is asked about it without a
//! pause, over a warm connection, before and after.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use super::{
    common::{
        figure::Figure,
        goals::{Compared, Measured},
    },
    connection::Connection,
    keyward::{Backend, Keyward, NO_LIMIT},
    options::Options,
    request::Request,
    seeder::Seeder,
};

const LOGOUTS: usize = 300;
const GIVE_UP: Duration = Duration::from_secs(5);

pub fn measure(_: &Options) -> Vec<Figure> {
    let keyward = Keyward::start(Backend::Redis, NO_LIMIT);
    let others = [keyward.another_node(), keyward.another_node()];
    let nodes = [keyward.address(), others[0].address, others[1].address];
    let mut pollers = nodes.map(Connection::open);
    let mut first = Connection::open(nodes[0]);
    let tokens = Seeder::of(&keyward).access_tokens(LOGOUTS);
    let mut delays: Vec<_> = tokens.iter().map(|token| sign_out(&mut first, &mut pollers, token)).collect();
    delays.sort();
    let at = |percent: usize| delays[LOGOUTS * percent / 100].as_secs_f64() * 1000.0;
    let text = format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
    let name = "sign-out until the last of three nodes refuses";
    vec![Figure::held(text, Measured::new(name, Compared::P99Millis, at(99)))]
}

/// From the 204 to the last node's first refusal.
fn sign_out(node: &mut Connection, pollers: &mut [Connection; 3], token: &str) -> Duration {
    let warm = Barrier::new(pollers.len() + 1);
    thread::scope(|scope| {
        let polling: Vec<_> = pollers
            .iter_mut()
            .map(|poller| {
                let warm = &warm;
                scope.spawn(move || {
                    assert_eq!(check(poller, token), 200, "it passes before");
                    warm.wait();
                    refused_at(poller, token)
                })
            })
            .collect();
        warm.wait();
        let answer = Request::logout(token).ask_on(node);
        let signed_out_at = Instant::now();
        assert!(answer.head.starts_with("HTTP/1.1 204"), "{}", answer.head);
        let refused = polling.into_iter().map(|poller| poller.join().expect("refused"));
        refused.max().expect("three nodes").saturating_duration_since(signed_out_at)
    })
}

fn refused_at(poller: &mut Connection, token: &str) -> Instant {
    let deadline = Instant::now() + GIVE_UP;
    loop {
        let status = check(poller, token);
        let now = Instant::now();
        match status {
            401 => return now,
            200 => assert!(now < deadline, "a node has not heard of the sign-out"),
            other => panic!("a check answered {other}"),
        }
    }
}

fn check(connection: &mut Connection, token: &str) -> u16 {
    let head = Request::check(token).ask_on(connection).head;
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}
