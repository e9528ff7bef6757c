//! Kept sessions where another node comes between two commands of one: what it has ended is not listed or
//! counted again, and what is created meanwhile is ended or whole.

use super::{back_end, crash::Doomed, names};
use crate::{
    support::app_sessions::{MINUTE, app, of, sliding, user},
    support::backends::BackEnd,
};
use keyward::{
    domain::{
        app_session::{AppIp, AppToken, NewAppSession},
        app_session_data::AppData,
        ids::SessionId,
    },
    store::app_sessions::AppSessionStore,
};
use serde_json::json;

/// How many commands each verb here has at most; held after that many, it is never held.
const COMMANDS: i64 = 8;

fn adas(back_end: &BackEnd, id: SessionId) -> NewAppSession {
    NewAppSession {
        id,
        app: app("shop"),
        user: user("ada"),
        ip: AppIp::parse("192.0.2.7").expect("an address"),
        data: AppData::default(),
        life: sliding(MINUTE),
        created_at: back_end.now(),
    }
}

/// Runs `slow` up to each of its commands, has `between` done there, and lets it go on.
async fn between_any_two(
    back_end: &BackEnd,
    slow: impl AsyncFn(&Doomed, SessionId),
    between: impl AsyncFn(SessionId),
    look: impl AsyncFn(SessionId),
) {
    let mut held = 0;
    for commands in 0..COMMANDS {
        let (node, id) = (Doomed::step_by_step(back_end).await, AppToken::random().session(&app("shop")));
        node.proxy.hold_after(commands);
        let slow = slow(&node, id);
        tokio::pin!(slow);
        let is_held = tokio::select! {
            () = &mut slow => false,
            () = node.proxy.held() => true,
        };
        between(id).await;
        node.proxy.open();
        if is_held {
            held += 1;
            slow.await;
        }
        look(id).await;
        back_end.end_all_kept(None).await;
        assert_eq!(names(back_end), [] as [&str; 0], "after {commands} commands");
    }
    assert!((3..COMMANDS).contains(&held), "held {held} times");
}

#[tokio::test]
async fn a_use_that_an_end_overtakes_leaves_nothing_listed_or_counted() {
    let back_end = back_end().await;
    for ends_all in [None, Some(None), Some(Some("ada"))] {
        between_any_two(
            &back_end,
            async |node, id| {
                back_end.app_sessions.create(&adas(&back_end, id)).await.expect("created");
                back_end.elapse(MINUTE / 4).await;
                node.store.get(&app("shop"), id, back_end.now()).await.expect("an answer");
            },
            async |id| match ends_all {
                None => assert!(back_end.end_kept(id).await),
                Some(whose) => assert_eq!(back_end.end_all_kept(whose).await, 1),
            },
            async |_| assert_nothing_is_left(&back_end).await,
        )
        .await;
    }
}

#[tokio::test]
async fn a_creation_that_an_end_of_all_overtakes_is_whole_or_leaves_nothing() {
    let back_end = back_end().await;
    for whose in [None, Some("ada")] {
        between_any_two(
            &back_end,
            async |node, id| node.store.create(&adas(&back_end, id)).await.expect("created"),
            async |_| assert!(back_end.end_all_kept(whose).await <= 1),
            async |id| match back_end.get(id).await {
                Some(_) => {
                    assert_eq!(back_end.ids_listed(&of("ada"), 9).await, [id]);
                    assert_eq!(back_end.activity(MINUTE).await, 1);
                    assert_eq!(back_end.end_all_kept(whose).await, 1);
                }
                None => assert_nothing_is_left(&back_end).await,
            },
        )
        .await;
    }
}

async fn assert_nothing_is_left(back_end: &BackEnd) {
    assert!(back_end.ids_listed(&of("ada"), 9).await.is_empty());
    assert_eq!(back_end.activity(MINUTE).await, 0);
    assert_eq!(names(back_end), [] as [&str; 0]);
}

#[tokio::test]
async fn an_end_of_all_meets_what_was_half_created_when_it_began() {
    let back_end = back_end().await;
    for whose in [None, Some("ada")] {
        let (creating, ending) =
            (Doomed::step_by_step(&back_end).await, Doomed::step_by_step(&back_end).await);
        let [half, other] = [(); 2].map(|()| AppToken::random().session(&app("shop")));
        creating.proxy.hold_after(2);
        let half = adas(&back_end, half);
        let creation = creating.store.create(&half);
        tokio::pin!(creation);
        tokio::select! {
            _ = &mut creation => panic!("it has more than two commands"),
            () = creating.proxy.held() => {}
        }
        back_end.app_sessions.create(&adas(&back_end, other)).await.expect("created");

        // It reads the index and looks at both hashes, of which one is not there.
        ending.proxy.hold_after(3);
        let whose = whose.map(user);
        let shop = app("shop");
        let end = ending.store.end_all(&shop, whose.as_ref(), back_end.now());
        tokio::pin!(end);
        tokio::select! {
            _ = &mut end => panic!("it has more than three commands"),
            () = ending.proxy.held() => {}
        }
        creating.proxy.open();
        creation.await.expect("created");
        assert!(back_end.get(half.id).await.is_some());
        ending.proxy.open();
        assert_eq!(end.await.expect("ended"), 2);
        assert_nothing_is_left(&back_end).await;
    }
    // And one that never becomes whole is no reason to go on for ever.
    let id = AppToken::random().session(&app("shop")).to_string();
    let entry = format!("{} {id}", back_end.now().millis());
    back_end.keyspace().ask::<i64>("ZADD", "sessions:user:shop/ada", &entry);
    back_end.keep("ada", sliding(MINUTE), json!({})).await;
    assert_eq!(back_end.end_all_kept(Some("ada")).await, 1);
}
