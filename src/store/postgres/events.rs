//! [`EventStore`] in PostgreSQL: what happened, a row each. The lists go along an index each, newest first.

use async_trait::async_trait;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    PostgresStore, StoreError,
    engine::{errors, rows},
};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        event::{Event, EventFilter, EventId, EventKind},
        ids::{SessionId, UserId},
    },
    store::events::{EventStore, Retention, WrittenEvent},
};

/// A column each, so that any number of events is one statement.
const APPEND: &str = "\
    INSERT INTO events (id, at, kind, user_id, session_id, app, address, agent, by_whom, reason, detail, \
    request_id, count) \
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::bytea[], $6::text[], $7::text[], \
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[]) \
    ON CONFLICT (id) DO NOTHING";

// One statement for each index. What it does not go along is compared row by row, where it is asked for.
const OF_SESSION: &str = "\
    SELECT * FROM events WHERE id < $1 AND id >= $2 AND session_id = $4 \
    AND (user_id = $5 OR $5::uuid IS NULL) AND (kind = $6 OR $6::text IS NULL) ORDER BY id DESC LIMIT $3";
const OF_USER_AND_KIND: &str = "\
    SELECT * FROM events WHERE id < $1 AND id >= $2 AND $4::bytea IS NULL \
    AND user_id = $5 AND kind = $6 ORDER BY id DESC LIMIT $3";
const OF_USER: &str = "\
    SELECT * FROM events WHERE id < $1 AND id >= $2 AND $4::bytea IS NULL \
    AND user_id = $5 AND $6::text IS NULL ORDER BY id DESC LIMIT $3";
const OF_KIND: &str = "\
    SELECT * FROM events WHERE id < $1 AND id >= $2 AND $4::bytea IS NULL \
    AND $5::uuid IS NULL AND kind = $6 ORDER BY id DESC LIMIT $3";
const OF_ALL: &str = "\
    SELECT * FROM events WHERE id < $1 AND id >= $2 AND $4::bytea IS NULL \
    AND $5::uuid IS NULL AND $6::text IS NULL ORDER BY id DESC LIMIT $3";

const WRITTEN_AFTER: &str = "\
    SELECT * FROM events WHERE place > $1 AND at >= $2 AND (session_id = $4 OR $4::bytea IS NULL) \
    AND (user_id = $5 OR $5::uuid IS NULL) AND (kind = $6 OR $6::text IS NULL) ORDER BY place LIMIT $3";
const LAST_PLACE: &str = "SELECT coalesce(max(place), 0) AS place FROM events";

const FORGET_OLD: &str = "\
    DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2)";
const COUNT: &str = "SELECT count(*) AS count FROM events";
const FORGET_OF_KIND: &str = "\
    DELETE FROM events WHERE id IN (SELECT id FROM events WHERE kind = $1 ORDER BY id LIMIT $2)";
const FORGET_OLDEST: &str = "\
    DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT $1)";

#[async_trait]
impl EventStore for PostgresStore {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        let columns = Columns::of(events);
        self.pool.execute(APPEND, &columns.parameters()).await.map(drop)
    }

    async fn list(
        &self,
        filter: &EventFilter,
        before: EventId,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let sql = match filter {
            EventFilter { session: Some(_), .. } => OF_SESSION,
            EventFilter { user: Some(_), kind: Some(_), .. } => OF_USER_AND_KIND,
            EventFilter { user: Some(_), .. } => OF_USER,
            EventFilter { kind: Some(_), .. } => OF_KIND,
            EventFilter { .. } => OF_ALL,
        };
        let first = EventId::first_at(filter.since.unwrap_or(Timestamp::from_millis(0)));
        let (before, first, limit) = (before.uuid(), first.uuid(), i64::from(limit));
        let (session, user, kind) = compared(filter);
        let found = self.pool.query(sql, &[&before, &first, &limit, &session, &user, &kind]).await?;
        found.iter().map(rows::event).collect()
    }

    async fn written_after(
        &self,
        filter: &EventFilter,
        place: i64,
        limit: u32,
    ) -> Result<Vec<WrittenEvent>, StoreError> {
        let since = filter.since.map_or(i64::MIN, Timestamp::millis);
        let (session, user, kind) = compared(filter);
        let limit = i64::from(limit);
        let parameters: [&(dyn ToSql + Sync); 6] = [&place, &since, &limit, &session, &user, &kind];
        let found = self.pool.query(WRITTEN_AFTER, &parameters).await?;
        found.iter().map(written).collect()
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        self.number(LAST_PLACE, "place").await
    }

    async fn forget(&self, retention: &Retention, limit: u32) -> Result<u64, StoreError> {
        let (first, limit) = (EventId::first_at(retention.since).uuid(), i64::from(limit));
        let old = self.pool.execute(FORGET_OLD, &[&first, &limit]).await?;
        if old > 0 {
            return Ok(old);
        }
        let most = i64::try_from(retention.most).unwrap_or(i64::MAX);
        let mut surplus = self.number(COUNT, "count").await?.saturating_sub(most).min(limit);
        let mut forgotten = 0;
        for kind in EventKind::BY_STRANGERS {
            if surplus > 0 {
                let gone = self.pool.execute(FORGET_OF_KIND, &[&kind.as_str(), &surplus]).await?;
                forgotten += gone;
                surplus -= i64::try_from(gone).unwrap_or(surplus);
            }
        }
        if surplus > 0 {
            forgotten += self.pool.execute(FORGET_OLDEST, &[&surplus]).await?;
        }
        Ok(forgotten)
    }
}

impl PostgresStore {
    async fn number(&self, sql: &'static str, column: &str) -> Result<i64, StoreError> {
        let found = self.pool.query(sql, &[]).await?;
        let row = found.first().ok_or_else(|| errors::refused("no answer to a question"))?;
        row.try_get(column).map_err(errors::of_statement)
    }
}

fn written(row: &Row) -> Result<WrittenEvent, StoreError> {
    let place = row.try_get("place").map_err(errors::of_statement)?;
    Ok(WrittenEvent { place, event: rows::event(row)? })
}

type Compared = (Option<Vec<u8>>, Option<Uuid>, Option<&'static str>);

fn compared(filter: &EventFilter) -> Compared {
    let session = filter.session.map(|session| session.as_bytes().to_vec());
    (session, filter.user.map(UserId::uuid), filter.kind.map(EventKind::as_str))
}

/// Events as the columns of `events`, in the order of [`APPEND`].
#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    at: Vec<i64>,
    kind: Vec<&'static str>,
    user: Vec<Option<Uuid>>,
    session: Vec<Option<&'a [u8]>>,
    app: Vec<Option<&'a str>>,
    address: Vec<Option<String>>,
    agent: Vec<Option<&'a str>>,
    by: Vec<String>,
    reason: Vec<Option<&'a str>>,
    detail: Vec<Option<&'a str>>,
    request: Vec<Option<&'a str>>,
    count: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(events: &'a [Event]) -> Self {
        let mut columns = Self::default();
        for event in events {
            columns.id.push(event.id.uuid());
            columns.at.push(event.at.millis());
            columns.kind.push(event.kind.as_str());
            columns.user.push(event.user.map(UserId::uuid));
            columns.session.push(event.session.as_ref().map(SessionId::as_bytes).map(<[u8; 16]>::as_slice));
            columns.app.push(event.app.as_ref().map(AppName::as_str));
            columns.address.push(event.address.map(|address| address.to_string()));
            columns.agent.push(event.agent.as_deref());
            columns.by.push(event.by.to_string());
            columns.reason.push(event.reason.as_deref());
            columns.detail.push(event.detail.as_deref());
            columns.request.push(event.request.as_deref());
            columns.count.push(i64::from(event.count));
        }
        columns
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 13] {
        [
            &self.id,
            &self.at,
            &self.kind,
            &self.user,
            &self.session,
            &self.app,
            &self.address,
            &self.agent,
            &self.by,
            &self.reason,
            &self.detail,
            &self.request,
            &self.count,
        ]
    }
}
