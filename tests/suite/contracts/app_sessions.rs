//! Sessions of other app servers: found by their token alone, counted, changed, listed, and over when
//! their time is over.

use std::{collections::BTreeSet, time::Duration};

use crate::support::backends::{Home, SessionsOn, TICK, session_back_ends};
use keyward::{
    domain::{
        app::AppName,
        app_session::{AppIp, AppLife, AppSession, AppToken, AppUser, NewAppSession},
        app_session_data::{AppData, DATA_MAX_BYTES, DATA_MAX_KEYS, DataChange, InvalidData},
        clock::Timestamp,
        cursor::Cursor,
        ids::SessionId,
    },
    store::app_sessions::{AppPage, Listing, Saved},
};
use rstest_reuse::apply;
use serde_json::{Map, Value, json};

pub const MINUTE: Duration = Duration::from_mins(1);

pub fn app(name: &str) -> AppName {
    AppName::parse(name).expect("a name")
}

pub fn user(name: &str) -> AppUser {
    AppUser::parse(name).expect("a user id")
}

pub fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).expect("an object")
}

pub fn merge(value: Value) -> DataChange {
    DataChange::merge(object(value)).expect("a change")
}

pub fn sliding(ttl: Duration) -> AppLife {
    AppLife::new(ttl, false, None).expect("a life")
}

/// What the app `shop` does here.
impl Home {
    pub async fn keep(&self, whose: &str, life: AppLife, data: Value) -> SessionId {
        let id = AppToken::random().session(&app("shop"));
        let new = NewAppSession {
            id,
            app: app("shop"),
            user: user(whose),
            ip: AppIp::parse("192.0.2.7").expect("an address"),
            data: AppData::from_json(object(data)).expect("data"),
            life,
            created_at: self.now(),
        };
        self.app_sessions.create(&new).await.expect("created");
        id
    }

    pub async fn get(&self, id: SessionId) -> Option<AppSession> {
        self.app_sessions.get(&app("shop"), id, self.now()).await.expect("an answer")
    }

    pub async fn set(&self, id: SessionId, change: &DataChange, expected: Option<u64>) -> Saved {
        self.app_sessions.set(&app("shop"), id, change, expected, self.now()).await.expect("an answer")
    }

    pub async fn end_kept(&self, id: SessionId) -> bool {
        self.app_sessions.end(&app("shop"), id, self.now()).await.expect("an answer")
    }

    pub async fn end_all_kept(&self, whose: Option<&str>) -> u64 {
        let whose = whose.map(user);
        self.app_sessions.end_all(&app("shop"), whose.as_ref(), self.now()).await.expect("an answer")
    }

    async fn page(&self, listing: &Listing, after: Option<&Cursor>, limit: u32) -> AppPage {
        let page = self.app_sessions.list(&app("shop"), listing, after, limit, self.now()).await;
        page.expect("a page")
    }

    /// All pages of a listing.
    pub async fn listed(&self, listing: &Listing, limit: u32) -> Vec<AppSession> {
        let (mut sessions, mut after) = (Vec::new(), None);
        loop {
            let page = self.page(listing, after.as_ref(), limit).await;
            assert!(page.sessions.len() <= limit as usize);
            sessions.extend(page.sessions);
            match page.next {
                Some(next) => after = Some(next),
                None => return sessions,
            }
        }
    }

    pub async fn ids_listed(&self, listing: &Listing, limit: u32) -> Vec<SessionId> {
        self.listed(listing, limit).await.iter().map(|session| session.id).collect()
    }

    pub async fn activity(&self, within: Duration) -> u64 {
        let since = self.now() - within;
        self.app_sessions.active_users(&app("shop"), since, self.now()).await.expect("a count")
    }
}

pub fn of(whose: &str) -> Listing {
    Listing::OfUser(user(whose))
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_kept_session_is_read_back_as_it_was_created(on: SessionsOn) {
    let home = Home::on(on).await;
    let data = json!({"näme \"x\"": "Zoë\n", "n": -1.5e-7, "big": u64::MAX, "yes": true, "none": null});
    let whose = "u/1:2 é*".repeat(16);
    let id = home.keep(&whose, sliding(MINUTE), data.clone()).await;
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
        created_at: home.now(),
        last_seen_at: home.now(),
        expires_at: home.now() + MINUTE,
    };
    assert_eq!(home.listed(&of(&whose), 10).await, std::slice::from_ref(&created));
    assert_eq!(home.get(id).await, Some(created));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_get_counts_and_slides_and_tells_what_was_before(on: SessionsOn) {
    let home = Home::on(on).await;
    let start = home.now();
    let id = home.keep("ada", sliding(MINUTE), json!({"a": 1})).await;
    for round in 1..5_u32 {
        home.elapse(MINUTE / 2).await;
        let session = home.get(id).await.expect("alive");
        assert_eq!((session.reads, session.writes), (round.into(), 1));
        assert_eq!(session.idle(home.now()), MINUTE / 2);
        assert_eq!(session.expires_at, home.now() + MINUTE);
        assert_eq!(session.created_at, start);
    }
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_set_merges_counts_and_slides(on: SessionsOn) {
    let home = Home::on(on).await;
    let id = home.keep("ada", sliding(MINUTE), json!({"a": 1, "b": "x"})).await;
    home.elapse(MINUTE / 2).await;
    let Saved::Now(saved) = home.set(id, &merge(json!({"a": null, "c": true, "d": null})), None).await else {
        panic!("alive")
    };
    assert_eq!(saved.data.to_json(), object(json!({"b": "x", "c": true})));
    assert_eq!((saved.reads, saved.writes, saved.version()), (1, 2, 2));
    assert_eq!(saved.idle(home.now()), MINUTE / 2);
    assert_eq!(saved.expires_at, home.now() + MINUTE);

    let whole = DataChange::replace(object(json!({"b": 2, "e": null}))).expect("a change");
    assert!(matches!(home.set(id, &whole, None).await, Saved::Now(_)));
    let read = home.get(id).await.expect("alive");
    assert_eq!(read.data.to_json(), object(json!({"b": 2})));
    assert_eq!((read.reads, read.writes), (1, 3));
    assert_eq!(read.idle(home.now()), Duration::ZERO);
    assert!(matches!(home.set(id, &merge(json!({"b": null})), None).await, Saved::Now(_)));
    assert!(home.get(id).await.expect("alive").data.is_empty());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_late_save_overwrites_no_newer_one(on: SessionsOn) {
    let home = Home::on(on).await;
    let id = home.keep("ada", sliding(MINUTE), json!({})).await;
    assert!(matches!(home.set(id, &merge(json!({"a": 1})), Some(1)).await, Saved::Now(_)));
    let before = home.listed(&of("ada"), 1).await;
    for stale in [0, 1, 3, u64::MAX] {
        assert_eq!(home.set(id, &merge(json!({"a": 2})), Some(stale)).await, Saved::Conflict { version: 2 });
    }
    assert_eq!(home.listed(&of("ada"), 1).await, before, "nothing was written");
    assert!(home.end_kept(id).await);
    assert_eq!(home.set(id, &merge(json!({"a": 3})), Some(2)).await, Saved::Gone);
    assert_eq!(home.set(id, &merge(json!({"a": 3})), None).await, Saved::Gone);
    assert_eq!(home.get(id).await, None);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn what_would_be_too_much_is_refused_and_changes_nothing(on: SessionsOn) {
    let home = Home::on(on).await;
    // `{"k":"…","l":"…"}` takes 15 bytes beside the two texts.
    let half = DATA_MAX_BYTES / 2;
    let id = home.keep("ada", sliding(MINUTE), json!({"k": "x".repeat(half)})).await;
    let before = home.listed(&of("ada"), 1).await;
    let more = |bytes: usize| merge(json!({"l": "\"".repeat(10) + &"y".repeat(bytes - 20)}));
    let refused = home.set(id, &more(half - 15 + 1), None).await;
    assert_eq!(refused, Saved::Invalid(InvalidData::TooLarge));
    assert_eq!(home.listed(&of("ada"), 1).await, before);
    assert!(matches!(home.set(id, &more(half - 15), None).await, Saved::Now(_)));
    let full = Value::Object(home.get(id).await.expect("alive").data.to_json()).to_string();
    assert_eq!(full.len(), DATA_MAX_BYTES);

    let keys = |range: std::ops::Range<usize>| range.map(|n| (format!("k{n}"), n.into())).collect();
    let id = home.keep("bob", sliding(MINUTE), Value::Object(keys(0..DATA_MAX_KEYS))).await;
    let before = home.listed(&of("bob"), 1).await;
    assert_eq!(home.set(id, &merge(json!({"new": 1})), None).await, Saved::Invalid(InvalidData::TooManyKeys));
    assert_eq!(home.listed(&of("bob"), 1).await, before);
    assert!(matches!(home.set(id, &merge(json!({"new": 1, "k0": null})), None).await, Saved::Now(_)));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_kept_session_ends_at_its_exact_moment(on: SessionsOn) {
    let life = |is_fixed, age: Option<u32>| AppLife::new(MINUTE, is_fixed, age.map(|age| MINUTE * age));
    let home = Home::on(on).await;
    // Used every half minute: a sliding one goes on, a fixed one and an old one end.
    for (life, end) in [(life(true, None), 2), (life(false, Some(2)), 4), (life(true, Some(1)), 2)] {
        let id = home.keep("ada", life.expect("a life"), json!({})).await;
        let end_at = home.now() + MINUTE / 2 * end;
        for _ in 1..end {
            home.elapse(MINUTE / 2).await;
            let used = home.get(id).await.expect("alive").expires_at;
            assert!(used <= end_at, "{used} is beyond {end_at}");
            assert!(matches!(home.set(id, &merge(json!({"a": 1})), None).await, Saved::Now(_)));
        }
        let moment = home.elapse_almost(MINUTE / 2).await;
        let last = home.get(id).await.expect("alive");
        assert_eq!(last.expires_at, end_at);
        home.elapse(moment).await;
        assert_is_over(&home, id).await;
    }
    let id = home.keep("ada", life(false, None).expect("a life"), json!({})).await;
    for _ in 0..5 {
        home.elapse_almost(MINUTE).await;
        assert!(home.get(id).await.is_some());
    }
    let moment = home.elapse_almost(MINUTE).await;
    assert_eq!(home.ids_listed(&of("ada"), 9).await, [id]);
    assert_eq!(home.activity(MINUTE * 9).await, 1, "listing and counting lengthen nothing");
    home.elapse(moment).await;
    assert_is_over(&home, id).await;
}

async fn assert_is_over(home: &Home, id: SessionId) {
    assert_eq!(home.activity(MINUTE * 9).await, 0);
    assert!(home.ids_listed(&of("ada"), 9).await.is_empty());
    assert!(home.ids_listed(&Listing::ActiveSince(Timestamp::from_millis(0)), 9).await.is_empty());
    assert_eq!(home.set(id, &merge(json!({"a": 1})), None).await, Saved::Gone);
    assert_eq!(home.get(id).await, None);
    assert!(!home.end_kept(id).await);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_of_one_app_is_none_of_another(on: SessionsOn) {
    let home = Home::on(on).await;
    let (id, other) = (home.keep("ada", sliding(MINUTE), json!({})).await, app("other"));
    let (store, now) = (&home.app_sessions, home.now());
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
    assert_eq!(home.get(id).await.expect("alive").reads, 1);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn sign_ins_and_kept_sessions_do_not_meet(on: SessionsOn) {
    let home = Home::on(on).await;
    let client = home.sign_in_as(keyward::domain::ids::UserId::new(home.now()), &app("shop")).await;
    let id = home.keep(&client.user.to_string(), sliding(MINUTE * 9), json!({})).await;
    // Long enough for an entry that leads nowhere to be taken out.
    home.elapse(MINUTE * 2).await;
    let sign_ins = home.sessions.of_app(&app("shop"), None, 9, home.now()).await.expect("a page").sessions;
    assert_eq!(sign_ins.iter().map(|one| one.id).collect::<Vec<_>>(), [client.session()]);
    let all = Listing::ActiveSince(Timestamp::from_millis(0));
    assert_eq!(home.ids_listed(&all, 9).await, [id]);
    assert_eq!(home.get(client.session()).await, None);
    assert!(!home.end_kept(client.session()).await);
    assert_eq!(home.find(id).await, None);

    assert_eq!(home.end_all_kept(None).await, 1);
    assert_eq!(home.ids_of_user(client.user).await, [client.session()]);
    let again = home.keep("ada", sliding(MINUTE), json!({})).await;
    home.end(again, keyward::domain::session::EndReason::Admin).await;
    assert!(home.get(again).await.is_some());
}

#[apply(session_back_ends)]
#[tokio::test]
async fn users_are_counted_once_and_sessions_listed_by_their_activity(on: SessionsOn) {
    let home = Home::on(on).await;
    let mut ids = Vec::new();
    for whose in ["ada", "bob", "ada", "eve"] {
        ids.push(home.keep(whose, sliding(MINUTE * 60), json!({})).await);
        home.elapse(MINUTE).await;
    }
    let within = |minutes| Listing::ActiveSince(home.now() - MINUTE * minutes);
    assert_eq!(home.ids_listed(&within(2), 9).await, [ids[3], ids[2]], "to the moment");
    assert_eq!(home.activity(MINUTE * 2).await, 2);
    assert_eq!(home.activity((MINUTE * 2).saturating_sub(TICK)).await, 1);
    for limit in [1, 2, 3, 4, 5] {
        let all = home.ids_listed(&within(60), limit).await;
        assert_eq!(all, [ids[3], ids[2], ids[1], ids[0]], "{limit} at a time");
    }
    assert_eq!(home.activity(MINUTE * 60).await, 3);
    home.get(ids[0]).await.expect("alive");
    assert_eq!(home.ids_listed(&of("ada"), 1).await, [ids[0], ids[2]]);
    assert_eq!(home.activity(Duration::ZERO).await, 1);

    assert!(home.end_kept(ids[0]).await);
    assert_eq!(home.activity(Duration::ZERO).await, 0, "what ended is not counted");
    assert_eq!(home.activity(MINUTE * 2).await, 2, "but what that user still has");
    assert!(home.end_kept(ids[2]).await);
    assert_eq!(home.activity(MINUTE * 60).await, 2);
}

#[apply(session_back_ends)]
#[tokio::test]
async fn all_of_a_user_and_all_of_the_app_are_ended(on: SessionsOn) {
    let home = Home::on(on).await;
    let mut ids = BTreeSet::new();
    for number in 0..700 {
        ids.insert(home.keep(["ada", "bob", "eve"][number % 3], sliding(MINUTE), json!({"n": number})).await);
    }
    let all = Listing::ActiveSince(Timestamp::from_millis(0));
    assert_eq!(home.ids_listed(&all, 300).await.into_iter().collect::<BTreeSet<_>>(), ids);
    assert_eq!(home.end_all_kept(Some("ada")).await, 234);
    assert_eq!(home.end_all_kept(Some("ada")).await, 0);
    assert_eq!((home.activity(MINUTE).await, home.ids_listed(&all, 300).await.len()), (2, 466));
    assert_eq!(home.end_all_kept(None).await, 466);
    assert_eq!((home.activity(MINUTE).await, home.ids_listed(&all, 300).await.len()), (0, 0));
    for id in ids {
        assert_eq!(home.get(id).await, None);
    }
}
