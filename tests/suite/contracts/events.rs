//! Events: each is kept once, found by whom or what it is about, and forgotten when its time is over.

use std::{sync::Arc, time::Duration};

use keyward::{
    domain::{
        app::AppName,
        clock::Timestamp,
        event::{Event, EventFilter, EventId, EventKind},
        ids::{SessionId, UserId},
        occasion::{Actor, Occasion},
    },
    store::events::{EventStore, Retention},
};
use rstest_reuse::apply;

use crate::support::{
    backends::{AccountsOn, START, account_back_ends},
    database::{Database, Node},
};

const SECOND: Duration = Duration::from_secs(1);
const ALL: EventFilter = EventFilter { user: None, session: None, kind: None, since: None };

fn event(kind: EventKind, at: Timestamp) -> Event {
    Event::new(kind, &Occasion::of_server(), at)
}

/// One with all that an event can say.
fn whole(at: Timestamp) -> Event {
    let agent = Some("Mozilla/5.0 (Größe; 漢字)");
    let from = Occasion::of_client("2001:db8::7".parse().ok(), agent, Some("abc-123".to_owned()));
    let event = Event::new(EventKind::SignedOut, &from.by(Actor::Shell("deploy".to_owned())), at);
    let event = event.of_user(UserId::new(at)).of_session(SessionId::random()).at_app(AppName::default_app());
    Event { count: 7, ..event.because("admin").in_detail("+ops -staff") }
}

async fn page(node: &Arc<dyn Node>, filter: &EventFilter, before: EventId, limit: u32) -> Vec<Event> {
    // Apps have a list as well.
    EventStore::list(node.as_ref(), filter, before, limit).await.expect("a list")
}

async fn list(node: &Arc<dyn Node>, filter: &EventFilter) -> Vec<Event> {
    page(node, filter, EventId::last(), 1_000).await
}

#[apply(account_back_ends)]
#[tokio::test]
async fn what_was_appended_is_found_as_it_was_on_every_node(on: AccountsOn) {
    let database = Database::on(on);
    let (one, other) = (database.node().await, database.node().await);
    let (full, bare) = (whole(START), event(EventKind::KeyRotated, START + SECOND));
    one.append(&[full.clone(), bare.clone()]).await.expect("kept");
    assert_eq!(list(&other, &ALL).await, [bare, full]);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn the_same_id_twice_is_one_event_and_keeps_no_other_out(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let (first, second) = (whole(START), event(EventKind::SignedIn, START + SECOND));
    node.append(std::slice::from_ref(&first)).await.expect("kept");
    node.append(&[first.clone(), second.clone()]).await.expect("kept again");
    assert_eq!(list(&node, &ALL).await, [second, first]);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn events_are_paged_newest_first_and_none_is_missed_or_comes_twice(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    // Many of one moment, as under load.
    let events: Vec<Event> = (0..25).map(|n| event(EventKind::SignedIn, START + SECOND * (n / 10))).collect();
    node.append(&events).await.expect("kept");
    let (mut seen, mut before) = (Vec::new(), EventId::last());
    loop {
        let found = page(&node, &ALL, before, 4).await;
        let Some(last) = found.last() else { break };
        before = last.id;
        seen.extend(found);
        // What comes meanwhile is newer, and so on no later page.
        node.append(&[event(EventKind::SignedIn, START + SECOND * 100)]).await.expect("kept");
    }
    let mut wanted = events;
    wanted.sort_by_key(|event| std::cmp::Reverse(event.id));
    assert_eq!(seen, wanted);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn a_filter_finds_all_of_it_and_nothing_else(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let users = [UserId::new(START), UserId::new(START)];
    let sessions = [SessionId::random(), SessionId::random()];
    let kinds = [EventKind::SignedIn, EventKind::SignedOut];
    let mut events = vec![event(EventKind::KeyRotated, START)];
    for number in 0..16_u32 {
        let bit = |place: u32| (number >> place & 1) as usize;
        let at = START + SECOND * number;
        events.push(event(kinds[bit(0)], at).of_user(users[bit(1)]).of_session(sessions[bit(2)]));
    }
    node.append(&events).await.expect("kept");
    let since = [None, Some(START + SECOND * 5)];
    for wanted in 0..16_u32 {
        let asked = |place: u32| wanted >> place & 1 == 1;
        let filter = EventFilter {
            user: asked(0).then_some(users[0]),
            session: asked(1).then_some(sessions[1]),
            kind: asked(2).then_some(kinds[1]),
            since: since[usize::from(asked(3))],
        };
        let fits = |event: &&Event| {
            filter.user.is_none_or(|user| event.user == Some(user))
                && filter.session.is_none_or(|session| event.session == Some(session))
                && filter.kind.is_none_or(|kind| event.kind == kind)
                && filter.since.is_none_or(|since| event.at >= since)
        };
        let mut expected: Vec<Event> = events.iter().filter(fits).cloned().collect();
        expected.sort_by_key(|event| std::cmp::Reverse(event.id));
        assert_eq!(list(&node, &filter).await, expected, "{filter:?}");
        let written = node.written_after(&filter, 0, 1_000).await.expect("a list");
        expected.sort_by_key(|event| event.id);
        assert_eq!(written.into_iter().map(|one| one.event).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

#[apply(account_back_ends)]
#[tokio::test]
async fn who_follows_hears_of_an_event_that_is_written_late(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    assert_eq!(node.last_place().await.expect("an answer"), 0);
    node.append(&[event(EventKind::SignedIn, START + SECOND * 60)]).await.expect("kept");
    let place = node.last_place().await.expect("an answer");
    let late = event(EventKind::SignedOut, START);
    node.append(std::slice::from_ref(&late)).await.expect("kept");
    let written = node.written_after(&ALL, place, 10).await.expect("a list");
    assert_eq!(written.iter().map(|one| &one.event).collect::<Vec<_>>(), [&late]);
    assert_eq!(node.last_place().await.expect("an answer"), written[0].place);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn what_is_older_than_is_kept_is_forgotten_in_steps(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let events: Vec<Event> = (0..10).map(|n| event(EventKind::SignedIn, START + SECOND * n)).collect();
    node.append(&events).await.expect("kept");
    let retention = Retention { since: START + SECOND * 7, most: 1_000 };
    let mut steps = Vec::new();
    while let gone @ 1.. = node.forget(&retention, 3).await.expect("forgotten") {
        steps.push(gone);
    }
    assert_eq!(steps, [3, 3, 1]);
    assert_eq!(list(&node, &ALL).await.len(), 3);
}

#[apply(account_back_ends)]
#[tokio::test]
async fn of_too_many_the_oldest_go_and_first_those_that_strangers_cause(on: AccountsOn) {
    let database = Database::on(on);
    let node = database.node().await;
    let kinds = [
        EventKind::SignedIn,
        EventKind::SignInFailed,
        EventKind::SignedIn,
        EventKind::LockedOut,
        EventKind::SignInFailed,
        EventKind::SignedIn,
    ];
    let events: Vec<Event> =
        kinds.iter().zip(0..).map(|(kind, n)| event(*kind, START + SECOND * n)).collect();
    node.append(&events).await.expect("kept");
    let kept = async |most| {
        let retention = Retention { since: START, most };
        while node.forget(&retention, 2).await.expect("forgotten") > 0 {}
        let left = list(&node, &ALL).await;
        let mut left: Vec<usize> = left
            .iter()
            .map(|one| events.iter().position(|event| event == one).expect("one of them"))
            .collect();
        left.sort_unstable();
        left
    };
    assert_eq!(kept(6).await, [0, 1, 2, 3, 4, 5]);
    assert_eq!(kept(5).await, [0, 2, 3, 4, 5]);
    assert_eq!(kept(3).await, [0, 2, 5]);
    assert_eq!(kept(1).await, [5]);
}
