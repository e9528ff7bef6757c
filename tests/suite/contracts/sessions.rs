//! Sessions and the rule of refresh (contract 3).

use std::time::Duration;

use keyward::{
    domain::{rotation::ReusePolicy, session::EndReason},
    store::sessions::{Confirmation, Granted, Rotation},
};
use rstest::rstest;

use crate::backends::{FIRST_USE, GRACE, Home, SessionsOn, TICK, TIMER};

fn is_granted(rotation: &Rotation) -> bool {
    matches!(rotation, Rotation::Granted(_))
}

#[rstest]
#[tokio::test]
async fn the_current_token_gets_the_next_generation(#[values(SessionsOn::Sqlite)] on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let signed_in_at = home.now();
    home.elapse(Duration::from_hours(1)).await;

    let granted = Granted {
        user: client.user,
        app: keyward::domain::app::AppName::default_app(),
        created_at: signed_in_at,
        expires_at: home.now() + home.lifetimes.refresh,
    };
    assert_eq!(home.refresh(&client.token).await, Rotation::Granted(granted));

    let session = home.sessions.find(client.session(), home.now()).await.unwrap().expect("alive");
    assert_eq!((session.generation, session.last_seen_at), (1, home.now()));
    assert_eq!(session.expires_at, home.now() + home.lifetimes.refresh);
}

#[rstest]
#[tokio::test]
async fn the_parent_of_an_unconfirmed_token_gets_it_again_hours_later(
    #[values(SessionsOn::Sqlite)] on: SessionsOn,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    home.refreshed(&client.token).await;
    home.elapse(Duration::from_hours(30)).await;

    assert!(is_granted(&home.refresh(&client.token).await));
    let session = home.sessions.find(client.session(), home.now()).await.unwrap().expect("alive");
    assert_eq!(session.generation, 1, "the same generation again");
    assert_eq!(session.expires_at, home.now() + home.lifetimes.refresh, "its life begun anew");
}

#[rstest]
#[case::first_use(FIRST_USE)]
#[case::timer(TIMER)]
#[tokio::test]
async fn the_parent_of_a_token_confirmed_by_use_is_good_for_the_grace_to_the_millisecond(
    #[values(SessionsOn::Sqlite)] on: SessionsOn,
    #[case] policy: ReusePolicy,
) {
    let home = Home::on(on).await;
    let client = home.sign_in().await;
    let child = home.refreshed(&client.token).await;
    assert_eq!(home.confirm(&child).await, Confirmation::Seen);

    home.elapse(GRACE - TICK).await;
    assert!(is_granted(&home.refresh_under(&policy, &client.token).await));
    home.elapse(TICK).await;
    assert_eq!(home.refresh_under(&policy, &client.token).await, Rotation::Reused);
    assert_eq!(home.refresh(&child).await, Rotation::Ended(EndReason::ReuseDetected));
}
