//! The way from clients to the nodes. Requests are lost on it, or their answers, or they come twice, late, or in
//! another order. Every answer that a node gives is entered in the ledger, whether a client sees it or not.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keyward::domain::clock::{Clock, SystemClock};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::{
    chance::Chance,
    facts::{By, Checked, Moment, Refreshed, Said, Shown, Span, SteppedUp},
    ledger::Ledger,
};
use crate::support::client_key::ClientKey;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How late a request or an answer may come, in milliseconds; well below every grace.
const LATE: u64 = 300;

/// What a client holds after a sign-in or a refresh.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub session: String,
    pub access: String,
    pub refresh: String,
    pub generation: u32,
    /// The key of its holder, where the session began with one.
    pub key: Option<Arc<ClientKey>>,
}

/// What is asked; sent again it is the same, byte for byte.
#[derive(Debug, Clone)]
pub enum Call {
    SignIn {
        user: &'static str,
        password: &'static str,
        key: Option<Arc<ClientKey>>,
        proof: Option<String>,
    },
    Refresh {
        tokens: Tokens,
        by: By,
        proof: Option<String>,
    },
    Check {
        tokens: Tokens,
    },
    /// What a passkey is to sign.
    Challenge {
        tokens: Tokens,
    },
    StepUp {
        tokens: Tokens,
        body: Value,
    },
    SignOut {
        tokens: Tokens,
    },
}

/// An answer that came through.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Of a sign-in, a refresh or a step-up that went well.
    pub tokens: Option<Tokens>,
    /// It is not the session that is over: the proof was no good, and the next try takes a new one.
    pub is_unproved: bool,
    /// What a passkey is to sign.
    pub options: Value,
}

/// What becomes of a request.
enum Fate {
    Delivered,
    /// It comes late, or its answer does.
    Late(Duration, Duration),
    /// It comes twice, the second time later and perhaps to another node; whether that answer comes back, or the first.
    Twice(Duration, usize, bool),
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// The connection breaks so long after it was sent.
    Broken(Duration),
}

/// Clones are the same network.
#[derive(Clone)]
pub struct Network {
    client: Client,
    urls: Arc<Vec<String>>,
    ledger: Arc<Ledger>,
    began: Instant,
}

impl Network {
    pub fn new(urls: Vec<String>, ledger: Arc<Ledger>) -> Self {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { client, urls: Arc::new(urls), ledger, began: Instant::now() }
    }

    pub fn now(&self) -> Moment {
        self.began.elapsed()
    }

    pub fn nodes(&self) -> usize {
        self.urls.len()
    }

    pub fn sign_in(&self, user: &'static str, password: &'static str, key: Option<Arc<ClientKey>>) -> Call {
        let proof = self.proof(key.as_ref(), "/v1/login");
        Call::SignIn { user, password, key, proof }
    }

    /// A try to refresh, with a proof of its own where its sender has a key.
    pub fn refresh(&self, tokens: Tokens, by: By) -> Call {
        let proof = self.proof(tokens.key.as_ref(), "/v1/refresh");
        Call::Refresh { tokens, by, proof }
    }

    /// All nodes are known by the first one's address.
    fn proof(&self, key: Option<&Arc<ClientKey>>, path: &str) -> Option<String> {
        let address = format!("{}{path}", self.urls[0]);
        key.map(|key| key.proof(&address, SystemClock.now().secs()))
    }

    /// Sends a request to any node; `None` where no answer comes back.
    pub async fn ask(&self, call: &Call, chance: &mut Chance) -> Option<Answer> {
        let node = chance.below(self.nodes());
        match self.fate(chance) {
            Fate::Delivered => self.deliver(call, node).await,
            Fate::Late(before, after) => {
                tokio::time::sleep(before).await;
                let answer = self.deliver(call, node).await;
                tokio::time::sleep(after).await;
                answer
            }
            Fate::Twice(later, other, is_second_heard) => {
                call.once().inspect(|once| self.ledger.comes_twice(*once));
                let first = tokio::spawn(self.clone().deliver_later(call.clone(), Duration::ZERO, node));
                let second = tokio::spawn(self.clone().deliver_later(call.clone(), later, other));
                let heard = if is_second_heard { second } else { first };
                heard.await.expect("it ends")
            }
            Fate::AnswerLost => {
                self.deliver(call, node).await;
                None
            }
            Fate::Broken(after) => tokio::time::timeout(after, self.deliver(call, node)).await.ok().flatten(),
        }
    }

    fn fate(&self, chance: &mut Chance) -> Fate {
        match chance.below(100) {
            0..3 => Fate::AnswerLost,
            3..6 => Fate::Broken(chance.millis(0, 15)),
            6..8 => Fate::Twice(chance.millis(0, LATE), chance.below(self.nodes()), chance.percent(50)),
            8..11 => Fate::Late(chance.millis(1, LATE), Duration::ZERO),
            11..13 => Fate::Late(Duration::ZERO, chance.millis(1, LATE)),
            _ => Fate::Delivered,
        }
    }

    async fn deliver_later(self, call: Call, wait: Duration, node: usize) -> Option<Answer> {
        tokio::time::sleep(wait).await;
        self.deliver(&call, node).await
    }

    /// Sends a request to that node, without mishap on the way there and back.
    pub async fn deliver(&self, call: &Call, node: usize) -> Option<Answer> {
        let sent = self.now();
        if let Call::StepUp { tokens, .. } = call {
            self.ledger.steps_up(&tokens.session);
        }
        let answer = self.request(call, node).send().await.ok();
        let (status, body) = match answer {
            Some(answer) => (answer.status().as_u16(), answer.text().await.ok()),
            None => (0, None),
        };
        let span = Span { sent, answered: self.now(), node };
        let Some(body) = body else {
            self.ledger.unanswered();
            return None;
        };
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let is_unproved = status == 401 && body["reason"] == "proof";
        let options = body["public_key"].clone();
        Some(Answer { status, tokens: self.enter(call, status, &body, span), is_unproved, options })
    }

    fn request(&self, call: &Call, node: usize) -> RequestBuilder {
        let url = &self.urls[node];
        let post = |path: &str, body: Value| self.client.post(format!("{url}{path}")).json(&body);
        let proved = |request: RequestBuilder, proof: &Option<String>| match proof {
            Some(proof) => request.header("dpop", proof),
            None => request,
        };
        match call {
            Call::SignIn { user, password, proof, .. } => {
                proved(post("/v1/login", json!({ "username": user, "password": password })), proof)
            }
            Call::Refresh { tokens, proof, .. } => {
                proved(post("/v1/refresh", json!({ "refresh_token": tokens.refresh })), proof)
            }
            Call::Challenge { tokens } => {
                post("/v1/step-up/challenge", json!({ "method": "passkey" })).bearer_auth(&tokens.access)
            }
            Call::StepUp { tokens, body } => post("/v1/step-up", body.clone()).bearer_auth(&tokens.access),
            Call::SignOut { tokens } => post("/v1/logout", json!({ "refresh_token": tokens.refresh })),
            Call::Check { tokens } => self.client.get(format!("{url}/v1/check")).bearer_auth(&tokens.access),
        }
    }

    /// Enters an answer in the ledger; returns the tokens it brought.
    fn enter(&self, call: &Call, status: u16, body: &Value, span: Span) -> Option<Tokens> {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let code = || text("code").unwrap_or_default();
        match (call, status) {
            (Call::StepUp { tokens, .. }, _) => {
                return self.enter_step_up(call, tokens, (status, body), span);
            }
            (_, 503) => self.ledger.unanswered(),
            (Call::SignIn { key, .. }, 200) => {
                let (tokens, said) = read(body, key.as_ref())?;
                if said.key != key.as_ref().map(|key| key.thumbprint()) {
                    self.ledger.unexpected(format!("a sign-in with a proof that came to {said:?}"));
                }
                self.ledger.signed_in(&tokens.session, span.answered, &said);
                return Some(tokens);
            }
            (Call::Refresh { tokens, by, .. }, 200) => {
                let (new, said) = read(body, tokens.key.as_ref())?;
                let granted = Refreshed::Granted(new.generation, new.refresh.clone(), said);
                self.ledger.refreshed(&tokens.session, call.shown(tokens, *by), span, &granted);
                return Some(new);
            }
            (Call::Refresh { tokens, by, .. }, 401) => {
                let refused = Refreshed::Refused(code(), text("reason"));
                self.ledger.refreshed(&tokens.session, call.shown(tokens, *by), span, &refused);
            }
            (Call::Check { tokens }, 200) => {
                self.ledger.checked(&tokens.session, tokens.generation, span, &Checked::LetIn);
            }
            (Call::Challenge { .. }, 200) => {}
            (Call::Check { tokens } | Call::Challenge { tokens }, 401) => {
                self.ledger.checked(&tokens.session, tokens.generation, span, &Checked::Refused(code()));
            }
            (Call::SignOut { tokens }, 204) => self.ledger.signed_out(&tokens.session, span),
            _ => self.ledger.unexpected(format!("{status} {} to {}", code(), call.name())),
        }
        None
    }

    /// The same of a step-up: its refresh token is the one that was there.
    fn enter_step_up(
        &self,
        call: &Call,
        held: &Tokens,
        (status, body): (u16, &Value),
        span: Span,
    ) -> Option<Tokens> {
        let code = body["code"].as_str().unwrap_or_default();
        let access = body["access_token"].as_str();
        let said = access.and_then(|access| Some((access, said(&claims(access)?)?)));
        let answer = match (status, &said) {
            (200, Some((_, said))) => SteppedUp::Done(said.clone()),
            (401, _) => SteppedUp::Refused(code.to_owned()),
            (422, _) => SteppedUp::WrongProof,
            (503, _) => SteppedUp::Unknown,
            _ => {
                self.ledger.unexpected(format!("{status} {code} to {}", call.name()));
                return None;
            }
        };
        self.ledger.stepped_up(&held.session, call.once().unwrap_or_default(), span, &answer);
        said.map(|(access, _)| Tokens { access: access.to_owned(), ..held.clone() })
    }
}

impl Call {
    const fn name(&self) -> &'static str {
        match self {
            Self::SignIn { .. } => "a sign-in",
            Self::Refresh { .. } => "a refresh",
            Self::Check { .. } => "a check",
            Self::Challenge { .. } => "what a passkey is to sign",
            Self::StepUp { .. } => "a step-up",
            Self::SignOut { .. } => "a sign-out",
        }
    }

    /// What names the part of it that is good once.
    fn once(&self) -> Option<u64> {
        let text = match self {
            Self::Refresh { proof: Some(proof), .. } => proof.clone(),
            Self::StepUp { body, .. } if !body["passkey"].is_null() => body.to_string(),
            _ => return None,
        };
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Some(hasher.finish())
    }

    fn shown(&self, tokens: &Tokens, by: By) -> Shown {
        Shown { by, generation: tokens.generation, proof: self.once() }
    }
}

fn read(body: &Value, key: Option<&Arc<ClientKey>>) -> Option<(Tokens, Said)> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let access = text("access_token")?;
    let claims = claims(&access)?;
    let generation = u32::try_from(claims["gen"].as_u64()?).ok()?;
    let (session, refresh, key) = (text("session_id")?, text("refresh_token")?, key.cloned());
    Some((Tokens { session, access, refresh, generation, key }, said(&claims)?))
}

fn claims(access: &str) -> Option<Value> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(access.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

fn said(claims: &Value) -> Option<Said> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Said {
        auth_time: claims["auth_time"].as_i64()?,
        amr: claims["amr"].as_array()?.iter().filter_map(text).collect(),
        acr: text(&claims["acr"])?,
        key: text(&claims["cnf"]["jkt"]),
    })
}
