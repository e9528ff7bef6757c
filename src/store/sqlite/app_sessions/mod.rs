//! Sessions of other app servers. Use counts and lengthens, so a get is a write like all others but
//! the lists.

pub(super) mod listing;
pub(super) mod users;

use async_trait::async_trait;
use rusqlite::params;

use self::listing::KeptSession;
use super::{SqliteStore, engine::writer::Step};
use crate::{
    domain::{
        app::AppName,
        app_session::{AppSession, AppUser, NewAppSession},
        app_session_data::{AppData, DataChange},
        clock::Timestamp,
        cursor::Cursor,
        ids::SessionId,
    },
    store::{
        app_sessions::{AppPage, AppSessionStore, Listing, Saved},
        error::StoreError,
    },
};

/// How many sessions of an app are ended in one step, so that no other write waits long for it.
const ENDED_AT_ONCE: u32 = 500;

#[async_trait]
impl AppSessionStore for SqliteStore {
    async fn create(&self, session: &NewAppSession) -> Result<(), StoreError> {
        let session = session.clone();
        self.writer.write(move |step| insert(step, &session)).await
    }

    async fn get(
        &self,
        app: &AppName,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<AppSession>, StoreError> {
        let app = app.clone();
        self.writer.write(move |step| get(step, &app, session, now)).await
    }

    async fn set(
        &self,
        app: &AppName,
        session: SessionId,
        change: &DataChange,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Saved, StoreError> {
        let (app, change) = (app.clone(), change.clone());
        self.writer.write(move |step| set(step, &app, session, &change, expected, now)).await
    }

    async fn end(&self, app: &AppName, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let app = app.clone();
        self.writer.write(move |step| end(step, &app, session, now)).await
    }

    async fn end_all(
        &self,
        app: &AppName,
        user: Option<&AppUser>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (app, user) = (app.clone(), user.cloned());
        // What is created from here on is not meant; else it could go on for ever.
        let last: i64 = self.readers.read(|db| Ok(db.query_row(LAST, [], |row| row.get(0))?)).await?;
        let mut ended = 0;
        loop {
            let (app, user) = (app.clone(), user.clone());
            let end_some = move |step: &mut Step<'_>| end_some(step, &app, user.as_ref(), last, now);
            let (met, alive) = self.writer.write(end_some).await?;
            ended += alive;
            if met < ENDED_AT_ONCE {
                return Ok(ended);
            }
        }
    }

    async fn list(
        &self,
        app: &AppName,
        listing: &Listing,
        after: Option<&Cursor>,
        limit: u32,
        now: Timestamp,
    ) -> Result<AppPage, StoreError> {
        let (app, listing, after) = (app.clone(), listing.clone(), after.copied());
        self.readers.read(move |db| listing::page(db, &app, &listing, after.as_ref(), limit, now)).await
    }

    async fn active_users(&self, app: &AppName, since: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let app = app.clone();
        self.readers.read(move |db| users::count(db, &app, since, now)).await
    }
}

const LAST: &str = "SELECT coalesce(max(rowid), 0) FROM app_sessions";

fn insert(step: &mut Step<'_>, session: &NewAppSession) -> Result<(), StoreError> {
    let created = session.created_at;
    let expires = session.life.expiry(created, created);
    let inserted = step
        .db
        .prepare_cached(
            "INSERT INTO app_sessions (id, app, user_id, ip, data, reads, writes, ttl, is_fixed, ends_at,
                created_at, last_seen_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, 1, ?6, ?7, ?8, ?9, ?9, ?10)
             -- Again after a lost answer: it is there, and may have gone on since.
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            session.id.as_bytes(),
            session.app.as_str(),
            session.user.as_str(),
            session.ip.as_str(),
            text(&session.data),
            millis(session.life.ttl()),
            session.life.is_fixed(),
            session.life.end(created).map(Timestamp::millis),
            created.millis(),
            expires.millis(),
        ])?;
    if inserted == 1 {
        users::note(step.db, &session.app, &session.user, created, expires)?;
    }
    Ok(())
}

fn get(
    step: &mut Step<'_>,
    app: &AppName,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<AppSession>, StoreError> {
    let Some(record) = listing::find(step.db, app, session, now)? else { return Ok(None) };
    let (seen, expires) = record.used_at(now);
    step.db
        .prepare_cached(
            "UPDATE app_sessions SET reads = reads + 1, last_seen_at = ?2, expires_at = ?3 WHERE id = ?1",
        )?
        .execute(params![session.as_bytes(), seen.millis(), expires.millis()])?;
    let session = record.session;
    users::note(step.db, app, &session.user, seen, expires)?;
    Ok(Some(AppSession { expires_at: expires, ..session }))
}

fn set(
    step: &mut Step<'_>,
    app: &AppName,
    session: SessionId,
    change: &DataChange,
    expected: Option<u64>,
    now: Timestamp,
) -> Result<Saved, StoreError> {
    let Some(record) = listing::find(step.db, app, session, now)? else { return Ok(Saved::Gone) };
    let version = record.session.version();
    if expected.is_some_and(|expected| expected != version) {
        return Ok(Saved::Conflict { version });
    }
    let data = match record.session.data.changed_by(change) {
        Ok(data) => data,
        Err(invalid) => return Ok(Saved::Invalid(invalid)),
    };
    let (seen, expires) = record.used_at(now);
    step.db
        .prepare_cached(
            "UPDATE app_sessions SET data = ?2, writes = writes + 1, last_seen_at = ?3, expires_at = ?4
             WHERE id = ?1",
        )?
        .execute(params![session.as_bytes(), text(&data), seen.millis(), expires.millis()])?;
    let KeptSession { session, .. } = record;
    users::note(step.db, app, &session.user, seen, expires)?;
    let writes = session.writes + 1;
    Ok(Saved::Now(Box::new(AppSession { data, writes, expires_at: expires, ..session })))
}

fn end(step: &mut Step<'_>, app: &AppName, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    let Some(record) = listing::find(step.db, app, session, now)? else { return Ok(false) };
    step.db.prepare_cached("DELETE FROM app_sessions WHERE id = ?1")?.execute([session.as_bytes()])?;
    users::settle(step.db, app.as_str(), record.session.user.as_str(), now)?;
    Ok(true)
}

/// Ends some of a user or the app; returns how many it met, and how many of them were alive.
fn end_some(
    step: &mut Step<'_>,
    app: &AppName,
    user: Option<&AppUser>,
    last: i64,
    now: Timestamp,
) -> Result<(u32, u64), StoreError> {
    let mut delete = step.db.prepare_cached(match user {
        Some(_) => {
            "DELETE FROM app_sessions WHERE rowid IN
                (SELECT rowid FROM app_sessions WHERE app = ?1 AND rowid <= ?2 AND user_id = ?4 LIMIT ?3)
             RETURNING user_id, expires_at"
        }
        None => {
            "DELETE FROM app_sessions WHERE rowid IN
                (SELECT rowid FROM app_sessions WHERE app = ?1 AND rowid <= ?2 AND ?4 IS NULL LIMIT ?3)
             RETURNING user_id, expires_at"
        }
    })?;
    let which = params![app.as_str(), last, ENDED_AT_ONCE, user.map(AppUser::as_str)];
    let mut users = std::collections::BTreeSet::new();
    let (mut met, mut alive) = (0, 0);
    let mut deleted = delete.query(which)?;
    while let Some(row) = deleted.next()? {
        met += 1;
        alive += u64::from(row.get::<_, i64>(1)? > now.millis());
        users.insert(row.get::<_, String>(0)?);
    }
    for user in users {
        users::settle(step.db, app.as_str(), &user, now)?;
    }
    Ok((met, alive))
}

fn text(data: &AppData) -> String {
    serde_json::Value::Object(data.to_json()).to_string()
}

fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
