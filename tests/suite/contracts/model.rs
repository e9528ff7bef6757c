//! Refresh against a reference model written from contract 3 alone: random interleavings of login,
//! refresh (with lost answers, duplicates and old copies), check, logout and time must get the answers
//! the model gives, on every back end.

use std::{collections::BTreeMap, time::Duration};

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use rstest_reuse::apply;

use crate::support::{
    actor::Server,
    backends::{BackEnd, SessionsOn, session_back_ends},
};
use keyward::{auth::error::AuthError, domain::clock::Timestamp};

const GRACE: Duration = Duration::from_secs(10);
const ACCESS: Duration = Duration::from_mins(15);
const REFRESH: Duration = Duration::from_hours(168);

/// One step of a history. Indexes wrap around what there is at that moment.
#[derive(Debug, Clone)]
enum Step {
    Login,
    /// Presents a refresh token; `lost` answers never reach the client.
    Refresh {
        token: usize,
        lost: bool,
    },
    /// The same token from several callers at once.
    Burst {
        token: usize,
        callers: usize,
    },
    Check {
        token: usize,
    },
    LogoutByAccess {
        token: usize,
    },
    LogoutByRefresh {
        token: usize,
    },
    LogoutAll {
        token: usize,
    },
    Pass {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // Newer tokens are picked more often: `0` is the newest.
    let token = || prop_oneof![6 => Just(0_usize), 3 => Just(1), 2 => Just(2), 3 => 0..14_usize];
    let millis = prop_oneof![
        3 => Just(1), 2 => Just(9_999), 2 => Just(10_000), 1 => Just(899_000), 1 => Just(900_000), 1 => Just(604_700_000),
        2 => 0..30_000_u64,
    ];
    prop_oneof![
        2 => Just(Step::Login),
        8 => (token(), any::<bool>()).prop_map(|(token, lost)| Step::Refresh { token, lost }),
        2 => (token(), 2..6_usize).prop_map(|(token, callers)| Step::Burst { token, callers }),
        6 => token().prop_map(|token| Step::Check { token }),
        1 => token().prop_map(|token| Step::LogoutByAccess { token }),
        1 => token().prop_map(|token| Step::LogoutByRefresh { token }),
        1 => token().prop_map(|token| Step::LogoutAll { token }),
        5 => millis.prop_map(|millis| Step::Pass { millis }),
    ]
}

/// What the contract says a session remembers.
#[derive(Debug, Clone)]
struct Session {
    current: u32,
    /// When each generation was replaced, as far as it was.
    replaced_at: BTreeMap<u32, Timestamp>,
    over_at: Timestamp,
    ended: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Refresh {
    session: usize,
    generation: u32,
    text: String,
}

#[derive(Debug, Clone)]
struct Access {
    session: usize,
    generation: u32,
    over_at: Timestamp,
    text: String,
}

trait OfSession {
    fn session(&self) -> usize;
}

impl OfSession for Refresh {
    fn session(&self) -> usize {
        self.session
    }
}

impl OfSession for Access {
    fn session(&self) -> usize {
        self.session
    }
}

/// What a refresh must answer.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Granted(u32),
    Refused(&'static str, Option<&'static str>),
}

#[derive(Default)]
struct World {
    sessions: Vec<Session>,
    refresh: Vec<Refresh>,
    access: Vec<Access>,
    /// Every successor ever seen: one text for one generation of one session.
    texts: BTreeMap<(usize, u32), String>,
}

impl World {
    /// Contract 3, row by row.
    fn refresh(&mut self, token: &Refresh, now: Timestamp) -> Expected {
        let session = &mut self.sessions[token.session];
        if session.over_at <= now {
            return Expected::Refused("refresh_expired", None);
        }
        if let Some(reason) = session.ended {
            return Expected::Refused("session_ended", Some(reason));
        }
        let generation = token.generation;
        // Its use shows that the one before it is replaced.
        if let Some(before) = generation.checked_sub(1) {
            session.replaced_at.entry(before).or_insert(now);
        }
        if generation == session.current {
            session.current += 1;
        } else {
            let replaced_at = session.replaced_at.get(&generation);
            let is_remembered = session.current - generation <= 8;
            if !is_remembered || replaced_at.is_some_and(|at| now.since(*at) >= GRACE) {
                session.ended = Some("reuse_detected");
                return Expected::Refused("refresh_reused", None);
            }
        }
        session.over_at = now + REFRESH;
        Expected::Granted(session.current)
    }

    fn check(&mut self, token: &Access, now: Timestamp) -> Result<(), (&'static str, Option<&'static str>)> {
        let session = &mut self.sessions[token.session];
        if token.over_at <= now {
            return Err(("token_expired", None));
        }
        if let Some(reason) = session.ended {
            return Err(("token_revoked", Some(reason)));
        }
        if let Some(before) = token.generation.checked_sub(1)
            && session.over_at > now
        {
            session.replaced_at.entry(before).or_insert(now);
        }
        Ok(())
    }

    /// A second end changes nothing: the first reason stays.
    fn end(&mut self, session: usize, reason: &'static str) {
        self.sessions[session].ended.get_or_insert(reason);
    }

    /// Whether a session is about to be over. A server with a clock of its own may see that some
    /// real milliseconds earlier than this one; the contract suite has the exact boundary.
    fn is_closing(&self, session: usize, now: Timestamp) -> bool {
        let left = now.until(self.sessions[session].over_at);
        !left.is_zero() && left < Duration::from_secs(3)
    }
}

/// The server under test beside the model.
struct Trial {
    server: Server,
    world: World,
}

impl Trial {
    async fn run(on: SessionsOn, steps: &[Step]) -> Result<(), TestCaseError> {
        let server = Server::on(BackEnd::on(on).await).await;
        let mut trial = Self { server, world: World::default() };
        trial.login().await;
        for step in steps {
            trial.take(step).await?;
        }
        Ok(())
    }

    async fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Login => self.login().await,
            Step::Refresh { token, lost } => self.refresh(token, lost).await?,
            Step::Burst { token, callers } => self.burst(token, callers).await?,
            Step::Check { token } => self.check(token).await?,
            Step::LogoutByAccess { token } => self.logout_by_access(token).await?,
            Step::LogoutByRefresh { token } => self.logout_by_refresh(token).await?,
            Step::LogoutAll { token } => self.logout_all(token).await?,
            Step::Pass { millis } => self.server.elapse(Duration::from_millis(millis)).await,
        }
        Ok(())
    }

    async fn login(&mut self) {
        let now = self.server.now();
        let tokens = self.server.login().await;
        self.world.sessions.push(Session {
            current: 0,
            replaced_at: BTreeMap::new(),
            over_at: now + REFRESH,
            ended: None,
        });
        let session = self.world.sessions.len() - 1;
        self.world.texts.insert((session, 0), tokens.refresh_token.expose().to_owned());
        self.keep(session, 0, &tokens, now);
    }

    /// The token so many places back, unless its session is about to be over.
    fn pick<T: Clone + OfSession>(&self, from: impl Fn(&World) -> &Vec<T>, back: usize) -> Option<T> {
        let tokens = from(&self.world);
        let token = tokens.get(tokens.len().checked_sub(1 + back % tokens.len().max(1))?)?;
        (!self.world.is_closing(token.session(), self.server.now())).then(|| token.clone())
    }

    fn keep(
        &mut self,
        session: usize,
        generation: u32,
        tokens: &keyward::auth::tokens::issue::TokenSet,
        now: Timestamp,
    ) {
        let text = tokens.refresh_token.expose().to_owned();
        self.world.refresh.push(Refresh { session, generation, text });
        let over_at = Timestamp::from_secs((now + ACCESS).secs());
        self.world.access.push(Access { session, generation, over_at, text: tokens.access_token.clone() });
    }

    async fn refresh(&mut self, back: usize, lost: bool) -> Result<(), TestCaseError> {
        let Some(token) = self.pick(|world| &world.refresh, back) else { return Ok(()) };
        let now = self.server.now();
        let expected = self.world.refresh(&token, now);
        let answer = self.server.refresh(&token.text).await;
        self.compare(&token, expected, answer, lost, now)
    }

    async fn burst(&mut self, back: usize, callers: usize) -> Result<(), TestCaseError> {
        let Some(token) = self.pick(|world| &world.refresh, back) else { return Ok(()) };
        let now = self.server.now();
        let answers = self.server.refresh_at_once(&token.text, callers).await;
        // Whoever came first moved the session on; to the others that is the row below it.
        let first = self.world.refresh(&token, now);
        let granted = answers.iter().filter(|answer| answer.is_ok()).count();
        let Expected::Granted(generation) = first else {
            prop_assert_eq!(granted, 0);
            return Ok(());
        };
        for answer in answers {
            let expected = Expected::Granted(generation);
            self.compare(&token, expected, answer, true, now)?;
        }
        Ok(())
    }

    fn compare(
        &mut self,
        token: &Refresh,
        expected: Expected,
        answer: Result<keyward::auth::tokens::issue::TokenSet, AuthError>,
        lost: bool,
        now: Timestamp,
    ) -> Result<(), TestCaseError> {
        let got = match &answer {
            Ok(tokens) => Expected::Granted(tokens.refresh_token.generation()),
            Err(error) => Expected::Refused(
                error.code(),
                error.reason().map(keyward::domain::session::EndReason::as_str),
            ),
        };
        prop_assert_eq!(&got, &expected, "refresh of {:?} at {}", token, now);
        if let (Ok(tokens), Expected::Granted(generation)) = (answer, expected) {
            let text = tokens.refresh_token.expose();
            let known =
                self.world.texts.entry((token.session, generation)).or_insert_with(|| text.to_owned());
            prop_assert_eq!(known.as_str(), text, "one generation, one token");
            if !lost {
                self.keep(token.session, generation, &tokens, now);
            }
        }
        Ok(())
    }

    async fn check(&mut self, back: usize) -> Result<(), TestCaseError> {
        let Some(token) = self.pick(|world| &world.access, back) else { return Ok(()) };
        let now = self.server.now();
        let expected = self.world.check(&token, now);
        let got = self.server.check(&token.text).await;
        let got = got
            .map_err(|error| (error.code(), error.reason().map(keyward::domain::session::EndReason::as_str)));
        prop_assert_eq!(got, expected, "check of {:?} at {}", (token.session, token.generation), now);
        Ok(())
    }

    async fn logout_by_access(&mut self, back: usize) -> Result<(), TestCaseError> {
        let Some(token) = self.pick(|world| &world.access, back) else { return Ok(()) };
        self.server.logout(Some(&token.text), None).await;
        self.world.end(token.session, "logout");
        Ok(())
    }

    async fn logout_by_refresh(&mut self, back: usize) -> Result<(), TestCaseError> {
        let Some(token) = self.pick(|world| &world.refresh, back) else { return Ok(()) };
        self.server.logout(None, Some(&token.text)).await;
        self.world.end(token.session, "logout");
        Ok(())
    }

    async fn logout_all(&mut self, back: usize) -> Result<(), TestCaseError> {
        let Some(token) = self.pick(|world| &world.access, back) else { return Ok(()) };
        let now = self.server.now();
        if (0..self.world.sessions.len()).any(|session| self.world.is_closing(session, now)) {
            return Ok(());
        }
        let expected = self.world.check(&token, now).ok().map(|()| {
            let alive = |session: &&mut Session| session.ended.is_none() && session.over_at > now;
            let mut ended = 0;
            for session in self.world.sessions.iter_mut().filter(alive) {
                session.ended = Some("logout_all");
                ended += 1;
            }
            ended
        });
        prop_assert_eq!(self.server.logout_all(&token.text).await.ok(), expected);
        Ok(())
    }
}

/// Runs histories; a failing one is shrunk and printed.
fn explore(on: SessionsOn, cases: u32) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&prop::collection::vec(step(), 1..60), |steps| {
        runtime.block_on(async { Trial::run(on, &steps).await })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[apply(session_back_ends)]
fn refresh_does_what_contract_3_says(on: SessionsOn) {
    explore(on, 48);
}
