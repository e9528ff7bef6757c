//! Living sessions, shown to their owner and the operator.

use rusqlite::{Connection, Params, Row, named_params, params};

use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
        session::{Device, Session},
    },
    store::{error::StoreError, sessions::Page, sqlite::engine::rows},
};

const FIND: &str = "SELECT id, user_id, app, device, ip, user_agent, generation, created_at, last_seen_at,
        expires_at
    FROM sessions WHERE id = ?1 AND end_reason IS NULL AND expires_at > ?2";

const OF_USER: &str = "SELECT id, user_id, app, device, ip, user_agent, generation, created_at, last_seen_at,
        expires_at
    FROM sessions WHERE user_id = :user AND end_reason IS NULL AND expires_at > :now
        AND last_seen_at <= :seen AND (last_seen_at < :seen OR id > :id)
    ORDER BY last_seen_at DESC, id LIMIT :limit";

const OF_APP: &str = "SELECT id, user_id, app, device, ip, user_agent, generation, created_at, last_seen_at,
        expires_at
    FROM sessions WHERE app = :app AND end_reason IS NULL AND expires_at > :now
        AND last_seen_at <= :seen AND (last_seen_at < :seen OR id > :id)
    ORDER BY last_seen_at DESC, id LIMIT :limit";

pub(in crate::store::sqlite) fn find(
    db: &Connection,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    select(db, FIND, params![session.as_bytes(), now.millis()]).map(|mut found| found.pop())
}

pub(in crate::store::sqlite) fn of_user(
    db: &Connection,
    user: UserId,
    after: Option<&Cursor>,
    limit: u32,
    now: Timestamp,
) -> Result<Page, StoreError> {
    let (seen, id) = place(after);
    let found = named_params! {
        ":user": user.uuid(), ":now": now.millis(), ":seen": seen, ":id": id, ":limit": i64::from(limit) + 1,
    };
    Ok(page(select(db, OF_USER, found)?, limit))
}

pub(in crate::store::sqlite) fn of_app(
    db: &Connection,
    app: &AppName,
    after: Option<&Cursor>,
    limit: u32,
    now: Timestamp,
) -> Result<Page, StoreError> {
    let (seen, id) = place(after);
    let found = named_params! {
        ":app": app.as_str(), ":now": now.millis(), ":seen": seen, ":id": id, ":limit": i64::from(limit) + 1,
    };
    Ok(page(select(db, OF_APP, found)?, limit))
}

/// One more than asked for tells whether there is a next page.
fn page(mut sessions: Vec<Session>, limit: u32) -> Page {
    let more = sessions.len() > limit as usize;
    sessions.truncate(limit as usize);
    let last = sessions.last().filter(|_| more);
    let next = last.map(|last| Cursor { seen: last.last_seen_at, session: last.id });
    Page { sessions, next }
}

/// What comes after a cursor was seen at this moment or before, and if then, has a greater id; without
/// a cursor that is everything.
pub(in crate::store::sqlite) fn place(after: Option<&Cursor>) -> (i64, &[u8]) {
    after.map_or((i64::MAX, &[][..]), |after| (after.seen.millis(), &after.session.as_bytes()[..]))
}

fn select(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<Session>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let mut found = query.query(params)?;
    let mut sessions = Vec::new();
    while let Some(row) = found.next()? {
        sessions.push(session(row)?);
    }
    Ok(sessions)
}

fn session(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: rows::session_id(row, "sessions.id")?,
        user: rows::user_id(row, "sessions.user_id")?,
        app: rows::app_name(row, "sessions.app")?,
        device: Device {
            name: rows::value(row, "sessions.device")?,
            ip: rows::optional(row, "sessions.ip", |text| text.parse().ok())?,
            user_agent: rows::value(row, "sessions.user_agent")?,
        },
        generation: rows::value(row, "sessions.generation")?,
        created_at: rows::timestamp(row, "sessions.created_at")?,
        last_seen_at: rows::timestamp(row, "sessions.last_seen_at")?,
        expires_at: rows::timestamp(row, "sessions.expires_at")?,
    })
}
