//! Somebody who signs in, goes on for a while in the manner of a real client, and signs out again.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use super::{
    accounts::{PASSWORD, USERS},
    chance::Chance,
    crowd::{BackOff, Crowd, Jar},
    facts::{By, Moment},
    network::{Answer, Call, Tokens},
};
use crate::support::client_key::ClientKey;

/// How somebody's client goes about it.
#[derive(Debug, Clone, Copy)]
pub enum Habit {
    /// A page in so many tabs, which share one refresh token and may refresh at once.
    Tabs(usize),
    /// A phone: one thing at a time, and away for long after an answer was lost.
    Phone,
    /// A server that renders pages: for each, so many requests with one cookie, at once.
    FanOut(usize),
}

/// Clones are the same person, in another tab.
#[derive(Clone)]
pub struct Person {
    pub crowd: Arc<Crowd>,
    pub number: usize,
    pub habit: Habit,
    /// Of a client that binds its sessions to one.
    pub key: Option<Arc<ClientKey>>,
    pub chance: Chance,
}

impl Person {
    pub async fn live(mut self) {
        // Nobody waits for a password to be hashed because all came at once.
        let room = 15 * self.crowd.jars.len() as u64;
        tokio::time::sleep(self.chance.millis(0, room)).await;
        while let Some(tokens) = self.sign_in().await {
            let (least, most) = self.crowd.stay;
            let until = self.crowd.network.now() + self.chance.millis(least, most);
            let until = until.min(self.crowd.end);
            self.jar().put(tokens.clone());
            match self.habit {
                Habit::Tabs(count) => {
                    let mut tab = |_| self.in_a_tab().browse(&tokens.session, until);
                    join_all((0..count).map(&mut tab).collect::<Vec<_>>()).await;
                }
                Habit::Phone => self.use_phone(&tokens.session, until).await,
                Habit::FanOut(requests) => self.open_pages(&tokens.session, requests, until).await,
            }
            // At the end of all, sessions stay open, to be looked at.
            if !self.crowd.is_over() && self.chance.percent(80) {
                self.sign_out(&tokens.session).await;
            }
        }
    }

    fn jar(&self) -> &Jar {
        &self.crowd.jars[self.number]
    }

    fn in_a_tab(&mut self) -> Self {
        Self { chance: self.chance.fork(), ..self.clone() }
    }

    /// What the client holds of that session, if it is still there.
    fn held(&self, session: &str) -> Option<Tokens> {
        self.jar().held().filter(|held| held.session == session)
    }

    async fn sign_in(&mut self) -> Option<Tokens> {
        let mut back_off = BackOff::new();
        while !self.crowd.is_over() {
            let user = USERS[self.number % USERS.len()];
            let call = self.crowd.network.sign_in(user, PASSWORD, self.key.clone());
            match self.crowd.network.ask(&call, &mut self.chance).await {
                Some(Answer { tokens: Some(tokens), .. }) => return Some(tokens),
                _ => back_off.wait(&mut self.chance).await,
            }
        }
        None
    }

    async fn browse(mut self, session: &str, until: Moment) {
        while self.crowd.network.now() < until {
            let is_together = self.chance.percent(30);
            tokio::time::sleep(if is_together { self.until_round() } else { self.chance.millis(50, 500) })
                .await;
            let Some(held) = self.held(session) else { return };
            if self.jar().is_due() && (is_together || self.chance.percent(40)) {
                self.refresh(session).await;
            } else if self.chance.percent(4) {
                self.step_up(&held).await;
            } else {
                self.check(&held).await;
            }
        }
    }

    /// All tabs wake at the same moments, as by a timer that each of them set when it got the same token.
    fn until_round(&self) -> Duration {
        const ROUND: u32 = 400_000_000;
        Duration::from_nanos(u64::from(ROUND - self.crowd.network.now().subsec_nanos() % ROUND))
    }

    async fn use_phone(&mut self, session: &str, until: Moment) {
        while self.crowd.network.now() < until {
            tokio::time::sleep(self.chance.millis(100, 600)).await;
            let Some(held) = self.held(session) else { return };
            if !self.jar().is_due() || self.chance.percent(50) {
                self.check(&held).await;
            } else if self.chance.percent(15) {
                self.step_up(&held).await;
            } else if !self.refresh_once(&held).await && self.chance.percent(50) {
                // No answer: it is in the tunnel, and comes back with what it has.
                tokio::time::sleep(self.chance.millis(1_000, 6_000)).await;
            }
        }
    }

    async fn open_pages(&mut self, session: &str, requests: usize, until: Moment) {
        while self.crowd.network.now() < until {
            tokio::time::sleep(self.chance.millis(100, 600)).await;
            let Some(held) = self.held(session) else { return };
            let is_due = self.jar().is_due();
            let mut part = |_| {
                let (mut part, held) = (self.in_a_tab(), held.clone());
                async move {
                    if (!is_due || part.refresh_once(&held).await)
                        && let Some(held) = part.held(&held.session)
                    {
                        part.check(&held).await;
                    }
                }
            };
            join_all((0..requests).map(&mut part).collect::<Vec<_>>()).await;
        }
    }

    async fn check(&mut self, held: &Tokens) {
        self.crowd.network.ask(&Call::Check { tokens: held.clone() }, &mut self.chance).await;
    }

    /// Proves once more who it is, by the passkey, or by the password alone; once, for where the answer is lost, the next
    /// refresh says the same.
    async fn step_up(&mut self, held: &Tokens) {
        let body = if self.chance.percent(25) {
            json!({ "password": PASSWORD })
        } else {
            let call = Call::Challenge { tokens: held.clone() };
            match self.crowd.network.ask(&call, &mut self.chance).await {
                Some(Answer { status: 200, options, .. }) => {
                    json!({ "passkey": self.crowd.passkey(self.number).get(&options) })
                }
                _ => return,
            }
        };
        let call = Call::StepUp { tokens: held.clone(), body };
        if let Some(Answer { tokens: Some(tokens), .. }) =
            self.crowd.network.ask(&call, &mut self.chance).await
        {
            self.jar().strengthen(tokens);
        }
    }

    /// Refreshes with what the client holds by then, until there is an answer.
    async fn refresh(&mut self, session: &str) {
        let mut back_off = BackOff::new();
        while let Some(held) = self.held(session) {
            if self.refresh_once(&held).await || self.crowd.is_over() {
                return;
            }
            back_off.wait(&mut self.chance).await;
        }
    }

    /// Whether there was an answer.
    async fn refresh_once(&mut self, held: &Tokens) -> bool {
        let call = self.crowd.network.refresh(held.clone(), By::Owner);
        match self.crowd.network.ask(&call, &mut self.chance).await {
            Some(Answer { tokens: Some(tokens), .. }) => {
                self.jar().keep(tokens);
                true
            }
            // The network brought it twice, and this is the answer to the second.
            Some(Answer { is_unproved: true, .. }) => false,
            // That alone is the end.
            Some(Answer { status: 401, .. }) => {
                self.jar().empty(&held.session);
                self.crowd.bury(held.clone());
                true
            }
            _ => false,
        }
    }

    /// Signs out, and then sees for how long each node lets the access token in.
    async fn sign_out(&mut self, session: &str) {
        let Some(held) = self.held(session) else { return };
        self.jar().empty(session);
        self.crowd.ledger.owner_leaves(session, self.crowd.network.now());
        let call = Call::SignOut { tokens: held.clone() };
        let mut back_off = BackOff::new();
        loop {
            match self.crowd.network.ask(&call, &mut self.chance).await {
                Some(Answer { status: 204, .. }) => break,
                _ if self.crowd.is_over() => return,
                _ => back_off.wait(&mut self.chance).await,
            }
        }
        self.crowd.bury(held.clone());
        let nodes = 0..self.crowd.network.nodes();
        join_all(nodes.map(|node| self.probe(&held, node))).await;
    }

    async fn probe(&self, held: &Tokens, node: usize) {
        const AFTER: [u64; 9] = [0, 10, 20, 30, 40, 50, 150, 300, 500];
        let call = Call::Check { tokens: held.clone() };
        for wait in AFTER {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            self.crowd.network.deliver(&call, node).await;
        }
    }
}
