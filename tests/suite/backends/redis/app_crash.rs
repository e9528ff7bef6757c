//! Kept sessions when a node crashes between any two of its commands: what lives can be ended, what has
//! ended stays so, and the retry leaves lists and counts right.

use super::{
    back_end,
    crash::{Doomed, wherever_one_crashes},
    names, with_prefix,
};
use crate::{
    support::app_sessions::{MINUTE, app, merge, object, of, sliding, user},
    support::backends::BackEnd,
};
use keyward::{
    domain::{
        app_session::{AppIp, AppToken, NewAppSession},
        app_session_data::AppData,
        ids::{SessionId, TokenId},
    },
    store::app_sessions::{AppSessionStore, Saved},
};
use serde_json::json;

/// A user nobody else is, and a session of theirs.
struct Theirs {
    whose: String,
    id: SessionId,
}

async fn theirs(back_end: &BackEnd) -> Theirs {
    let whose = TokenId::random().to_string();
    let id = back_end.keep(&whose, sliding(MINUTE), json!({})).await;
    Theirs { whose, id }
}

/// However it was left, one end of all leaves nothing that is found, listed or counted.
async fn assert_can_be_ended(back_end: &BackEnd, Theirs { whose, id }: Theirs) -> u64 {
    let ended = back_end.end_all_kept(Some(&whose)).await;
    assert_eq!(back_end.get(id).await, None);
    assert!(back_end.ids_listed(&of(&whose), 9).await.is_empty());
    assert_eq!(back_end.activity(MINUTE).await, 0);
    ended
}

#[tokio::test]
async fn a_creation_that_was_cut_short_leaves_nothing_that_cannot_be_ended() {
    let back_end = back_end().await;
    let prepare = async || {
        let (whose, id) = (TokenId::random().to_string(), AppToken::random().session(&app("shop")));
        Theirs { whose, id }
    };
    wherever_one_crashes(
        &back_end,
        Doomed::step_by_step,
        prepare,
        async |store, new| {
            let new = NewAppSession {
                id: new.id,
                app: app("shop"),
                user: user(&new.whose),
                ip: AppIp::parse("192.0.2.7").expect("an address"),
                data: AppData::default(),
                life: sliding(MINUTE),
                created_at: back_end.now(),
            };
            store.create(&new).await.is_ok()
        },
        async |new| {
            let is_alive = back_end.get(new.id).await.is_some();
            assert_eq!(assert_can_be_ended(&back_end, new).await, u64::from(is_alive));
        },
    )
    .await;
}

#[tokio::test]
async fn a_use_that_was_cut_short_is_completed_by_the_next_one() {
    let back_end = back_end().await;
    wherever_one_crashes(
        &back_end,
        Doomed::step_by_step,
        async || theirs(&back_end).await,
        async |store, kept| {
            let set = store.set(&app("shop"), kept.id, &merge(json!({"a": 1})), None, back_end.now()).await;
            matches!(set, Ok(Saved::Now(_)))
        },
        async |kept| {
            back_end.get(kept.id).await.expect("alive");
            assert_eq!(back_end.ids_listed(&of(&kept.whose), 9).await, [kept.id]);
            assert_eq!(back_end.activity(MINUTE).await, 1);
            assert_eq!(assert_can_be_ended(&back_end, kept).await, 1);
        },
    )
    .await;
}

#[tokio::test]
async fn an_end_that_was_cut_short_anywhere_is_completed_by_the_retry() {
    let back_end = back_end().await;
    wherever_one_crashes(
        &back_end,
        Doomed::step_by_step,
        async || theirs(&back_end).await,
        async |store, kept| store.end(&app("shop"), kept.id, back_end.now()).await.is_ok(),
        async |kept| {
            back_end.end_kept(kept.id).await;
            let index = format!("sessions:user:shop/{}", kept.whose);
            assert_eq!(with_prefix(&names(&back_end), &index), [] as [String; 0]);
            assert_eq!(assert_can_be_ended(&back_end, kept).await, 0);
        },
    )
    .await;
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_changes_no_answer() {
    let back_end = back_end().await;
    let shop = app("shop");
    for commands in 1..8 {
        let (node, kept) = (Doomed::step_by_step(&back_end).await, theirs(&back_end).await);
        let (lose_one, now) = (|| node.proxy.break_once_after(commands), back_end.now());
        for (version, key) in [(1, "a"), (2, "b")] {
            lose_one();
            let set =
                node.store.set(&shop, kept.id, &merge(json!({ key: version })), Some(version), now).await;
            let Ok(Saved::Now(saved)) = set else { panic!("{commands}: {set:?}") };
            assert_eq!((saved.version(), saved.last_seen_at), (version + 1, now));
        }
        lose_one();
        let stale = node.store.set(&shop, kept.id, &merge(json!({"a": 9})), Some(2), now).await;
        assert_eq!(stale.expect("an answer"), Saved::Conflict { version: 3 });
        assert_eq!(
            back_end.get(kept.id).await.expect("alive").data.to_json(),
            object(json!({"a": 1, "b": 2}))
        );
        lose_one();
        assert!(node.store.end(&shop, kept.id, now).await.expect("an answer"), "after {commands}");
        assert!(!node.store.end(&shop, kept.id, now).await.expect("an answer"));

        let Theirs { whose, .. } = theirs(&back_end).await;
        lose_one();
        let ended = node.store.end_all(&shop, Some(&user(&whose)), now).await;
        assert_eq!(ended.expect("an answer"), 1, "after {commands}");
    }
}

#[tokio::test]
async fn where_all_keys_are_on_one_server_a_use_is_one_step() {
    let back_end = back_end().await;
    let (shop, now) = (app("shop"), back_end.now());
    // Entered, but for the answer; and entered once.
    for is_lost in [false, true] {
        let (node, whose) = (Doomed::beside(&back_end).await, TokenId::random().to_string());
        let new = NewAppSession {
            id: AppToken::random().session(&shop),
            app: shop.clone(),
            user: user(&whose),
            ip: AppIp::parse("192.0.2.7").expect("an address"),
            data: AppData::default(),
            life: sliding(MINUTE),
            created_at: now,
        };
        let only_one = || {
            if is_lost { node.proxy.break_once_after(1) } else { node.proxy.break_after(2) }
        };
        only_one();
        node.store.create(&new).await.expect("created");
        only_one();
        node.store.get(&shop, new.id, now).await.expect("an answer").expect("alive");
        only_one();
        let set = node.store.set(&shop, new.id, &merge(json!({"a": 1})), Some(1), now).await;
        assert!(matches!(set, Ok(Saved::Now(_))), "{set:?}");
        assert!(!node.proxy.is_broken());
        assert_eq!(back_end.ids_listed(&of(&whose), 9).await, [new.id]);
        assert_eq!(back_end.activity(MINUTE).await, 1);
        assert_eq!(assert_can_be_ended(&back_end, Theirs { whose, id: new.id }).await, 1);
    }
    assert_eq!(names(&back_end), [] as [String; 0]);
}
