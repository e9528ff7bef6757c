//! Which secret and which sealing key an installation goes by.

use std::sync::Arc;

use crate::support::{
    backends::{LIFETIMES, START, postgres_store},
    keyspace::Keyspace,
    servers::postgres,
};
use futures_util::future::join_all;
use keyward::{
    domain::{
        clock::ManualClock, ids::SealingKeyId, installation::SecretFingerprint, refresh_token::RefreshSecret,
    },
    store::{
        installation::{Claim, InstallationStore},
        sqlite::SqliteStore,
    },
};
use rstest::rstest;
use tempfile::TempDir;

/// What all nodes of an installation share.
#[derive(Debug, Clone, Copy)]
enum On {
    Sqlite,
    Postgres,
    Redis,
    Cluster,
}

enum Shared {
    Sqlite(TempDir),
    Postgres(String),
    Redis(Keyspace),
}

impl Shared {
    fn on(on: On) -> Self {
        match on {
            On::Sqlite => Self::Sqlite(TempDir::new().expect("a folder")),
            On::Postgres => Self::Postgres(postgres::database()),
            On::Redis => Self::Redis(Keyspace::single()),
            On::Cluster => Self::Redis(Keyspace::cluster()),
        }
    }

    async fn node(&self) -> Arc<dyn InstallationStore> {
        let clock = Arc::new(ManualClock::at(START));
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join("keyward.db");
                Arc::new(SqliteStore::open(&path, LIFETIMES, Arc::default(), clock).expect("a database"))
            }
            Self::Postgres(url) => Arc::new(postgres_store(url).await),
            Self::Redis(space) => {
                Arc::new(space.connect(LIFETIMES, &Arc::default(), &clock).await.expect("connected"))
            }
        }
    }
}

fn secret(number: u8) -> SecretFingerprint {
    SecretFingerprint::of(&RefreshSecret::new(&[number; 32]))
}

#[rstest]
#[tokio::test]
async fn of_many_nodes_that_claim_at_once_one_wins_and_the_others_hear_of_it(
    #[values(On::Sqlite, On::Postgres, On::Redis, On::Cluster)] on: On,
) {
    let shared = Shared::on(on);
    let nodes = [shared.node().await, shared.node().await];
    assert_eq!(nodes[0].secret().await.expect("an answer"), None);
    let claims = (0..16_u8).map(|number| {
        let node = Arc::clone(&nodes[usize::from(number % 2)]);
        async move { node.claim_secret(&secret(number)).await.expect("an answer") }
    });
    let claims = join_all(claims).await;
    let won: Vec<u8> = (0..16).filter(|number| claims[usize::from(*number)] == Claim::Ours).collect();
    assert_eq!(won.len(), 1, "{claims:?}");
    for node in &nodes {
        assert_eq!(node.secret().await.expect("an answer"), Some(secret(won[0])));
    }
}

#[rstest]
#[tokio::test]
async fn a_secret_stays_in_use_until_it_is_replaced(
    #[values(On::Sqlite, On::Postgres, On::Redis, On::Cluster)] on: On,
) {
    let shared = Shared::on(on);
    let (node, other) = (shared.node().await, shared.node().await);
    // Again, as after an answer that was lost.
    for _ in 0..2 {
        assert_eq!(node.claim_secret(&secret(1)).await.expect("an answer"), Claim::Ours);
        assert_eq!(other.claim_secret(&secret(2)).await.expect("an answer"), Claim::Anothers);
    }
    other.replace_secret(&secret(2)).await.expect("replaced");
    assert_eq!(node.claim_secret(&secret(1)).await.expect("an answer"), Claim::Anothers);
    assert_eq!(other.claim_secret(&secret(2)).await.expect("an answer"), Claim::Ours);
    assert_eq!(node.secret().await.expect("an answer"), Some(secret(2)));
}

const fn key(number: u8) -> SealingKeyId {
    SealingKeyId::from_bytes([number; SealingKeyId::BYTES])
}

#[rstest]
#[tokio::test]
async fn a_sealing_key_gives_way_only_to_who_knows_it(
    #[values(On::Sqlite, On::Postgres, On::Redis, On::Cluster)] on: On,
) {
    let shared = Shared::on(on);
    let (node, other) = (shared.node().await, shared.node().await);
    assert_eq!(node.sealing_key().await.expect("an answer"), None);
    for (known, wanted, agreed) in [
        (None, key(1), true),
        // Again, as after an answer that was lost.
        (None, key(1), true),
        (None, key(2), false),
        (Some(key(3)), key(2), false),
        (Some(key(1)), key(1), true),
        (Some(key(1)), key(2), true),
        (Some(key(1)), key(2), true),
        (Some(key(1)), key(3), false),
    ] {
        let before = node.sealing_key().await.expect("an answer");
        assert_eq!(other.agree_on_sealing(known, wanted).await.expect("an answer"), agreed, "{wanted:?}");
        let expected = if agreed { Some(wanted) } else { before };
        assert_eq!(node.sealing_key().await.expect("an answer"), expected);
    }
}

#[rstest]
#[tokio::test]
async fn of_many_nodes_that_want_a_sealing_key_of_their_own_at_once_one_wins(
    #[values(On::Sqlite, On::Postgres, On::Redis, On::Cluster)] on: On,
) {
    let shared = Shared::on(on);
    let nodes = [shared.node().await, shared.node().await];
    // First where there is none, then where all know the one that won.
    for round in [0, 16] {
        let known = nodes[0].sealing_key().await.expect("an answer");
        let wishes = (0..16_u8).map(|number| {
            let node = Arc::clone(&nodes[usize::from(number % 2)]);
            async move { node.agree_on_sealing(known, key(round + number)).await.expect("an answer") }
        });
        let agreed = join_all(wishes).await;
        let won: Vec<u8> = (0..16).filter(|number| agreed[usize::from(*number)]).collect();
        assert_eq!(won.len(), 1, "{agreed:?}");
        assert_eq!(nodes[1].sealing_key().await.expect("an answer"), Some(key(round + won[0])));
    }
}
