//! What is over is freed, and only that.

use std::{path::Path, time::Duration};

use super::{file_in, open, secret, sign_in};
use crate::support::backends::{FIRST_USE, LIFETIMES, START, eventually};
use keyward::{
    domain::{
        app::AppName,
        app_session::{AppIp, AppLife, AppToken, AppUser, NewAppSession},
        app_session_data::AppData,
        limits::CLOCKS_APART,
        refresh_token::Chain,
        session::EndReason,
    },
    store::{
        app_sessions::AppSessionStore,
        sessions::{Ending, SessionStore},
    },
};
use rusqlite::Connection;
use tempfile::TempDir;

fn rows(path: &Path, table: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM {table}");
    Connection::open(path).expect("opened").query_row(&sql, [], |row| row.get(0)).expect("a count")
}

#[tokio::test]
async fn sessions_and_revocations_that_are_over_are_freed() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let opened = open(&path).expect("opened");
    let mut tokens = Vec::new();
    // More than the cleaner looks at in one step.
    for _ in 0..1200 {
        tokens.push(sign_in(&opened.store).await);
    }
    for token in &tokens[..600] {
        let session = token.session();
        let ending = Ending { session, owner: None, token: None, reason: EndReason::Logout };
        SessionStore::end(&opened.store, &ending, START).await.expect("ended");
    }
    assert_eq!((rows(&path, "sessions"), rows(&path, "revocations")), (1200, 600));

    opened.clock.advance(LIFETIMES.access + CLOCKS_APART);
    eventually("no revocation", || rows(&path, "revocations") == 0).await;
    assert_eq!(rows(&path, "sessions"), 1200, "each has a reason to tell or is alive");
    let living = tokens.last().expect("one");
    let refreshed_at = START + LIFETIMES.access + CLOCKS_APART;
    opened
        .store
        .rotate(&Chain::of(living.clone(), &secret()), &FIRST_USE, refreshed_at)
        .await
        .expect("rotated");

    opened.clock.advance(LIFETIMES.refresh.saturating_sub(LIFETIMES.access));
    eventually("one session", || rows(&path, "sessions") == 1).await;
    let found = opened.store.find(living.session(), START + LIFETIMES.refresh).await.expect("an answer");
    assert!(found.is_some());
    opened.clock.advance(LIFETIMES.access + Duration::from_mins(1));
    eventually("no session", || rows(&path, "sessions") == 0).await;
}

#[tokio::test]
async fn kept_sessions_that_are_over_are_freed_with_what_is_known_of_their_users() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let opened = open(&path).expect("opened");
    let create = async |number: u32, ttl| {
        let app = AppName::parse("shop").expect("a name");
        let new = NewAppSession {
            id: AppToken::random().session(&app),
            app,
            user: AppUser::parse(&format!("user{}", number % 700)).expect("a user id"),
            ip: AppIp::parse("192.0.2.7").expect("an address"),
            data: AppData::default(),
            life: AppLife::new(ttl, false, None).expect("a life"),
            created_at: START,
        };
        opened.store.create(&new).await.expect("created");
    };
    // More than the cleaner looks at in one step.
    for number in 0..1200 {
        create(number, Duration::from_secs(10)).await;
    }
    create(0, Duration::from_hours(1)).await;
    assert_eq!((rows(&path, "app_sessions"), rows(&path, "app_users")), (1201, 700));
    opened.clock.advance(Duration::from_mins(2));
    eventually("one session", || rows(&path, "app_sessions") == 1).await;
    assert_eq!(rows(&path, "app_users"), 1);
}

#[tokio::test]
async fn where_another_process_on_the_file_cleans_this_one_does_not_until_that_is_gone() {
    let folder = TempDir::new().expect("a folder");
    let path = file_in(folder.path());
    let opened = open(&path).expect("opened");
    let file = Connection::open(&path).expect("opened");
    let gone = START + Duration::from_mins(4);
    let hold = "INSERT OR REPLACE INTO leases (work, holder, until) VALUES ('clean up', 'another', ?1)";
    file.execute(hold, [gone.millis()]).expect("held");
    let over = "INSERT INTO revocations (kind, subject, reason, until) VALUES ('token', 'x', 'logout', 0)";
    file.execute(over, []).expect("entered");
    // It is due, and looked at many times.
    opened.clock.set(START + Duration::from_mins(2));
    let mut looks = 0;
    let mut looked = || {
        looks += 1;
        looks > 200
    };
    eventually("many looks", &mut looked).await;
    assert_eq!(rows(&path, "revocations"), 1);
    opened.clock.set(gone);
    eventually("no revocation", || rows(&path, "revocations") == 0).await;
}
