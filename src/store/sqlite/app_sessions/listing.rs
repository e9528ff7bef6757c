//! Sessions of other app servers as they are read: one of them, or a page.

use std::time::Duration;

use rusqlite::{Connection, Params, Row, named_params, params};

use crate::{
    domain::{
        app::AppName,
        app_session::{AppIp, AppSession, AppUser},
        app_session_data::AppData,
        clock::Timestamp,
        cursor::Cursor,
        ids::SessionId,
    },
    store::{
        app_sessions::{AppPage, Listing},
        error::StoreError,
        sqlite::{engine::rows, sessions::listing::place},
    },
};

const FIND: &str = "SELECT id, app, user_id, ip, data, reads, writes, ttl, is_fixed, ends_at, created_at,
        last_seen_at, expires_at
    FROM app_sessions WHERE id = ?1 AND app = ?2 AND expires_at > ?3";

const OF_USER: &str = "SELECT id, app, user_id, ip, data, reads, writes, ttl, is_fixed, ends_at, created_at,
        last_seen_at, expires_at
    FROM app_sessions WHERE app = :app AND user_id = :user AND expires_at > :now AND last_seen_at >= :since
        AND last_seen_at <= :seen AND (last_seen_at < :seen OR id > :id)
    ORDER BY last_seen_at DESC, id LIMIT :limit";

const OF_APP: &str = "SELECT id, app, user_id, ip, data, reads, writes, ttl, is_fixed, ends_at, created_at,
        last_seen_at, expires_at
    FROM app_sessions WHERE app = :app AND :user IS NULL AND expires_at > :now AND last_seen_at >= :since
        AND last_seen_at <= :seen AND (last_seen_at < :seen OR id > :id)
    ORDER BY last_seen_at DESC, id LIMIT :limit";

/// A row: the session, and what of it is not shown.
pub(in crate::store::sqlite) struct KeptSession {
    pub(in crate::store::sqlite) session: AppSession,
    ends_at: Option<Timestamp>,
}

impl KeptSession {
    /// When it was last active and when it is over, if it is used now. Neither goes back: of two nodes
    /// whose clocks differ, the later one stays.
    pub(in crate::store::sqlite) fn used_at(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let idle_end = now + self.session.ttl;
        let expires = self.ends_at.map_or(idle_end, |end| end.min(idle_end));
        (self.session.last_seen_at.max(now), self.session.expires_at.max(expires))
    }
}

pub(in crate::store::sqlite) fn find(
    db: &Connection,
    app: &AppName,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<KeptSession>, StoreError> {
    let which = params![session.as_bytes(), app.as_str(), now.millis()];
    select(db, FIND, which).map(|mut found| found.pop())
}

pub(in crate::store::sqlite) fn page(
    db: &Connection,
    app: &AppName,
    listing: &Listing,
    after: Option<&Cursor>,
    limit: u32,
    now: Timestamp,
) -> Result<AppPage, StoreError> {
    let (sql, user, since) = match listing {
        Listing::OfUser(user) => (OF_USER, Some(user.as_str()), i64::MIN),
        Listing::ActiveSince(since) => (OF_APP, None, since.millis()),
    };
    let (seen, id) = place(after);
    let found = named_params! {
        ":app": app.as_str(), ":user": user, ":now": now.millis(), ":since": since, ":seen": seen,
        ":id": id, ":limit": i64::from(limit) + 1,
    };
    let mut sessions: Vec<_> = select(db, sql, found)?.into_iter().map(|record| record.session).collect();
    // One more than asked for tells whether there is a next page.
    let more = sessions.len() > limit as usize;
    sessions.truncate(limit as usize);
    let last = sessions.last().filter(|_| more);
    let next = last.map(|last| Cursor { seen: last.last_seen_at, session: last.id });
    Ok(AppPage { sessions, next })
}

fn select(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<KeptSession>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let mut found = query.query(params)?;
    let mut records = Vec::new();
    while let Some(row) = found.next()? {
        records.push(record(row)?);
    }
    Ok(records)
}

fn record(row: &Row<'_>) -> Result<KeptSession, StoreError> {
    let session = AppSession {
        id: rows::session_id(row, "app_sessions.id")?,
        app: rows::app_name(row, "app_sessions.app")?,
        user: rows::parsed_by(row, "app_sessions.user_id", |text| AppUser::parse(text).ok())?,
        ip: rows::parsed_by(row, "app_sessions.ip", |text| AppIp::parse(text).ok())?,
        data: rows::parsed_by(row, "app_sessions.data", data)?,
        reads: whole(row, "app_sessions.reads")?,
        writes: whole(row, "app_sessions.writes")?,
        ttl: whole(row, "app_sessions.ttl").map(Duration::from_millis)?,
        is_fixed: rows::value(row, "app_sessions.is_fixed")?,
        created_at: rows::timestamp(row, "app_sessions.created_at")?,
        last_seen_at: rows::timestamp(row, "app_sessions.last_seen_at")?,
        expires_at: rows::timestamp(row, "app_sessions.expires_at")?,
    };
    let ends_at: Option<i64> = rows::value(row, "app_sessions.ends_at")?;
    Ok(KeptSession { session, ends_at: ends_at.map(Timestamp::from_millis) })
}

fn whole(row: &Row<'_>, place: &'static str) -> Result<u64, StoreError> {
    let number: i64 = rows::value(row, place)?;
    u64::try_from(number).map_err(|_| rows::unreadable(row, place))
}

fn data(text: &str) -> Option<AppData> {
    AppData::from_json(serde_json::from_str(text).ok()?).ok()
}
