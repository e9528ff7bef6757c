//! Kept sessions against a reference model: random histories of creations, gets, sets, ends and time, on
//! two nodes, must get the answers the model gives, on every back end.

use std::{collections::BTreeMap, time::Duration};

use crate::support::{
    app_sessions::{of, user},
    backends::{BackEnd, SessionsOn, TICK, session_back_ends},
};
use keyward::{
    domain::{
        app_session::{AppLife, AppSession},
        app_session_data::DataChange,
        clock::Timestamp,
        ids::SessionId,
    },
    store::app_sessions::{Listing, Saved},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use rstest_reuse::apply;
use serde_json::{Map, Value, json};

const USERS: [&str; 3] = ["ada", "bob", "eve"];

/// One step of a history. Indexes wrap around what there is at that moment.
#[derive(Debug, Clone)]
enum Step {
    Create { whose: usize, ttl: u64, is_fixed: bool, age: Option<u64> },
    Get { session: usize },
    Set { session: usize, key: usize, value: Option<u8>, is_whole: bool, behind: Option<u64> },
    End { session: usize },
    EndUser { whose: usize },
    EndApp,
    Pass { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let session = || 0..6_usize;
    let seconds = || prop_oneof![Just(10_u64), Just(60), Just(600)];
    let age = prop_oneof![3 => Just(None), 1 => seconds().prop_map(Some)];
    let behind = prop_oneof![2 => Just(None), 2 => Just(Some(0)), 1 => Just(Some(1))];
    let millis = prop_oneof![2 => Just(1_u64), 2 => Just(9_999), 2 => Just(10_000), 2 => 0..90_000_u64];
    prop_oneof![
        4 => (0..3_usize, seconds(), any::<bool>(), age)
            .prop_map(|(whose, ttl, is_fixed, age)| Step::Create { whose, ttl, is_fixed, age }),
        5 => session().prop_map(|session| Step::Get { session }),
        5 => (session(), 0..3_usize, any::<Option<u8>>(), any::<bool>(), behind).prop_map(
            |(session, key, value, is_whole, behind)| Step::Set { session, key, value, is_whole, behind }
        ),
        2 => session().prop_map(|session| Step::End { session }),
        1 => (0..3_usize).prop_map(|whose| Step::EndUser { whose }),
        1 => Just(Step::EndApp),
        5 => millis.prop_map(|millis| Step::Pass { millis }),
    ]
}

/// What a session is, by the promise alone.
#[derive(Debug, Clone)]
struct Kept {
    whose: usize,
    ttl: Duration,
    /// No use lengthens its life beyond this.
    end: Option<Timestamp>,
    data: Map<String, Value>,
    reads: u64,
    writes: u64,
    seen: Timestamp,
    over_at: Timestamp,
}

impl Kept {
    fn use_it(&mut self, now: Timestamp) {
        self.seen = now;
        self.over_at = self.end.map_or(now + self.ttl, |end| end.min(now + self.ttl));
    }

    /// What a caller is told: as `self`, but last seen at `seen`.
    fn agrees(&self, told: &AppSession, seen: Timestamp) -> Result<(), TestCaseError> {
        prop_assert_eq!(told.user.as_str(), USERS[self.whose]);
        prop_assert_eq!(told.data.to_json(), self.data.clone());
        prop_assert_eq!((told.reads, told.writes), (self.reads, self.writes));
        prop_assert_eq!((told.last_seen_at, told.expires_at), (seen, self.over_at));
        Ok(())
    }
}

/// A history under way.
struct Trial {
    /// Two nodes on the same data; each step goes to the other one.
    back_end: BackEnd,
    ids: Vec<SessionId>,
    /// Those that were not ended; time is looked at when asked.
    kept: BTreeMap<SessionId, Kept>,
}

impl Trial {
    async fn run(on: SessionsOn, steps: &[Step]) -> Result<(), TestCaseError> {
        let back_end = BackEnd::on(on).await;
        let mut other = back_end.another_node().await.app_sessions;
        let mut trial = Self { back_end, ids: Vec::new(), kept: BTreeMap::new() };
        for step in steps {
            trial.take(step).await?;
            std::mem::swap(&mut trial.back_end.app_sessions, &mut other);
            trial.compare().await?;
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.back_end.now()
    }

    fn pick(&self, back: usize) -> Option<SessionId> {
        let last = self.ids.len().checked_sub(1)?;
        Some(self.ids[last - back % self.ids.len()])
    }

    fn alive(&mut self, id: SessionId) -> Option<&mut Kept> {
        let now = self.now();
        self.kept.get_mut(&id).filter(|kept| kept.over_at > now)
    }

    async fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Create { whose, ttl, is_fixed, age } => self.create(whose, ttl, is_fixed, age).await,
            Step::Get { session } => return self.get(session).await,
            Step::Set { session, key, value, is_whole, behind } => {
                return self.set(session, key, value, is_whole, behind).await;
            }
            Step::End { session } => {
                let Some(id) = self.pick(session) else { return Ok(()) };
                let was_alive = self.alive(id).is_some();
                self.kept.remove(&id);
                prop_assert_eq!(self.back_end.end_kept(id).await, was_alive);
            }
            Step::EndUser { whose } => return self.end_all(Some(whose)).await,
            Step::EndApp => return self.end_all(None).await,
            Step::Pass { millis } => self.pass(Duration::from_millis(millis)).await,
        }
        Ok(())
    }

    async fn create(&mut self, whose: usize, ttl: u64, is_fixed: bool, age: Option<u64>) {
        let (now, ttl) = (self.now(), Duration::from_secs(ttl));
        let age = age.map(Duration::from_secs);
        let life = AppLife::new(ttl, is_fixed, age).expect("a life");
        let id = self.back_end.keep(USERS[whose], life, json!({"k0": "first"})).await;
        let end = is_fixed.then_some(now + ttl).into_iter().chain(age.map(|age| now + age)).min();
        let data = Map::from_iter([("k0".to_owned(), Value::from("first"))]);
        let mut kept = Kept { whose, ttl, end, data, reads: 1, writes: 1, seen: now, over_at: now };
        kept.use_it(now);
        self.ids.push(id);
        self.kept.insert(id, kept);
    }

    async fn get(&mut self, back: usize) -> Result<(), TestCaseError> {
        let Some(id) = self.pick(back) else { return Ok(()) };
        let (told, now) = (self.back_end.get(id).await, self.now());
        let (Some(kept), Some(told)) = (self.alive(id), &told) else {
            prop_assert_eq!(told.is_some(), self.alive(id).is_some());
            return Ok(());
        };
        let seen = kept.seen;
        kept.use_it(now);
        kept.agrees(told, seen)?;
        kept.reads += 1;
        Ok(())
    }

    async fn set(
        &mut self,
        back: usize,
        key: usize,
        value: Option<u8>,
        is_whole: bool,
        behind: Option<u64>,
    ) -> Result<(), TestCaseError> {
        let Some(id) = self.pick(back) else { return Ok(()) };
        let object = Map::from_iter([(format!("k{key}"), json!(value))]);
        let make = if is_whole { DataChange::replace } else { DataChange::merge };
        let change = make(object).expect("a change");
        let version = self.kept.get(&id).map_or(1, |kept| kept.writes);
        let expected = behind.map(|behind| version - behind.min(version));
        let (saved, now) = (self.back_end.set(id, &change, expected).await, self.now());
        let Some(kept) = self.alive(id) else {
            prop_assert_eq!(saved, Saved::Gone);
            return Ok(());
        };
        if expected.is_some_and(|expected| expected != version) {
            prop_assert_eq!(saved, Saved::Conflict { version });
            return Ok(());
        }
        let Saved::Now(told) = saved else { return Err(TestCaseError::fail(format!("{saved:?}"))) };
        if is_whole {
            kept.data.clear();
        }
        match value {
            Some(value) => kept.data.insert(format!("k{key}"), value.into()),
            None => kept.data.remove(&format!("k{key}")),
        };
        kept.writes += 1;
        let seen = kept.seen;
        kept.use_it(now);
        kept.agrees(&told, seen)
    }

    async fn end_all(&mut self, whose: Option<usize>) -> Result<(), TestCaseError> {
        let (before, now) = (self.kept.clone(), self.now());
        self.kept.retain(|_, kept| whose.is_some_and(|whose| whose != kept.whose));
        let gone = before.iter().filter(|(id, kept)| kept.over_at > now && !self.kept.contains_key(*id));
        prop_assert_eq!(
            self.back_end.end_all_kept(whose.map(|whose| USERS[whose])).await,
            gone.count() as u64
        );
        Ok(())
    }

    /// Where a server's own clock ticks too, no session is left so near to its end that it could come
    /// while we look.
    async fn pass(&mut self, span: Duration) {
        self.back_end.elapse(span).await;
        let slack = self.back_end.slack;
        while slack > Duration::ZERO && self.kept.values().any(|kept| near(kept, self.now(), slack)) {
            self.back_end.elapse(slack + TICK).await;
        }
    }

    /// Lists and counts show what is alive, and nothing else.
    async fn compare(&self) -> Result<(), TestCaseError> {
        let now = self.now();
        let alive = || self.kept.iter().filter(move |(_, kept)| kept.over_at > now);
        for within in [0, 15, 300].map(Duration::from_secs) {
            let since = now - within;
            let active = || alive().filter(|(_, kept)| kept.seen >= since);
            let listed = self.back_end.listed(&Listing::ActiveSince(since), 2).await;
            prop_assert!(listed.is_sorted_by_key(|one| std::cmp::Reverse(one.last_seen_at)));
            prop_assert_eq!(listed.len(), active().count(), "active within {:?}", within);
            for told in &listed {
                self.kept[&told.id].agrees(told, self.kept[&told.id].seen)?;
            }
            let users = active().map(|(_, kept)| kept.whose).collect::<std::collections::BTreeSet<_>>();
            prop_assert_eq!(
                self.back_end.activity(within).await,
                users.len() as u64,
                "users in {:?}",
                within
            );
        }
        for (number, whose) in USERS.into_iter().enumerate() {
            let mut listed = self.back_end.ids_listed(&of(user(whose).as_str()), 3).await;
            listed.sort();
            let theirs = alive().filter(|(_, kept)| kept.whose == number).map(|(id, _)| *id);
            prop_assert_eq!(listed, theirs.collect::<Vec<_>>(), "of {}", whose);
        }
        Ok(())
    }
}

fn near(kept: &Kept, now: Timestamp, slack: Duration) -> bool {
    kept.over_at > now && now.until(kept.over_at) <= slack
}

#[apply(session_back_ends)]
fn kept_sessions_do_what_the_model_says(on: SessionsOn) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config =
        Config { cases: 32, failure_persistence: None, max_shrink_iters: 1_000, ..Config::default() };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 1..50), |steps| {
        runtime.block_on(async { Trial::run(on, &steps).await })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
