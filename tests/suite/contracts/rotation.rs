//! The rule of refresh (contract 3), row by row.

use std::time::Duration;

use futures_util::future::join_all;
use keyward::{
    domain::{
        app::AppName,
        refresh_token::{Chain, RefreshToken},
        rotation::ReusePolicy,
        session::EndReason,
    },
    store::sessions::{Confirmation, Granted, Rotation},
};
use rstest::rstest;

use crate::backends::{FIRST_USE, GRACE, Home, SessionsOn, TICK, TIMER};

impl Home {
    async fn is_granted(&self, policy: &ReusePolicy, token: &RefreshToken) -> bool {
        matches!(self.refresh_under(policy, token).await, Rotation::Granted(_))
    }

    async fn generation(&self, token: &RefreshToken) -> u32 {
        self.find(token.session()).await.expect("alive").generation
    }

    /// The session has ended by theft, and no token of it is good for anything.
    async fn is_ended_by_theft(&self, tokens: &[&RefreshToken]) {
        for token in tokens {
            assert_eq!(self.refresh(token).await, Rotation::Ended(EndReason::ReuseDetected));
            assert_eq!(self.confirm(token).await, Confirmation::Ended(EndReason::ReuseDetected));
            assert_eq!(self.find(token.session()).await, None);
        }
    }
}

#[rstest]
#[tokio::test]
async fn the_current_token_gets_the_next_generation(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let created_at = home.now();
    home.elapse(Duration::from_hours(1)).await;

    let expires_at = home.now() + home.lifetimes.refresh;
    let granted = Granted { user: client.user, app: AppName::default_app(), created_at, expires_at };
    assert_eq!(home.refresh(&client.token).await, Rotation::Granted(granted));
    assert_eq!(home.generation(&client.token).await, 1);

    let child = client.token.successor(&home.secret);
    let grandchild = home.refreshed(&child).await;
    assert_eq!((grandchild.generation(), home.generation(&client.token).await), (2, 2));
}

#[rstest]
#[tokio::test]
async fn the_parent_of_an_unconfirmed_token_gets_that_one_again_days_later(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let created_at = home.now();
    let child = home.refreshed(&client.token).await;
    for _ in 0..3 {
        home.elapse(Duration::from_hours(6 * 24)).await;
        let expires_at = home.now() + home.lifetimes.refresh;
        let granted = Granted { user: client.user, app: AppName::default_app(), created_at, expires_at };
        assert_eq!(home.refresh(&client.token).await, Rotation::Granted(granted), "its life begun anew");
        assert_eq!(home.generation(&client.token).await, 1, "the same generation again");
    }
    assert_eq!(home.refreshed(&child).await.generation(), 2, "which is as good as ever");
}

#[rstest]
#[case::first_use(FIRST_USE)]
#[case::timer(TIMER)]
#[tokio::test]
async fn the_parent_of_a_token_seen_in_use_is_good_for_the_grace_to_the_millisecond(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
    #[case] policy: ReusePolicy,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let child = home.refreshed(&client.token).await;
    assert_eq!(home.confirm(&child).await, Confirmation::Seen);

    home.elapse(GRACE.saturating_sub(TICK)).await;
    assert_eq!(home.confirm(&child).await, Confirmation::Seen, "which counts from the first sight only");
    assert!(home.is_granted(&policy, &client.token).await);
    home.elapse(TICK).await;
    assert_eq!(home.refresh_under(&policy, &client.token).await, Rotation::Reused);
    home.is_ended_by_theft(&[&client.token, &child]).await;
}

#[rstest]
#[tokio::test]
async fn under_the_timer_a_token_is_confirmed_a_grace_after_it_was_first_issued(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let child = home.refreshed(&client.token).await;
    home.elapse((GRACE * 2).saturating_sub(TICK)).await;
    assert!(home.is_granted(&TIMER, &client.token).await, "nobody has used the child yet");
    home.elapse(TICK).await;
    assert_eq!(home.refresh_under(&TIMER, &client.token).await, Rotation::Reused);
    home.is_ended_by_theft(&[&client.token, &child]).await;
}

#[rstest]
#[case::not_confirmed(false)]
#[case::confirmed(true)]
#[tokio::test]
async fn a_token_older_than_the_parent_is_theft_at_once(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
    #[case] confirmed: bool,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let child = home.refreshed(&client.token).await;
    let grandchild = home.refreshed(&child).await;
    if confirmed {
        home.confirm(&grandchild).await;
    }
    assert_eq!(home.refresh(&client.token).await, Rotation::Reused);
    home.is_ended_by_theft(&[&client.token, &child, &grandchild]).await;
}

#[rstest]
#[tokio::test]
async fn the_use_of_a_refresh_token_confirms_it(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let child = home.refreshed(&client.token).await;
    let grandchild = home.refreshed(&child).await;
    // The child was used, so the grandchild is what its holder may not have got.
    home.elapse(Duration::from_hours(1)).await;
    assert!(home.is_granted(&FIRST_USE, &child).await);
    assert_eq!(home.generation(&child).await, grandchild.generation());
    assert_eq!(home.refresh(&client.token).await, Rotation::Reused);
}

#[rstest]
#[tokio::test]
async fn an_access_token_of_another_generation_confirms_nothing(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    assert_eq!(home.confirm(&client.token).await, Confirmation::Seen);
    let child = home.refreshed(&client.token).await;
    assert_eq!(
        home.confirm(&client.token).await,
        Confirmation::Seen,
        "the parent's access token still lives"
    );
    home.elapse(Duration::from_hours(1)).await;
    assert!(home.is_granted(&FIRST_USE, &client.token).await);
    assert_eq!(home.generation(&child).await, 1);
}

#[rstest]
#[tokio::test]
async fn a_new_generation_is_not_confirmed_by_the_one_before(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let child = home.refreshed(&client.token).await;
    home.confirm(&child).await;
    home.refreshed(&child).await;
    home.elapse(GRACE * 2).await;
    assert!(home.is_granted(&FIRST_USE, &child).await);
}

#[rstest]
#[tokio::test]
async fn a_token_newer_than_the_record_is_followed(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let lost = client.token.successor(&home.secret).successor(&home.secret);
    assert!(home.is_granted(&FIRST_USE, &lost).await, "its rotation was lost with a store that failed");
    assert_eq!(home.generation(&client.token).await, 3);
    assert_eq!(home.refresh(&client.token).await, Rotation::Reused);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_with_one_token_all_get_the_one_child(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let nodes = [home.another_node().await, home.another_node().await];
    let client = home.sign_in().await;
    let mut token = client.token;
    for round in 1..=3 {
        let rotations = (0..50).map(|number| {
            let sessions = nodes[number % nodes.len()].sessions.clone();
            let (chain, now) = (Chain::of(token.clone(), &home.secret), home.now());
            tokio::spawn(async move { sessions.rotate(&chain, &FIRST_USE, now).await.unwrap() })
        });
        for rotation in join_all(rotations).await {
            assert!(matches!(rotation.expect("no panic"), Rotation::Granted(_)));
        }
        assert_eq!(home.generation(&token).await, round, "one child, not fifty");
        token = token.successor(&home.secret);
    }
}

#[rstest]
#[tokio::test]
async fn a_restart_forgets_no_rotation_and_no_confirmation(
    #[values(SessionsOn::Sqlite, SessionsOn::Redis, SessionsOn::Cluster)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let (first, second) = (home.sign_in().await, home.sign_in().await);
    let child = home.refreshed(&first.token).await;
    home.confirm(&child).await;
    home.refreshed(&second.token).await;

    let home = home.reopen().await;
    home.elapse(GRACE).await;
    assert_eq!(home.refresh(&first.token).await, Rotation::Reused);
    assert!(home.is_granted(&FIRST_USE, &second.token).await);
    let home = home.reopen().await;
    home.is_ended_by_theft(&[&first.token, &child]).await;
    assert_eq!(home.generation(&second.token).await, 1);
}
