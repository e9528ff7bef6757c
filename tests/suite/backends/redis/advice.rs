//! What an operator is told to mend.

use std::sync::Arc;

use super::tls::rights;
use crate::support::{
    backends::{LIFETIMES, START, eventually},
    keyspace::Keyspace,
    servers::{redis::Server, redis_sets::shared_cluster},
};
use keyward::{
    domain::clock::{Clock, ManualClock, SystemClock},
    store::{
        error::StoreError,
        redis::{Keeping, RedisStore, Times, advice::Advice, connection::target::Mode, keys::RefreshKeys},
    },
};

use rstest::rstest;

/// A server that nothing is wrong with.
const GOOD: [&str; 2] = ["--appendonly", "yes"];

async fn ask(space: &Keyspace, clock: Arc<dyn Clock>) -> Result<Vec<Advice>, StoreError> {
    let (refresh_keys, wait_for_replicas) = (RefreshKeys::Hashed, space.wait_for_replicas);
    let times = Times::OfServer;
    let keeping = Keeping { lifetimes: LIFETIMES, refresh_keys, wait_for_replicas, times };
    RedisStore::connect(&space.target(), keeping, Arc::default(), clock).await?.advice().await
}

/// What is to be mended, without whose it is.
async fn to_mend(space: &Keyspace) -> Vec<String> {
    let advice = ask(space, Arc::new(SystemClock)).await.expect("an answer");
    let lines = advice.iter().filter(|advice| matches!(advice, Advice::Mend(_))).map(ToString::to_string);
    lines.map(|line| line.split_once(": ").expect("of a server").1.to_owned()).collect()
}

fn on(server: &Server) -> Keyspace {
    Keyspace::of(vec![server.url()], Mode::Single)
}

/// Seen by a user with those rights.
fn seen_by(server: &Server, user: &str, rights: &str, prefix: &str) -> Keyspace {
    server.ask::<()>(&format!("ACL SETUSER {user} on >s3cret {rights}"));
    let url = format!("redis://{user}:s3cret@127.0.0.1:{}", server.port());
    let mut space = Keyspace::nowhere(&url, Mode::Single);
    prefix.clone_into(&mut space.prefix);
    space
}

#[tokio::test]
async fn each_mistake_is_named_and_nothing_else_is() {
    let server = Server::start(&GOOD);
    let space = on(&server);
    assert_eq!(ask(&space, Arc::new(SystemClock)).await.expect("an answer"), []);

    let port = server.port().to_string();
    let _replica = Server::start(&["--replicaof", "127.0.0.1", &port]);
    server.ask::<()>("CONFIG SET maxmemory-policy allkeys-lru");
    let mut said = Vec::new();
    while said.len() < 3 {
        // The replica is still on its way.
        said = ask(&space, Arc::new(ManualClock::at(START))).await.expect("an answer");
    }
    let expected = [
        "maxmemory-policy is allkeys-lru",
        "has replicas, but a failover can lose",
        "its clock and ours are more than 2 s apart",
    ];
    for (line, part) in said.iter().map(ToString::to_string).zip(expected) {
        assert!(line.starts_with(&format!("Redis 127.0.0.1:{port}: ")) && line.contains(part), "{line}");
    }
    assert_eq!(said.len(), 3);
    server.ask::<()>("CONFIG SET min-replicas-to-write 1");
    assert_eq!(to_mend(&space).await.len(), 1);
}

#[tokio::test]
async fn every_master_of_a_cluster_is_looked_at() {
    let space = Keyspace::of(shared_cluster().urls(), Mode::Cluster);
    let said = ask(&space, Arc::new(ManualClock::at(START))).await.expect("an answer");
    assert_eq!(said.iter().filter(|advice| advice.to_string().contains("clock")).count(), 3);
}

#[tokio::test]
async fn each_command_that_a_user_lacks_is_named() {
    let server = Server::start(&GOOD);
    let whole = rights();
    let rights: Vec<_> = whole.split(' ').collect();
    let space = seen_by(&server, "whole", &format!("~kw:* {whole} +config|get"), "kw:");
    assert_eq!(ask(&space, Arc::new(SystemClock)).await.expect("an answer"), []);

    // Whoever may not greet or choose a database has no connection at all; the last three are for Sentinel and
    // for a Cluster.
    let spared = ["+hello", "+select", "+role", "+cluster|nodes", "+asking"];
    for lacking in rights.iter().filter(|right| right.starts_with('+') && !spared.contains(right)) {
        let rest: Vec<_> = rights.iter().filter(|right| right != &lacking).copied().collect();
        let user = format!("without-{}", lacking.replace(['+', '|'], ""));
        let space = seen_by(&server, &user, &format!("~kw:* {} +config|get", rest.join(" ")), "kw:");
        match ask(&space, Arc::new(SystemClock)).await {
            Ok(advice) => {
                let said = advice.last().expect("something is lacking").to_string();
                let named = format!("its user may not run what is needed: give it {lacking}");
                assert!(advice.len() == 1 && said.ends_with(&named), "{lacking}: {advice:?}");
            }
            // Without it there is no connection, and the error says why.
            Err(error) => {
                let said = format!("{error:?}");
                assert!(said.contains("NoPerm") && said.contains(&lacking[1..]), "{lacking}: {said}");
            }
        }
    }
    // Looking has left nothing behind.
    assert_eq!(server.ask::<usize>("DBSIZE"), 0);
}

#[rstest]
#[case::prefix_not_set("~kw:*", "", "storage.redis_prefix, which is not set")]
#[case::prefix_too_much("~session:* ~sessions:* ~refresh:*", "kw:", "storage.redis_prefix, which is kw:")]
#[case::one_kind(
    "~kw:session* ~kw:refresh:* ~kw:blacklist:* ~kw:once:* ~kw:probe*",
    "kw:",
    "give it ~kw:rate:*, or"
)]
#[case::to_be_read_only("~kw:[orsp]* %R~kw:blacklist:*", "kw:", "give it ~kw:blacklist:*, or")]
#[tokio::test]
async fn keys_that_a_user_may_not_use_are_named(
    #[case] keys: &str,
    #[case] prefix: &str,
    #[case] said: &str,
) {
    let server = Server::start(&GOOD);
    let space = seen_by(&server, "kw", &format!("{keys} +@all"), prefix);
    let lines = to_mend(&space).await;
    assert!(lines.len() == 1 && lines[0].contains(said), "{lines:?}");
    assert!(lines[0].starts_with("its user may not use our keys: "), "{lines:?}");
}

#[tokio::test]
async fn what_may_not_be_looked_at_is_said() {
    let server = Server::start(&GOOD);
    let space = seen_by(&server, "kw", "~* +@all -config", "");
    let said = ask(&space, Arc::new(SystemClock)).await.expect("an answer");
    assert!(matches!(&said[..], [Advice::Know(line)] if line.contains("CONFIG is not allowed")), "{said:?}");
}

#[tokio::test]
async fn more_replicas_waited_for_than_there_are_is_named() {
    let server = Server::start(&GOOD);
    let mut space = on(&server);
    space.wait_for_replicas = 1;
    let lines = to_mend(&space).await;
    assert!(
        lines.len() == 1 && lines[0].contains("has 0 replicas, but storage.redis_wait is 1"),
        "{lines:?}"
    );
    let _replica = Server::start(&["--replicaof", "127.0.0.1", &server.port().to_string()]);
    eventually("it follows", || server.ask::<String>("INFO replication").contains("connected_slaves:1"))
        .await;
    assert_eq!(to_mend(&space).await, [""; 0]);
}

#[tokio::test]
async fn a_redis_that_is_full_or_nearly_so_is_named() {
    let server = Server::start(&GOOD);
    let space = on(&server);
    // So much that what a connection takes makes no difference, and made there: of a long command, Redis keeps the buffer
    // for a while.
    server.ask::<()>(&format!("SETRANGE much {} x", 32 << 20));
    server.ask::<()>("EXPIRE much 600");
    let used = || -> u64 {
        let info: String = server.ask("INFO memory");
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("a number");
        used.trim().parse().expect("a number")
    };
    for (hundredths, said) in [(105, "is nearly full ("), (50, "is full: sign-in")] {
        server.ask::<()>(&format!("CONFIG SET maxmemory {}", used() * hundredths / 100));
        let lines = to_mend(&space).await;
        assert!(lines.len() == 1 && lines[0].starts_with(said), "{lines:?}");
    }
    server.ask::<()>(&format!("CONFIG SET maxmemory {}", used() * 2));
    assert_eq!(to_mend(&space).await, [""; 0]);
}

#[tokio::test]
async fn snapshots_that_fail_are_named() {
    let server = Server::start(&GOOD);
    let space = on(&server);
    let folder: Vec<String> = server.ask("CONFIG GET dir");
    // What it is to be renamed to is in the way.
    std::fs::create_dir_all(format!("{}/dump.rdb/in-the-way", folder[1])).expect("a folder");
    server.ask::<()>("BGSAVE");
    eventually("it has failed", || server.ask::<String>("INFO persistence").contains("bgsave_status:err"))
        .await;
    let lines = to_mend(&space).await;
    assert!(
        lines.len() == 1 && lines[0].starts_with("cannot write to its disk (rdb_last_bgsave_status is err)"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_log_on_a_full_disk_is_named() {
    let server = Server::start(&[]);
    let space = on(&server);
    server.fill_disk();
    let lines = to_mend(&space).await;
    assert!(
        lines.len() == 1 && lines[0].starts_with("cannot write to its disk (aof_last_write_status is err)"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn snapshots_alone_and_no_disk_at_all_are_named() {
    let server = Server::start(&[]);
    let space = on(&server);
    for (save, said) in [("", "keeps nothing on disk: "), ("3600 1", "keeps snapshots alone: ")] {
        let mut set = ::redis::cmd("CONFIG");
        set.arg("SET").arg("save").arg(save).query::<()>(&mut server.connection()).expect("set");
        let lines = to_mend(&space).await;
        assert!(lines.len() == 1 && lines[0].starts_with(said), "{lines:?}");
        assert!(lines[0].ends_with("set appendonly yes"), "{lines:?}");
    }
    server.ask::<()>("CONFIG SET appendonly yes");
    assert_eq!(to_mend(&space).await, [""; 0]);
    server.ask::<()>("CONFIG SET appendfsync no");
    let lines = to_mend(&space).await;
    assert!(lines.len() == 1 && lines[0].starts_with("appendfsync is no"), "{lines:?}");
}
