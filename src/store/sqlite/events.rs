//! Events: what happened, a row each. The lists go along an index each, newest first.

use async_trait::async_trait;
use rusqlite::{Connection, Params, Row, params, params_from_iter, types::Value};
use uuid::Uuid;

use super::{
    SqliteStore,
    engine::{rows, writer::Step},
};
use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        event::{Event, EventFilter, EventId, EventKind},
        ids::{SessionId, UserId},
    },
    store::{
        error::StoreError,
        events::{EventStore, Retention, WrittenEvent},
    },
};

const INSERT: &str =
    "INSERT INTO events (id, at, kind, user_id, session_id, app, address, agent, by_whom, reason,
        detail, request_id, count)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT (id) DO NOTHING";

const COLUMNS: &str =
    "SELECT id, place, at, kind, user_id, session_id, app, address, agent, by_whom, reason, detail,
    request_id, count FROM events";

const OLD: &str = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < ?1 ORDER BY id LIMIT ?2)";
const COUNT: &str = "SELECT count(*) FROM events";
const OLDEST_OF_KIND: &str =
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE kind = ?1 ORDER BY id LIMIT ?2)";
const OLDEST: &str = "DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?1)";

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        let events = events.to_vec();
        self.writer.write(move |step| events.iter().try_for_each(|event| insert(step, event))).await
    }

    async fn list(
        &self,
        filter: &EventFilter,
        before: EventId,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let filter = *filter;
        let written = self.readers.read(move |db| list(db, &filter, before, limit)).await?;
        Ok(written.into_iter().map(|written| written.event).collect())
    }

    async fn written_after(
        &self,
        filter: &EventFilter,
        place: i64,
        limit: u32,
    ) -> Result<Vec<WrittenEvent>, StoreError> {
        let filter = *filter;
        self.readers.read(move |db| written_after(db, &filter, place, limit)).await
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        self.readers
            .read(|db| Ok(db.query_row("SELECT coalesce(max(place), 0) FROM events", [], |row| row.get(0))?))
            .await
    }

    async fn forget(&self, retention: &Retention, limit: u32) -> Result<u64, StoreError> {
        let first = EventId::first_at(retention.since);
        let old = move |step: &mut Step<'_>| delete(step, OLD, params![first.uuid(), limit]);
        let old = self.writer.write(old).await?;
        if old > 0 {
            return Ok(old);
        }
        let kept: i64 = self.readers.read(|db| Ok(db.query_row(COUNT, [], |row| row.get(0))?)).await?;
        let most = i64::try_from(retention.most).unwrap_or(i64::MAX);
        let surplus = kept.saturating_sub(most).min(i64::from(limit));
        if surplus <= 0 {
            return Ok(0);
        }
        self.writer.write(move |step| forget_surplus(step, surplus)).await
    }
}

fn insert(step: &mut Step<'_>, event: &Event) -> Result<(), StoreError> {
    step.db.prepare_cached(INSERT)?.execute(params![
        event.id.uuid(),
        event.at.millis(),
        event.kind.as_str(),
        event.user.map(UserId::uuid),
        event.session.as_ref().map(SessionId::as_bytes),
        event.app.as_ref().map(AppName::as_str),
        event.address.map(|address| address.to_string()),
        event.agent,
        event.by.to_string(),
        event.reason,
        event.detail,
        event.request,
        event.count,
    ])?;
    Ok(())
}

/// The conditions that a filter comes to, each of which an index holds; what they are compared with follows.
fn conditions(filter: &EventFilter, first: usize) -> (String, Vec<Value>) {
    let user = filter.user.map(|user| ("user_id", Value::Blob(user.uuid().into_bytes().to_vec())));
    let session = filter.session.map(|session| ("session_id", Value::Blob(session.as_bytes().to_vec())));
    let kind = filter.kind.map(|kind| ("kind", Value::Text(kind.as_str().to_owned())));
    let (mut sql, mut values) = (String::new(), Vec::new());
    for (column, value) in [user, session, kind].into_iter().flatten() {
        sql += &format!(" AND {column} = ?{}", first + values.len());
        values.push(value);
    }
    (sql, values)
}

fn list(
    db: &Connection,
    filter: &EventFilter,
    before: EventId,
    limit: u32,
) -> Result<Vec<WrittenEvent>, StoreError> {
    let (conditions, values) = conditions(filter, 4);
    let sql = format!("{COLUMNS} WHERE id < ?1 AND id >= ?2{conditions} ORDER BY id DESC LIMIT ?3");
    let since = filter.since.unwrap_or(Timestamp::from_millis(0));
    let bounds = [before, EventId::first_at(since)].map(|id| id.uuid().into_bytes().to_vec().into());
    select(db, &sql, params_from_iter(bounds.into_iter().chain([i64::from(limit).into()]).chain(values)))
}

fn written_after(
    db: &Connection,
    filter: &EventFilter,
    place: i64,
    limit: u32,
) -> Result<Vec<WrittenEvent>, StoreError> {
    let (conditions, values) = conditions(filter, 4);
    // By the place alone: the plus keeps other indexes out of it.
    let conditions = conditions.replace("AND ", "AND +");
    let sql = format!("{COLUMNS} WHERE place > ?1 AND at >= ?2{conditions} ORDER BY place LIMIT ?3");
    let since = filter.since.map_or(i64::MIN, Timestamp::millis);
    let bounds = [place, since, i64::from(limit)].map(Into::into);
    select(db, &sql, params_from_iter(bounds.into_iter().chain(values)))
}

fn select(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<WrittenEvent>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let mut found = query.query(params)?;
    let mut events = Vec::new();
    while let Some(row) = found.next()? {
        events.push(WrittenEvent { place: rows::value(row, "events.place")?, event: event(row)? });
    }
    Ok(events)
}

fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    let user: Option<Uuid> = rows::value(row, "events.user_id")?;
    let session: Option<[u8; 16]> = rows::value(row, "events.session_id")?;
    Ok(Event {
        id: EventId::from_uuid(rows::value(row, "events.id")?),
        at: rows::timestamp(row, "events.at")?,
        kind: rows::parsed(row, "events.kind")?,
        user: user.map(UserId::from_uuid),
        session: session.map(SessionId::from_bytes),
        app: rows::optional(row, "events.app", |text| AppName::parse(text).ok())?,
        address: rows::optional(row, "events.address", |text| text.parse().ok())?,
        agent: rows::value(row, "events.agent")?,
        by: rows::parsed(row, "events.by_whom")?,
        reason: rows::value(row, "events.reason")?,
        detail: rows::value(row, "events.detail")?,
        request: rows::value(row, "events.request_id")?,
        count: rows::value(row, "events.count")?,
    })
}

fn delete(step: &mut Step<'_>, sql: &str, params: impl Params) -> Result<u64, StoreError> {
    let deleted = step.db.prepare_cached(sql)?.execute(params)?;
    Ok(u64::try_from(deleted).unwrap_or(0))
}

/// What strangers caused first, and of the rest the oldest.
fn forget_surplus(step: &mut Step<'_>, mut surplus: i64) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    for kind in EventKind::BY_STRANGERS {
        let gone = delete(step, OLDEST_OF_KIND, params![kind.as_str(), surplus])?;
        forgotten += gone;
        surplus -= i64::try_from(gone).unwrap_or(surplus);
    }
    Ok(forgotten + delete(step, OLDEST, [surplus])?)
}
