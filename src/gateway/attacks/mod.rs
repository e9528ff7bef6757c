//! Attacks on a gateway, from outside. Each asks as somebody would who wants to be let in, or who is
//! somebody else; the echo app behind the gateway, where there is one, tells what came of it.

mod bodies;
mod cookies;
mod evaluate;
mod forms;
mod life;
mod paths;
mod roles;
mod spoofs;
mod tokens;
mod user;
mod websocket;

use std::{fmt, io};

use self::evaluate::Expectation;
pub use self::user::TestUser;
use super::{connection::HttpAnswer, error::GatewayError, request::Request, target::Target};

/// What came of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway does as it should.
    Holds,
    /// It lets nobody in, but a client is told less than it should be, or something wrong.
    Weak,
    /// Somebody is let in, or is taken for somebody else.
    Open,
    /// It could not be tried, or what came of it could not be seen.
    Unseen,
}

/// An attack and what came of it.
#[derive(Debug)]
pub struct AttackResult {
    pub attack: String,
    /// What came of it.
    pub outcome: Outcome,
    pub seen: String,
}

/// A single request and what it should come to.
struct Attack {
    name: String,
    expected: Expectation,
    request: Request,
}

/// What to attack and with what.
pub struct Attacker {
    gateway: Target,
    user: Option<TestUser>,
    expired: Option<String>,
    forbidden: Option<String>,
    step_up: Option<String>,
    has_echo: bool,
    /// Makes probes of this run differ from those of others.
    run: String,
    refused: Vec<(String, String)>,
    results: Vec<AttackResult>,
}

impl Attacker {
    /// Attacks `gateway` as a stranger, and as `user` where there is one; `run` marks its requests.
    #[must_use]
    pub fn new(gateway: Target, user: Option<TestUser>, run: &str) -> Self {
        Self {
            gateway,
            user,
            expired: None,
            forbidden: None,
            step_up: None,
            has_echo: false,
            run: run.to_owned(),
            refused: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Also with a token that was good once.
    #[must_use]
    pub fn with_expired(self, token: Option<String>) -> Self {
        Self { expired: token, ..self }
    }

    /// Also on a path that the user's roles do not open.
    #[must_use]
    pub fn with_forbidden(self, path: Option<String>) -> Self {
        Self { forbidden: path, ..self }
    }

    /// Also on a path that asks for a stronger sign-in than the user's.
    #[must_use]
    pub fn with_step_up(self, path: Option<String>) -> Self {
        Self { step_up: path, ..self }
    }

    /// Tries everything, in an order in which nothing spoils what comes after.
    pub async fn run(mut self) -> Result<Vec<AttackResult>, GatewayError> {
        self.look().await?;
        if self.is_public().await {
            if let Some(user) = &self.user {
                user.sign_out().await?;
            }
            return Ok(self.results);
        }
        self.all(tokens::anonymous(self.expired.as_deref())).await;
        self.all(spoofs::anonymous()).await;
        self.paths(paths::anonymous).await;
        self.all(forms::anonymous()).await;
        bodies::never_comes(&mut self).await;
        forms::preflight(&mut self).await;
        let token = self.user.as_ref().map(|user| user.token().to_owned());
        self.signed_in(token.as_deref().unwrap_or("")).await;
        Ok(self.results)
    }

    async fn signed_in(&mut self, token: &str) {
        self.all(tokens::with(token)).await;
        self.all(spoofs::with(token)).await;
        spoofs::claims(self, token).await;
        cookies::stay_behind(self, token).await;
        self.paths(|path| paths::with(path, token)).await;
        self.all(forms::with(token)).await;
        forms::other_protocol(self, token).await;
        bodies::held_back(self, token).await;
        bodies::smuggled(self, token).await;
        websocket::opens(self, token).await;
        roles::lacking(self, token).await;
        roles::too_weak(self, token).await;
        life::one_connection(self, token).await;
        life::cookie(self).await;
        life::refused_stay_out(self, token).await;
        life::too_often(self, token).await;
        life::signed_out(self, token).await;
    }

    /// Whether anybody answers, and whether it is the echo app that does.
    async fn look(&mut self) -> Result<(), GatewayError> {
        let token = self.user.as_ref().map_or("", TestUser::token);
        let answer = self.gateway.ask(&Request::new("GET", "/").bearer(token)).await;
        let away = |error| GatewayError::Away(self.gateway.origin.clone(), error);
        self.has_echo = answer.map_err(away)?.is_echo();
        Ok(())
    }

    /// Where anybody is let in, all that follows would say so once more, and nothing else.
    async fn is_public(&mut self) -> bool {
        self.attack(tokens::none()).await;
        let hint = format!(
            "; it is open to everybody, and nothing else was tried. If it is meant to be, name a path that is \
             not, such as {}/api",
            self.gateway.origin
        );
        let open = self.results.last_mut().filter(|result| result.outcome == Outcome::Open);
        open.map(|result| result.seen.push_str(&hint)).is_some()
    }

    /// Steps that lead out of the path that is tested lead to what may be open to everybody.
    async fn paths(&mut self, attack: impl Fn(&str) -> Attack) {
        for path in paths::TRICKS {
            self.attack(attack(path)).await;
        }
        for path in paths::WAYS_OUT {
            let attack = attack(path);
            if self.gateway.is_whole_site() {
                self.attack(attack).await;
            } else {
                self.unseen(&attack.name, "it leads out of the path that is tested");
            }
        }
    }

    async fn all(&mut self, attacks: Vec<Attack>) {
        for attack in attacks {
            self.attack(attack).await;
        }
    }

    async fn attack(&mut self, attack: Attack) {
        if attack.expected.needs_user() && self.user.is_none() {
            return self.unseen(&attack.name, "no credentials were given");
        }
        let request = self.marked(&attack.name, attack.expected, attack.request);
        let answer = self.gateway.ask(&request).await;
        self.evaluate(&attack.name, attack.expected, &request, &answer);
    }

    /// The request with a probe, which must not reach the app where it is to be refused.
    fn marked(&mut self, attack: &str, expected: Expectation, request: Request) -> Request {
        let probe = format!("{}-{}", self.run, self.results.len());
        if expected.is_refusal() {
            self.refused.push((probe.clone(), attack.to_owned()));
        }
        request.marked(&probe)
    }

    fn evaluate(
        &mut self,
        attack: &str,
        expected: Expectation,
        request: &Request,
        answer: &io::Result<HttpAnswer>,
    ) {
        let path = self.gateway.path_of(request);
        let identity = self.user.as_ref().map(TestUser::identity);
        let observation = evaluate::Observation { request, path: &path, identity, has_echo: self.has_echo };
        let (outcome, seen) = observation.evaluate(expected, answer);
        self.find(attack, outcome, seen);
    }

    fn find(&mut self, attack: impl fmt::Display, outcome: Outcome, seen: impl Into<String>) {
        self.results.push(AttackResult { attack: attack.to_string(), outcome, seen: seen.into() });
    }

    fn unseen(&mut self, attack: &str, why: &str) {
        self.find(attack, Outcome::Unseen, why);
    }
}

impl Attack {
    fn new(name: impl Into<String>, expected: Expectation, request: Request) -> Self {
        Self { name: name.into(), expected, request }
    }
}

impl Outcome {
    /// The name that programs see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Weak => "weak",
            Self::Open => "open",
            Self::Unseen => "unseen",
        }
    }
}
