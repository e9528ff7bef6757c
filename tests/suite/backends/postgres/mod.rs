//! What holds for PostgreSQL alone: its migrations, its outages, its errors, TLS.

mod migrations;
mod outage;
mod rights;
mod tls;

use super::whole;
use crate::support::accounts;
use crate::support::backends::postgres_store;
use crate::support::servers::postgres;
use keyward::{
    domain::user::{Account, Role, User},
    store::{accounts::AccountStore, apps::AppStore, error::StoreError},
};

fn account(name: &str) -> Account {
    let plain = accounts::account(name);
    Account { user: User { roles: vec![Role::parse("admin").expect("a role")], ..plain.user }, ..plain }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_twenty_that_start_at_once_makes_the_first_account() {
    let url = postgres::database();
    let nodes = [postgres_store(&url).await, postgres_store(&url).await];
    let attempts = (0..20).map(|n| {
        let node = nodes[n % 2].clone();
        tokio::spawn(async move { node.create_first(&account(&format!("user{n}"))).await })
    });
    let mut made = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        made += u32::from(attempt.await.expect("no panic").expect("an answer"));
    }
    assert_eq!(made, 1);
    assert_eq!(AccountStore::list(&nodes[0], None, 100).await.expect("a list").len(), 1);
}

#[tokio::test]
async fn a_row_that_is_not_ours_is_an_error_that_names_it() {
    let url = postgres::database();
    let store = postgres_store(&url).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);

    let account = account("alice");
    store.create(&account).await.expect("made");
    for (statement, place) in [
        ("UPDATE users SET roles = '{\"no role\"}'", "users.roles"),
        ("UPDATE users SET roles = '{}', email = 'nowhere'", "users.email"),
        ("UPDATE users SET email = NULL, username = ' '", "users.username"),
    ] {
        client.batch_execute(statement).await.expect(statement);
        let error = store.by_id(account.user.id).await.expect_err(statement);
        assert_eq!(error.to_string(), format!("postgres: {place} of {} is not readable", account.user.id));
    }
    client.batch_execute("UPDATE apps SET origins = '{https://EXAMPLE.com}'").await.expect("changed");
    let error = AppStore::list(&store).await.expect_err("not an origin");
    assert_eq!(error.to_string(), "postgres: apps.origins of default is not readable");
}

#[tokio::test]
async fn an_error_does_not_quote_the_row() {
    let url = postgres::database();
    let store = postgres_store(&url).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    let refuse = "ALTER TABLE users ADD CONSTRAINT odd CHECK (email IS NOT NULL)";
    client.batch_execute(refuse).await.expect("altered");

    let error = store.create(&account("alice")).await.expect_err("refused");
    assert!(matches!(error, StoreError::Refused { .. }));
    assert_eq!(
        whole(&error),
        "postgres refused: new row for relation \"users\" violates check constraint \"odd\" (SQLSTATE 23514)"
    );
    assert!(!format!("{error:?}").contains("h4sh"), "{error:?}");
}
