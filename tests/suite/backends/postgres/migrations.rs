//! Upgrades, on tables that hold data.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{account, postgres_store, whole};
use crate::support::servers::postgres;
use keyward::{
    domain::app::{AppName, Origin},
    store::{accounts::AccountStore, apps::AppStore, error::StoreError, postgres::PostgresStore},
};
use refinery::{Migration, Runner};
use secrecy::SecretString;

/// Takes only the steps up to a version, as a server of that version would have done, and runs
/// `statements` on what it left.
async fn database_of_version(version: i32, statements: &str) -> String {
    let url = postgres::database();
    let (mut client, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
    let connection = tokio::spawn(connection);
    let steps: Vec<Migration> = steps("postgres")
        .iter()
        .map(|name| {
            let text = fs::read_to_string(folder("postgres").join(format!("{name}.sql"))).expect(name);
            Migration::unapplied(name, &text).expect(name)
        })
        .filter(|step| step.version() <= version)
        .collect();
    Runner::new(&steps).run_async(&mut client).await.expect("steps");
    client.batch_execute(statements).await.expect("data");
    drop(client);
    connection.await.expect("no panic").expect("closed");
    url
}

fn folder(database: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database)
}

/// By their numbers: in the order of names the tenth would be before the second.
fn steps(database: &str) -> Vec<String> {
    let files = fs::read_dir(folder(database)).expect("a folder").map(|file| file.expect("a file").path());
    let name = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut steps: Vec<String> = files.map(name).collect();
    let number = |step: &str| step[1..].split('_').next().and_then(|number| number.parse::<u32>().ok());
    steps.sort_by_key(|step| number(step).expect("a number"));
    steps
}

#[test]
fn both_databases_have_the_same_steps() {
    assert_eq!(steps("postgres"), steps("sqlite"));
}

#[tokio::test]
async fn what_a_version_1_database_holds_is_there_after_the_upgrade() {
    let url = database_of_version(
        1,
        "INSERT INTO users VALUES ('01890000-0000-7000-8000-000000000001', 'Ada', 'ada', 'ada@example.com',
             '{admin,ops}', 'disabled', '$argon2id$old', 1600000000000);
         INSERT INTO apps VALUES ('shop', decode(repeat('ab', 32), 'hex'), '{https://shop.example}', 1);",
    )
    .await;
    let store = postgres_store(&url).await;

    let ada = store.by_name(&account("ADA").user.username).await.expect("an answer").expect("Ada");
    assert_eq!(ada.password_hash.phc(), "$argon2id$old");
    assert_eq!(ada.user.roles.len(), 2);
    let shop = AppName::parse("shop").expect("a name");
    let shop = store.find(&shop).await.expect("an answer").expect("the shop");
    assert_eq!(shop.origins, [Origin::parse("https://shop.example").expect("an origin")]);
    assert_eq!(AppStore::list(&store).await.expect("a list").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_take_each_step_once() {
    let url = SecretString::from(postgres::database());
    let nodes = (0..8).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { PostgresStore::connect(&url, None).await?.migrate().await })
    });
    let mut taken = Vec::new();
    for node in nodes.collect::<Vec<_>>() {
        taken.extend(node.await.expect("no panic").expect("migrated"));
    }
    assert_eq!(taken, steps("postgres"), "in order, and each once");
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    let url = postgres::database();
    let store = postgres_store(&url).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    let later = "INSERT INTO refinery_schema_history VALUES (9999, 'later', '2030-01-01T00:00:00Z', '1')";
    client.batch_execute(later).await.expect("noted");

    let error = store.migrate().await.expect_err("refused");
    assert!(matches!(error, StoreError::Refused { .. }));
    assert_eq!(
        whole(&error),
        "postgres refused: it is of a later version of Keyward, which took V9999__later: run that one, or \
         restore a backup from before"
    );
}
