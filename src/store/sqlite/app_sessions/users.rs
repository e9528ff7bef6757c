//! Who of an app's users was active last when: one row a user, of the most recently active of their
//! living sessions, kept in the transaction that changes those.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    domain::{app::AppName, app_session::AppUser, clock::Timestamp},
    store::error::StoreError,
};

/// Notes that a session that ends at `expires` was active at `seen`.
pub(in crate::store::sqlite) fn note(
    db: &Connection,
    app: &AppName,
    user: &AppUser,
    seen: Timestamp,
    expires: Timestamp,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO app_users (app, user_id, active_at, ends_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (app, user_id) DO UPDATE SET active_at = excluded.active_at,
            ends_at = CASE WHEN excluded.active_at = active_at THEN max(ends_at, excluded.ends_at)
                      ELSE excluded.ends_at END
         WHERE excluded.active_at >= active_at",
    )?
    .execute(params![app.as_str(), user.as_str(), seen.millis(), expires.millis()])?;
    Ok(())
}

/// Makes the row of a user right again after a session of theirs is gone.
pub(in crate::store::sqlite) fn settle(
    db: &Connection,
    app: &str,
    user: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let latest: Option<(i64, i64)> = db
        .prepare_cached(
            "SELECT last_seen_at, expires_at FROM app_sessions
             WHERE app = ?1 AND user_id = ?2 AND expires_at > ?3
             ORDER BY last_seen_at DESC, expires_at DESC LIMIT 1",
        )?
        .query_row(params![app, user, now.millis()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match latest {
        Some((seen, expires)) => db
            .prepare_cached(
                "UPDATE app_users SET active_at = ?3, ends_at = ?4 WHERE app = ?1 AND user_id = ?2",
            )?
            .execute(params![app, user, seen, expires])?,
        None => db
            .prepare_cached("DELETE FROM app_users WHERE app = ?1 AND user_id = ?2")?
            .execute(params![app, user])?,
    };
    Ok(())
}

/// How many users have a living session that was active at `since` or later. Where the latest one is
/// over, an older one may still live, and only then are a user's sessions looked at.
pub(in crate::store::sqlite) fn count(
    db: &Connection,
    app: &AppName,
    since: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let count: i64 = db
        .prepare_cached(
            "SELECT count(*) FROM app_users u WHERE app = ?1 AND active_at >= ?2 AND (ends_at > ?3 OR EXISTS
                (SELECT 1 FROM app_sessions s WHERE s.app = u.app AND s.user_id = u.user_id
                    AND s.last_seen_at >= ?2 AND s.expires_at > ?3))",
        )?
        .query_row(params![app.as_str(), since.millis(), now.millis()], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}
