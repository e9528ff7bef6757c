//! The way from clients to the nodes. Requests are lost on it, or their answers, or they come twice, late, or in
//! another order. Every answer that a node gives is entered in the ledger, whether a client sees it or not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::{
    chance::Chance,
    facts::{By, Checked, Moment, Refreshed, Span},
    ledger::Ledger,
};

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
}

/// What is asked.
#[derive(Debug, Clone)]
pub enum Call {
    SignIn { user: &'static str, password: &'static str },
    Refresh { tokens: Tokens, by: By },
    Check { tokens: Tokens },
    SignOut { tokens: Tokens },
}

/// An answer that came through.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Of a sign-in or a refresh that went well.
    pub tokens: Option<Tokens>,
}

/// What becomes of a request.
enum Fate {
    Delivered,
    /// It comes late, or its answer does.
    Late(Duration, Duration),
    /// It comes twice, the second time later and perhaps to another node.
    Twice(Duration, usize),
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
            Fate::Twice(later, other) => {
                let (network, call_again) = (self.clone(), call.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(later).await;
                    network.deliver(&call_again, other).await;
                });
                self.deliver(call, node).await
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
            6..8 => Fate::Twice(chance.millis(0, LATE), chance.below(self.nodes())),
            8..11 => Fate::Late(chance.millis(1, LATE), Duration::ZERO),
            11..13 => Fate::Late(Duration::ZERO, chance.millis(1, LATE)),
            _ => Fate::Delivered,
        }
    }

    /// Sends a request to that node, without mishap on the way there and back.
    pub async fn deliver(&self, call: &Call, node: usize) -> Option<Answer> {
        let sent = self.now();
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
        Some(Answer { status, tokens: self.enter(call, status, &body, span) })
    }

    fn request(&self, call: &Call, node: usize) -> RequestBuilder {
        let url = &self.urls[node];
        let post = |path: &str, body: Value| self.client.post(format!("{url}{path}")).json(&body);
        match call {
            Call::SignIn { user, password } => {
                post("/v1/login", json!({ "username": user, "password": password }))
            }
            Call::Refresh { tokens, .. } => post("/v1/refresh", json!({ "refresh_token": tokens.refresh })),
            Call::SignOut { tokens } => post("/v1/logout", json!({ "refresh_token": tokens.refresh })),
            Call::Check { tokens } => self.client.get(format!("{url}/v1/check")).bearer_auth(&tokens.access),
        }
    }

    /// Enters an answer in the ledger; returns the tokens it brought.
    fn enter(&self, call: &Call, status: u16, body: &Value, span: Span) -> Option<Tokens> {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let code = || text("code").unwrap_or_default();
        match (call, status) {
            (_, 503) => self.ledger.unanswered(),
            (Call::SignIn { .. }, 200) => {
                let tokens = read(body)?;
                self.ledger.signed_in(&tokens.session, span.answered);
                return Some(tokens);
            }
            (Call::Refresh { tokens, by }, 200) => {
                let new = read(body)?;
                let granted = Refreshed::Granted(new.generation);
                self.ledger.refreshed(&tokens.session, *by, tokens.generation, span, &granted);
                return Some(new);
            }
            (Call::Refresh { tokens, by }, 401) => {
                let refused = Refreshed::Refused(code(), text("reason"));
                self.ledger.refreshed(&tokens.session, *by, tokens.generation, span, &refused);
            }
            (Call::Check { tokens }, 200) => {
                self.ledger.checked(&tokens.session, tokens.generation, span, &Checked::LetIn);
            }
            (Call::Check { tokens }, 401) => {
                self.ledger.checked(&tokens.session, tokens.generation, span, &Checked::Refused(code()));
            }
            (Call::SignOut { tokens }, 204) => self.ledger.signed_out(&tokens.session, span),
            _ => self.ledger.unexpected(format!("{status} {} to {}", code(), name(call))),
        }
        None
    }
}

const fn name(call: &Call) -> &'static str {
    match call {
        Call::SignIn { .. } => "a sign-in",
        Call::Refresh { .. } => "a refresh",
        Call::Check { .. } => "a check",
        Call::SignOut { .. } => "a sign-out",
    }
}

fn read(body: &Value) -> Option<Tokens> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let access = text("access_token")?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(access.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let generation = u32::try_from(claims["gen"].as_u64()?).ok()?;
    Some(Tokens { session: text("session_id")?, refresh: text("refresh_token")?, access, generation })
}
