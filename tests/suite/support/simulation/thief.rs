//! Who copies a refresh token at any moment, and uses it; and who tries what is over.

use std::sync::Arc;

use super::{
    chance::Chance,
    crowd::{BackOff, Crowd},
    facts::By,
    network::{Answer, Call, Tokens},
};
use crate::support::client_key::ClientKey;

/// What a thief does with a token.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Shows it once.
    Once,
    /// Lives on it, as an owner would.
    Settle,
    /// Refreshes, and uses nothing of what it got until the owner has come, too.
    Patient,
}

pub struct Thief {
    pub crowd: Arc<Crowd>,
    pub chance: Chance,
}

impl Thief {
    pub async fn prowl(mut self) {
        while !self.crowd.is_over() {
            tokio::time::sleep(self.chance.millis(500, 3_000)).await;
            let jar = self.chance.below(self.crowd.jars.len());
            let Some(stolen) = self.crowd.jars[jar].held() else { continue };
            // At once, or long after the owner has moved on.
            tokio::time::sleep(self.chance.millis(0, 6_000)).await;
            self.crowd.ledger.thief_comes(&stolen.session, self.crowd.network.now());
            if stolen.key.is_some() {
                self.try_without_key(stolen).await;
            } else {
                self.use_up(stolen).await;
            }
        }
    }

    /// The key stayed where it was: with a proof by another one, and with none, while the owner moves on.
    async fn try_without_key(&mut self, stolen: Tokens) {
        let own = Arc::new(ClientKey::es256());
        for _ in 0..5 {
            let key = self.chance.percent(50).then(|| Arc::clone(&own));
            if self.refresh(&Tokens { key, ..stolen.clone() }).await.is_some() {
                return;
            }
            tokio::time::sleep(self.chance.millis(100, 1_500)).await;
        }
    }

    async fn use_up(&mut self, stolen: Tokens) {
        let way = *self.chance.pick(&[Way::Once, Way::Settle, Way::Settle, Way::Patient]);
        let Some(mut held) = self.refresh(&stolen).await else { return };
        for _ in 0..12 {
            match way {
                Way::Once => return,
                Way::Settle => {
                    let call = Call::Check { tokens: held.clone() };
                    self.crowd.network.ask(&call, &mut self.chance).await;
                    tokio::time::sleep(self.chance.millis(100, 1_000)).await;
                }
                Way::Patient => tokio::time::sleep(self.chance.millis(1_500, 3_000)).await,
            }
            let Some(next) = self.refresh(&held).await else { return };
            held = next;
        }
    }

    /// Until there is an answer; `None` where it is 401, or all is over.
    async fn refresh(&mut self, held: &Tokens) -> Option<Tokens> {
        let mut back_off = BackOff::new();
        while !self.crowd.is_over() {
            let call = self.crowd.network.refresh(held.clone(), By::Thief);
            match self.crowd.network.ask(&call, &mut self.chance).await {
                Some(Answer { tokens: Some(tokens), .. }) => return Some(tokens),
                Some(Answer { is_unproved: true, .. }) => return None,
                Some(Answer { status: 401, .. }) => {
                    self.crowd.bury(held.clone());
                    return None;
                }
                _ => back_off.wait(&mut self.chance).await,
            }
        }
        None
    }
}

/// Tries tokens of sessions that are over, at any node.
pub struct Ghost {
    pub crowd: Arc<Crowd>,
    pub chance: Chance,
}

impl Ghost {
    pub async fn haunt(mut self) {
        while !self.crowd.is_over() {
            tokio::time::sleep(self.chance.millis(5, 60)).await;
            let Some(tokens) = self.crowd.grave(&mut self.chance) else { continue };
            let call = if self.chance.percent(30) {
                self.crowd.network.refresh(tokens, By::Owner)
            } else {
                Call::Check { tokens }
            };
            self.crowd.network.ask(&call, &mut self.chance).await;
        }
    }
}
