//! The end of sessions, whatever ends them: done in the store, and told of.

use std::sync::Arc;

use crate::{
    auth::{Auth, error::AuthError, events::recorder::Recorder, to_the_end::to_the_end},
    domain::{
        clock::Timestamp,
        event::{Event, EventFilter, EventId, EventKind},
        ids::{SessionId, UserId},
        occasion::{Actor, Occasion},
        session::EndReason,
    },
    store::sessions::{Ended, Ending, SessionStore},
};

/// How many ends are told of at once.
const TOGETHER: usize = 256;

/// What an end needs, on its own: it is done also where nobody waits for it any more.
pub(super) struct Ender {
    pub(super) sessions: Arc<dyn SessionStore>,
    pub(super) recorder: Recorder,
    pub(super) occasion: Occasion,
    pub(super) now: Timestamp,
}

impl Auth {
    /// Ends a session. Where it was alive, that is an event.
    pub(in crate::auth) async fn end(&self, ending: Ending, occasion: &Occasion) -> Result<Ended, AuthError> {
        let desk = self.ender(occasion);
        to_the_end(async move {
            let ended = desk.sessions.end(&ending, desk.now).await?;
            if ended == Ended::Now {
                desk.tell_of(ending.session, ending.reason).await;
            }
            Ok(ended)
        })
        .await
    }

    /// Ends every session of a user but one; returns how many were alive.
    pub(in crate::auth) async fn end_of_user(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
        occasion: &Occasion,
    ) -> Result<usize, AuthError> {
        let desk = self.ender(occasion);
        to_the_end(async move {
            let ended = desk.sessions.end_of_user(user, except, reason, desk.now).await?;
            for part in ended.chunks(TOGETHER) {
                let events = part.iter().map(|session| desk.event(*session, reason).of_user(user));
                desk.recorder.tell(events.map(|event| event.by_owner(user))).kept().await;
            }
            Ok(ended.len())
        })
        .await
    }

    /// Tells that a session's time was over when it was to go on; once, however often that is tried.
    pub(in crate::auth) async fn tell_of_expiry(&self, session: SessionId, occasion: &Occasion) {
        let filter = EventFilter { session: Some(session), ..EventFilter::default() };
        let Ok(known) = self.stores.events.list(&filter, EventId::last(), 1).await else { return };
        let last = known.first();
        if last.is_some_and(|last| last.kind == EventKind::SignedOut) {
            return;
        }
        let desk = self.ender(&occasion.clone().by(Actor::Server));
        let event = desk.event(session, EndReason::Expired);
        let (user, app) = last.map_or((None, None), |last| (last.user, last.app.clone()));
        desk.recorder.tell([Event { user, app, ..event }]).kept().await;
    }

    pub(super) fn ender(&self, occasion: &Occasion) -> Ender {
        Ender {
            sessions: Arc::clone(&self.stores.sessions),
            recorder: self.recorder.clone(),
            occasion: occasion.clone(),
            now: self.clock.now(),
        }
    }
}

impl Ender {
    fn event(&self, session: SessionId, reason: EndReason) -> Event {
        Event::new(EventKind::SignedOut, &self.occasion, self.now)
            .of_session(session)
            .because(reason.as_str())
    }

    async fn tell_of(&self, session: SessionId, reason: EndReason) {
        let event = self.with_owner(self.event(session, reason)).await;
        self.recorder.tell([event]).kept().await;
    }

    /// What was noticed, and that it has ended the session.
    pub(super) async fn tell_of_alarm(
        &self,
        alarm: EventKind,
        session: SessionId,
        reason: EndReason,
    ) -> Event {
        let alarm = Event::new(alarm, &self.occasion, self.now).of_session(session);
        let (alarm, end) = (self.with_owner(alarm).await, self.event(session, reason));
        let end = Event { user: alarm.user, app: alarm.app.clone(), ..end };
        self.recorder.tell([alarm.clone(), end]).kept().await;
        alarm
    }

    /// Who cannot be asked for now is left out: that it ended is told all the same.
    async fn with_owner(&self, event: Event) -> Event {
        let Some(session) = event.session else { return event };
        match self.sessions.owner(session).await {
            Ok(Some((user, app))) => event.of_user(user).at_app(app).by_owner(user),
            Ok(None) | Err(_) => event,
        }
    }
}
