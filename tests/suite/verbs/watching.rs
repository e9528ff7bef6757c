//! Watching revocations: whatever happens to the set and to the connection, a verifier's copy comes
//! to be what the set is, and is never told the same change twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread,
    time::Duration,
};

use crate::support::{
    actor::Server,
    backends::{BackEnd, START, SessionsOn, eventually},
};
use futures_util::FutureExt;
use keyward::{
    auth::{
        error::AuthError,
        revocations::{News, Notice, WATCHES, Watch},
    },
    domain::{
        app::AppName,
        clock::{Clock, Timestamp},
        ids::{SessionId, TokenId, UserId},
        session::EndReason,
    },
    store::{
        revocations::{Change, Outdated, Revocation, Subject},
        revoked::{log::KEPT, set::RevocationSet},
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

/// What happens. Indexes are into the subjects and users of the test.
#[derive(Debug, Clone)]
enum Step {
    Refuse {
        subject: usize,
        seconds: u64,
    },
    Admit {
        user: usize,
    },
    Outdate {
        user: usize,
        seconds: i64,
    },
    /// Time passes, and what is over is freed.
    Pass {
        seconds: u64,
    },
    AdmitAllBut {
        user: usize,
    },
    /// The verifier reads so much news.
    Read {
        news: usize,
    },
    /// The connection is cut; the verifier comes back with what it had last, or with nothing.
    Cut {
        forgets: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..9_usize, 10..900_u64).prop_map(|(subject, seconds)| Step::Refuse { subject, seconds }),
        2 => (0..3_usize).prop_map(|user| Step::Admit { user }),
        1 => (0..3_usize).prop_map(|user| Step::AdmitAllBut { user }),
        3 => (0..3_usize, 0..90_i64).prop_map(|(user, seconds)| Step::Outdate { user, seconds }),
        1 => (1..400_u64).prop_map(|seconds| Step::Pass { seconds }),
        4 => (0..6_usize).prop_map(|news| Step::Read { news }),
        2 => prop::bool::weighted(0.2).prop_map(|forgets| Step::Cut { forgets }),
    ]
}

/// Until when tokens with a claim are refused, and before when they must have been issued for that.
type Known = BTreeMap<(&'static str, String), (i64, Option<i64>)>;

/// A verifier as `docs/verifiers.md` wants it.
struct Verifier<'a> {
    server: &'a Server,
    watch: Watch,
    refused: Known,
    arriving: Known,
    last: Option<String>,
    snapshots: usize,
}

impl<'a> Verifier<'a> {
    async fn start(server: &'a Server) -> Self {
        let (refused, arriving) = (BTreeMap::new(), BTreeMap::new());
        Self { server, watch: watch(server, None).await, refused, arriving, last: None, snapshots: 0 }
    }

    async fn comes_back(&mut self, forgets: bool) {
        if forgets {
            self.last = None;
        }
        self.watch = watch(self.server, self.last.as_deref()).await;
    }

    /// Takes in what there is, at most so much of it.
    fn read(&mut self, most: usize) {
        for _ in 0..most {
            match self.watch.next().now_or_never() {
                Some(news) => self.take(news.expect("no end")),
                None => return,
            }
        }
    }

    fn take(&mut self, news: News) {
        let known = |entry: Notice| ((entry.claim, entry.value), (entry.until, entry.issued_before));
        match news {
            News::Snapshot { first, entries, at } => {
                if first {
                    self.snapshots += 1;
                    self.arriving.clear();
                }
                self.arriving.extend(entries.into_iter().map(known));
                if at.is_some() {
                    self.refused.clone_from(&self.arriving);
                    self.last = at;
                }
            }
            News::Change { entry, at } => {
                let last = self.last.replace(at.clone()).expect("a snapshot before");
                assert_eq!(number(&at), number(&last) + 1, "{last} then {at}");
                self.refused.extend([known(entry)]);
            }
            News::Status { .. } => {}
        }
    }

    /// Reads all there is; then it knows what the set knows.
    fn agrees(&mut self) {
        self.read(usize::MAX);
        let now = self.server.now();
        let ours = self.refused.iter().filter(|(_, (until, _))| *until > now.secs());
        let mut ours: Vec<_> = ours.map(|(subject, known)| (subject.clone(), *known)).collect();
        let set = &self.server.back_end.set;
        let refused = set.snapshot(now);
        let told = |one: &Revocation| (one.subject.claim(), one.until, None);
        let mut theirs: Vec<_> = refused.iter().map(told).collect();
        let whole = |outdated: &Outdated| set.reason_for(outdated.user, now).is_none();
        theirs.extend(
            set.outdated(now)
                .into_iter()
                .filter(whole)
                .map(|one| (Subject::User(one.user).claim(), one.until(), Some(one.issued_before.secs()))),
        );
        theirs.sort();
        // What is told to end a second or two late may still be believed.
        let is_known = |subject: &_| theirs.iter().any(|(known, ..)| known == subject);
        ours.retain(|(subject, (until, _))| *until > now.secs() + 2 || is_known(subject));
        assert!(ours.iter().map(|(subject, _)| subject).eq(theirs.iter().map(|(subject, ..)| subject)));
        for ((subject, (until, before)), (_, theirs, told_before)) in ours.iter().zip(&theirs) {
            let (ours, latest) = (Timestamp::from_secs(*until), *theirs + Duration::from_secs(2));
            assert!((*theirs..=latest).contains(&ours), "{subject:?}: {ours} for {theirs}");
            assert_eq!(before, told_before, "{subject:?}");
        }
    }
}

fn number(id: &str) -> u64 {
    id.split_once('-').and_then(|(_, number)| number.parse().ok()).expect("a number")
}

async fn watch(server: &Server, after: Option<&str>) -> Watch {
    server.auth.watch_revocations(AppName::default_app(), after).await.expect("room")
}

async fn server() -> Server {
    Server::on(BackEnd::on(SessionsOn::Sqlite).await).await
}

/// Three of each kind; the users come first.
fn subjects(now: Timestamp) -> Vec<Subject> {
    let users = (0..3).map(|_| Subject::User(UserId::new(now)));
    let sessions = (0..3).map(|_| Subject::Session(SessionId::random()));
    users.chain(sessions).chain((0..3).map(|_| Subject::Token(TokenId::random()))).collect()
}

fn refuse(set: &RevocationSet, subject: Subject, until: Timestamp) {
    set.insert(&Revocation { subject, reason: EndReason::Logout, until });
}

async fn live(server: &Server, steps: Vec<Step>) {
    let (set, now) = (&server.back_end.set, server.now());
    let subjects = subjects(now);
    let user = |index: usize| match subjects[index] {
        Subject::User(user) => user,
        other => panic!("{other:?}"),
    };
    let mut verifier = Verifier::start(server).await;
    for step in steps {
        match step {
            Step::Refuse { subject, seconds } => {
                refuse(set, subjects[subject], server.now() + Duration::from_secs(seconds));
            }
            Step::Admit { user: index } => set.lift(user(index)),
            Step::Outdate { user: index, seconds } => {
                let issued_before = Timestamp::from_secs(now.secs() + seconds);
                set.outdate(Outdated { user: user(index), issued_before }, server.now());
            }
            Step::Pass { seconds } => {
                server.elapse(Duration::from_secs(seconds)).await;
                set.purge(server.now());
            }
            Step::AdmitAllBut { user: index } => set.lift_users_except(&[user(index)]),
            Step::Read { news: 0 } => verifier.agrees(),
            Step::Read { news } => verifier.read(news),
            Step::Cut { forgets } => verifier.comes_back(forgets).await,
        }
    }
    verifier.agrees();
}

#[test]
fn a_verifier_comes_to_know_what_the_set_knows_wherever_it_is_cut_off() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(server());
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 1..60), |steps| {
        runtime.block_on(live(&server, steps));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test]
async fn who_is_too_slow_gets_a_snapshot_and_misses_nothing() {
    let server = server().await;
    let set = &server.back_end.set;
    let until = server.now() + Duration::from_mins(10);
    let rush = |count: usize| {
        for _ in 0..count {
            refuse(set, Subject::Token(TokenId::random()), until);
        }
    };
    let mut verifier = Verifier::start(&server).await;
    verifier.agrees();
    rush(KEPT);
    verifier.agrees();
    assert_eq!(verifier.snapshots, 1, "as much as is remembered is no reason");
    rush(KEPT + 1);
    verifier.read(2);
    rush(KEPT);
    verifier.agrees();
    assert!(verifier.snapshots > 1);

    // In the middle of a snapshot as well.
    verifier.comes_back(true).await;
    verifier.read(3);
    rush(KEPT + 1);
    verifier.agrees();
}

/// Whom a change is about.
fn claim(change: &Change) -> (&'static str, String) {
    match change {
        Change::Refused(revocation) => revocation.subject.claim(),
        Change::Outdated(Outdated { user, .. }) | Change::Admitted(user) => Subject::User(*user).claim(),
    }
}

#[test]
fn a_snapshot_made_in_a_rush_and_what_came_after_it_are_all_there_is() {
    let (set, now) = (Arc::new(RevocationSet::default()), START);
    let until = now + Duration::from_mins(10);
    // Enough for a walk that takes its time.
    for _ in 0..20_000 {
        refuse(&set, Subject::Token(TokenId::random()), until);
    }
    let writer = |_| {
        let set = Arc::clone(&set);
        thread::spawn(move || {
            let user = UserId::new(now);
            for _ in 0..KEPT / 8 {
                refuse(&set, Subject::Session(SessionId::random()), until);
                refuse(&set, Subject::User(user), until);
                set.lift(user);
            }
        })
    };
    let writers: Vec<_> = (0..2).map(writer).collect();
    let mut copies = Vec::new();
    while copies.is_empty() || writers.iter().any(|writer| !writer.is_finished()) {
        let snapshot = set.shared_snapshot(now);
        let subjects: BTreeSet<_> = snapshot.entries.iter().map(claim).collect();
        copies.push((snapshot.at, subjects));
    }
    for writer in writers {
        writer.join().expect("no panic");
    }
    let all: BTreeSet<_> = set.snapshot(now).iter().map(|one| one.subject.claim()).collect();
    for (at, mut copy) in copies {
        for change in set.changes(at, usize::MAX).expect("they are remembered") {
            match change {
                Change::Admitted(_) => copy.remove(&claim(&change)),
                Change::Refused(_) | Change::Outdated(_) => copy.insert(claim(&change)),
            };
        }
        assert!(copy == all, "{} of {}", copy.len(), all.len());
    }
}

#[tokio::test]
async fn the_second_reading_of_a_fact_is_no_news() {
    let server = server().await;
    let set = &server.back_end.set;
    let until = server.now() + Duration::from_mins(10);
    let subject = Subject::Session(SessionId::random());
    refuse(set, subject, until);
    let mut verifier = Verifier::start(&server).await;
    verifier.agrees();
    for millis in [0, 3, 900] {
        refuse(set, subject, until + Duration::from_millis(millis));
    }
    assert!(verifier.watch.next().now_or_never().is_none());
    refuse(set, subject, until + Duration::from_mins(1));
    verifier.agrees();
}

#[tokio::test]
async fn a_set_that_is_blind_is_trusted_no_longer_than_the_outage_allows() {
    let server = Server::on(BackEnd::on(SessionsOn::Redis).await).await;
    let set = Arc::clone(&server.back_end.set);
    let mut watch = watch(&server, None).await;
    assert!(matches!(watch.next().await, Some(News::Snapshot { .. })));
    let seconds = Duration::from_secs;
    assert_eq!(watch.next().await, Some(News::Status { following: true, good_for: seconds(10) }));
    server.back_end.clock.advance(seconds(4));
    eventually("heard", || set.unheard(server.back_end.clock.passed()).is_zero()).await;
    server.back_end.clock.advance(seconds(3));
    set.set_blind();
    let Some(News::Status { following: false, good_for }) = watch.next().await else { panic!("no word") };
    assert!([seconds(7), seconds(10)].contains(&good_for), "{good_for:?}");
    eventually("following", || set.is_following()).await;
    while watch.next().await != Some(News::Status { following: true, good_for: seconds(10) }) {}
}

#[tokio::test]
async fn there_is_room_for_so_many_and_an_end_for_all() {
    let server = server().await;
    let mut watches = Vec::new();
    for _ in 0..WATCHES {
        watches.push(watch(&server, None).await);
    }
    let one_more = || server.auth.watch_revocations(AppName::default_app(), None);
    assert!(matches!(one_more().await, Err(AuthError::Overloaded)));
    watches.pop();
    watches.push(one_more().await.expect("room again"));
    server.auth.end_watches();
    for watch in &mut watches {
        assert_eq!(watch.next().await, None);
    }
}
