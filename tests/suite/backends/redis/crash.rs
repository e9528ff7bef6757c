//! A crash between any two commands: whatever the last one was, the client's retry works, nothing
//! that was revoked comes back, and no key is left without an end.

use std::{sync::Arc, time::Duration};

use super::{back_end, names, soon, with_prefix};
use crate::support::{
    backends::{BackEnd, FIRST_USE, GRACE, LIFETIMES, SignedIn, facts_of, retried, with_tokens},
    keyspace::Keyspace,
    proxy::Proxy,
    servers::{
        redis::{self, Server},
        redis_sets::cluster_of_one,
    },
};
use keyward::{
    domain::{
        app::AppName,
        ids::{SessionId, TokenId, UserId},
        refresh_token::{Chain, RefreshToken},
        session::{EndReason, NewSession},
    },
    store::{
        counters::{Counter, CounterStore},
        redis::RedisStore,
        revocations::RevocationStore,
        revoked::set::RevocationSet,
        sessions::{Confirmation, Ended, Ending, Rotation, SessionStore},
    },
};

/// A node that will crash, beside the back end's own.
pub(super) struct Doomed {
    pub store: RedisStore,
    pub proxy: Proxy,
    _space: Keyspace,
}

impl Doomed {
    pub async fn beside(back_end: &BackEnd) -> Self {
        let proxy = Proxy::to(redis::shared().port()).await;
        let url = format!("redis://127.0.0.1:{}", proxy.port);
        let mut space = Keyspace::behind(url, None, redis::shared());
        space.prefix.clone_from(&back_end.keyspace().prefix);
        let store = space.connect(LIFETIMES, &Arc::new(RevocationSet::default()), &back_end.clock).await;
        Self { store: store.expect("connected"), proxy, _space: space.not_ours() }
    }

    /// One that takes step by step what it could do in one.
    pub async fn step_by_step(back_end: &BackEnd) -> Self {
        let beside = Self::beside(back_end).await;
        Self { store: beside.store.step_by_step(), ..beside }
    }
}

/// A back end whose own way to Redis can be broken, where there is no second way beside it.
pub struct Way {
    pub back_end: BackEnd,
    pub proxy: Proxy,
    _server: Option<Server>,
}

impl Way {
    /// To the server that all tests share.
    pub async fn to_one_server() -> Self {
        let proxy = Proxy::to(redis::shared().port()).await;
        let space = Keyspace::behind(format!("redis://127.0.0.1:{}", proxy.port), None, redis::shared());
        let mut back_end = BackEnd::in_keyspace(space).await;
        // Its questions would be counted.
        back_end.stop_following();
        Self { back_end, proxy, _server: None }
    }

    /// To a Cluster of one master, so that every command goes one way.
    pub async fn to_a_cluster() -> Self {
        let server = tokio::task::spawn_blocking(cluster_of_one).await.expect("a cluster");
        let proxy = Proxy::to(server.port()).await;
        server.ask::<()>(&format!("CONFIG SET cluster-announce-port {}", proxy.port));
        let url = format!("redis://127.0.0.1:{}", proxy.port);
        let space = Keyspace::behind(url, None, &server).in_cluster();
        let mut back_end = BackEnd::in_keyspace(space).await;
        // Its questions would be counted.
        back_end.stop_following();
        Self { back_end, proxy, _server: Some(server) }
    }

    /// Does what [`wherever_it_crashes`] does.
    pub async fn crash_everywhere<T>(
        &self,
        prepare: impl AsyncFn() -> T,
        verb: impl AsyncFn(&T) -> bool,
        look: impl AsyncFn(T),
    ) {
        let (mut commands, mut busy) = (1, 0);
        loop {
            let prepared = prepare().await;
            self.proxy.break_after(commands);
            let is_done = verb(&prepared).await;
            let is_broken = self.proxy.is_broken();
            assert!(!is_done || !is_broken, "after {commands} commands");
            self.proxy.heal();
            let is_back = async || while self.back_end.sessions.ping().await.is_err() {};
            tokio::time::timeout(Duration::from_secs(10), is_back()).await.expect("the way is open");
            look(prepared).await;
            self.back_end.keyspace().assert_all_expire();
            if is_done {
                assert!(commands > 3, "a verb of several commands is meant");
                return;
            }
            if is_broken {
                commands += 1;
            } else {
                // Redis was slower than a verb waits, as it may be on a machine that is full.
                busy += 1;
                assert!(busy < 10, "it is not done, and nothing is in its way");
            }
        }
    }
}

/// Does `verb` once for each number of commands it may get through, from none to all, and has each
/// wreck looked at.
pub(super) async fn wherever_it_crashes<T, V: AsyncFn(&RedisStore, &T) -> bool>(
    back_end: &BackEnd,
    prepare: impl AsyncFn() -> T,
    verb: V,
    look: impl AsyncFn(T),
) {
    wherever_one_crashes(back_end, Doomed::beside, prepare, verb, look).await;
}

/// The same of a node that `doom` makes.
pub(super) async fn wherever_one_crashes<T, V: AsyncFn(&RedisStore, &T) -> bool>(
    back_end: &BackEnd,
    doom: impl AsyncFn(&BackEnd) -> Doomed,
    prepare: impl AsyncFn() -> T,
    verb: V,
    look: impl AsyncFn(T),
) {
    for commands in 1.. {
        let prepared = prepare().await;
        let doomed = doom(back_end).await;
        // One more than passes, so that 1 stands for none.
        doomed.proxy.break_after(commands);
        let is_done = verb(&doomed.store, &prepared).await;
        assert_eq!(is_done, !doomed.proxy.is_broken(), "after {commands} commands");
        drop(doomed);
        look(prepared).await;
        back_end.keyspace().assert_all_expire();
        if is_done {
            assert!(commands > 3, "a verb of several commands is meant");
            return;
        }
    }
}

fn chain(back_end: &BackEnd, token: &RefreshToken) -> Chain {
    Chain::of(token.clone(), &back_end.secret)
}

/// No answer to its refresh arrived; hours later the client tries again, and is where it would have been.
async fn goes_on(back_end: &BackEnd, client: SignedIn) {
    back_end.elapse(Duration::from_hours(2)).await;
    let child = back_end.refreshed(&client.token).await;
    assert_eq!(back_end.find(client.session()).await.expect("alive").generation, child.generation());
    assert_eq!(back_end.ids_of_user(client.user).await, [client.session()]);
    assert_eq!(with_prefix(&names(back_end), "refresh:").len(), 2, "the current and its parent");
    back_end.refreshed(&child).await;
    back_end.end(client.session(), EndReason::Logout).await;
    assert!(with_prefix(&names(back_end), "refresh:").is_empty(), "every key was known");
}

/// A client that has refreshed twice.
async fn settled(back_end: &BackEnd) -> SignedIn {
    let client = back_end.sign_in().await;
    let token = back_end.refreshed(&back_end.refreshed(&client.token).await).await;
    SignedIn { user: client.user, token }
}

#[tokio::test]
async fn a_rotation_that_is_one_command_is_done_or_it_is_not() {
    let back_end = back_end().await;
    for commands in [1, 2] {
        let (client, doomed) = (settled(&back_end).await, Doomed::beside(&back_end).await);
        doomed.proxy.break_after(commands);
        let answer = doomed.store.rotate(&chain(&back_end, &client.token), &FIRST_USE, back_end.now()).await;
        assert_eq!(answer.is_ok(), commands == 2, "{answer:?}");
        drop(doomed);
        goes_on(&back_end, client).await;
    }
}

#[tokio::test]
async fn a_rotation_in_a_cluster_is_completed_by_the_clients_retry() {
    let way = Way::to_a_cluster().await;
    let back_end = &way.back_end;
    let verb = async |client: &SignedIn| {
        back_end.sessions.rotate(&chain(back_end, &client.token), &FIRST_USE, back_end.now()).await.is_ok()
    };
    way.crash_everywhere(
        async || settled(back_end).await,
        verb,
        async |client| goes_on(back_end, client).await,
    )
    .await;
}

#[tokio::test]
async fn an_end_in_a_cluster_is_completed_by_the_clients_retry() {
    let way = Way::to_a_cluster().await;
    let back_end = &way.back_end;
    let ending = |client: &SignedIn| Ending {
        session: client.session(),
        owner: Some(client.user),
        token: None,
        reason: EndReason::Logout,
    };
    let verb = async |client: &SignedIn| back_end.sessions.end(&ending(client), back_end.now()).await.is_ok();
    way.crash_everywhere(
        async || settled(back_end).await,
        verb,
        async |client| {
            let ended = retried(async || back_end.sessions.end(&ending(&client), back_end.now()).await).await;
            assert_ne!(ended, Ended::NotFound);
            is_over(back_end, &client, EndReason::Logout).await;
            assert!(with_prefix(&names(back_end), "refresh:").is_empty());
            assert!(with_prefix(&names(back_end), "sessions:").is_empty());
        },
    )
    .await;
}

#[tokio::test]
async fn an_end_is_completed_by_the_clients_retry() {
    let back_end = back_end().await;
    let jti = TokenId::random();
    let ending = |client: &SignedIn| Ending {
        session: client.session(),
        owner: Some(client.user),
        token: Some((jti, soon(&back_end))),
        reason: EndReason::Logout,
    };
    let prepare = async || {
        let client = back_end.sign_in().await;
        back_end.refreshed(&client.token).await;
        client
    };
    let verb = async |store: &RedisStore, client: &SignedIn| {
        store.end(&ending(client), back_end.now()).await.is_ok()
    };
    wherever_it_crashes(&back_end, prepare, verb, async |client| {
        assert_ne!(back_end.end_as(&ending(&client)).await, Ended::NotFound);
        is_over(&back_end, &client, EndReason::Logout).await;
        assert!(with_prefix(&names(&back_end), "refresh:").is_empty());
        assert!(with_prefix(&names(&back_end), "sessions:").is_empty());
        assert!(names(&back_end).contains(&format!("blacklist:{jti}")));
    })
    .await;
}

#[tokio::test]
async fn an_end_without_a_retry_is_made_up_for_by_whoever_meets_it() {
    let back_end = back_end().await;
    let ending = |client: &SignedIn| Ending {
        session: client.session(),
        owner: None,
        token: None,
        reason: EndReason::Admin,
    };
    let prepare = async || back_end.sign_in().await;
    let verb = async |store: &RedisStore, client: &SignedIn| {
        store.end(&ending(client), back_end.now()).await.is_ok()
    };
    wherever_it_crashes(&back_end, prepare, verb, async |client| {
        if back_end.find(client.session()).await.is_none() {
            assert_eq!(back_end.confirm(&client.token).await, Confirmation::Ended(EndReason::Admin));
            is_over(&back_end, &client, EndReason::Admin).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_theft_that_was_seen_stays_seen() {
    let back_end = back_end().await;
    let prepare = async || {
        let client = back_end.sign_in().await;
        back_end.refreshed(&back_end.refreshed(&client.token).await).await;
        back_end.elapse(GRACE).await;
        client
    };
    let verb = async |store: &RedisStore, client: &SignedIn| {
        store.rotate(&chain(&back_end, &client.token), &FIRST_USE, back_end.now()).await.is_ok()
    };
    wherever_it_crashes(&back_end, prepare, verb, async |client| {
        let again = back_end.refresh(&client.token).await;
        assert!(matches!(again, Rotation::Reused | Rotation::Ended(EndReason::ReuseDetected)), "{again:?}");
        is_over(&back_end, &client, EndReason::ReuseDetected).await;
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_that_was_cut_off_can_be_repeated() {
    let back_end = back_end().await;
    let prepare =
        async || with_tokens(facts_of(UserId::new(back_end.now()), back_end.now()), &back_end.secret);
    let verb =
        async |store: &RedisStore, (new, _): &(NewSession, RefreshToken)| store.open(new, None).await.is_ok();
    wherever_it_crashes(&back_end, prepare, verb, async |(new, token)| {
        if back_end.find(new.id).await.is_some() {
            assert_eq!(
                back_end.ids_of_user(new.facts.user).await,
                [new.id],
                "a session that lives is in the index"
            );
        }
        back_end.sessions.open(&new, None).await.expect("opened");
        back_end.refreshed(&token).await;
        assert_eq!(back_end.ids_of_user(new.facts.user).await, [new.id]);
    })
    .await;
}

/// Also where nobody comes back.
#[tokio::test]
async fn no_crash_leaves_a_refresh_key_without_a_living_session() {
    let back_end = back_end().await;
    let look = async |_: SignedIn| {
        for name in with_prefix(&names(&back_end), "refresh:") {
            let session: String = back_end.keyspace().ask("GET", &name, "");
            let found = back_end.find(session.parse().expect("a session")).await;
            assert!(found.is_some(), "{name} leads to {session}");
        }
    };
    let prepare = async || {
        let client = back_end.sign_in().await;
        back_end.refreshed(&client.token).await;
        client
    };
    let end = async |store: &RedisStore, client: &SignedIn| {
        let (session, reason) = (client.session(), EndReason::Logout);
        store.end(&Ending { session, owner: None, token: None, reason }, back_end.now()).await.is_ok()
    };
    wherever_it_crashes(&back_end, prepare, end, look).await;
    let open = async |store: &RedisStore, client: &SignedIn| {
        let (new, _) = with_tokens(facts_of(client.user, back_end.now()), &back_end.secret);
        store.open(&new, None).await.is_ok()
    };
    wherever_it_crashes(&back_end, prepare, open, look).await;
}

/// No token of it is good for anything, here and at the back end.
async fn is_over(back_end: &BackEnd, client: &SignedIn, reason: EndReason) {
    assert_eq!(back_end.refresh(&client.token).await, Rotation::Ended(reason));
    assert_eq!(back_end.find(client.session()).await, None);
    assert_eq!(back_end.refusal(&back_end.claims(client)).await, Some(reason));
    assert!(back_end.ids_of_user(client.user).await.is_empty());
}

#[tokio::test]
async fn a_client_that_is_killed_anywhere_leaves_no_key_without_an_end() {
    let back_end = back_end().await;
    let node = Doomed::beside(&back_end).await;
    let store = &node.store;
    let counter = Counter::Session(SessionId::random());
    for round in 0..400 {
        let client = back_end.sign_in().await;
        let ending =
            Ending { session: client.session(), owner: None, token: None, reason: EndReason::Logout };
        let now = back_end.now();
        let life = async {
            store.add(&counter, Duration::from_secs(1), now).await.expect("counted");
            store.rotate(&chain(&back_end, &client.token), &FIRST_USE, now).await.expect("rotated");
            store.refuse_user(client.user, EndReason::Admin, now).await.expect("refused");
            store.end(&ending, now).await.expect("ended");
        };
        // Dropped in the middle: nothing is sent after that.
        let _ = tokio::time::timeout(Duration::from_micros(round * 10), life).await;
        if round % 20 == 0 {
            back_end.keyspace().assert_all_expire();
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_changes_no_answer() {
    let back_end = back_end().await;
    for commands in 1..12 {
        let node = Doomed::beside(&back_end).await;
        let lose_one = || node.proxy.break_once_after(commands);
        let now = back_end.now();

        let client = back_end.sign_in().await;
        lose_one();
        let rotated = node.store.rotate(&chain(&back_end, &client.token), &FIRST_USE, now).await;
        assert!(matches!(rotated, Ok(Rotation::Granted(_))), "{rotated:?}");
        back_end.refreshed(&client.token.successor(&back_end.secret)).await;
        back_end.elapse(GRACE).await;
        let now = back_end.now();
        lose_one();
        let reused = node.store.rotate(&chain(&back_end, &client.token), &FIRST_USE, now).await;
        assert_eq!(reused.expect("an answer"), Rotation::Reused);

        let session = back_end.sign_in_as(client.user, &AppName::default_app()).await.session();
        lose_one();
        let ended = node.store.end_of_user(client.user, None, EndReason::LogoutAll, now).await;
        assert_eq!(ended.expect("an answer"), [session]);
        let ending = Ending { session, owner: None, token: None, reason: EndReason::Logout };
        assert_eq!(node.store.end(&ending, now).await.expect("an answer"), Ended::Before);
    }
}
