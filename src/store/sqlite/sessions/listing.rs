//! Living sessions, shown to their owner and the operator.

use rusqlite::{Connection, named_params, params};

use super::record::Record;

use crate::{
    domain::{
        app::AppName,
        clock::Timestamp,
        cursor::Cursor,
        ids::{SessionId, UserId},
        session::Session,
    },
    store::{error::StoreError, sessions::Page},
};

const FIND: &str = "SELECT * FROM sessions WHERE id = ?1 AND end_reason IS NULL AND expires_at > ?2";

const OF_USER: &str =
    "SELECT * FROM sessions WHERE user_id = :user AND end_reason IS NULL AND expires_at > :now
        AND last_seen_at <= :seen AND (last_seen_at < :seen OR id > :id)
    ORDER BY last_seen_at DESC, id LIMIT :limit";

const OF_APP: &str = "SELECT * FROM sessions WHERE app = :app AND end_reason IS NULL AND expires_at > :now
        AND last_seen_at <= :seen AND (last_seen_at < :seen OR id > :id)
    ORDER BY last_seen_at DESC, id LIMIT :limit";

/// From the index alone: to look at each session's end would take the table.
const COUNT_AT: &str = "SELECT count(*) FROM sessions WHERE app = ?1 AND end_reason IS NULL";

pub(in crate::store::sqlite) fn find(
    db: &Connection,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    let found = Record::select(db, FIND, params![session.as_bytes(), now.millis()])?.pop();
    Ok(found.map(Record::into_session))
}

pub(in crate::store::sqlite) fn owner(
    db: &Connection,
    session: SessionId,
) -> Result<Option<(UserId, AppName)>, StoreError> {
    Ok(Record::find(db, session)?.map(|record| (record.facts.user, record.facts.app)))
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
    Ok(page(Record::select(db, OF_USER, found)?, limit))
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
    Ok(page(Record::select(db, OF_APP, found)?, limit))
}

pub(in crate::store::sqlite) fn count_at(db: &Connection, app: &AppName) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached(COUNT_AT)?;
    let count: i64 = statement.query_row([app.as_str()], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// One more than asked for tells whether there is a next page.
fn page(records: Vec<Record>, limit: u32) -> Page {
    let more = records.len() > limit as usize;
    let sessions: Vec<_> = records.into_iter().take(limit as usize).map(Record::into_session).collect();
    let last = sessions.last().filter(|_| more);
    let next = last.map(|last| Cursor { seen: last.last_seen_at, session: last.id });
    Page { sessions, next }
}

/// What comes after a cursor was seen at this moment or before, and if then, has a greater id; without
/// a cursor that is everything.
pub(in crate::store::sqlite) fn place(after: Option<&Cursor>) -> (i64, &[u8]) {
    after.map_or((i64::MAX, &[][..]), |after| (after.seen.millis(), &after.session.as_bytes()[..]))
}
