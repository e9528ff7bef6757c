//! The users of deploy/redis/users.acl: a server reads the file, and the one that is Keyward's may do there, and in a
//! Cluster, all that the store does; whoever comes without a password may do nothing.

use super::tls::{rights, works};
use crate::support::{
    backends::BackEnd,
    keyspace::Keyspace,
    servers::{redis::Server, redis_sets::Cluster},
};
use keyward::store::redis::connection::target::Mode;

const USERS: &str = include_str!("../../../../deploy/redis/users.acl");

#[tokio::test]
async fn a_server_that_reads_the_file_lets_keyward_do_what_it_does_and_others_nothing() {
    let server = Server::start_with_users(&USERS.replace("CHANGE-ME", "s3cret"), &[]);
    let keyward = format!("redis://keyward:s3cret@127.0.0.1:{}", server.port());
    let mut space = Keyspace::behind(keyward, None, &server);
    space.prefix = "keyward:".to_owned();
    works(&BackEnd::in_keyspace(space).await).await;

    let nobody = format!("redis://127.0.0.1:{}", server.port());
    let mut nobody = ::redis::Client::open(nobody).expect("a URL").get_connection().expect("a connection");
    let mut ask = |command: &str| {
        let words: Vec<_> = command.split(' ').collect();
        ::redis::cmd(words[0]).arg(&words[1..]).query::<::redis::Value>(&mut nobody)
    };
    ask("PING").expect("for probes");
    for command in ["GET keyward:probe", "KEYS *", "CONFIG GET requirepass", "INFO", "SHUTDOWN"] {
        let error = ask(command).expect_err(command);
        assert_eq!(error.code(), Some("NOPERM"), "{command}: {error}");
    }
}

#[tokio::test]
async fn in_a_cluster_too_it_has_all_the_rights_it_needs() {
    let cluster = Cluster::start(0);
    let space = Keyspace::of(cluster.urls(), Mode::Cluster);
    for node in cluster.masters() {
        let user = format!("ACL SETUSER keyward reset on >s3cret ~{}* {}", space.prefix, rights());
        node.ask::<()>(&user);
    }
    works(&BackEnd::in_keyspace(space.by_user("keyward:s3cret")).await).await;
}
