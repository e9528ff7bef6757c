//! TLS and users: the right certificate and name, the right password, no more rights than are needed.

use std::sync::Arc;

use crate::support::{
    backends::{BackEnd, LIFETIMES, START},
    keyspace::Keyspace,
    servers::{
        certificates::Certificates,
        redis::{Server, free_port},
        redis_sets::{Cluster, MASTER},
    },
};
use keyward::{
    domain::{clock::ManualClock, session::EndReason},
    store::{redis::connection::target::Mode, revoked::set::RevocationSet, sessions::Ended},
};

/// What the user of deploy/redis/users.acl may do, but for its keys.
pub(super) fn rights() -> &'static str {
    let users = include_str!("../../../../deploy/redis/users.acl");
    users.split_once("~keyward:* ").expect("the user's keys").1.trim_end()
}

/// One of each that a store does.
pub(super) async fn works(back_end: &BackEnd) {
    let other = back_end.another_node().await;
    let client = back_end.sign_in().await;
    let claims = back_end.claims(&client);
    back_end.refreshed(&client.token).await;
    back_end.confirm(&client.token).await;
    assert_eq!(back_end.ids_of_user(client.user).await, [client.session()]);
    assert_eq!(back_end.end(client.session(), EndReason::Logout).await, Ended::Now);
    crate::support::backends::eventually("known", || other.set.find(&claims, back_end.now()).is_some()).await;
    back_end.sessions.ping().await.expect("it takes writes");
    back_end.refusal(&claims).await.expect("refused");
    back_end
        .counters
        .add(&keyward::store::counters::Counter::LoginUser("x".into()), LIFETIMES.access, back_end.now())
        .await
        .expect("counted");
}

#[tokio::test]
async fn over_tls_as_a_user_with_few_rights_everything_works_and_else_nothing() {
    let (ours, port) = (Certificates::of("localhost"), free_port());
    let server = Server::start_with(ours.options(port));
    let at = |host: &str, password: &str| format!("rediss://kw:{password}@{host}:{port}/3");
    let space = Keyspace::behind(at("localhost", "s3cret"), Some(&ours.ca_pem), &server).in_database(3);
    let keys = format!("~{}*", space.prefix);
    server.ask::<()>(&format!("ACL SETUSER kw on >s3cret {keys} {}", rights()));

    works(&BackEnd::in_keyspace(space).await).await;

    let (ours, other) = (ours.ca_pem, Certificates::of("localhost").ca_pem);
    for (url, ca) in [
        (at("localhost", "s3cret"), Some(&other)),
        (at("localhost", "s3cret"), None),
        (at("127.0.0.1", "s3cret"), Some(&ours)),
        (at("localhost", "wrong"), Some(&ours)),
        (format!("redis://kw:s3cret@localhost:{port}"), None),
    ] {
        let space = Keyspace::behind(url.clone(), ca.map(String::as_str), &server);
        let set = Arc::new(RevocationSet::default());
        let error = space.connect(LIFETIMES, &set, &Arc::new(ManualClock::at(START))).await;
        let error = error.err().unwrap_or_else(|| panic!("connected to {url}"));
        assert!(error.is_away() && !format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_cluster_is_reached_over_tls_at_every_node() {
    let ours = Certificates::of("127.0.0.1");
    let cluster = Cluster::start_encrypted(&ours);
    let space = Keyspace::of(cluster.urls(), Mode::Cluster).reached_by(cluster.tls_urls(), &ours.ca_pem);
    let back_end = BackEnd::in_keyspace(space).await;
    let other = back_end.another_node().await;
    for _ in 0..10 {
        let client = back_end.sign_in().await;
        let claims = back_end.claims(&client);
        back_end.refreshed(&client.token).await;
        assert_eq!(back_end.end(client.session(), EndReason::Logout).await, Ended::Now);
        crate::support::backends::eventually("known", || other.set.find(&claims, back_end.now()).is_some())
            .await;
    }
}

#[tokio::test]
async fn the_master_that_a_sentinel_names_is_reached_over_tls() {
    let ours = Certificates::of("127.0.0.1");
    let (master_port, sentinel_port) = (free_port(), free_port());
    let password = ["--requirepass", "s3cret"].map(str::to_owned).to_vec();
    let master = Server::start_with([ours.options(master_port), password].concat());
    let options = ours.options(sentinel_port);
    let listening = options.chunks(2).map(|pair| format!("{} {}", pair[0].trim_start_matches('-'), pair[1]));
    let watching = [
        "tls-replication yes".to_owned(),
        format!("sentinel monitor {MASTER} 127.0.0.1 {master_port} 1"),
        format!("sentinel auth-pass {MASTER} s3cret"),
    ];
    let sentinel = Server::start_sentinel(&listening.chain(watching).collect::<Vec<_>>().join("\n"));
    crate::support::backends::eventually("the sentinel sees the master", || {
        sentinel.ask::<String>("INFO sentinel").contains("status=ok")
    })
    .await;

    let mode = Mode::Sentinel { master: MASTER.to_owned() };
    let urls = vec![format!("rediss://:s3cret@127.0.0.1:{sentinel_port}")];
    let back_end = BackEnd::in_keyspace(Keyspace::of(Vec::new(), mode).reached_by(urls, &ours.ca_pem)).await;
    let client = back_end.sign_in().await;
    back_end.refreshed(&client.token).await;
    assert_eq!(back_end.end(client.session(), EndReason::Logout).await, Ended::Now);
    let keys: usize = master.ask("DBSIZE");
    assert!(keys > 0, "it is that master that holds them");
}
