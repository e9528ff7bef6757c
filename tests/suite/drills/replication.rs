//! Failovers to a replica that has not got the last writes: what is forgotten without `storage.redis_wait`, and
//! that nothing is with it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    SetWhenDropped,
    stage::{PASSWORD, USER, check, comes_to, refresh, sign_in, unhurried, until_served},
};
use crate::{
    api::second_factor::enrol,
    support::{
        backends::eventually,
        outside::{
            actor::Actor,
            ask::Ask,
            install::{Install, Server, wait_for},
            nodes::beside,
        },
        proxy::Proxy,
        servers::{
            redis,
            redis_sets::{MASTER, Watched},
        },
    },
};

/// Signs in with the password alone, and sets up a second factor then.
const OTHER_USER: &str = "bob";

/// A master, its replica, and a replica of that one, behind an address that is moved when the master is lost.
struct Service {
    master: redis::Server,
    next: redis::Server,
    _last: redis::Server,
    address: Proxy,
}

fn replica_of(server: &redis::Server) -> redis::Server {
    redis::Server::start(&["--replicaof", "127.0.0.1", &server.port().to_string()])
}

async fn follows(replica: &redis::Server) {
    let is_up = || replica.ask::<String>("INFO replication").contains("link_status:up");
    eventually("a replica follows", is_up).await;
}

impl Service {
    async fn start() -> Self {
        let master = redis::Server::start(&[]);
        let next = replica_of(&master);
        follows(&next).await;
        let last = replica_of(&next);
        follows(&last).await;
        let address = Proxy::to(master.port()).await;
        Self { master, next, _last: last, address }
    }

    fn node(&self, wait: u32, install: Install) -> Install {
        unhurried(install).with("REDIS_URL", self.address.url()).with("KEYWARD_STORAGE_REDIS_WAIT", wait)
    }

    /// The replica has all that was written so far, and nothing that comes.
    fn part(&self) {
        let mut connection = self.master.connection();
        ::redis::cmd("SETEX").arg("mark").arg(60).arg("").query::<()>(&mut connection).expect("written");
        let acknowledged: i64 =
            ::redis::cmd("WAIT").arg(1).arg(10_000).query(&mut connection).expect("an answer");
        assert_eq!(acknowledged, 1);
        self.next.ask::<()>("REPLICAOF NO ONE");
    }

    /// The master is lost, and the replica is in its place.
    fn fail_over(&mut self) {
        self.master.kill();
        self.address.lead_to(self.next.port());
    }
}

fn sign_out(client: &Actor) -> Ask {
    Ask::new("POST /v1/logout").bearer(&client.access)
}

fn step_up(client: &Actor, shown: &Value) -> Ask {
    Ask::new("POST /v1/step-up").bearer(&client.access).json(shown)
}

/// Somebody who can step up, and a code to do it by.
async fn who_can_step_up(node: &Server) -> (Actor, Value) {
    let client = node.client().signed_in(OTHER_USER, PASSWORD).await;
    let (_, codes) = enrol(&client).await;
    (client, json!({ "recovery_code": codes[0] }))
}

fn has_two_factors(client: &Actor, node: &Server) -> bool {
    Ask::new("GET /v1/check?acr=2").bearer(&client.access).at(&node.url).status == 200
}

fn signed_in(node: &Server) -> Actor {
    node.client().with_tokens(&until_served(|| sign_in().at(&node.url)))
}

fn refreshed(client: &Actor, node: &Server) -> Actor {
    client.with_tokens(&until_served(|| refresh(client).at(&node.url)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_wait_a_failover_forgets_what_was_answered() {
    let mut service = Service::start().await;
    let install = service.node(0, Install::new());
    install.add_user(USER, PASSWORD, &[]);
    install.add_user(OTHER_USER, PASSWORD, &[]);
    let node = install.start().await;
    let (stays, leaver) = (signed_in(&node), signed_in(&node));
    let (stronger, shown) = who_can_step_up(&node).await;
    service.part();
    let newcomer = signed_in(&node);
    let stays = refreshed(&stays, &node);
    until_served(|| sign_out(&leaver).at(&node.url));
    until_served(|| step_up(&stronger, &shown).at(&node.url));
    service.fail_over();

    // The sign-in is lost. The refresh is made good, for the token shows that it was.
    comes_to(401, || refresh(&newcomer).at(&node.url)).problem(401, "refresh_expired");
    refreshed(&stays, &node);
    // The sign-out is known where it was answered, and nowhere else.
    check(&leaver).at(&node.url).refused(401, "token_revoked");
    let other = service.node(0, beside(&install)).start().await;
    assert_eq!(check(&leaver).at(&other.url).status, 200, "the sign-out is forgotten");
    refreshed(&leaver, &other);
    assert!(!has_two_factors(&refreshed(&stronger, &node), &node), "and so is the step-up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_wait_nothing_that_was_answered_is_lost() {
    let mut service = Service::start().await;
    let install = service.node(1, Install::new());
    install.add_user(USER, PASSWORD, &[]);
    install.add_user(OTHER_USER, PASSWORD, &[]);
    let node = install.start().await;
    let (stays, leaver) = (signed_in(&node), signed_in(&node));
    let (stronger, shown) = who_can_step_up(&node).await;
    service.part();
    let by_password = step_up(&stays, &json!({ "password": PASSWORD }));
    let by_code = step_up(&stronger, &shown);
    for ask in [sign_in(), refresh(&stays), sign_out(&leaver), by_password, by_code.clone()] {
        ask.at(&node.url).problem(503, "store_unavailable");
    }
    service.fail_over();

    // Whoever was told 503 comes again.
    let newcomer = signed_in(&node);
    let stays = refreshed(&stays, &node);
    until_served(|| sign_out(&leaver).at(&node.url));
    until_served(|| by_code.at(&node.url));
    let other = service.node(1, beside(&install)).start().await;
    assert!(has_two_factors(&refreshed(&stronger, &other), &other));
    for client in [&newcomer, &stays] {
        assert_eq!(check(&refreshed(client, &other)).at(&other.url).status, 200);
    }
    check(&leaver).at(&other.url).refused(401, "token_revoked");
    refresh(&leaver).at(&other.url).problem(401, "session_ended");
}

/// What a client was told last: its tokens, and whether it has signed out.
type Told = (Actor, bool);

/// Signs in, refreshes and signs out until the time is over; what was answered with 503 is asked again.
fn live(node: &Server, is_over: impl Fn() -> bool) -> Vec<Told> {
    let mut told = Vec::new();
    while !is_over() {
        let first = refreshed(&signed_in(node), node);
        let second = refreshed(&signed_in(node), node);
        until_served(|| sign_out(&second).at(&node.url));
        told.extend([(first, false), (second, true)]);
    }
    told
}

/// What the master is told from here on is lost with it: its replicas are away meanwhile, and come back as they
/// were.
fn lose_what_comes_now(servers: &mut [redis::Server], master: usize) {
    for (number, server) in servers.iter_mut().enumerate() {
        if number != master {
            // Nothing is taken in between what it saves and its end, which is the answer.
            let _ = ::redis::cmd("SHUTDOWN").arg("SAVE").query::<()>(&mut server.connection());
            server.kill();
        }
    }
    // Longer than a write waits for replicas.
    thread::sleep(Duration::from_millis(1500));
    servers[master].kill();
    for (number, server) in servers.iter_mut().enumerate() {
        if number != master {
            server.restart();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentinel_failover_loses_nothing_that_all_replicas_had() {
    let mut watched = Watched::start();
    let on_sentinels = |install: Install| {
        unhurried(install)
            .with("REDIS_URL", watched.urls().join(","))
            .with("KEYWARD_STORAGE_REDIS_MODE", "sentinel")
            .with("KEYWARD_STORAGE_REDIS_MASTER", MASTER)
            .with("KEYWARD_STORAGE_REDIS_WAIT", 2)
    };
    let install = on_sentinels(Install::new());
    let other = on_sentinels(beside(&install));
    install.add_user(USER, PASSWORD, &[]);
    let node = install.start().await;
    let is_over = AtomicBool::new(false);
    let done = || is_over.load(Ordering::Relaxed);
    let told = thread::scope(|scope| {
        let over = SetWhenDropped(&is_over);
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| live(&node, done))).collect();
        thread::sleep(Duration::from_secs(1));
        let lost = watched.master();
        lose_what_comes_now(&mut watched.servers, lost);
        wait_for(|| (watched.master() != lost).then_some(())).expect("another master");
        // Two replicas must have each write, and one is left.
        let port = watched.servers[watched.master()].port().to_string();
        let replica = redis::Server::start(&[
            "--requirepass",
            "s3cret",
            "--masterauth",
            "s3cret",
            "--replicaof",
            "127.0.0.1",
            &port,
        ]);
        watched.servers.push(replica);
        signed_in(&node);
        drop(over);
        clients.into_iter().flat_map(|client| client.join().expect("served")).collect::<Vec<_>>()
    });
    let node = other.start().await;
    assert!(told.len() > 8, "too little was told: {}", told.len());
    for (client, has_left) in &told {
        if *has_left {
            refresh(client).at(&node.url).problem(401, "session_ended");
            check(client).at(&node.url).refused(401, "token_revoked");
        } else {
            refreshed(client, &node);
        }
    }
}
