//! The rotation of a refresh token, done in the store and told of to its end: else a thief could hang up before anybody
//! hears that a token was issued again late, or that a session has ended.

use super::ending::Ender;
use crate::{
    auth::{Auth, to_the_end::to_the_end},
    domain::{
        clock::Timestamp,
        event::{Event, EventKind},
        ids::SessionId,
        occasion::{Actor, Occasion},
        refresh_token::Chain,
        rotation::Reissue,
        session::{Device, EndReason},
    },
    measures::table::{CONTESTED, REISSUED, REISSUED_LATE, REUSED},
    store::{
        error::StoreError,
        sessions::{Issue, Rotation},
    },
};

impl Auth {
    /// Rotates a session's refresh token. What that shows is told before anything else.
    pub(in crate::auth) async fn rotate_to_the_end(
        &self,
        chain: Chain,
        arrived_at: Timestamp,
        occasion: &Occasion,
    ) -> (Result<Rotation, StoreError>, Chain) {
        let (desk, policy) = (self.ender(&occasion.clone().by(Actor::Server)), self.policy().reuse);
        let warner = self.warner();
        to_the_end(async move {
            let rotation = desk.sessions.rotate(&chain, &policy, arrived_at).await;
            if let Ok(rotation) = &rotation
                && let Some(contested) = desk.tell_of_rotation(chain.presented.session(), rotation).await
            {
                CONTESTED.count(&[]);
                warner.warn(&contested).await;
            }
            (rotation, chain)
        })
        .await
    }
}

impl Ender {
    /// Returns the event where two clients seem to hold the session: three generations in a row that were issued again
    /// late are no chance (docs/refresh-tokens.md).
    async fn tell_of_rotation(&self, session: SessionId, rotation: &Rotation) -> Option<Event> {
        match rotation {
            Rotation::Granted(issue) => self.tell_of_reissue(session, issue).await,
            Rotation::Reused => {
                REUSED.count(&[]);
                self.tell_of_alarm(EventKind::RefreshReused, session, EndReason::ReuseDetected).await;
                None
            }
            Rotation::Contested => {
                Some(self.tell_of_alarm(EventKind::RefreshContested, session, EndReason::Contested).await)
            }
            _ => None,
        }
    }

    /// Tells of tokens that were issued again late: to a client whose answer was lost, or to a second one.
    async fn tell_of_reissue(&self, session: SessionId, issue: &Issue) -> Option<Event> {
        let reissue = issue.reissue?;
        REISSUED.count(&[]);
        let kind = match reissue {
            Reissue::Usual => return None,
            Reissue::Late => EventKind::RefreshReissued,
            Reissue::Contested => EventKind::RefreshContested,
        };
        let facts = &issue.session.facts;
        let event = Event::new(kind, &self.occasion, self.now).of_session(session);
        let event = event.of_user(facts.user).at_app(facts.app.clone());
        let compared = compared_with_sign_in(&event, &facts.device);
        let event = event.because(compared);
        self.recorder.tell([event.clone()]).kept().await;
        if reissue == Reissue::Contested {
            return Some(event);
        }
        REISSUED_LATE.count(&[]);
        None
    }
}

/// Whether a client looks like the one that signed in.
fn compared_with_sign_in(event: &Event, device: &Device) -> &'static str {
    match (event.address == device.ip, event.agent == device.user_agent) {
        (true, true) => "same_client",
        (false, true) => "other_address",
        (true, false) => "other_agent",
        (false, false) => "other_address_and_agent",
    }
}
