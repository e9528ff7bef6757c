//! The stores themselves, held to what the exploration believes of them: each record that it met is laid in a real
//! store, each request that it met there is made, and the answer and what is kept afterwards are compared.

use std::{cell::RefCell, collections::HashSet, sync::Arc};

use super::{
    explorer::{Explored, Mixing, explore},
    homes::{Call, Home, Keeper, Outcome, Reply, Told, Verb},
    kept::{KEY, Shown, Store},
    promises::Promise,
    record::{Moment, timestamp},
    shelves::{Keys, Laid, Rows, secret},
    steps::{Stage, Step},
    world::World,
};
use crate::support::{
    backends::{LIFETIMES, START},
    keyspace::Keyspace,
    servers::{redis, redis_sets::cluster_of_one},
};
use futures_util::{StreamExt, stream};
use keyward::{
    domain::{clock::ManualClock, refresh_token::Chain, session::EndReason},
    store::{
        error::StoreError,
        sessions::{Confirmation, Ending, Rotation, SessionStore, StepUp, SteppedUp},
        sqlite::SqliteStore,
    },
};
use tempfile::TempDir;

/// How many calls are under way at once.
const AT_ONCE: usize = 16;

/// What a request of that kind, which arrived then, met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Meeting {
    pub store: Store,
    pub verb: Verb,
    pub arrived: Moment,
}

/// What became of it.
pub struct Became {
    pub outcome: Outcome,
    pub told: Told,
    pub store: Store,
}

impl Meeting {
    /// All that an exploration of that many states comes by.
    pub fn all_in(world: &World, most: usize) -> (Explored<Step, Promise>, HashSet<Self, Mixing>) {
        let met = RefCell::new(HashSet::default());
        let explored = explore(&world.first(), most, |state, found| {
            world.next(state, found);
            for (step, _) in found.iter() {
                let Step::IsDone(request, _) = step else { continue };
                let (Stage::Arrived(arrived) | Stage::Asked { arrived, .. }) = request.stage else {
                    continue;
                };
                // Of one whose time is over nothing is kept.
                if !state.store.is_over {
                    met.borrow_mut().insert(Self { store: state.store, verb: request.verb, arrived });
                }
            }
        });
        (explored, met.into_inner())
    }

    /// As the exploration has it, when nobody comes in between.
    pub fn expected(&self, keeper: Keeper) -> Became {
        let (mut store, mut call) = (self.store, Call::First);
        let (mut rest, told) = loop {
            match keeper.carry_out(&mut store, self.verb, self.arrived, call) {
                Reply::Done(rest, told) => break (rest, told),
                Reply::AskAgain => call = Call::Second { in_time: true },
                Reply::TooLate => unreachable!("it is in time"),
            }
        };
        while let Some(write) = rest.next(false).next() {
            rest.write(&mut store, write);
        }
        Became { outcome: rest.outcome, told, store }
    }

    /// As the store has it.
    pub async fn real(
        &self,
        keeper: &Keeper,
        store: &dyn SessionStore,
        laid: &Laid,
    ) -> Result<(Outcome, Told), StoreError> {
        let session = laid.first.session();
        let outcome = match self.verb {
            Verb::Refresh(generation) | Verb::Keyless(generation) => {
                let key = matches!(self.verb, Verb::Refresh(_)).then_some(KEY);
                let chain = Chain::of(laid.token(generation), &secret()).proved_by(key);
                let rotation = store.rotate(&chain, &keeper.policy(), timestamp(self.arrived)).await?;
                if let Rotation::Granted(issue) = &rotation {
                    let facts = &issue.session.facts;
                    let said = (Shown::of(&facts.proved), facts.bound_to.is_some());
                    assert_eq!(said, (self.store.shown, self.store.is_bound), "{:?}: {self:?}", keeper.home);
                }
                return Ok(told(rotation));
            }
            Verb::StepUp(from, shown) => {
                let step_up = StepUp { session, from: from.proved(), to: from.stepped_up(shown).proved() };
                stepped_up(&store.step_up(&step_up, START).await?)
            }
            Verb::Check(generation) => {
                // Redis's clock says when an access token is seen.
                let now = if keeper.home == Home::Embedded { timestamp(self.arrived) } else { START };
                match store.confirm(session, generation.into(), now).await? {
                    Confirmation::Seen => Outcome::Seen,
                    Confirmation::Ended(EndReason::Expired) => Outcome::Expired,
                    Confirmation::Ended(_) => Outcome::Ended,
                }
            }
            Verb::SignOut => {
                let ending = Ending { session, owner: None, token: None, reason: EndReason::Logout };
                store.end(&ending, START).await?;
                Outcome::SignedOut
            }
        };
        Ok((outcome, Told::FirstIssue))
    }
}

fn stepped_up(became: &SteppedUp) -> Outcome {
    match became {
        SteppedUp::Done(_) => Outcome::SteppedUp,
        SteppedUp::Moved(said) => Outcome::Moved(Shown::of(said)),
        SteppedUp::Ended(_) => Outcome::Ended,
        SteppedUp::Expired => Outcome::Expired,
    }
}

fn told(rotation: Rotation) -> (Outcome, Told) {
    let outcome = match rotation {
        Rotation::Granted(issue) => {
            let generation = u8::try_from(issue.generation).expect("few generations");
            return (Outcome::Granted(generation), issue.reissue.map_or(Told::FirstIssue, Told::from));
        }
        Rotation::Reused => Outcome::Reused,
        Rotation::Contested => Outcome::Contested,
        Rotation::Ended(_) => Outcome::Ended,
        Rotation::Expired => Outcome::Expired,
        Rotation::Withdrawn => Outcome::Withdrawn,
        Rotation::Forged => panic!("the tokens are genuine"),
        Rotation::Unproved => Outcome::Unproved,
    };
    (outcome, Told::FirstIssue)
}

/// A call that failed says nothing: its meeting is had once more.
async fn compare_on(
    keeper: &Keeper,
    store: &dyn SessionStore,
    meetings: Vec<Meeting>,
    mut lay: impl FnMut(&[(Laid, Store)]),
    mut look_at: impl FnMut(&Laid) -> Store,
) {
    let mut meetings = meetings;
    for _ in 0..10 {
        let laid = stream::iter(&meetings)
            .map(async |meeting| (Laid::sign_in(store, meeting.store.is_bound).await, meeting.store))
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        lay(&laid);
        let answers = stream::iter(meetings.iter().zip(&laid))
            .map(async |(meeting, (laid, _))| meeting.real(keeper, store, laid).await)
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let mut again = Vec::new();
        for ((meeting, (laid, _)), answer) in meetings.iter().zip(&laid).zip(answers) {
            let Ok((outcome, told)) = answer else {
                again.push(*meeting);
                continue;
            };
            let expected = meeting.expected(*keeper);
            assert_eq!((outcome, told), (expected.outcome, expected.told), "{:?}: {meeting:?}", keeper.home);
            let after = look_at(laid);
            assert!(after.is(&expected.store), "{meeting:?}\nleft {after:?}\nand not {:?}", expected.store);
        }
        if again.is_empty() {
            return;
        }
        meetings = again;
    }
    panic!("{} calls failed again and again", meetings.len());
}

/// Has every meeting in a real store of that home, and compares.
pub async fn compare(keeper: &Keeper, meetings: Vec<Meeting>) {
    match keeper.home {
        Home::Embedded => compare_with_sqlite(keeper, meetings).await,
        Home::OneServer | Home::Cluster => compare_with_redis(keeper, meetings).await,
    }
}

/// In a file.
async fn compare_with_sqlite(keeper: &Keeper, meetings: Vec<Meeting>) {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("keyward.db");
    let clock = Arc::new(ManualClock::at(START));
    let store = SqliteStore::open(&file, LIFETIMES, Arc::default(), clock).expect("opened");
    let rows = RefCell::new(Rows::of(&file));
    let lay = |sessions: &[(Laid, Store)]| rows.borrow_mut().lay(sessions);
    compare_on(keeper, &store, meetings, lay, |laid| rows.borrow().look_at(laid)).await;
}

/// In Redis: one server, or a Cluster of one master.
async fn compare_with_redis(keeper: &Keeper, meetings: Vec<Meeting>) {
    let own = match keeper.home {
        Home::Cluster => Some(tokio::task::spawn_blocking(cluster_of_one).await.expect("a cluster")),
        _ => None,
    };
    let space = match &own {
        Some(server) => Keyspace::behind(server.url(), None, server).in_cluster(),
        None => Keyspace::behind(redis::shared().url(), None, redis::shared()),
    };
    let clock = Arc::new(ManualClock::at(START));
    let store = space.connect(LIFETIMES, &Arc::default(), &clock).await.expect("connected");
    let keys = RefCell::new(Keys::of(&space));
    let lay = |sessions: &[(Laid, Store)]| keys.borrow_mut().lay(sessions);
    compare_on(keeper, &store, meetings, lay, |laid| keys.borrow_mut().look_at(laid)).await;
}
