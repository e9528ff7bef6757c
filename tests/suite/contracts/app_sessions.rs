//! Sessions of other app servers: found by their token alone, counted, changed, listed, and over when
//! their time is over.

use std::{collections::BTreeSet, time::Duration};

use crate::support::{
    app_sessions::{MINUTE, app, merge, object, of, sliding, user},
    backends::{BackEnd, SessionsOn, TICK, session_back_ends},
};
use keyward::{
    domain::{
        app_session::{AppIp, AppLife, AppSession},
        app_session_data::{AppData, DATA_MAX_BYTES, DATA_MAX_KEYS, DataChange, InvalidData},
        clock::Timestamp,
        ids::SessionId,
    },
    store::app_sessions::{Listing, Saved},
};
use rstest_reuse::apply;
use serde_json::{Value, json};

#[apply(session_back_ends)]
#[tokio::test]
async fn a_kept_session_is_read_back_as_it_was_created(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let data = json!({"näme \"x\"": "Zoë\n", "n": -1.5e-7, "big": u64::MAX, "yes": true, "none": null});
    let whose = "u/1:2 é*".repeat(16);
    let id = back_end.keep(&whose, sliding(MINUTE), data.clone()).await;
    let mut kept = object(data);
    kept.remove("none");
    let created = AppSession {
        id,
        app: app("shop"),
        user: user(&whose),
        ip: AppIp::parse("192.0.2.7").expect("an address"),
        data: AppData::from_json(kept).expect("data"),
        reads: 1,
        writes: 1,
        ttl: MINUTE,
        is_fixed: false,
        created_at: back_end.now(),
        last_seen_at: back_end.now(),
        expires_at: back_end.now() + MINUTE,
    };
    assert_eq!(back_end.listed(&of(&whose), 10).await, std::slice::from_ref(&created));
    assert_eq!(back_end.get(id).await, Some(created));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_get_counts_and_slides_and_tells_what_was_before(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let start = back_end.now();
    let id = back_end.keep("ada", sliding(MINUTE), json!({"a": 1})).await;
    for round in 1..5_u32 {
        back_end.elapse(MINUTE / 2).await;
        let session = back_end.get(id).await.expect("alive");
        assert_eq!((session.reads, session.writes), (round.into(), 1));
        assert_eq!(session.idle(back_end.now()), MINUTE / 2);
        assert_eq!(session.expires_at, back_end.now() + MINUTE);
        assert_eq!(session.created_at, start);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_set_merges_counts_and_slides(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let id = back_end.keep("ada", sliding(MINUTE), json!({"a": 1, "b": "x"})).await;
    back_end.elapse(MINUTE / 2).await;
    let Saved::Now(saved) = back_end.set(id, &merge(json!({"a": null, "c": true, "d": null})), None).await
    else {
        panic!("alive")
    };
    assert_eq!(saved.data.to_json(), object(json!({"b": "x", "c": true})));
    assert_eq!((saved.reads, saved.writes, saved.version()), (1, 2, 2));
    assert_eq!(saved.idle(back_end.now()), MINUTE / 2);
    assert_eq!(saved.expires_at, back_end.now() + MINUTE);

    let whole = DataChange::replace(object(json!({"b": 2, "e": null}))).expect("a change");
    assert!(matches!(back_end.set(id, &whole, None).await, Saved::Now(_)));
    let read = back_end.get(id).await.expect("alive");
    assert_eq!(read.data.to_json(), object(json!({"b": 2})));
    assert_eq!((read.reads, read.writes), (1, 3));
    assert_eq!(read.idle(back_end.now()), Duration::ZERO);
    assert!(matches!(back_end.set(id, &merge(json!({"b": null})), None).await, Saved::Now(_)));
    assert!(back_end.get(id).await.expect("alive").data.is_empty());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_late_save_overwrites_no_newer_one(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let id = back_end.keep("ada", sliding(MINUTE), json!({})).await;
    assert!(matches!(back_end.set(id, &merge(json!({"a": 1})), Some(1)).await, Saved::Now(_)));
    let before = back_end.listed(&of("ada"), 1).await;
    for stale in [0, 1, 3, u64::MAX] {
        assert_eq!(
            back_end.set(id, &merge(json!({"a": 2})), Some(stale)).await,
            Saved::Conflict { version: 2 }
        );
    }
    assert_eq!(back_end.listed(&of("ada"), 1).await, before, "nothing was written");
    assert!(back_end.end_kept(id).await);
    assert_eq!(back_end.set(id, &merge(json!({"a": 3})), Some(2)).await, Saved::Gone);
    assert_eq!(back_end.set(id, &merge(json!({"a": 3})), None).await, Saved::Gone);
    assert_eq!(back_end.get(id).await, None);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn what_would_be_too_much_is_refused_and_changes_nothing(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    // `{"k":"…","l":"…"}` takes 15 bytes beside the two texts.
    let half = DATA_MAX_BYTES / 2;
    let id = back_end.keep("ada", sliding(MINUTE), json!({"k": "x".repeat(half)})).await;
    let before = back_end.listed(&of("ada"), 1).await;
    let more = |bytes: usize| merge(json!({"l": "\"".repeat(10) + &"y".repeat(bytes - 20)}));
    let refused = back_end.set(id, &more(half - 15 + 1), None).await;
    assert_eq!(refused, Saved::Invalid(InvalidData::TooLarge));
    assert_eq!(back_end.listed(&of("ada"), 1).await, before);
    assert!(matches!(back_end.set(id, &more(half - 15), None).await, Saved::Now(_)));
    let full = Value::Object(back_end.get(id).await.expect("alive").data.to_json()).to_string();
    assert_eq!(full.len(), DATA_MAX_BYTES);

    let keys = |range: std::ops::Range<usize>| range.map(|n| (format!("k{n}"), n.into())).collect();
    let id = back_end.keep("bob", sliding(MINUTE), Value::Object(keys(0..DATA_MAX_KEYS))).await;
    let before = back_end.listed(&of("bob"), 1).await;
    assert_eq!(
        back_end.set(id, &merge(json!({"new": 1})), None).await,
        Saved::Invalid(InvalidData::TooManyKeys)
    );
    assert_eq!(back_end.listed(&of("bob"), 1).await, before);
    assert!(matches!(back_end.set(id, &merge(json!({"new": 1, "k0": null})), None).await, Saved::Now(_)));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_kept_session_ends_at_its_exact_moment(on: SessionsOn) {
    let life = |is_fixed, age: Option<u32>| AppLife::new(MINUTE, is_fixed, age.map(|age| MINUTE * age));
    let back_end = BackEnd::on(on).await;
    // Used every half minute: a sliding one goes on, a fixed one and an old one end.
    for (life, end) in [(life(true, None), 2), (life(false, Some(2)), 4), (life(true, Some(1)), 2)] {
        let id = back_end.keep("ada", life.expect("a life"), json!({})).await;
        let end_at = back_end.now() + MINUTE / 2 * end;
        for _ in 1..end {
            back_end.elapse(MINUTE / 2).await;
            let used = back_end.get(id).await.expect("alive").expires_at;
            assert!(used <= end_at, "{used} is beyond {end_at}");
            assert!(matches!(back_end.set(id, &merge(json!({"a": 1})), None).await, Saved::Now(_)));
        }
        let moment = back_end.elapse_almost(MINUTE / 2).await;
        let last = back_end.get(id).await.expect("alive");
        assert_eq!(last.expires_at, end_at);
        back_end.elapse(moment).await;
        assert_is_over(&back_end, id).await;
    }
    let id = back_end.keep("ada", life(false, None).expect("a life"), json!({})).await;
    for _ in 0..5 {
        back_end.elapse_almost(MINUTE).await;
        assert!(back_end.get(id).await.is_some());
    }
    let moment = back_end.elapse_almost(MINUTE).await;
    assert_eq!(back_end.ids_listed(&of("ada"), 9).await, [id]);
    assert_eq!(back_end.activity(MINUTE * 9).await, 1, "listing and counting lengthen nothing");
    back_end.elapse(moment).await;
    assert_is_over(&back_end, id).await;
}

async fn assert_is_over(back_end: &BackEnd, id: SessionId) {
    assert_eq!(back_end.activity(MINUTE * 9).await, 0);
    assert!(back_end.ids_listed(&of("ada"), 9).await.is_empty());
    assert!(back_end.ids_listed(&Listing::ActiveSince(Timestamp::from_millis(0)), 9).await.is_empty());
    assert_eq!(back_end.set(id, &merge(json!({"a": 1})), None).await, Saved::Gone);
    assert_eq!(back_end.get(id).await, None);
    assert!(!back_end.end_kept(id).await);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_of_one_app_is_none_of_another(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let (id, other) = (back_end.keep("ada", sliding(MINUTE), json!({})).await, app("other"));
    let (store, now) = (&back_end.app_sessions, back_end.now());
    let all = Listing::ActiveSince(Timestamp::from_millis(0));
    assert_eq!(store.get(&other, id, now).await.expect("an answer"), None);
    assert_eq!(store.set(&other, id, &merge(json!({"a": 1})), None, now).await.expect("ok"), Saved::Gone);
    assert!(!store.end(&other, id, now).await.expect("an answer"));
    assert_eq!(store.end_all(&other, Some(&user("ada")), now).await.expect("an answer"), 0);
    assert_eq!(store.end_all(&other, None, now).await.expect("an answer"), 0);
    for listing in [&all, &of("ada")] {
        assert!(store.list(&other, listing, None, 9, now).await.expect("a page").sessions.is_empty());
    }
    assert_eq!(store.active_users(&other, now, now).await.expect("a count"), 0);
    assert_eq!(back_end.get(id).await.expect("alive").reads, 1);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn sign_ins_and_kept_sessions_do_not_meet(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let client = back_end.sign_in_as(keyward::domain::ids::UserId::new(back_end.now()), &app("shop")).await;
    let id = back_end.keep(&client.user.to_string(), sliding(MINUTE * 9), json!({})).await;
    // Long enough for an entry that leads nowhere to be taken out.
    back_end.elapse(MINUTE * 2).await;
    let sign_ins =
        back_end.sessions.of_app(&app("shop"), None, 9, back_end.now()).await.expect("a page").sessions;
    assert_eq!(sign_ins.iter().map(|one| one.id).collect::<Vec<_>>(), [client.session()]);
    let all = Listing::ActiveSince(Timestamp::from_millis(0));
    assert_eq!(back_end.ids_listed(&all, 9).await, [id]);
    assert_eq!(back_end.get(client.session()).await, None);
    assert!(!back_end.end_kept(client.session()).await);
    assert_eq!(back_end.find(id).await, None);

    assert_eq!(back_end.end_all_kept(None).await, 1);
    assert_eq!(back_end.ids_of_user(client.user).await, [client.session()]);
    let again = back_end.keep("ada", sliding(MINUTE), json!({})).await;
    back_end.end(again, keyward::domain::session::EndReason::Admin).await;
    assert!(back_end.get(again).await.is_some());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn users_are_counted_once_and_sessions_listed_by_their_activity(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let mut ids = Vec::new();
    for whose in ["ada", "bob", "ada", "eve"] {
        ids.push(back_end.keep(whose, sliding(MINUTE * 60), json!({})).await);
        back_end.elapse(MINUTE).await;
    }
    let within = |minutes| Listing::ActiveSince(back_end.now() - MINUTE * minutes);
    assert_eq!(back_end.ids_listed(&within(2), 9).await, [ids[3], ids[2]], "to the moment");
    assert_eq!(back_end.activity(MINUTE * 2).await, 2);
    assert_eq!(back_end.activity((MINUTE * 2).saturating_sub(TICK)).await, 1);
    for limit in [1, 2, 3, 4, 5] {
        let all = back_end.ids_listed(&within(60), limit).await;
        assert_eq!(all, [ids[3], ids[2], ids[1], ids[0]], "{limit} at a time");
    }
    assert_eq!(back_end.activity(MINUTE * 60).await, 3);
    back_end.get(ids[0]).await.expect("alive");
    assert_eq!(back_end.ids_listed(&of("ada"), 1).await, [ids[0], ids[2]]);
    assert_eq!(back_end.activity(Duration::ZERO).await, 1);

    assert!(back_end.end_kept(ids[0]).await);
    assert_eq!(back_end.activity(Duration::ZERO).await, 0, "what ended is not counted");
    assert_eq!(back_end.activity(MINUTE * 2).await, 2, "but what that user still has");
    assert!(back_end.end_kept(ids[2]).await);
    assert_eq!(back_end.activity(MINUTE * 60).await, 2);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn all_of_a_user_and_all_of_the_app_are_ended(on: SessionsOn) {
    let back_end = BackEnd::on(on).await;
    let mut ids = BTreeSet::new();
    for number in 0..700 {
        ids.insert(
            back_end.keep(["ada", "bob", "eve"][number % 3], sliding(MINUTE), json!({"n": number})).await,
        );
    }
    let all = Listing::ActiveSince(Timestamp::from_millis(0));
    assert_eq!(back_end.ids_listed(&all, 300).await.into_iter().collect::<BTreeSet<_>>(), ids);
    assert_eq!(back_end.end_all_kept(Some("ada")).await, 234);
    assert_eq!(back_end.end_all_kept(Some("ada")).await, 0);
    assert_eq!((back_end.activity(MINUTE).await, back_end.ids_listed(&all, 300).await.len()), (2, 466));
    assert_eq!(back_end.end_all_kept(None).await, 466);
    assert_eq!((back_end.activity(MINUTE).await, back_end.ids_listed(&all, 300).await.len()), (0, 0));
    for id in ids {
        assert_eq!(back_end.get(id).await, None);
    }
}
