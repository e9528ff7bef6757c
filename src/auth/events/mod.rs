//! Events: verbs tell what happened, and operators, and users of themselves, ask for it.

mod lines;
pub(super) mod recorder;

use std::time::Duration;

use super::{Auth, check::Caller, error::AuthError, to_the_end::to_the_end};
use crate::{
    domain::{
        event::{Event, EventFilter, EventId, EventKind},
        occasion::{Actor, Occasion},
    },
    store::{
        error::StoreError,
        events::{Retention, WrittenEvent},
        leases::{Holder, Leased},
    },
};

/// How many events one step forgets, so that no write waits long for it.
const FORGOTTEN: u32 = 500;
/// How long one node goes on being the one that forgets.
const TURN: Duration = Duration::from_mins(4);
/// The work of forgetting, among those of which one node does each.
const FORGETTING: &str = "forget events";

/// A part of the events, newest first.
#[derive(Debug)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// Where to go on; `None` = that was all.
    pub next: Option<EventId>,
}

impl Auth {
    /// The newest events, before that one where it is said. What an operator asks.
    pub async fn events(
        &self,
        filter: &EventFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<EventPage, AuthError> {
        let before = before.unwrap_or(EventId::last());
        let events = self.stores.events.list(filter, before, limit).await?;
        let is_full = u32::try_from(events.len()).is_ok_and(|count| count == limit);
        let next = if is_full { events.last().map(|event| event.id) } else { None };
        Ok(EventPage { events, next })
    }

    /// The caller's own.
    pub async fn own_events(
        &self,
        caller: &Caller,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<EventPage, AuthError> {
        let own = EventFilter { user: Some(caller.user()), ..EventFilter::default() };
        self.events(&own, before, limit).await
    }

    /// Those written after a place, in the order of writing, for who follows.
    pub async fn events_after(
        &self,
        filter: &EventFilter,
        place: i64,
        limit: u32,
    ) -> Result<Vec<WrittenEvent>, AuthError> {
        Ok(self.stores.events.written_after(filter, place, limit).await?)
    }

    /// The place of the event that was written last.
    pub async fn last_event_place(&self) -> Result<i64, AuthError> {
        Ok(self.stores.events.last_place().await?)
    }

    /// Waits until all events are kept, or for so long; returns how many are not.
    pub async fn flush_events(&self, patience: Duration) -> usize {
        self.recorder.flush(patience).await
    }

    /// Forgets events that are older than that, and those that are too many, as far as it is this holder's turn;
    /// returns how many. To be called every few minutes.
    pub async fn forget_events(
        &self,
        holder: &Holder,
        older_than: Duration,
        most: u64,
    ) -> Result<u64, AuthError> {
        let mut forgotten = 0;
        loop {
            let now = self.clock.now();
            if self.stores.leases.take_lease(FORGETTING, holder, TURN, now).await? == Leased::Anothers {
                return Ok(forgotten);
            }
            let retention = Retention { since: now - older_than, most };
            match self.stores.events.forget(&retention, FORGOTTEN).await? {
                0 => return Ok(forgotten),
                some => forgotten += some,
            }
        }
    }

    /// Tells of something, and waits until it is kept: not long, see [`Recorder`](recorder::Recorder).
    pub(in crate::auth) async fn tell(&self, event: Event) {
        self.recorder.tell([event]).kept().await;
    }

    /// Makes a change, to its end, and where it was made tells of it before anything else.
    pub(in crate::auth) async fn change<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
        was_made: fn(&T) -> bool,
        event: Event,
    ) -> Result<T, StoreError> {
        let recorder = self.recorder.clone();
        to_the_end(async move {
            let outcome = change.await;
            if outcome.as_ref().is_ok_and(was_made) {
                recorder.tell([event]).kept().await;
            }
            outcome
        })
        .await
    }

    /// An event of now.
    pub(in crate::auth) fn event(&self, kind: EventKind, occasion: &Occasion) -> Event {
        Event::new(kind, occasion, self.clock.now())
    }

    /// Tells of something that an administrator did and that is no kind of its own.
    pub async fn note_admin_action(&self, what: &str, detail: &str, occasion: &Occasion) {
        self.tell(self.event(EventKind::AdminAction, occasion).because(what).in_detail(detail)).await;
    }
}

/// The same occasion, by the caller, unless it is known already who asked.
pub(in crate::auth) fn by_caller(occasion: &Occasion, caller: &Caller) -> Occasion {
    match occasion.by {
        Actor::Client => occasion.clone().by(Actor::User(caller.user())),
        _ => occasion.clone(),
    }
}
