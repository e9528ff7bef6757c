//! A crash between any two commands: whatever the last one was, the client's retry works, nothing
//! that was revoked comes back, and no key is left without an end.

use std::{sync::Arc, time::Duration};

use super::{home, names, soon, with_prefix};
use crate::support::{
    backends::{FIRST_USE, GRACE, Home, LIFETIMES, SignedIn},
    keyspace::Keyspace,
    proxy::Proxy,
    servers::redis,
};
use keyward::{
    domain::{
        app::AppName,
        ids::{SessionId, TokenId, UserId},
        refresh_token::{Chain, RefreshToken},
        session::{Device, EndReason, NewSession},
    },
    store::{
        counters::{Counter, CounterStore},
        redis::RedisStore,
        revocations::RevocationStore,
        revoked::set::RevocationSet,
        sessions::{Confirmation, Ended, Ending, Rotation, SessionStore},
    },
};

/// A node that will crash, beside the home's own.
pub(super) struct Doomed {
    pub store: RedisStore,
    pub proxy: Proxy,
    _space: Keyspace,
}

impl Doomed {
    pub async fn beside(home: &Home) -> Self {
        let proxy = Proxy::to(redis::shared().port()).await;
        let url = format!("redis://127.0.0.1:{}", proxy.port);
        let mut space = Keyspace::behind(url, None, redis::shared());
        space.prefix.clone_from(&home.keyspace().prefix);
        let store = space.connect(LIFETIMES, &Arc::new(RevocationSet::default()), &home.clock).await;
        Self { store: store.expect("connected"), proxy, _space: space.not_ours() }
    }

    /// One that takes step by step what it could do in one.
    pub async fn step_by_step(home: &Home) -> Self {
        let doomed = Self::beside(home).await;
        Self { store: doomed.store.step_by_step(), ..doomed }
    }
}

/// Does `verb` once for each number of commands it may get through, from none to all, and has each
/// wreck looked at.
pub(super) async fn wherever_it_crashes<T, V: AsyncFn(&RedisStore, &T) -> bool>(
    home: &Home,
    prepare: impl AsyncFn() -> T,
    verb: V,
    look: impl AsyncFn(T),
) {
    wherever_one_crashes(home, Doomed::beside, prepare, verb, look).await;
}

/// The same of a node that `doom` makes.
pub(super) async fn wherever_one_crashes<T, V: AsyncFn(&RedisStore, &T) -> bool>(
    home: &Home,
    doom: impl AsyncFn(&Home) -> Doomed,
    prepare: impl AsyncFn() -> T,
    verb: V,
    look: impl AsyncFn(T),
) {
    for commands in 1.. {
        let prepared = prepare().await;
        let doomed = doom(home).await;
        // One more than passes, so that 1 stands for none.
        doomed.proxy.break_after(commands);
        let is_done = verb(&doomed.store, &prepared).await;
        assert_eq!(is_done, !doomed.proxy.is_broken(), "after {commands} commands");
        drop(doomed);
        look(prepared).await;
        home.keyspace().assert_all_expire();
        if is_done {
            assert!(commands > 3, "a verb of several commands is meant");
            return;
        }
    }
}

fn chain(home: &Home, token: &RefreshToken) -> Chain {
    Chain::of(token.clone(), &home.secret)
}

#[tokio::test]
async fn a_rotation_is_completed_by_the_clients_retry() {
    let home = home().await;
    let prepare = async || {
        let client = home.sign_in().await;
        let token = home.refreshed(&home.refreshed(&client.token).await).await;
        SignedIn { user: client.user, token }
    };
    let verb = async |store: &RedisStore, client: &SignedIn| {
        store.rotate(&chain(&home, &client.token), &FIRST_USE, home.now()).await.is_ok()
    };
    wherever_it_crashes(&home, prepare, verb, async |client| {
        // No answer arrived; hours later the client tries again, and is where it would have been.
        home.elapse(Duration::from_hours(2)).await;
        let child = home.refreshed(&client.token).await;
        assert_eq!(home.find(client.session()).await.expect("alive").generation, child.generation());
        assert_eq!(home.ids_of_user(client.user).await, [client.session()]);
        home.refreshed(&child).await;
        home.end(client.session(), EndReason::Logout).await;
        assert!(with_prefix(&names(&home), "refresh:").is_empty(), "every key was known");
    })
    .await;
}

#[tokio::test]
async fn an_end_is_completed_by_the_clients_retry() {
    let home = home().await;
    let jti = TokenId::random();
    let ending = |client: &SignedIn| Ending {
        session: client.session(),
        owner: Some(client.user),
        token: Some((jti, soon(&home))),
        reason: EndReason::Logout,
    };
    let prepare = async || {
        let client = home.sign_in().await;
        home.refreshed(&client.token).await;
        client
    };
    let verb =
        async |store: &RedisStore, client: &SignedIn| store.end(&ending(client), home.now()).await.is_ok();
    wherever_it_crashes(&home, prepare, verb, async |client| {
        assert_ne!(home.end_as(&ending(&client)).await, Ended::NotFound);
        is_over(&home, &client, EndReason::Logout).await;
        assert!(with_prefix(&names(&home), "refresh:").is_empty());
        assert!(with_prefix(&names(&home), "sessions:").is_empty());
        assert!(names(&home).contains(&format!("blacklist:{jti}")));
    })
    .await;
}

#[tokio::test]
async fn an_end_without_a_retry_is_made_up_for_by_whoever_meets_it() {
    let home = home().await;
    let ending = |client: &SignedIn| Ending {
        session: client.session(),
        owner: None,
        token: None,
        reason: EndReason::Admin,
    };
    let prepare = async || home.sign_in().await;
    let verb =
        async |store: &RedisStore, client: &SignedIn| store.end(&ending(client), home.now()).await.is_ok();
    wherever_it_crashes(&home, prepare, verb, async |client| {
        if home.find(client.session()).await.is_none() {
            assert_eq!(home.confirm(&client.token).await, Confirmation::Ended(EndReason::Admin));
            is_over(&home, &client, EndReason::Admin).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_theft_that_was_seen_stays_seen() {
    let home = home().await;
    let prepare = async || {
        let client = home.sign_in().await;
        home.refreshed(&home.refreshed(&client.token).await).await;
        home.elapse(GRACE).await;
        client
    };
    let verb = async |store: &RedisStore, client: &SignedIn| {
        store.rotate(&chain(&home, &client.token), &FIRST_USE, home.now()).await.is_ok()
    };
    wherever_it_crashes(&home, prepare, verb, async |client| {
        let again = home.refresh(&client.token).await;
        assert!(matches!(again, Rotation::Reused | Rotation::Ended(EndReason::ReuseDetected)), "{again:?}");
        is_over(&home, &client, EndReason::ReuseDetected).await;
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_that_was_cut_off_can_be_repeated() {
    let home = home().await;
    let prepare = async || {
        let (id, user) = (SessionId::random(), UserId::new(home.now()));
        let (app, device) = (AppName::default_app(), Device::new(None, None, None));
        let new = NewSession { id, user, app, device, created_at: home.now() };
        (new, RefreshToken::first(id, &home.secret))
    };
    let verb = async |store: &RedisStore, (new, token): &(NewSession, RefreshToken)| {
        store.open(new, Some(token), None).await.is_ok()
    };
    wherever_it_crashes(&home, prepare, verb, async |(new, token)| {
        if home.find(new.id).await.is_some() {
            assert_eq!(home.ids_of_user(new.user).await, [new.id], "a session that lives is in the index");
        }
        home.sessions.open(&new, Some(&token), None).await.expect("opened");
        home.refreshed(&token).await;
        assert_eq!(home.ids_of_user(new.user).await, [new.id]);
    })
    .await;
}

/// Also where nobody comes back.
#[tokio::test]
async fn no_crash_leaves_a_refresh_key_without_a_living_session() {
    let home = home().await;
    let look = async |_: SignedIn| {
        for name in with_prefix(&names(&home), "refresh:") {
            let session: String = home.keyspace().ask("GET", &name, "");
            let found = home.find(session.parse().expect("a session")).await;
            assert!(found.is_some(), "{name} leads to {session}");
        }
    };
    let prepare = async || {
        let client = home.sign_in().await;
        home.refreshed(&client.token).await;
        client
    };
    let rotate = async |store: &RedisStore, client: &SignedIn| {
        let child = client.token.successor(&home.secret);
        store.rotate(&chain(&home, &child), &FIRST_USE, home.now()).await.is_ok()
    };
    wherever_it_crashes(&home, prepare, rotate, look).await;
    let end = async |store: &RedisStore, client: &SignedIn| {
        let (session, reason) = (client.session(), EndReason::Logout);
        store.end(&Ending { session, owner: None, token: None, reason }, home.now()).await.is_ok()
    };
    wherever_it_crashes(&home, prepare, end, look).await;
    let open = async |store: &RedisStore, client: &SignedIn| {
        let new = NewSession {
            id: SessionId::random(),
            user: client.user,
            app: AppName::default_app(),
            device: Device::new(None, None, None),
            created_at: home.now(),
        };
        store.open(&new, Some(&RefreshToken::first(new.id, &home.secret)), None).await.is_ok()
    };
    wherever_it_crashes(&home, prepare, open, look).await;
}

/// No token of it is good for anything, here and at the home.
async fn is_over(home: &Home, client: &SignedIn, reason: EndReason) {
    assert_eq!(home.refresh(&client.token).await, Rotation::Ended(reason));
    assert_eq!(home.find(client.session()).await, None);
    assert_eq!(home.refusal(&home.claims(client)).await, Some(reason));
    assert!(home.ids_of_user(client.user).await.is_empty());
}

#[tokio::test]
async fn a_client_that_is_killed_anywhere_leaves_no_key_without_an_end() {
    let home = home().await;
    let node = Doomed::beside(&home).await;
    let store = &node.store;
    let counter = Counter::Session(SessionId::random());
    for round in 0..400 {
        let client = home.sign_in().await;
        let ending =
            Ending { session: client.session(), owner: None, token: None, reason: EndReason::Logout };
        let now = home.now();
        let life = async {
            store.add(&counter, Duration::from_secs(1), now).await.expect("counted");
            store.rotate(&chain(&home, &client.token), &FIRST_USE, now).await.expect("rotated");
            store.refuse_user(client.user, EndReason::Admin, now).await.expect("refused");
            store.end(&ending, now).await.expect("ended");
        };
        // Dropped in the middle: nothing is sent after that.
        let _ = tokio::time::timeout(Duration::from_micros(round * 10), life).await;
        if round % 20 == 0 {
            home.keyspace().assert_all_expire();
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_changes_no_answer() {
    let home = home().await;
    for commands in 1..12 {
        let node = Doomed::beside(&home).await;
        let lose_one = || node.proxy.break_once_after(commands);
        let now = home.now();

        let client = home.sign_in().await;
        lose_one();
        let rotated = node.store.rotate(&chain(&home, &client.token), &FIRST_USE, now).await;
        assert!(matches!(rotated, Ok(Rotation::Granted(_))), "{rotated:?}");
        home.refreshed(&client.token.successor(&home.secret)).await;
        home.elapse(GRACE).await;
        let now = home.now();
        lose_one();
        let reused = node.store.rotate(&chain(&home, &client.token), &FIRST_USE, now).await;
        assert_eq!(reused.expect("an answer"), Rotation::Reused);

        let session = home.sign_in_as(client.user, &AppName::default_app()).await.session();
        lose_one();
        let ended = node.store.end_of_user(client.user, None, EndReason::LogoutAll, now).await;
        assert_eq!(ended.expect("an answer"), [session]);
        let ending = Ending { session, owner: None, token: None, reason: EndReason::Logout };
        assert_eq!(node.store.end(&ending, now).await.expect("an answer"), Ended::Before);
    }
}
