//! What happened is told, whoever did it and whatever came after: each kind of contract 6.2, once, with who and why.

use std::{net::IpAddr, time::Duration};

use keyward::{
    auth::{
        apps::{AppUpdate, NewApp},
        sessions::logout::Shown,
        sign_in::login::Login,
    },
    domain::{
        app::AppName,
        event::{Event, EventFilter, EventKind},
        ids::{SessionId, UserId},
        occasion::{Actor, Occasion},
        rotation::{Contested, ReusePolicy},
        session::{Device, Transport},
        user::{Email, Role, RoleChange},
    },
    keys::schedule::Retirement,
    store::leases::Holder,
};
use rstest_reuse::apply;

use crate::support::{
    actor::{Options, PASSWORD, Server, USER, name, occasion, occasion_from, password},
    backends::{BackEnd, FIRST_USE, SessionsOn, session_back_ends},
};

const OTHER: &str = "another passphrase of seven odd words";
const HOME: &str = "192.0.2.1";

fn shell() -> Occasion {
    Occasion::of_shell("deploy".to_owned())
}

async fn all_of(server: &Server, filter: EventFilter) -> Vec<Event> {
    assert_eq!(server.auth.flush_events(Duration::from_mins(1)).await, 0, "all are written");
    let mut events = server.auth.events(&filter, None, 1_000).await.expect("a list").events;
    events.reverse();
    events
}

async fn of_kind(server: &Server, kind: EventKind) -> Vec<Event> {
    all_of(server, EventFilter { kind: Some(kind), ..EventFilter::default() }).await
}

/// The one event of that kind.
async fn the(server: &Server, kind: EventKind) -> Event {
    let mut events = of_kind(server, kind).await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

fn reason(event: &Event) -> &str {
    event.reason.as_deref().unwrap_or_default()
}

/// Why a session ended, as an operator finds it.
async fn why_ended(server: &Server, session: SessionId) -> Event {
    let ended =
        EventFilter { session: Some(session), kind: Some(EventKind::SignedOut), ..EventFilter::default() };
    let mut events = all_of(server, ended).await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_sign_in_is_told_with_who_and_from_where(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = server.login().await;
    let event = the(&server, EventKind::SignedIn).await;
    assert_eq!((event.user, event.session), (Some(server.user.id), Some(tokens.session)));
    assert_eq!((event.address, event.agent.as_deref()), (HOME.parse().ok(), Some("test/1.0")));
    assert_eq!((event.app, event.by), (Some(AppName::default_app()), Actor::User(server.user.id)));
}

#[apply(session_back_ends)]
#[tokio::test]
async fn every_end_of_a_session_is_told_once_and_says_why(on: SessionsOn) {
    let options = Options { sessions_per_user: std::num::NonZeroU32::new(5), ..Options::default() };
    let server = Server::with(BackEnd::on(on).await, options).await;
    let (auth, user) = (&server.auth, server.user.id);
    let expect = async |session: SessionId, why: &str, by: Actor| {
        let event = why_ended(&server, session).await;
        assert_eq!((reason(&event), event.user, &event.by), (why, Some(user), &by), "{event:?}");
    };
    let (owner, operator) = (Actor::User(user), Actor::Shell("deploy".to_owned()));

    let one = server.login().await;
    for _ in 0..2 {
        auth.logout(&[Shown::Refresh(one.refresh_token.expose())], &occasion()).await.expect("signed out");
    }
    expect(one.session, "logout", owner.clone()).await;

    let one = server.login().await;
    auth.replace(Shown::Refresh(one.refresh_token.expose()), &occasion()).await.expect("replaced");
    expect(one.session, "replaced", owner.clone()).await;

    let one = server.login().await;
    assert_eq!(server.logout_all(&one.access_token).await.expect("ended"), 1);
    expect(one.session, "logout_all", owner.clone()).await;

    let (one, other) = (server.login().await, server.login().await);
    let caller = auth.identify(&one.access_token).await.expect("signed in");
    auth.change_password(&caller, &password(PASSWORD), &password(OTHER), &occasion()).await.expect("changed");
    expect(other.session, "password_changed", owner.clone()).await;
    let changed = the(&server, EventKind::PasswordChanged).await;
    assert_eq!((changed.user, changed.by), (Some(user), owner.clone()));

    assert!(auth.revoke_session(one.session, &shell()).await.expect("ended"));
    expect(one.session, "admin", operator.clone()).await;

    auth.set_password(&server.user, &password(PASSWORD), &shell()).await.expect("set");
    let one = server.login().await;
    for _ in 0..5 {
        server.elapse(Duration::from_secs(1)).await;
        server.login().await;
    }
    expect(one.session, "too_many_sessions", Actor::Server).await;

    let one = server.login().await;
    auth.disable(user, &shell()).await.expect("disabled");
    expect(one.session, "account_disabled", operator).await;
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_stolen_token_that_comes_back_is_told_with_whose_session_it_ended(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let first = server.login().await;
    let second = server.refresh(first.refresh_token.expose()).await.expect("granted");
    assert!(of_kind(&server, EventKind::SignedOut).await.is_empty(), "an ordinary refresh is no event");
    server.check(&second.access_token).await.expect("passes");
    server.elapse(Duration::from_secs(11)).await;
    let thief: Option<IpAddr> = "203.0.113.9".parse().ok();
    let stolen = first.refresh_token.expose();
    let refused = server.auth.refresh(stolen, None, server.now(), &occasion_from(thief)).await;
    assert_eq!(refused.err().map(|error| error.code()), Some("refresh_reused"));
    let event = the(&server, EventKind::RefreshReused).await;
    assert_eq!((event.user, event.session), (Some(server.user.id), Some(first.session)));
    assert_eq!((event.address, event.by), (thief, Actor::Server));
    assert_eq!(reason(&why_ended(&server, first.session).await), "reuse_detected");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_late_reissue_says_whether_it_is_the_client_that_signed_in(on: SessionsOn) {
    let reuse = ReusePolicy { contested: Contested::End, ..FIRST_USE };
    let server = Server::with(BackEnd::on(on).await, Options { reuse, ..Options::default() }).await;
    let mut tokens = server.login().await;
    let session = tokens.session;
    let elsewhere = Occasion::of_client("203.0.113.9".parse().ok(), Some("curl/8"), None);
    for occasion in [occasion_from(HOME.parse().ok()), elsewhere, occasion()] {
        let parent = tokens.refresh_token;
        server.refresh(parent.expose()).await.expect("granted");
        server.elapse(Duration::from_secs(11)).await;
        let again = server.auth.refresh(parent.expose(), None, server.now(), &occasion).await;
        match again {
            Ok(again) => tokens = again,
            Err(error) => {
                assert_eq!(error.code(), "session_ended");
                break;
            }
        }
    }
    let reissued = of_kind(&server, EventKind::RefreshReissued).await;
    let words: Vec<&str> = reissued.iter().map(reason).collect();
    assert_eq!(words, ["same_client", "other_address_and_agent"]);
    let contested = the(&server, EventKind::RefreshContested).await;
    assert_eq!((contested.user, contested.session), (Some(server.user.id), Some(session)));
    assert_eq!(reason(&why_ended(&server, session).await), "contested");
}

#[apply(session_back_ends)]
#[tokio::test]
async fn a_session_whose_time_was_over_is_told_once_however_often_it_is_tried(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = server.login().await;
    server.elapse(Duration::from_hours(8 * 24)).await;
    for _ in 0..3 {
        let refused = server.refresh(tokens.refresh_token.expose()).await;
        assert_eq!(refused.err().map(|error| error.code()), Some("refresh_expired"));
    }
    let event = why_ended(&server, tokens.session).await;
    assert_eq!((reason(&event), event.user), ("expired", Some(server.user.id)));
}

#[tokio::test]
async fn a_lock_out_is_told_once_and_each_failure_with_its_reason() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    for _ in 0..15 {
        assert!(server.try_login(USER, "wrong", Some(HOME)).await.is_err());
    }
    assert!(server.try_login("nobody", "wrong", Some("192.0.2.2")).await.is_err());
    let failures = of_kind(&server, EventKind::SignInFailed).await;
    let count = |why: &str| failures.iter().filter(|event| reason(event) == why).count();
    assert_eq!((count("wrong_password"), count("locked_out"), count("unknown_user")), (10, 5, 1));
    for event in &failures {
        let is_known = reason(event) != "unknown_user";
        assert_eq!(event.user.is_some(), is_known, "{event:?}");
        assert_eq!(event.by, Actor::Client, "nobody has shown who they are");
    }
    let locked_out = the(&server, EventKind::LockedOut).await;
    assert_eq!((reason(&locked_out), locked_out.user), ("locked_out", Some(server.user.id)));
}

#[tokio::test]
async fn a_flood_of_failures_is_a_few_events_and_sums_and_none_is_lost() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    // After the first ten nothing is hashed.
    for _ in 0..500 {
        assert!(server.try_login(USER, "wrong", Some(HOME)).await.is_err());
    }
    server.elapse(Duration::from_secs(5)).await;
    server.auth.sum_up();
    let failures = of_kind(&server, EventKind::SignInFailed).await;
    assert_eq!(failures.iter().map(|event| event.count).sum::<u32>(), 500);
    assert!(failures.len() <= 10 + 20 + 1, "{}", failures.len());
    let sum = failures.last().expect("a sum");
    assert_eq!((sum.user, sum.address), (Some(server.user.id), HOME.parse().ok()));
}

#[tokio::test]
async fn what_an_operator_does_with_accounts_is_told_with_who_they_are() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let (auth, user) = (&server.auth, server.user.id);
    let created = the(&server, EventKind::UserCreated).await;
    assert_eq!((created.user, created.detail.as_deref()), (Some(user), Some(USER)));
    let change = RoleChange {
        add: vec![Role::parse("editor").expect("a role")],
        remove: vec![Role::parse("reader").expect("a role")],
        is_whole: false,
    };
    auth.change_roles(user, &change, &shell()).await.expect("changed");
    auth.disable(user, &shell()).await.expect("disabled");
    auth.enable(user, &shell()).await.expect("enabled");
    auth.unlock(&name(USER), &shell()).await.expect("unlocked");
    auth.set_email(user, Some(&Email::parse("ada@example.org").expect("an address")), true, &shell())
        .await
        .expect("set");
    auth.delete(user, &shell()).await.expect("deleted");
    let changes = of_kind(&server, EventKind::UserChanged).await;
    let told: Vec<(&str, &str)> =
        changes.iter().map(|event| (reason(event), event.detail.as_deref().unwrap_or_default())).collect();
    assert_eq!(
        told,
        [
            ("roles", "+editor -reader"),
            ("disabled", ""),
            ("enabled", ""),
            ("unlocked", ""),
            ("disabled", ""),
            ("deleted", USER)
        ]
    );
    let email = the(&server, EventKind::EmailChanged).await;
    assert_eq!(reason(&email), "verified");
    for event in changes.iter().chain([&email]) {
        assert_eq!((event.user, &event.by), (Some(user), &Actor::Shell("deploy".to_owned())), "{event:?}");
    }
}

#[tokio::test]
async fn what_an_operator_does_with_apps_and_keys_is_told() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let (auth, shop) = (&server.auth, AppName::parse("shop").expect("a name"));
    let new = NewApp { name: shop.clone(), confidential: true, origins: Vec::new() };
    auth.add_app(new, &shell()).await.expect("added");
    let update = AppUpdate { origins: Some(Vec::new()), confidential: Some(false), ..AppUpdate::default() };
    auth.update_app(&shop, update, &shell()).await.expect("changed");
    assert!(auth.renew_app_secret(&shop, &shell()).await.is_err(), "it is public now, and that is no event");
    auth.remove_app(&shop, &shell()).await.expect("removed");
    let apps = of_kind(&server, EventKind::AppChanged).await;
    let told: Vec<(&str, Option<&str>)> =
        apps.iter().map(|event| (reason(event), event.detail.as_deref())).collect();
    assert_eq!(told, [("added", None), ("changed", Some("origins public")), ("removed", None)]);
    assert!(apps.iter().all(|event| event.app.as_ref() == Some(&shop)), "{apps:?}");

    let key = auth.rotate_key(&shell()).await.expect("made");
    auth.retire_key(&key.kid, Retirement::Compromised, &shell()).await.expect("retired");
    assert_eq!(the(&server, EventKind::KeyRotated).await.detail.as_deref(), Some(key.kid.as_str()));
    let retired = the(&server, EventKind::KeyRetired).await;
    assert_eq!((reason(&retired), retired.detail.as_deref()), ("compromised", Some(key.kid.as_str())));
}

/// Whoever changes something and hangs up has changed it all the same, and it is told.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_client_that_hangs_up_keeps_no_event_from_being_told(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = server.login().await;
    let shown = [Shown::Refresh(tokens.refresh_token.expose())];
    let here = occasion();
    {
        let mut leaving = Box::pin(server.auth.logout(&shown, &here));
        // Once, so that it is begun.
        let begun = futures_util::poll!(leaving.as_mut());
        assert!(begun.is_pending(), "it waits for the store");
    }
    let ended = || async {
        let filter = EventFilter { session: Some(tokens.session), ..EventFilter::default() };
        let events = server.auth.events(&filter, None, 10).await.expect("a list").events;
        events.iter().any(|event| event.kind == EventKind::SignedOut)
    };
    for _ in 0..6_000 {
        if ended().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it is never told");
}

/// Else a thief could have a generation issued again by a request that waits for no answer, and then once more.
#[apply(session_back_ends)]
#[tokio::test]
async fn a_late_reissue_is_told_also_where_its_client_hangs_up(on: SessionsOn) {
    let server = Server::on(BackEnd::on(on).await).await;
    let tokens = server.login().await;
    server.refresh(tokens.refresh_token.expose()).await.expect("granted");
    server.elapse(Duration::from_secs(11)).await;
    let here = occasion();
    {
        let shown = tokens.refresh_token.expose();
        let mut leaving = Box::pin(server.auth.refresh(shown, None, server.now(), &here));
        assert!(futures_util::poll!(leaving.as_mut()).is_pending(), "it waits for the store");
    }
    for _ in 0..6_000 {
        if !of_kind(&server, EventKind::RefreshReissued).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it is never told");
}

#[tokio::test]
async fn users_see_their_own_events_and_nobody_elses() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let new = keyward::auth::accounts::NewAccount {
        username: name("eve"),
        password: password(OTHER),
        email: None,
        roles: Vec::new(),
    };
    let eve: UserId = server.auth.add_account(new, &shell()).await.expect("made").id;
    let mine = server.login().await;
    server.try_login("eve", OTHER, Some(HOME)).await.expect("signed in");
    assert!(server.try_login("eve", "wrong", Some(HOME)).await.is_err());
    server.auth.flush_events(Duration::from_mins(1)).await;
    let caller = server.auth.identify(&mine.access_token).await.expect("signed in");
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = server.auth.own_events(&caller, before, 1).await.expect("a page");
        seen.extend(page.events);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let kinds: Vec<EventKind> = seen.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SignedIn, EventKind::UserCreated]);
    assert!(seen.iter().all(|event| event.user == Some(server.user.id) && event.user != Some(eve)));
}

#[tokio::test]
async fn events_are_forgotten_after_their_time_and_by_one_node_at_a_time() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let month = Duration::from_hours(30 * 24);
    let (one, other) = (Holder::random(), Holder::random());
    server.login().await;
    let forget =
        async |holder: &Holder| server.auth.forget_events(holder, month, 1_000).await.expect("an answer");
    assert_eq!(forget(&one).await, 0, "nothing is old yet");
    server.elapse(month + Duration::from_secs(1)).await;
    server.login().await;
    assert_eq!(forget(&one).await, 2, "the account's making and the first sign-in");
    server.elapse(month + Duration::from_secs(1)).await;
    let (left, right) = (forget(&other).await, forget(&one).await);
    assert_eq!((left, right), (1, 0), "whose turn it is, and nothing is left then");
    assert!(all_of(&server, EventFilter::default()).await.is_empty());
}

#[tokio::test]
async fn no_event_holds_what_was_typed_or_what_lets_anybody_in() {
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let tokens = server.login().await;
    let login = Login {
        username: name("hunter2 in the wrong field"),
        password: password("my secret"),
        app: None,
        device: Device::new(None, None, None),
        transport: Transport::Body,
        key: None,
        kept: vec![tokens.refresh_token.expose().to_owned()],
    };
    assert!(server.auth.login(login, &occasion()).await.is_err());
    let shop = AppName::parse("shop").expect("a name");
    let new = NewApp { name: shop.clone(), confidential: true, origins: Vec::new() };
    let secret = server.auth.add_app(new, &shell()).await.expect("added").secret.expect("a secret");
    server.auth.set_password(&server.user, &password(OTHER), &shell()).await.expect("set");
    let said = format!("{:?}", all_of(&server, EventFilter::default()).await);
    let secrets = [
        "hunter2",
        "my secret",
        PASSWORD,
        OTHER,
        tokens.refresh_token.expose(),
        &tokens.access_token,
        secret.expose(),
        "$argon2",
    ];
    for secret in secrets {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[tokio::test]
async fn events_that_are_not_taken_wait_and_what_does_not_fit_is_told_as_a_number() {
    const ROOM: usize = 10_000;
    let server = Server::on(BackEnd::on(SessionsOn::Sqlite).await).await;
    let mut leaving = Vec::new();
    for _ in 0..3 {
        leaving.push(server.login().await);
    }
    server.shut.set(true);
    for tokens in &leaving {
        server.logout(None, Some(tokens.refresh_token.expose())).await;
        assert!(server.check(&tokens.access_token).await.is_err(), "they are out all the same");
    }
    for number in 0..ROOM {
        server.auth.note_admin_action("counted", &number.to_string(), &shell()).await;
    }
    server.shut.set(false);
    assert_eq!(server.auth.flush_events(Duration::from_mins(1)).await, 0);
    let lost = the(&server, EventKind::EventsLost).await;
    assert_eq!((lost.count, lost.by), (3, Actor::Server), "as many as came when there was no room");
    assert_eq!(of_kind(&server, EventKind::SignedOut).await.len(), 3, "who came first is kept");
    let actions = EventFilter { kind: Some(EventKind::AdminAction), ..EventFilter::default() };
    let kept = server.auth.events(&actions, None, 20_000).await.expect("a list").events;
    assert_eq!(kept.len(), ROOM - 3);
}
